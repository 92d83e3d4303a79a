"""The chain of a detector's stages, strip by strip: a strip's photons, those that come from beside it, and its counts are
all that is kept. Strips do not depend on threads, and a pixel's random numbers depend only on its number, the frame and the
seeds."""

import itertools
from functools import partial

import numpy as np

from nbkernel.engine.threads import share_rows, thread_count
from nbkernel.errors import DeviceError
from nbkernel.geometry.region import shape_of, strips_of
from nbkernel.geometry.response import MOST_SATURATION, least_saturation
from nbkernel.image.noise import SEGMENT, Totals, key_of
from nbkernel.io.images.pixel_maps import panel_maps
from nbkernel.kernels.numerics.gaussian import gaussian
from nbkernel.kernels.numerics.philox import uniform_pair
from nbkernel.kernels.response.counts import LIT, NOISE_SUMS, OVERLOADS_16, OVERLOADS_32, PHOTONS
from nbkernel.kernels.response.photons import counted_photons
from nbkernel.kernels.response.poisson_rows import WORK
from nbkernel.kernels.response.read_out import WORK as READ_OUT_WORK
from nbkernel.kernels.response.read_out import read_out_rows
from nbkernel.kernels.response.stages import FLICKER
from nbkernel.support.interruptible import interruptible

from .spread import LARGEST_SUM, SpreadBySums, SpreadByTransform, spread_of

LEAST_ROWS = 256  # of a strip
AT_ONCE = 8  # strips whose counts are kept
LEAST = {16: 0.0, 32: -2147483648.0}
NO_PIXEL = 2**64 - 1  # a number that no pixel has, for what all have in common


class DetectedStrips:
    """The counts of detectors, to be iterated over once: (panel, region, counts (slow, fast) int32) in file order; as
    `noise.NoisyStrips`, whose place it takes.

    images: (slow, fast) float32 photons of each panel; rois: the region of each that is read out; responses: the Response
    of each; pixel_sizes: of each, micrometres; seed: an integer; frame: number of the image; engine: the Engine that draws
    them; note: called with a line if that is not done on its devices. Raises InputError for a Response that does not fit
    its panel, DeviceError.
    """

    rng = "philox"
    signed = True  # counts below 0 are kept where there is room for them

    def __init__(self, images, rois, responses, pixel_sizes, seed, frame, engine, note):
        self.saturation = least_saturation(responses)
        self.seed, self.engine, self.note = seed, engine, note
        first_pixels = itertools.accumulate((image.size for image in images), initial=0)
        self.panels = [
            PanelChain(*own, seed, frame)
            for own in zip(images, rois, responses, pixel_sizes, itertools.islice(first_pixels, len(images)), strict=True)
        ]
        alike = {(response.pedestal, response.gain) for response in responses}
        # what all pixels have in common; of maps nothing can be said in one number
        self.adc_offset, self.gain = alike.pop() if len(alike) == 1 and not any(map(has_maps, responses)) else (0.0, 1.0)

    def __iter__(self):
        strips = [(panel, strip) for panel, chain in enumerate(self.panels) for strip in chain.strips()]
        devices = self.engine.devices
        if devices and any(chain.by_transform for chain in self.panels):
            self.note(f"psf_radius: beyond {LARGEST_SUM} pixels the response is made on the CPU, by Fourier transforms")
            devices = ()
        for start in range(0, len(strips), AT_ONCE):
            batch = strips[start : start + AT_ONCE]
            counts = None
            if devices:
                try:
                    counts = interruptible(self.counts_of_devices, batch, devices)
                except DeviceError as error:
                    if not self.engine.falls_back:
                        raise
                    self.note(f"{error}; making the response on the CPU")
                    devices = ()
            if counts is None:
                counts = [None] * len(batch)
                threads = thread_count(self.engine.threads)
                interruptible(share_rows, partial(self.worker, batch, counts), 0, len(batch), threads)
            for (panel, strip), own in zip(batch, counts, strict=True):
                yield panel, strip, own

    def counts_of_devices(self, batch, devices):
        from .cuda import counts_on_cuda

        counts = []
        for panel, own in itertools.groupby(batch, lambda panel_and_strip: panel_and_strip[0]):
            counts += counts_on_cuda(self.panels[panel], [strip for _, strip in own], devices)
        return counts

    def worker(self, batch, counts):
        memory = Memory()

        def call(first, last):
            for number in range(first, last):
                panel, strip = batch[number]
                counts[number] = self.panels[panel].counts_of(strip, memory)

        return call

    def offset_and_gain(self):
        """See PanelImage."""
        return self.adc_offset, self.gain

    def totals(self):
        """The Totals of what has been read out."""
        total = sum((chain.sums.sum(axis=0) for chain in self.panels), np.zeros(NOISE_SUMS))
        overloads = {16: int(total[OVERLOADS_16]), 32: int(total[OVERLOADS_32])}
        return Totals(float(total[PHOTONS]), overloads, int(total[LIT]))


