"""The cell vectors of one orientation: from the table of all, or from the rotations that the table is computed from.

The table has a row for each combination of phi step and mosaic domain, the rotations have one for each phi step and one for
each domain: a device's threads share what they compute, and need no table.
"""

from .vectors import rotate_umat


def cell_vectors(orientation, slot, mos_tic):
    """a, b, c (m) of one orientation, three tuples: read once, before the loop over pixels."""
    first = orientation[slot, mos_tic, 0], orientation[slot, mos_tic, 1], orientation[slot, mos_tic, 2]
    second = orientation[slot, mos_tic, 3], orientation[slot, mos_tic, 4], orientation[slot, mos_tic, 5]
    third = orientation[slot, mos_tic, 6], orientation[slot, mos_tic, 7], orientation[slot, mos_tic, 8]
    return first, second, third


def from_table(plan, slot, mos_tic):
    """a, b, c (m), three tuples."""
    return cell_vectors(plan.orientation, slot, mos_tic)


def from_rotations(plan, slot, mos_tic):
    """The same from rotations, see `turned_vector`."""
    return (
        turned_vector(plan, slot, mos_tic, 0),
        turned_vector(plan, slot, mos_tic, 1),
        turned_vector(plan, slot, mos_tic, 2),
    )


def turned_vector(plan, slot, mos_tic, m):
    """Vector m of a, b, c, computed with the table's own operations. The bits are the table's, too, except for the sign of a
    zero if nothing is spread."""
    vectors, umats, first = plan.phi_vectors, plan.mosaic_umats, 3 * m
    umat = (
        umats[mos_tic, 0], umats[mos_tic, 1], umats[mos_tic, 2],
        umats[mos_tic, 3], umats[mos_tic, 4], umats[mos_tic, 5],
        umats[mos_tic, 6], umats[mos_tic, 7], umats[mos_tic, 8],
    )  # fmt: skip
    return rotate_umat((vectors[slot, first], vectors[slot, first + 1], vectors[slot, first + 2]), umat)
