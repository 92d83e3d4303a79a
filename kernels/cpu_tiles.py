"""The exact engine's loops over a tile's pixels, and the surveys that come before it, on the CPU's threads."""

import numpy as np
from numba import prange

from .carried import pixel_evaluates, pixel_leaves_table, polar_calls_in_pixel, taken_over
from .certified import INTENSITY, OMEGA, UNCERTAIN, WORK, render_piece
from .jit import compiled
from .pixel import render_pixel, vector_at
from .vectors import unitize

# pixels of one row that a thread takes at a time
SEGMENT = 128


@compiled(nogil=True, _nrt=False)
def render_exactly(plan, carried, tile, image, omegas, row, fpixel):
    """One pixel by the program's own operations, see `render_tile`."""
    spixel = tile.slow_start + row
    interpolate, first_of_run, axis_state = taken_over(plan, carried, spixel, fpixel, image.shape[1])
    photons = render_pixel(
        plan,
        tile,
        spixel,
        fpixel,
        interpolate,
        first_of_run,
        carried.axis,
        carried.axis_next,
        axis_state,
        omegas[row, fpixel],
    )
    # the program adds to an image of zeros: no negative zero
    image[spixel, fpixel] = 0.0 + photons


@compiled(nogil=True, _nrt=False)
def any_wanted(mask, spixel, first, size):
    for fpixel in range(first, first + size):
        if mask[spixel, fpixel]:
            return True
    return False


@compiled(nogil=True, _nrt=False)
def render_certified(plan, carried, tile, table, error, mask, image, omegas, row, first, work, position):
    """Pixels of one row from `first` on by the vectorised way, then exactly those whose float32 it leaves open."""
    spixel = tile.slow_start + row
    if not any_wanted(mask, spixel, first, work.shape[1]):
        return
    render_piece(plan, tile, table, vector_at(carried.axis, 0), spixel, first, work, position)
    for i in range(work.shape[1]):
        fpixel = first + i
        if not mask[spixel, fpixel]:
            continue
        pixel_error = error + work[UNCERTAIN, i]
        lowest = np.float32(work[INTENSITY, i] * (1.0 - pixel_error))
        highest = np.float32(work[INTENSITY, i] * (1.0 + pixel_error))
        _, first_of_run, _ = taken_over(plan, carried, spixel, fpixel, image.shape[1])
        if lowest == highest and not first_of_run:
            # the program adds to an image of zeros: no negative zero
            image[spixel, fpixel] = np.float32(0.0) + lowest
            omegas[row, fpixel, 0] = work[OMEGA, i]
        else:
            render_exactly(plan, carried, tile, image, omegas, row, fpixel)


@compiled(parallel=True, nogil=True)
def render_tile(plan, carried, tile, mask, image, omegas):
    """Fills the tile's part of `image`.

    mask: (slow, fast) bool, True where a pixel is wanted; image: (slow, fast) float32, the whole panel;
    omegas: (rows of the tile, fast, n) float64 that receives the solid angles for the statistics.
    """
    rows = tile.slow_stop - tile.slow_start
    segments = (tile.fast_stop - tile.fast_start + SEGMENT - 1) // SEGMENT
    for piece in prange(rows * segments):
        # prange counts in uint64, which mixes with int64 to float64
        row, segment = divmod(np.int64(piece), segments)
        first = tile.fast_start + segment * SEGMENT
        for fpixel in range(first, min(first + SEGMENT, tile.fast_stop)):
            if mask[tile.slow_start + row, fpixel]:
                render_exactly(plan, carried, tile, image, omegas, row, fpixel)


@compiled(parallel=True, nogil=True)
def render_tile_certified(plan, carried, tile, table, error, mask, image, omegas):
    """As `render_tile`, the vectorised way where it is certain of the float32.

    table: SquaredTable; error: bound on the relative error, see `certified.relative_error`.
    """
    rows = tile.slow_stop - tile.slow_start
    segments = (tile.fast_stop - tile.fast_start + SEGMENT - 1) // SEGMENT
    for piece in prange(rows * segments):
        row, segment = divmod(np.int64(piece), segments)
        first = tile.fast_start + segment * SEGMENT
        size = min(SEGMENT, tile.fast_stop - first)
        work = np.empty((WORK, size))
        position = np.empty(size, np.int32)
        render_certified(plan, carried, tile, table, error, mask, image, omegas, row, first, work, position)


@compiled(nogil=True)
def first_evaluated_pixel(plan, tile, mask):
    """Number of the first wanted pixel of the tile with a source that dmin does not cut; -1 if there is none."""
    for spixel in range(tile.slow_start, tile.slow_stop):
        for fpixel in range(tile.fast_start, tile.fast_stop):
            if mask[spixel, fpixel] and pixel_evaluates(plan, tile, spixel, fpixel):
                return spixel * mask.shape[1] + fpixel
    return -1


@compiled(parallel=True, nogil=True)
def first_pixel_outside_table(plan, tile, mask, first_pixel):
    """Number of the first wanted pixel of the tile that leaves the table of structure factors; -1 if none does."""
    rows = tile.slow_stop - tile.slow_start
    found = np.full(rows, -1, np.int64)
    for row in prange(rows):
        spixel = tile.slow_start + np.int64(row)
        for fpixel in range(tile.fast_start, tile.fast_stop):
            number = spixel * mask.shape[1] + fpixel
            if mask[spixel, fpixel] and pixel_leaves_table(plan, tile, spixel, fpixel, number == first_pixel):
                found[row] = number
                break
    for row in range(rows):
        if found[row] >= 0:
            return found[row]
    return -1


@compiled(parallel=True, nogil=True)
def count_polar_calls(plan, tile, mask, calls):
    """calls[slow, fast] (int32): how often each wanted pixel of the tile computes its polarisation factor."""
    for row in prange(tile.slow_stop - tile.slow_start):
        spixel = tile.slow_start + np.int64(row)
        for fpixel in range(tile.fast_start, tile.fast_stop):
            if mask[spixel, fpixel]:
                calls[spixel, fpixel] = polar_calls_in_pixel(plan, tile, spixel, fpixel)


@compiled(nogil=True)
def axis_states(start, states, next_state):
    """Fills `states` (n, 3) with `start` normalised once, twice, ... until a state comes back, and `next_state` (n,)
    with each one's follower. Returns how many there are; one that does not come back follows itself."""
    current = unitize((start[0], start[1], start[2]))
    count = 0
    while count < states.shape[0]:
        # a cycle is short where there is one
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


@compiled(nogil=True)
def axis_starts(calls, next_state):
    """Turns `calls` (slow, fast), in place, into each pixel's first state of the polarisation axis, in file order."""
    state = 0
    for spixel in range(calls.shape[0]):
        for fpixel in range(calls.shape[1]):
            used = calls[spixel, fpixel]
            calls[spixel, fpixel] = state
            for _ in range(used):
                state = next_state[state]