def has_maps(response):
    """Whether pixels differ in their pedestal or gain."""
    return not isinstance(response.pedestal, float) or not isinstance(response.gain, float)


class Memory:
    """Arrays of one thread, used again for strips of the same shape."""

    def __init__(self):
        self.arrays = {}

    def array(self, name, shape, dtype=np.float64):
        found = self.arrays.get(name)
        if found is None or found.shape != shape:
            found = self.arrays[name] = np.empty(shape, dtype)
        return found


class PanelChain:
    """The stages of one panel; the arguments are those of `DetectedStrips`."""

    def __init__(self, image, roi, response, pixel_size, first_pixel, seed, frame):
        self.image, self.roi, self.response, self.first_pixel = image, roi, response, first_pixel
        self.key, self.frame = key_of(seed), frame
        self.maps = panel_maps(response, image.shape)
        self.sums = np.zeros((len(image), NOISE_SUMS))
        self.spread = spread_of(response, pixel_size, image.shape)
        self.radius = 0 if self.spread is None else self.spread.radius
        self.rows = max(LEAST_ROWS, 4 * self.radius)
        self.by_transform = None
        if self.spread is not None and not self.spread.sums():
            rows, width = shape_of(roi)
            self.by_transform = SpreadByTransform(self.spread, min(rows, self.rows), width)
        self.flicker = flicker_of(response, frame, self.key)
        self.stages = np.array([(0.0, 1.0, response.readout_noise), *response.stages])
        self.least = LEAST[response.bits]
        self.most = float(response.saturation or MOST_SATURATION[response.bits])

    def strips(self):
        return strips_of(self.roi, self.rows * shape_of(self.roi)[1])

    def counts_of(self, strip, memory):
        """The counts of a strip of the region."""
        photons = self.counted(strip, memory)
        if self.spread is not None:
            spread = memory.array("spread", shape_of(strip))
            self.spreading(shape_of(strip)[1])(photons, spread)
            photons = spread
        counts = np.empty(shape_of(strip), np.int32)
        read_out_rows(
            photons, self.roi, self.image.shape[1], self.first_pixel, self.maps["gain"], self.maps["pedestal"], self.stages,
            self.maps["mask"], self.least, self.most, self.frame, self.key,
            memory.array("read out", (READ_OUT_WORK, counts.shape[1])), self.sums, counts, strip[2], strip[3] + 1,
        )  # fmt: skip
        return counts

    def counted(self, strip, memory):
        """The photons counted in a strip and, with point spread, in as many rows beside it as reach it; 0 outside the
        region."""
        rows, width = shape_of(strip)
        photons = memory.array("photons", (rows + 2 * self.radius, width))
        first, last, start = self.lit_rows(strip)
        stop = start + last + 1 - first
        photons[:start], photons[stop:] = 0.0, 0.0
        counted_photons(
            self.image, self.roi, self.first_pixel, self.flicker, self.response.calibration,
            key_of(self.response.calibration_seed), self.frame, self.key, memory.array("deviates", (WORK, SEGMENT)),
            memory.array("means", (SEGMENT,), np.float32), photons[start:stop], first, last + 1,
        )  # fmt: skip
        return photons

    def lit_rows(self, strip):
        """First and last row of the region whose photons reach a strip, and the place of the first among all that could."""
        first, last = max(strip[2] - self.radius, self.roi[2]), min(strip[3] + self.radius, self.roi[3])
        return first, last, first - (strip[2] - self.radius)

    def spreading(self, width):
        return self.by_transform or SpreadBySums(self.spread, width)


def flicker_of(response, frame, key):
    """The factor on all photons of a shot."""
    if response.flicker == 0.0:
        return 1.0
    return max(0.0, 1.0 + response.flicker * float(gaussian(*uniform_pair(NO_PIXEL, frame, FLICKER, key))))
