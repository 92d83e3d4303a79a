"""Rows of a tile by the program's own operations (precision `exact`) for one thread, and the questions that come before."""

import math

import numpy as np

from nbkernel.kernels.compile.kernel import Kernel
from nbkernel.kernels.physics.constants import GAUSS
from nbkernel.kernels.physics.pixel import render_pixel, vector_at
from nbkernel.kernels.physics.vectors import unitize

from .bounded import INTENSITY, OMEGA, UNCERTAIN, render_segment
from .history import history_at, pixel_evaluates, pixel_leaves_table, polar_calls_in_pixel, segment_may_leave_table

# pixels of a row that are asked about together
STRETCH, LONG_STRETCH = 64, 1024


def any_wanted(wanted, spixel, first, last):
    for fpixel in range(first, last):
        if wanted[spixel, fpixel]:
            return True
    return False


def render_exactly(plan, history, tile, image, omega, spixel, fpixel):
    """One pixel; omega: see `pixel.render_pixel`."""
    interpolate, first_of_run, axis_state = history_at(plan, history, spixel, fpixel, image.shape[1])
    photons = render_pixel(
        plan,
        tile,
        spixel,
        fpixel,
        interpolate,
        first_of_run,
        history.axis,
        history.axis_next,
        axis_state,
        omega,
    )
    # the program adds to an image of zeros: no negative zero but from less than a float32 holds
    image[spixel, fpixel] = 0.0 + photons


@Kernel
def render_rows_exactly(plan, history, tile, wanted, image, omegas, slow_start, slow_stop):
    """Fills the rows slow_start .. slow_stop of the tile's part of `image`.

    wanted: (slow, fast) bool, True for pixels to render; image: (slow, fast) float32, the whole panel;
    omegas: (rows of the tile, fast, n) float64 that receives the solid angles for the statistics.
    """
    for spixel in range(slow_start, slow_stop):
        for fpixel in range(tile.fast_start, tile.fast_stop):
            if wanted[spixel, fpixel]:
                omega = omegas[spixel - tile.slow_start, fpixel]
                render_exactly(plan, history, tile, image, omega, spixel, fpixel)


@Kernel
def render_rows_bounded(
    plan, history, tile, table, reach, error, wanted, image, omegas, work, block, side, position, slow_start, slow_stop
):
    """As `render_rows_exactly`, but vectorised wherever that is certain of the float32.

    table: SquaredTable; error: bound on the relative error, see `lattice_factor.relative_error`; work, block,
    side: (bounded.WORK, n) float64 and position: (lit.POSITIONS, n) int32, memory of this thread.
    """
    size = work.shape[1]
    for spixel in range(slow_start, slow_stop):
        row = spixel - tile.slow_start
        for first in range(tile.fast_start, tile.fast_stop, size):
            last = min(first + size, tile.fast_stop)
            if not any_wanted(wanted, spixel, first, last):
                continue
            axis = vector_at(history.axis, 0)
            render_segment(plan, tile, table, reach, axis, spixel, first, work, block, side, position)
            for fpixel in range(first, last):
                if not wanted[spixel, fpixel]:
                    continue
                photons = work[INTENSITY, fpixel - first]
                pixel_error = error + work[UNCERTAIN, fpixel - first]
                lowest, highest = (
                    np.float32(photons * (1.0 - pixel_error)),
                    np.float32(photons * (1.0 + pixel_error) + reach.left_out),
                )
                _, first_of_run, _ = history_at(plan, history, spixel, fpixel, image.shape[1])
                # of what is 0 as a float64, not all Gaussian spots are as the program's
                lost = plan.xtal_shape == GAUSS and photons == 0.0 and math.copysign(1.0, photons) < 0.0
                if lowest == highest and not first_of_run and not lost:
                    # the program adds to an image of zeros: no negative zero but from less than a float32 holds
                    image[spixel, fpixel] = 0.0 + photons
                    omegas[row, fpixel, 0] = work[OMEGA, fpixel - first]
                else:
                    render_exactly(plan, history, tile, image, omegas[row, fpixel], spixel, fpixel)


