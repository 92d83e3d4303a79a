"""From the float image to statistics, integers, bytes and noise, pixel by pixel in file order, for one thread.

A region of interest is given by its first and last pixels: (fast first, fast last, slow first, slow last), inclusive.
Sums are added to what their arrays contain: over the complete image in one sum, as in the program, or one sum per row, so
that rows can be summed in parallel.
"""

import numpy as np

from nbkernel.kernels.compile.kernel import Kernel
from nbkernel.kernels.numerics.arithmetic import clamped
from nbkernel.kernels.numerics.ran1 import poidev
from nbkernel.kernels.numerics.vector_loops import full_vector_width

from .response.counts import noiseimage_value, wrapped_integer
from .response.poisson_rows import COUNT as DEVIATE
from .response.poisson_rows import poisson_deviates

# elements of `sums` in image_sums
TOTAL, SQUARES, COUNT, LARGEST, LARGEST_SLOW, LARGEST_FAST = range(6)
NO_SUMS = (0.0, 0.0, 0.0, 0.0, -1.0, -1.0)


@Kernel
def add_omegas(omegas, wanted, slow_start, roi, repeats, total):
    """Adds every wanted pixel's solid angles to total[0], one after another; each is added `repeats` times."""
    summed = total[0]
    for row in range(omegas.shape[0]):
        for fpixel in range(roi[0], roi[1] + 1):
            if wanted[slow_start + row, fpixel]:
                for n in range(omegas.shape[2]):
                    for _ in range(repeats):
                        summed += omegas[row, fpixel, n]
    total[0] = summed


@Kernel
def image_sums(image, wanted, roi, sums, slow_start, slow_stop):
    """Sum, sum of squares, number of the region's wanted pixels, and the largest value with its position (slow, fast).

    sums: (1, 6) or (slow, 6), initially NO_SUMS. Squares are float32 products; without a positive pixel the largest value
    is 0 at (-1, -1).
    """
    for spixel in range(slow_start, slow_stop):
        row = sums[spixel if sums.shape[0] > 1 else 0]
        total, squares, count, largest = row[TOTAL], row[SQUARES], row[COUNT], row[LARGEST]
        for fpixel in range(roi[0], roi[1] + 1):
            if wanted[spixel, fpixel]:
                value = image[spixel, fpixel]
                if value > largest:
                    largest = np.float64(value)
                    row[LARGEST_SLOW], row[LARGEST_FAST] = spixel, fpixel
                total += value
                squares += np.float32(value * value)
                count += 1.0
        row[TOTAL], row[SQUARES], row[COUNT], row[LARGEST] = total, squares, count, largest


@Kernel
def squared_deviations(image, roi, mean, sums, slow_start, slow_stop):
    """Sums of squared deviations from `mean` over the region of interest; sums: (1,) or (slow,)."""
    for spixel in range(max(slow_start, roi[2]), min(slow_stop, roi[3] + 1)):
        row = spixel if sums.shape[0] > 1 else 0
        total = sums[row]
        for fpixel in range(roi[0], roi[1] + 1):
            deviation = image[spixel, fpixel] - mean
            total += deviation * deviation
        sums[row] = total


def counts_of_row(values, scale, adc_offset, top, out):
    full_vector_width()
    for i in range(out.shape[0]):
        out[i] = np.int32(np.floor(np.float32(clamped(values[i] * scale + adc_offset, top) + 0.5)))


@Kernel
def scaled_counts(image, roi, scale, adc_offset, top, out, slow_start, slow_stop):
    """out (uint16 or int32), of the region's pixels: value * scale + adc_offset, clipped to 0..top (float64), rounded
    through float32."""
    for spixel in range(slow_start, slow_stop):
        counts_of_row(image[spixel, roi[0] : roi[1] + 1], scale, adc_offset, top, out[spixel - roi[2]])


def bytes_of_row(values, scale, out):
    full_vector_width()
    for i in range(out.shape[0]):
        value = values[i] * scale
        out[i] = wrapped_integer(value if not value > 255.0 else 255.0)


@Kernel
def scaled_bytes(image, roi, scale, out, slow_start, slow_stop):
    """out (uint8), of the region's pixels: value * scale, clipped above at 255, truncated."""
    for spixel in range(slow_start, slow_stop):
        bytes_of_row(image[spixel, roi[0] : roi[1] + 1], scale, out[spixel - roi[2]])


@Kernel
def noise_rows(image, roi, adc_offset, seed, shuffle, spare, memo, sums, out, slow_start, slow_stop):
    """Photon counts with Poisson noise for rows of the region.

    out (int32), of the region's pixels: the deviates as `noiseimage_value` has them; sums: (counts.NOISE_SUMS,), its sums.
    The generator's state continues from row to row.
    """
    for spixel in range(slow_start, slow_stop):
        for fpixel in range(roi[0], roi[1] + 1):
            photons = np.float64(poidev(image[spixel, fpixel], seed, shuffle, spare, memo))
            out[spixel - roi[2], fpixel - roi[0]] = noiseimage_value(photons, adc_offset, sums)


@Kernel
def counted_noise_rows(image, roi, adc_offset, first_pixel, frame, key, work, sums, out, slow_start, slow_stop):
    """Photon counts with Poisson noise from counter-based random numbers, see `numerics/poisson.py`: a pixel's count
    depends on no other's.

    first_pixel: number of the image's first pixel; out (int32), of the region's pixels: the deviates as `noiseimage_value`
    has them; sums: (slow, counts.NOISE_SUMS), those of each row; work: (poisson_rows.WORK, pixels at a time) float64.
    """
    for spixel in range(slow_start, slow_stop):
        row = out[spixel - roi[2]]
        for first in range(roi[0], roi[1] + 1, work.shape[1]):
            means = image[spixel, first : min(first + work.shape[1], roi[1] + 1)]
            poisson_deviates(means, first_pixel + spixel * image.shape[1] + first, frame, key, work)
            for i in range(means.shape[0]):
                row[first - roi[0] + i] = noiseimage_value(work[DEVIATE, i], adc_offset, sums[spixel])
