"""Precisions `double` and `mixed` on the CPU: rows of a tile, for one thread.

The machine code of each kernel is made for one way of describing a row (see `row_geometry`) and one kind of steps.
"""

import numpy as np

from nbkernel.kernels.compile.kernel import Kernel
from nbkernel.kernels.numerics.vector_loops import full_vector_width
from nbkernel.kernels.physics.pixel import vector_at

from .build import cpu_piece
from .geometry import INTENSITY, OMEGA, OMEGAS, subpixel_row
from .photons import IMAGE_OF, INFINITY, is_simple, single_of
from .rounding import is_doubtful
from .weights import finish

NAN = np.float32(np.nan)


def number_within(number, spixel, first, last, fpixels):
    return spixel * fpixels + first <= number < spixel * fpixels + last


def number_wanted(wanted):
    full_vector_width()
    number = 0
    for i in range(wanted.shape[0]):
        number += 1 if wanted[i] else 0
    return number


def rows_of(render_piece, single, as_program):
    to_image, simple_to_image, comes_near = IMAGE_OF[single]

    def look_closer(plan, carried, tile, doubt, mask, image, spixel, first, last, space):
        """Makes nan of those pixels of a piece that only the program's own operations tell; returns how many are nan."""
        left = 0
        for fpixel in range(first, last):
            if not mask[spixel, fpixel]:
                continue
            number = spixel * image.shape[1] + fpixel
            near = comes_near(space, fpixel - first, doubt)
            if (
                number == carried.first_pixel
                or (plan.interpolate and number == carried.latch_pixel)
                or (near and is_doubtful(plan, tile, spixel, fpixel, doubt))
            ):
                image[spixel, fpixel] = NAN
            if not abs(image[spixel, fpixel]) < INFINITY:
                image[spixel, fpixel] = NAN
                left += 1
        return left

    def render_part(plan, carried, tile, table, doubt, interpolated, mask, image, space, spixel, first, start, stop, simply):
        """Renders the piece that begins at pixel `first` and stores its pixels start .. stop; returns how many are nan. simply:
        all of them, see `is_simple`."""
        end = first + space.work.shape[1]
        axis = vector_at(carried.axis, 0)
        render_piece(plan, tile, table, axis, interpolated, spixel, first, first, end, simply, space)
        wanted, pixels = mask[spixel, first:stop], image[spixel, first:stop]
        special = number_within(carried.first_pixel, spixel, first, stop, image.shape[1]) or (
            plan.interpolate and number_within(carried.latch_pixel, spixel, first, stop, image.shape[1])
        )
        if simply:
            doubtful = simple_to_image(plan, tile, subpixel_row(plan, tile, spixel, 0, 0.0), axis, space, pixels, doubt)
        else:
            finish(plan, space.work)
            omegas = space.work[OMEGAS] if plan.oversample_omega else space.work[OMEGA]
            if start == first:
                doubtful = to_image(space, omegas, wanted, pixels, doubt)
            else:
                # the piece with the pixel that switches interpolation off, a second time
                doubtful = 1
                for i in range(start - first, stop - first):
                    if wanted[i]:
                        pixels[i] = single_of(space.work[INTENSITY, i])
                        space.omegas[i] += omegas[i]
        if doubtful > 0 or special:
            return look_closer(plan, carried, tile, doubt, mask, image, spixel, first, stop, space)
        return 0

    def render_rows(plan, carried, tile, table, doubt, mask, image, left, omega_sums, space, slow_start, slow_stop):
        """Fills the rows slow_start .. slow_stop of the tile's part of `image`; left[slow] (int64): how many of its pixels
        are left as nan, see `rows`. Adds to omega_sums[slow] (sr) the solid angles of all their layers and sub-pixels.

        mask: (slow, fast) bool, True where a pixel is wanted; image: (slow, fast) float32, the whole panel.
        """
        size = space.work.shape[1]
        simple = not as_program and is_simple(plan, vector_at(carried.axis, 0))
        repeats = 1 if plan.oversample_omega else plan.detector_thicksteps * plan.oversample * plan.oversample
        for spixel in range(slow_start, slow_stop):
            left[spixel] = 0
            for first in range(tile.fast_start, tile.fast_stop, size):
                last = min(first + size, tile.fast_stop)
                number = number_wanted(mask[spixel, first:last])
                if number == 0:
                    continue
                # where interpolation ends within the piece, it is rendered with and without
                ends = (
                    min(max(carried.latch_pixel + 1 - spixel * image.shape[1], first), last) if plan.interpolate else first
                )
                for part in range(2):
                    start, stop = (ends, last) if part else (first, ends)
                    if start < stop:
                        left[spixel] += render_part(
                            plan, carried, tile, table, doubt, part == 0, mask, image, space, spixel, first, start, stop,
                            simple and number == stop - start == last - first,
                        )  # fmt: skip
            total = 0.0
            for i in range(size):
                total += space.omegas[i]
                space.omegas[i] = 0.0
            omega_sums[spixel] += total * repeats

    return render_rows


def kernel(single, as_program, name):
    render_rows = rows_of(cpu_piece(single, as_program), single, as_program)
    render_rows.__name__ = name
    return Kernel(render_rows)


# by whether parallelepipeds are computed in float32, and whether the program's own operations give the indices
RENDER_ROWS = {
    (False, False): kernel(False, False, "rows_double"),
    (False, True): kernel(False, True, "rows_double_sharp"),
    (True, False): kernel(True, False, "rows_phases"),
    (True, True): kernel(True, True, "rows_phases_sharp"),
}
