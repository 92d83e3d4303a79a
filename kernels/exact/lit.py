"""Which pixels of a segment a group of orientations may add something to (`physics/reach.py`): loops of the exact engine's
fast way are over these.

They are copied side by side, summed like a segment of their own, and copied back. What the others would have added is in the
bound on the error, see `rows.render_rows_bounded`.
"""

from nbkernel.kernels.numerics.vector_loops import list_flagged
from nbkernel.kernels.physics.orientations import cell_vectors
from nbkernel.kernels.physics.reach import is_dark
from nbkernel.kernels.physics.vectors import dot_product, magnitude

# pixels at a time
LANES = 8
# rows of `position`; the third is that of `lattice_factor.table_positions`
FLAG, POSITION, IN_TABLE = range(3)
POSITIONS = 3


def flag_lit(flags, reach, group, scattering):
    a, b, c = cell_vectors(reach.cell, group, 0)
    sx, sy, sz = scattering
    for i in range(flags.shape[0]):
        s = (sx[i], sy[i], sz[i])
        h, k, l = dot_product(a, s), dot_product(b, s), dot_product(c, s)
        flags[i] = 0 if is_dark(h, k, l, magnitude(s), reach, group) else 1


def list_lit(reach, group, scattering, position):
    """Lists in position[POSITION] the pixels that a group may add something to, and returns how many there are."""
    flag_lit(position[FLAG], reach, group, scattering)
    return list_flagged(position[FLAG], position[POSITION])
