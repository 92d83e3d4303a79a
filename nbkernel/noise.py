"""Photon-counting noise, with the program's own serial random numbers or with counted ones."""

import numpy as np

from nbkernel.kernels.cpu_images import counted_noise_rows, noise_rows
from nbkernel.kernels.poisson_row import WORK

from .interruptible import interruptible
from .threads import share_rows

ROWS_AT_A_TIME = 64
# pixels that draw side by side: whole vectors, few of which wait for the last of them
PIECE = 64


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


def counted_poisson_image(image, roi, adc_offset, seed, threads, out):
    """Fills `out` as `poisson_image` does, by counted random numbers: a pixel's noise depends on its mean, its number in
    the panel and the seed (a whole number, taken modulo 2^64), and neither on other pixels nor on the region or the threads.
    """
    frame = 0  # a single image
    key = (seed & 0xFFFFFFFF, seed >> 32 & 0xFFFFFFFF)
    sums = np.zeros((image.shape[0], 2))

    def rows():
        return counted_noise_rows.over_rows(image, roi, adc_offset, frame, key, np.empty((WORK, PIECE)), sums, out)

    interruptible(share_rows, rows, 0, image.shape[0], threads)
    photons, overloads = sums.sum(axis=0)
    return float(photons), int(overloads)
