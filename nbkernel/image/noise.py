"""Photon-counting noise, from the program's own serial random numbers or from counter-based ones."""

import itertools

import numpy as np

from nbkernel.engine.threads import share_rows, thread_count
from nbkernel.errors import DeviceError
from nbkernel.kernels.counts import NOISE_SUMS, OVERLOADS_16, OVERLOADS_32, PHOTONS
from nbkernel.kernels.images import counted_noise_rows, noise_rows
from nbkernel.kernels.poisson_rows import WORK
from nbkernel.setup.orientations import generator_seed
from nbkernel.support.interruptible import interruptible

ROWS_AT_A_TIME = 64
# pixels drawn side by side: a multiple of the vector length, and few enough that not many wait for the slowest
SEGMENT = 64
FRAME = 0  # a single image


def noisy_panels(images, rois, adc_offset, seed, rng, shuffle, engine, note):
    """Noisy counts (slow, fast) int32 of each panel's image (float32 photons), the total of photons, and the overloads,
    {bits: pixels above what so many bits can hold}. Counts below 0 are kept.

    rois: of each panel, (fast first, fast last, slow first, slow last); rng: one of `outputs.NOISE_RNGS`; shuffle: ran1's
    shuffle table as misset and mosaic left it; engine: the Engine that draws philox noise; note: called with a line if its
    devices fail and it may fall back. A panel's random numbers follow those of the previous panel. Raises DeviceError.
    """
    if rng == "philox":
        found = counted_panels(images, rois, adc_offset, seed, engine, note)
    else:
        state = generator_seed(seed)
        found = []
        for image, roi in zip(images, rois, strict=True):
            out = np.empty(image.shape, np.int32)
            found.append((out, *poisson_image(image, roi, adc_offset, state, shuffle, out)))
    photons, overloads = 0.0, {16: 0, 32: 0}
    for _, own_photons, own in found:
        photons, overloads = photons + own_photons, {bits: overloads[bits] + own[bits] for bits in overloads}
    return [out for out, _, _ in found], photons, overloads


def counted_panels(images, rois, adc_offset, seed, engine, note):
    """(counts, photons, overloads) of each image from counter-based random numbers: on the engine's devices, else on
    threads."""
    first_pixels = list(itertools.accumulate((image.size for image in images), initial=0))[:-1]
    if engine.devices:
        from .cuda_noise import counted_noise_on_cuda

        arguments = (images, rois, first_pixels, adc_offset, FRAME, key_of(seed), engine.devices)
        try:
            return [(out, *totals(sums)) for out, sums in interruptible(counted_noise_on_cuda, *arguments)]
        except DeviceError as error:
            if not engine.falls_back:
                raise
            note(f"{error}; drawing the noise on the CPU")
    found, threads = [], thread_count(engine.threads)
    for image, roi, first_pixel in zip(images, rois, first_pixels, strict=True):
        out = np.empty(image.shape, np.int32)
        found.append((out, *counted_poisson_image(image, roi, adc_offset, seed, threads, out, first_pixel)))
    return found


def poisson_image(image, roi, adc_offset, seed, shuffle, out):
    """Fills `out` (slow, fast) int32 with noisy counts of `image` (float32 photons); returns photons and overloads as
    `noisy_panels` does.

    seed: int64 array of one, the generator's state; shuffle: its shuffle table as misset and mosaic left it.
    """
    spare = np.zeros(2, np.float32)
    memo = np.array([-1, 0, 0, 0], np.float32)
    sums = np.zeros(NOISE_SUMS)
    for first in range(0, image.shape[0], ROWS_AT_A_TIME):
        rows = slice(first, first + ROWS_AT_A_TIME)
        noise_rows(image[rows], roi, first, adc_offset, seed, shuffle, spare, memo, sums, out[rows])
    return totals(sums[np.newaxis])


def counted_poisson_image(image, roi, adc_offset, seed, threads, out, first_pixel=0):
    """Fills `out` as `poisson_image` does, from counter-based random numbers: a pixel's noise depends on its mean, its
    number in the detector and the seed (an integer, taken modulo 2^64), but not on other pixels, the region or the threads.
    first_pixel: number of the image's first pixel.
    """
    sums = np.zeros((image.shape[0], NOISE_SUMS))

    def rows():
        return counted_noise_rows.over_rows(
            image, roi, adc_offset, first_pixel, FRAME, key_of(seed), np.empty((WORK, SEGMENT)), sums, out
        )

    interruptible(share_rows, rows, 0, image.shape[0], threads)
    return totals(sums)


def key_of(seed):
    """Philox' key: the seed modulo 2^64, as two words."""
    return seed & 0xFFFFFFFF, seed >> 32 & 0xFFFFFFFF


def totals(sums):
    """Photons and overloads of an image, from the sums of its rows (slow, NOISE_SUMS)."""
    total = sums.sum(axis=0)
    return float(total[PHOTONS]), {16: int(total[OVERLOADS_16]), 32: int(total[OVERLOADS_32])}
