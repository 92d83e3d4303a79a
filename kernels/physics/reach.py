"""Whether the steps of a group of orientations may add anything, by the Miller indices in the group's mean orientation.

In one orientation an index differs from its mean by no more than the spread of the cell vector times the length of the
scattering vector. With sources of one direction, the scattering vectors are proportional to 1 / wavelength: those of a block
of them differ from that of its middle by no more than its `stretch` times its length. For nan the answer is "may".

reach: `plan.Reach`; group: its number; length: of the scattering vector (1/m). `orientations.cell_vectors` reads the mean.
"""

from nbkernel.kernels.numerics.arithmetic import rint


def is_beyond(h, low, high, offset, spread):
    """Whether no index within `spread` of h is within `offset` of a whole one from low to high."""
    return abs(h - rint(h)) > offset + spread or h < low - spread or h > high + spread


def is_dark(h, k, l, length, reach, group):
    """Whether F_latt is too small, or there is no F_cell, at least along one axis."""
    spread = reach.spread
    return is_dark_within(h, k, l, length, reach, (spread[group, 0], spread[group, 1], spread[group, 2]))


def is_dark_within(h, k, l, length, reach, spread):
    """`is_dark` for indices that may differ by `spread` (m) times `length`."""
    low, high, offset = reach.low, reach.high, reach.offset
    return (
        is_beyond(h, low[0], high[0], offset[0], spread[0] * length)
        or is_beyond(k, low[1], high[1], offset[1], spread[1] * length)
        or is_beyond(l, low[2], high[2], offset[2], spread[2] * length)
    )


def spread_of_block(reach, group, stretch):
    """The `spread` (m) of a group for all sources of a block, where length is that of its middle one."""
    spread, longest = reach.spread, reach.longest
    return (
        spread[group, 0] + stretch * longest[group, 0],
        spread[group, 1] + stretch * longest[group, 1],
        spread[group, 2] + stretch * longest[group, 2],
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
