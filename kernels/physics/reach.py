"""Whether the steps of a group of orientations may add anything, by the Miller indices in the group's mean orientation.

In one orientation an index differs from its mean by no more than the spread of the cell vector times the length of the
scattering vector. For nan the answer is "may".

reach: `plan.Reach`; group: its number; length: of the scattering vector (1/m). `orientations.cell_vectors` reads the mean.
"""

from nbkernel.kernels.numerics.arithmetic import rint


def is_beyond(h, low, high, offset, spread):
    """Whether no index within `spread` of h is within `offset` of a whole one from low to high."""
    return abs(h - rint(h)) > offset + spread or h < low - spread or h > high + spread


def is_dark(h, k, l, length, reach, group):
    """Whether F_latt is too small, or there is no F_cell, at least along one axis."""
    low, high, offset, spread = reach.low, reach.high, reach.offset, reach.spread
    return (
        is_beyond(h, low[0], high[0], offset[0], spread[group, 0] * length)
        or is_beyond(k, low[1], high[1], offset[1], spread[group, 1] * length)
        or is_beyond(l, low[2], high[2], offset[2], spread[group, 2] * length)
    )


def is_certain(h, half, spread):
    """Whether all indices within `spread` of h have the same nearest whole one."""
    return abs(h - rint(h)) < half - spread


def has_one_nearest(h, k, l, length, reach, group):
    """Whether all orientations of the group have the same nearest whole indices."""
    half, spread = reach.half, reach.spread
    return (
        is_certain(h, half, spread[group, 0] * length)
        and is_certain(k, half, spread[group, 1] * length)
        and is_certain(l, half, spread[group, 2] * length)
    )
