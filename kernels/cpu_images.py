"""From the float image to statistics, integers, bytes and noise, pixel by pixel in file order.

A region of interest is given by its first and last pixels: (fast first, fast last, slow first, slow last), inclusive.
"""

import numpy as np
from numba import prange

from .jit import compiled
from .random_deviates import poidev


@compiled(nogil=True)
def wrapped_integer(value):
    """`value` truncated as x86-64 does it: through int32, where what does not fit becomes the most negative one."""
    if value > -2147483649.0 and value < 2147483648.0:
        return np.int32(value)
    return np.int32(-2147483648)


@compiled(nogil=True)
def add_omegas(omegas, mask, slow_start, repeats, total):
    """`total` plus every wanted pixel's solid angles, one after another; each counts `repeats` times."""
    for row in range(omegas.shape[0]):
        for fpixel in range(omegas.shape[1]):
            if mask[slow_start + row, fpixel]:
                for n in range(omegas.shape[2]):
                    for _ in range(repeats):
                        total += omegas[row, fpixel, n]
    return total


@compiled(nogil=True)
def image_sums(image, mask):
    """Sum, sum of squares, number of wanted pixels, and the largest value with its position (slow, fast).

    Squares are float32 products; without a positive pixel the largest value is 0 at (-1, -1).
    """
    total, squares, count = 0.0, 0.0, 0
    max_I, max_slow, max_fast = 0.0, -1, -1
    for spixel in range(image.shape[0]):
        for fpixel in range(image.shape[1]):
            if mask[spixel, fpixel]:
                value = image[spixel, fpixel]
                if value > max_I:
                    max_I, max_slow, max_fast = np.float64(value), spixel, fpixel
                total += value
                squares += np.float32(value * value)
                count += 1
    return total, squares, count, max_I, max_slow, max_fast


@compiled(nogil=True)
def squared_deviations(image, roi, mean):
    """Sum of squared deviations from `mean` over the region of interest, and the number of pixels."""
    total, count = 0.0, 0
    for spixel in range(roi[2], roi[3] + 1):
        for fpixel in range(roi[0], roi[1] + 1):
            deviation = image[spixel, fpixel] - mean
            total += deviation * deviation
            count += 1
    return total, count


@compiled(parallel=True, nogil=True)
def scaled_counts(image, roi, scale, adc_offset, out):
    """out (uint16): value * scale + adc_offset, clipped to 0..65535, rounded through float32; 0 outside the region."""
    for spixel in prange(image.shape[0]):
        for fpixel in range(image.shape[1]):
            out[spixel, fpixel] = 0
            if roi[2] <= spixel <= roi[3] and roi[0] <= fpixel <= roi[1]:
                value = image[spixel, fpixel] * scale + adc_offset
                if value > 65535.0:
                    value = 65535.0
                if value < 0.0:
                    value = 0.0
                out[spixel, fpixel] = wrapped_integer(np.floor(np.float32(value + 0.5)))


@compiled(parallel=True, nogil=True)
def scaled_bytes(image, roi, scale, out):
    """out (uint8): value * scale, clipped above at 255, truncated; 0 outside the region."""
    for spixel in prange(image.shape[0]):
        for fpixel in range(image.shape[1]):
            out[spixel, fpixel] = 0
            if roi[2] <= spixel <= roi[3] and roi[0] <= fpixel <= roi[1]:
                value = image[spixel, fpixel] * scale
                if value > 255.0:
                    value = 255.0
                out[spixel, fpixel] = wrapped_integer(value)


@compiled(nogil=True)
def noise_rows(image, roi, first, adc_offset, seed, shuffle, spare, memo, photons, out):
    """Photon counts with Poisson noise for the rows of `image`, whose first is row `first` of the panel.

    out (uint16): the deviate plus adc_offset, clipped above at 65535, truncated; 0 outside the region. The generator's
    state goes on from row to row. Returns `photons` plus the photons of these rows, and the number of clipped pixels.
    """
    overloads = 0
    for row in range(image.shape[0]):
        for fpixel in range(image.shape[1]):
            out[row, fpixel] = 0
            if roi[2] <= first + row <= roi[3] and roi[0] <= fpixel <= roi[1]:
                value = np.float64(poidev(image[row, fpixel], seed, shuffle, spare, memo))
                photons += value
                value += adc_offset
                if value > 65535.0:
                    value = 65535.0
                    overloads += 1
                out[row, fpixel] = wrapped_integer(value)
    return photons, overloads
