"""Which pixels of a segment a block of sources, or a group of orientations, may add something to (`physics/reach.py`): loops
of the exact engine's fast way are over these.

They are copied side by side, summed like a segment of their own, and copied back. What the others would have added is in the
bound on the error, see `rows.render_rows_bounded`.
"""

from nbkernel.kernels.numerics.vector_loops import list_flagged
from nbkernel.kernels.physics.orientations import cell_vectors
from nbkernel.kernels.physics.reach import is_dark, is_dark_within, spread_of_block
from nbkernel.kernels.physics.vectors import dot_product, magnitude

# pixels at a time
LANES = 8
# rows of `position`; IN_TABLE is that of `lattice_factor.table_positions`
FLAG, POSITION, IN_TABLE, BLOCK_POSITION = range(4)
POSITIONS = 4


def flag_lit(flags, reach, group, scattering):
    a, b, c = cell_vectors(reach.cell, group, 0)
    sx, sy, sz = scattering
    for i in range(flags.shape[0]):
        s = (sx[i], sy[i], sz[i])
        h, k, l = dot_product(a, s), dot_product(b, s), dot_product(c, s)
        flags[i] = 0 if is_dark(h, k, l, magnitude(s), reach, group) else 1


def list_lit(reach, group, scattering, position):
    """Lists in position[POSITION] the pixels that a group may add something to, and returns how many there are."""
    size = scattering[0].shape[0]
    flags = position[FLAG][:size]
    flag_lit(flags, reach, group, scattering)
    return list_flagged(flags, position[POSITION][:size])


def flag_lit_of_block(flags, reach, group, stretch, scattering):
    a, b, c = cell_vectors(reach.cell, group, 0)
    spread = spread_of_block(reach, group, stretch)
    sx, sy, sz = scattering
    for i in range(flags.shape[0]):
        s = (sx[i], sy[i], sz[i])
        h, k, l = dot_product(a, s), dot_product(b, s), dot_product(c, s)
        flags[i] = flags[i] if is_dark_within(h, k, l, magnitude(s), reach, spread) else 1


def list_lit_of_block(reach, source, scattering, position):
    """Lists in position[BLOCK_POSITION] the pixels that a source's block may add something to, and returns how many there
    are. scattering: for the block's middle source."""
    flags = position[FLAG]
    for i in range(flags.shape[0]):
        flags[i] = 0
    for group in range(reach.phi_stop.shape[0]):
        flag_lit_of_block(flags, reach, group, reach.stretch[source], scattering)
    return list_flagged(flags, position[BLOCK_POSITION])
