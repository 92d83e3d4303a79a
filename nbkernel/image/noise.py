"""Photon-counting noise, from the program's own serial random numbers or from counter-based ones: drawn strip by strip, so
that memory need not hold the counts of all pixels."""

import itertools
from typing import NamedTuple

import numpy as np

from nbkernel.engine.threads import share_rows, thread_count
from nbkernel.errors import DeviceError
from nbkernel.geometry.region import STRIP_PIXELS, pixels_of, shape_of, strips_of
from nbkernel.kernels.images import counted_noise_rows, noise_rows
from nbkernel.kernels.response.counts import LIT, NOISE_SUMS, OVERLOADS_16, OVERLOADS_32, PHOTONS
from nbkernel.kernels.response.poisson_rows import WORK
from nbkernel.setup.orientations.orientations import generator_seed
from nbkernel.support.interruptible import interruptible

ROWS_AT_A_TIME = 64
# pixels drawn side by side: a multiple of the vector length, and few enough that not many wait for the slowest
SEGMENT = 64
FRAME = 0  # a single image


class Totals(NamedTuple):
    """Of all pixels: photons; overloads, {bits: pixels above what so many bits can hold}; lit: pixels with photons."""

    photons: float
    overloads: dict
    lit: int


class NoisyStrips:
    """The noisy counts of images, to be iterated over once: (panel, region, counts) in file order. The counts, (slow, fast)
    int32 of that region, may be below 0.

    images: (slow, fast) float32 photons of each panel; rois: the region of each that has noise; rng: one of
    `outputs.NOISE_RNGS`; shuffle: ran1's shuffle table as misset and mosaic left it; engine: the Engine that draws philox
    noise; note: called with a line if its devices fail and it may fall back; frame: number of the image, for philox. A
    panel's random numbers follow those of the previous panel. Raises DeviceError.
    """

    signed = False  # counts below 0 become 0
    saturation = None  # counts end where their bits do

    def __init__(self, images, rois, adc_offset, seed, rng, shuffle, engine, note, frame=FRAME, strip_pixels=STRIP_PIXELS):
        self.images, self.adc_offset, self.seed, self.rng, self.shuffle = images, adc_offset, seed, rng, shuffle
        self.engine, self.note, self.frame, self.strip_pixels = engine, note, frame, strip_pixels
        self.strips = [(panel, strip) for panel, roi in enumerate(rois) for strip in strips_of(roi, strip_pixels)]
        # as the program adds up, and row by row
        self.sums = [np.zeros((1 if rng == "ran1" else len(image), NOISE_SUMS)) for image in images]

    def __iter__(self):
        return self.counted() if self.rng == "philox" else self.serial()

    def totals(self):
        """The Totals of what has been drawn."""
        total = sum((sums.sum(axis=0) for sums in self.sums), np.zeros(NOISE_SUMS))
        overloads = {16: int(total[OVERLOADS_16]), 32: int(total[OVERLOADS_32])}
        return Totals(float(total[PHOTONS]), overloads, int(total[LIT]))

    def offset_and_gain(self):
        """See PanelImage."""
        return self.adc_offset, 1.0

    def serial(self):
        state = generator_seed(self.seed)
        for panel, strips in itertools.groupby(self.strips, lambda panel_and_strip: panel_and_strip[0]):
            spare, memo = np.zeros(2, np.float32), np.array([-1, 0, 0, 0], np.float32)
            for _, strip in strips:
                out = np.empty(shape_of(strip), np.int32)
                noisy = noise_rows.over_rows(
                    self.images[panel], strip, self.adc_offset, state, self.shuffle, spare, memo, self.sums[panel][0], out
                )
                for first in range(strip[2], strip[3] + 1, ROWS_AT_A_TIME):
                    noisy(first, min(first + ROWS_AT_A_TIME, strip[3] + 1))
                yield panel, strip, out

    def counted(self):
        """From counter-based random numbers: a pixel's noise depends on its mean, its number in the detector, the frame and
        the seed (an integer, taken modulo 2^64), but not on other pixels, the region or the threads."""
        first_pixels = list(itertools.accumulate((image.size for image in self.images), initial=0))
        devices = self.engine.devices
        for batch in self.batches():
            counts = None
            if devices:
                try:
                    counts = interruptible(self.counts_of_devices, batch, first_pixels, devices)
                except DeviceError as error:
                    if not self.engine.falls_back:
                        raise
                    self.note(f"{error}; drawing the noise on the CPU")
                    devices = ()
            for number, (panel, strip) in enumerate(batch):
                own = self.counts_of_strip(panel, strip, first_pixels[panel]) if counts is None else counts[number]
                yield panel, strip, own

    def batches(self):
        """Lists of strips that are drawn together: many small panels, or one strip of a large one."""
        batch, pixels = [], 0
        for panel, strip in self.strips:
            rows, columns = shape_of(strip)
            if batch and pixels + rows * columns > self.strip_pixels:
                yield batch
                batch, pixels = [], 0
            batch.append((panel, strip))
            pixels += rows * columns
        yield batch

    def counts_of_devices(self, batch, first_pixels, devices):
        from .cuda_noise import counted_noise_on_cuda

        panels = [panel for panel, _ in batch]
        found = counted_noise_on_cuda(
            [self.images[panel] for panel in panels], [strip for _, strip in batch],
            [first_pixels[panel] for panel in panels], self.adc_offset, self.frame, key_of(self.seed), devices,
        )  # fmt: skip
        for (panel, strip), (_, sums) in zip(batch, found, strict=True):
            self.sums[panel][pixels_of(strip)[0]] = sums
        return [counts for counts, _ in found]

    def counts_of_strip(self, panel, strip, first_pixel):
        out = np.empty(shape_of(strip), np.int32)

        def rows():
            return counted_noise_rows.over_rows(
                self.images[panel], strip, self.adc_offset, first_pixel, self.frame, key_of(self.seed),
                np.empty((WORK, SEGMENT)), self.sums[panel], out,
            )  # fmt: skip

        interruptible(share_rows, rows, strip[2], strip[3] + 1, thread_count(self.engine.threads))
        return out


def key_of(seed):
    """Philox' key: the seed modulo 2^64, as two words."""
    return seed & 0xFFFFFFFF, seed >> 32 & 0xFFFFFFFF
