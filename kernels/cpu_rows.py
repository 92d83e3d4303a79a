"""Precisions `double` and `mixed` on the CPU: rows of a tile, for one thread.

The machine code of each kernel is made for one way of describing a row (see `row_geometry`) and one kind of steps.
"""

import math

import numpy as np

from .ahead import Kernel
from .cpu_pixels import any_wanted
from .pixel import vector_at
from .row_geometry import INTENSITY, OMEGA, locate_along_row, locate_as_program, solid_angles
from .rows import render_piece_double, render_piece_double_sharp, render_piece_phases, render_piece_phases_sharp


def rows_of(render_piece):
    def store_piece(carried, interpolated, latched, mask, image, spixel, first, last, photons):
        """Stores the wanted pixels that are `interpolated` (all, where the latch plays no part); returns how many are left
        to the program's own operations, as nan."""
        doubtful = 0
        for i in range(last - first):
            fpixel = first + i
            number = spixel * image.shape[1] + fpixel
            if not mask[spixel, fpixel] or (latched and (number <= carried.latch_pixel) != interpolated):
                continue
            # the program adds to an image of zeros: no negative zero
            value = np.float32(0.0 + photons[i])
            if number == carried.first_pixel or (latched and number == carried.latch_pixel):
                value = np.float32(math.nan)
            image[spixel, fpixel] = value
            if value != value:
                doubtful += 1
        return doubtful

    def render_rows(plan, carried, tile, table, mask, image, space, slow_start, slow_stop):
        """Fills the rows slow_start .. slow_stop of the tile's part of `image`; returns how many pixels are left as nan,
        see `rows`.

        mask: (slow, fast) bool, True where a pixel is wanted; image: (slow, fast) float32, the whole panel.
        """
        size = space.work.shape[1]
        axis = vector_at(carried.axis, 0)
        doubtful = 0
        for spixel in range(slow_start, slow_stop):
            for first in range(tile.fast_start, tile.fast_stop, size):
                last = min(first + size, tile.fast_stop)
                if not any_wanted(mask, spixel, first, last):
                    continue
                number = spixel * image.shape[1] + first
                before = plan.interpolate and number <= carried.latch_pixel
                after = not plan.interpolate or number + last - first - 1 > carried.latch_pixel
                for interpolated in (True, False):
                    if before if interpolated else after:
                        render_piece(plan, tile, table, axis, interpolated, spixel, first, space)
                        doubtful += store_piece(
                            carried, interpolated, plan.interpolate, mask, image, spixel, first, last,
                            space.work[INTENSITY],
                        )  # fmt: skip
        return doubtful

    return render_rows


def kernel(render_piece, name):
    render_rows = rows_of(render_piece)
    render_rows.__name__ = name
    return Kernel(render_rows)


@Kernel
def solid_angle_rows(plan, tile, mask, sums, space, slow_start, slow_stop):
    """sums[slow] (sr): solid angles of the wanted pixels of each row, over all their layers and sub-pixels."""
    work = space.work
    size = work.shape[1]
    layers, subpixels = (plan.detector_thicksteps, plan.oversample) if plan.oversample_omega else (1, 1)
    repeats = 1 if plan.oversample_omega else plan.detector_thicksteps * plan.oversample * plan.oversample
    for spixel in range(slow_start, slow_stop):
        total = 0.0
        for first in range(tile.fast_start, tile.fast_stop, size):
            last = min(first + size, tile.fast_stop)
            if not any_wanted(mask, spixel, first, last):
                continue
            for thick_tic in range(layers):
                Odet = thick_tic * plan.detector_thickstep
                for subS in range(subpixels):
                    for subF in range(subpixels):
                        if tile.curved_detector:
                            locate_as_program(plan, tile, spixel, first, subS, subF, Odet, work)
                        else:
                            locate_along_row(plan, tile, spixel, first, subS, subF, Odet, work)
                        solid_angles(tile, work)
                        for fpixel in range(first, last):
                            if mask[spixel, fpixel]:
                                total += work[OMEGA, fpixel - first]
        sums[spixel] = total * repeats


# by whether parallelepipeds are computed in float32, and whether the program's own operations give the indices
RENDER_ROWS = {
    (False, False): kernel(render_piece_double, "rows_double"),
    (False, True): kernel(render_piece_double_sharp, "rows_double_sharp"),
    (True, False): kernel(render_piece_phases, "rows_phases"),
    (True, True): kernel(render_piece_phases_sharp, "rows_phases_sharp"),
}
