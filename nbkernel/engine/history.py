"""State that the program keeps from pixel to pixel, computed before rendering (see `plan.History`)."""

import numpy as np

from nbkernel.kernels.exact.rows import (
    axis_starts,
    axis_states,
    count_polar_calls,
    first_evaluated_pixel,
    rows_outside_table,
)
from nbkernel.kernels.physics.weights import is_renewed
from nbkernel.kernels.plan import History
from nbkernel.support.memory import panel_zeros

from .threads import share_rows
from .tiles import bands, tile_slices

ROWS_AT_A_TIME = 512
USUAL_STATES = 4096


def find_history(plan, region, wanted, polar_vector, threads, every_axis):
    """The History of a panel's pixels.

    region: the Tile that has all wanted pixels; wanted: (slow, fast) bool; polar_vector: the polarisation axis, a unit
    vector. every_axis: whether to find all states of the polarisation axis, which affect last bits only, or just the first.
    """
    first_pixel = -1
    if not np.array_equal(plan.phi_slot, plan.phi_slot_first):
        first_pixel = first_found(region, wanted, lambda tile: first_evaluated_pixel(plan, tile, wanted))
    latch_pixel = wanted.size
    if plan.interpolate and plan.interpolation_latch:
        found = first_found(region, wanted, lambda tile: first_outside_table(plan, tile, wanted, first_pixel, threads))
        latch_pixel = found if found >= 0 else wanted.size
    axis, axis_next, axis_start = polarization_axes(plan, region, wanted, polar_vector, threads, every_axis)
    return History(first_pixel, latch_pixel, axis, axis_next, axis_start)


def first_outside_table(plan, tile, wanted, first_pixel, threads):
    """Number of the first wanted pixel of the tile that is outside the table of structure factors; -1 if none is."""
    found = np.full(wanted.shape[0], -1, np.int64)
    share_rows(
        lambda: rows_outside_table.over_rows(plan, tile, wanted, first_pixel, found),
        tile.slow_start, tile.slow_stop, threads,
    )  # fmt: skip
    leaving = found[found >= 0]
    return int(leaving[0]) if leaving.size else -1


def first_found(region, wanted, find):
    """The first find(tile) that is not negative, for tiles of complete rows in file order; -1 if there is none."""
    for band in bands(region, (ROWS_AT_A_TIME, wanted.shape[1]), wanted):
        found = find(band[0])
        if found >= 0:
            return found
    return -1


def polarization_axes(plan, region, wanted, polar_vector, threads, every_axis):
    """`axis`, `axis_next` and `axis_start` of the History: each call of the polarisation factor normalises the axis again.

    Usually normalisation changes nothing from the second time on; otherwise it ends in a fixed point or a short cycle, or
    drifts by last bits for very long.
    """
    axis, axis_next = repeated_normalisations(polar_vector, USUAL_STATES)
    unused = plan.polarization == 0.0 or (plan.nopolar and not is_renewed(plan.oversample_polar))
    if unused or not every_axis or len(axis) == 1:
        return axis[:1], np.zeros(1, np.int64), np.zeros((1, 1), np.int32)
    here = tile_slices(region)
    calls = panel_zeros(wanted.shape, np.int32, (here[1].start, here[1].stop - 1, here[0].start, here[0].stop - 1))
    share_rows(
        lambda: count_polar_calls.over_rows(plan, region, wanted, calls), region.slow_start, region.slow_stop, threads
    )
    if len(axis) == USUAL_STATES:
        axis, axis_next = repeated_normalisations(polar_vector, max(int(calls[here].sum(dtype=np.int64)), 1))
    axis_starts(region, calls, axis_next)
    return axis, axis_next, calls


def repeated_normalisations(polar_vector, most):
    """(n, 3) states of the axis and (n,) int64, the number of the state that follows each; n is at most `most`."""
    states = np.empty((most, 3))
    followers = np.empty(most, np.int64)
    # as plain Python unless there may be very many
    find = axis_states.function if most == USUAL_STATES else axis_states
    count = find(np.array(polar_vector, np.float64), states, followers)
    return states[:count].copy(), followers[:count].copy()