@Kernel
def render_nan_rows(plan, history, tile, wanted, image, unresolved, omega, slow_start, slow_stop):
    """Renders the wanted pixels that are nan, in the tile's rows for which unresolved[slow] is not 0.

    omega: (n,) float64, memory of this thread.
    """
    for spixel in range(slow_start, slow_stop):
        if unresolved[spixel] == 0:
            continue
        for fpixel in range(tile.fast_start, tile.fast_stop):
            if wanted[spixel, fpixel] and np.isnan(image[spixel, fpixel]):
                render_exactly(plan, history, tile, image, omega, spixel, fpixel)


@Kernel
def first_evaluated_pixel(plan, tile, wanted):
    """Number of the first wanted pixel of the tile with a source that dmin does not exclude; -1 if there is none."""
    for spixel in range(tile.slow_start, tile.slow_stop):
        for fpixel in range(tile.fast_start, tile.fast_stop):
            if wanted[spixel, fpixel] and pixel_evaluates(plan, tile, spixel, fpixel):
                return spixel * wanted.shape[1] + fpixel
    return -1


@Kernel
def rows_outside_table(plan, tile, wanted, first_pixel, found, slow_start, slow_stop):
    """found[slow] (int64): the first wanted pixel of each row that leaves the table of structure factors, -1 if none."""
    for spixel in range(slow_start, slow_stop):
        found[spixel] = -1
        for first in range(tile.fast_start, tile.fast_stop, LONG_STRETCH):
            last = min(first + LONG_STRETCH, tile.fast_stop)
            if found[spixel] < 0 and may_have_left(plan, tile, spixel, first, last, first_pixel - spixel * wanted.shape[1]):
                found[spixel] = first_outside_table(plan, tile, wanted, spixel, first, last, first_pixel)


def may_have_left(plan, tile, spixel, first, last, first_fpixel):
    # the run's first evaluated pixel may have an orientation of its own
    return first <= first_fpixel < last or segment_may_leave_table(plan, tile, spixel, first, last)


def first_outside_table(plan, tile, wanted, spixel, start, stop, first_pixel):
    """Number of the first wanted of a row's pixels start .. stop that leaves the table, -1 if none does."""
    for first in range(start, stop, STRETCH):
        last = min(first + STRETCH, stop)
        if may_have_left(plan, tile, spixel, first, last, first_pixel - spixel * wanted.shape[1]):
            for fpixel in range(first, last):
                number = spixel * wanted.shape[1] + fpixel
                if wanted[spixel, fpixel] and pixel_leaves_table(plan, tile, spixel, fpixel, number == first_pixel):
                    return number
    return -1


@Kernel
def count_polar_calls(plan, tile, wanted, calls, slow_start, slow_stop):
    """calls[slow, fast] (int32): how often each wanted pixel of the tile computes its polarisation factor."""
    for spixel in range(slow_start, slow_stop):
        for fpixel in range(tile.fast_start, tile.fast_stop):
            if wanted[spixel, fpixel]:
                calls[spixel, fpixel] = polar_calls_in_pixel(plan, tile, spixel, fpixel)


@Kernel
def axis_states(start, states, next_state):
    """Fills `states` (n, 3) with `start` normalised once, twice, ... until a state recurs, and `next_state` (n,) with the
    successor of each. Returns how many there are; a last one that does not lead back is its own successor."""
    current = unitize((start[0], start[1], start[2]))
    count = 0
    while count < states.shape[0]:
        # a cycle, if there is one, is short
        for earlier in range(max(0, count - 64), count):
            if states[earlier, 0] == current[0] and states[earlier, 1] == current[1] and states[earlier, 2] == current[2]:
                next_state[count - 1] = earlier
                return count
        states[count, 0], states[count, 1], states[count, 2] = current
        next_state[count] = count
        if count > 0:
            next_state[count - 1] = count
        count += 1
        current = unitize(current)
    return count


@Kernel
def axis_starts(tile, calls, next_state):
    """Turns the tile's part of `calls` (slow, fast), in place, into each pixel's first state of the polarisation axis, in
    file order."""
    state = 0
    for spixel in range(tile.slow_start, tile.slow_stop):
        for fpixel in range(tile.fast_start, tile.fast_stop):
            used = calls[spixel, fpixel]
            calls[spixel, fpixel] = state
            for _ in range(used):
                state = next_state[state]
