"""Precisions `double` and `mixed` on the CPU: rows of a tile, for one thread.

The machine code of each kernel is made for one way of describing a row (`along_row` or `as_program`) and one kind of steps.
"""

import numpy as np

from nbkernel.kernels.compile.kernel import Kernel
from nbkernel.kernels.numerics.vector_loops import full_vector_width
from nbkernel.kernels.physics.pixel import omegas_per_pixel, subpixels_per_pixel, vector_at
from nbkernel.kernels.physics.weights import is_renewed
from nbkernel.kernels.rounding import may_be_rounding

from .build import build_cpu_segment
from .geometry import INTENSITY, OMEGA, OMEGAS, subpixel_row
from .photons import INFINITY, TO_IMAGE, as_float32, run_is_simple
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


def build_render_rows(render_segment, use_float32, own_operations):
    to_image, simple_to_image, is_near_limit = TO_IMAGE[use_float32]

    def mark_unresolved(plan, history, tile, rounding_limit, wanted, image, spixel, first, last, workspace):
        """Sets to nan those pixels of a segment that only the program's own operations give; returns how many are nan."""
        unresolved = 0
        for fpixel in range(first, last):
            if not wanted[spixel, fpixel]:
                continue
            number = spixel * image.shape[1] + fpixel
            near = is_near_limit(workspace, fpixel - first, rounding_limit)
            if (
                number == history.first_pixel
                or (plan.interpolate and number == history.latch_pixel)
                or (near and may_be_rounding(plan, tile, spixel, fpixel, rounding_limit))
            ):
                image[spixel, fpixel] = NAN
            if not abs(image[spixel, fpixel]) < INFINITY:
                image[spixel, fpixel] = NAN
                unresolved += 1
        return unresolved

    def render_part(
        plan,
        history,
        tile,
        table,
        reach,
        rounding_limit,
        interpolate,
        wanted,
        image,
        workspace,
        block,
        side,
        spixel,
        first,
        start,
        stop,
        simple,
    ):
        """Renders the segment that begins at pixel `first` and stores its pixels start .. stop; returns how many are nan.
        simple: whether all of them are, see `run_is_simple`."""
        end = first + workspace.work.shape[1]
        axis = vector_at(history.axis, 0)
        render_segment(
            plan, tile, table, reach, axis, interpolate, spixel, first, first, end, simple, workspace, block, side
        )
        wanted_here, pixels = wanted[spixel, first:stop], image[spixel, first:stop]
        special = number_within(history.first_pixel, spixel, first, stop, image.shape[1]) or (
            plan.interpolate and number_within(history.latch_pixel, spixel, first, stop, image.shape[1])
        )
        if simple:
            row = subpixel_row(plan, tile, spixel, 0, 0.0)
            suspects = simple_to_image(plan, tile, row, axis, workspace, pixels, rounding_limit)
        else:
            finish(plan, workspace.work)
            omegas = workspace.work[OMEGAS] if is_renewed(plan.oversample_omega) else workspace.work[OMEGA]
            if start == first:
                suspects = to_image(workspace, omegas, wanted_here, pixels, rounding_limit)
            else:
                # the segment with the pixel that switches interpolation off, a second time
                suspects = 1
                for i in range(start - first, stop - first):
                    if wanted_here[i]:
                        pixels[i] = as_float32(workspace.work[INTENSITY, i])
                        workspace.omegas[i] += omegas[i]
        if suspects > 0 or special:
            return mark_unresolved(plan, history, tile, rounding_limit, wanted, image, spixel, first, stop, workspace)
        return 0

    def render_rows(
        plan,
        history,
        tile,
        table,
        reach,
        rounding_limit,
        wanted,
        image,
        unresolved,
        omega_sums,
        workspace,
        block,
        side,
        slow_start,
        slow_stop,
    ):
        """Fills the rows slow_start .. slow_stop of the tile's part of `image`; unresolved[slow] (int64): how many of its
        pixels are left as nan, see `build`. Adds to omega_sums[slow] (sr) the solid angles of all their layers and
        sub-pixels.

        wanted: (slow, fast) bool, True where a pixel is wanted; image: (slow, fast) float32, the whole panel.
        """
        size = workspace.work.shape[1]
        simple = not own_operations and run_is_simple(plan, vector_at(history.axis, 0))
        repeats = subpixels_per_pixel(plan) // omegas_per_pixel(plan)
        for spixel in range(slow_start, slow_stop):
            unresolved[spixel] = 0
            for first in range(tile.fast_start, tile.fast_stop, size):
                last = min(first + size, tile.fast_stop)
                number = number_wanted(wanted[spixel, first:last])
                if number == 0:
                    continue
                # if interpolation ends within the segment, the segment is rendered with and without it
                ends = (
                    min(max(history.latch_pixel + 1 - spixel * image.shape[1], first), last) if plan.interpolate else first
                )
                for part in range(2):
                    start, stop = (ends, last) if part else (first, ends)
                    if start < stop:
                        unresolved[spixel] += render_part(
                            plan, history, tile, table, reach, rounding_limit, part == 0, wanted, image, workspace,
                            block, side, spixel, first, start, stop, simple and number == stop - start == last - first,
                        )  # fmt: skip
            total = 0.0
            for i in range(size):
                total += workspace.omegas[i]
                workspace.omegas[i] = 0.0
            omega_sums[spixel] += total * repeats

    return render_rows


def build_kernel(use_float32, own_operations, name):
    render_segment = build_cpu_segment(use_float32, own_operations)
    render_rows = build_render_rows(render_segment, use_float32, own_operations)
    render_rows.__name__ = name
    return Kernel(render_rows)


# by whether parallelepipeds are computed in float32, and whether the program's own operations give the indices
RENDER_ROWS = {
    (False, False): build_kernel(False, False, "rows_double"),
    (False, True): build_kernel(False, True, "rows_double_sharp"),
    (True, False): build_kernel(True, False, "rows_phases"),
    (True, True): build_kernel(True, True, "rows_phases_sharp"),
}
