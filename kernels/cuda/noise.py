"""Noise from counter-based random numbers under CUDA: the counts, photons and overloads of `images.counted_noise_rows`.

One thread per pixel draws its deviate. Then one thread per row adds them up, one after another as the CPU does.
"""

import numpy as np
from numba import cuda

from nbkernel.kernels.numerics.poisson import poisson
from nbkernel.kernels.response.counts import NOISE_SUMS, noiseimage_value

from .launch import THREADS


def draw_noise(means, width, adc_offset, first_pixel, fpixels, frame, key, deviates, counts):
    """Fills `deviates` (float64) and `counts` (int32), both (slow, fast) as `means` (float32): one pixel per thread, a row
    per blockIdx.y.

    width: pixels of a row that are to be drawn; first_pixel: number of the first one; fpixels: the step between rows.
    """
    row, column = cuda.blockIdx.y, cuda.blockIdx.x * THREADS + cuda.threadIdx.x
    if column < width:
        number = np.int64(first_pixel) + np.int64(row) * fpixels + column
        photons = poisson(np.float64(means[row, column]), number, frame, key)
        deviates[row, column] = photons
        counts[row, column] = noiseimage_value(photons, adc_offset, cuda.local.array(NOISE_SUMS, np.float64))


def sum_noise(deviates, rows, width, adc_offset, sums):
    """Fills sums[row] with what `noiseimage_value` adds up of that row's deviates: one row per thread."""
    row = cuda.blockIdx.x * THREADS + cuda.threadIdx.x
    if row < rows:
        own = cuda.local.array(NOISE_SUMS, np.float64)
        for i in range(NOISE_SUMS):
            own[i] = 0.0
        for column in range(width):
            noiseimage_value(deviates[row, column], adc_offset, own)
        for i in range(NOISE_SUMS):
            sums[row, i] = own[i]
