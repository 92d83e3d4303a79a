"""Photon-counting noise, with the program's own serial random numbers or with counted ones."""

import numpy as np

from nbkernel.kernels.cpu_images import counted_noise_rows, noise_rows
from nbkernel.kernels.poisson_row import WORK

from .interruptible import interruptible
from .orientation import generator_seed
from .threads import share_rows

ROWS_AT_A_TIME = 64
# pixels that draw side by side: whole vectors, few of which wait for the last of them
PIECE = 64


def noisy_panels(images, rois, adc_offset, seed, rng, shuffle, threads):
    """Noisy counts (slow, fast) uint16 of each panel's image (float32 photons), the photons and the overloads of all.

    rois: of each panel, (fast first, fast last, slow first, slow last); rng: of `outputs.NOISE_RNGS`; shuffle: ran1's
    shuffle table as misset and mosaic left it. A panel's random numbers follow those of the panel before.
    """
    state, first_pixel = generator_seed(seed), 0
    noisy, photons, overloads = [], 0.0, 0
    for image, roi in zip(images, rois, strict=True):
        out = np.empty(image.shape, np.uint16)
        if rng == "philox":
            counted = counted_poisson_image(image, roi, adc_offset, seed, threads, out, first_pixel)
        else:
            counted = poisson_image(image, roi, adc_offset, state, shuffle, out)
        first_pixel += image.size
        noisy.append(out)
        photons, overloads = photons + counted[0], overloads + counted[1]
    return noisy, photons, overloads


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


def counted_poisson_image(image, roi, adc_offset, seed, threads, out, first_pixel=0):
    """Fills `out` as `poisson_image` does, by counted random numbers: a pixel's noise depends on its mean, its number in
    the detector and the seed (a whole number, taken modulo 2^64), and neither on other pixels nor on the region or the
    threads. first_pixel: number of the image's first pixel.
    """
    frame = 0  # a single image
    key = (seed & 0xFFFFFFFF, seed >> 32 & 0xFFFFFFFF)
    sums = np.zeros((image.shape[0], 2))

    def rows():
        return counted_noise_rows.over_rows(
            image, roi, adc_offset, first_pixel, frame, key, np.empty((WORK, PIECE)), sums, out
        )

    interruptible(share_rows, rows, 0, image.shape[0], threads)
    photons, overloads = sums.sum(axis=0)
    return float(photons), int(overloads)
