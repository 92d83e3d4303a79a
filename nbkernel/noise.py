"""Photon-counting noise with the program's own serial random numbers."""

import numpy as np

from nbkernel.kernels.cpu_images import noise_rows

ROWS_AT_A_TIME = 64


def poisson_image(image, roi, adc_offset, seed, shuffle, out):
    """Fills `out` (slow, fast) uint16 with noisy counts of `image` (float32 photons); returns photons and overloads.

    seed: int64 array of one, the generator's state; shuffle: its shuffle table as misset and mosaic left it.
    """
    spare = np.zeros(2, np.float32)
    memo = np.array([-1, 0, 0, 0], np.float32)
    sums = np.zeros(2)
    for first in range(0, image.shape[0], ROWS_AT_A_TIME):
        rows = slice(first, first + ROWS_AT_A_TIME)
        noise_rows(image[rows], roi, first, adc_offset, seed, shuffle, spare, memo, sums, out[rows])
    return float(sums[0]), int(sums[1])
