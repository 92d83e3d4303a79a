"""Noise from counter-based random numbers on CUDA devices, in strips of rows, so that memory depends on the strip and not
on the panel."""

from typing import NamedTuple

import numpy as np

from nbkernel.engine.cuda.streams import (
    MOST_ROWS,
    device_arrays,
    keep_in_flight,
    pinned_arrays,
    share_tiles,
)
from nbkernel.geometry.region import shape_of
from nbkernel.kernels.cuda.launch import DRAW_NOISE, SUM_NOISE, THREADS
from nbkernel.kernels.response.counts import NOISE_SUMS

STRIP_PIXELS = 2**20


class Panel(NamedTuple):
    """A region of an image and the arrays that its noise goes to, in host memory."""

    image: np.ndarray  # (slow, fast) float32 photons
    roi: tuple  # fast first, fast last, slow first, slow last
    first_pixel: int  # number of the image's first pixel
    counts: np.ndarray  # (slow, fast) int32 of the region
    sums: np.ndarray  # (slow, NOISE_SUMS) float64: see `counts.noiseimage_value`, of each row of the region

    @property
    def width(self):
        return self.roi[1] - self.roi[0] + 1


class Strip(NamedTuple):
    """Rows slow_start .. slow_stop of a panel's region of interest."""

    panel: Panel
    slow_start: int
    slow_stop: int

    @property
    def pixels(self):
        return slice(self.slow_start, self.slow_stop), slice(self.panel.roi[0], self.panel.roi[1] + 1)

    @property
    def rows(self):
        """Of the panel's counts and sums."""
        return slice(self.slow_start - self.panel.roi[2], self.slow_stop - self.panel.roi[2])


class Slot:
    """A stream with memory for one strip, on the device and on the host (pinned, so that copies overlap with work)."""

    def __init__(self, memory, shape, adc_offset, frame, key):
        copied = {"means": (shape, np.float32), "counts": (shape, np.int32), "sums": ((shape[0], NOISE_SUMS), np.float64)}
        self.draws = adc_offset, frame, key
        self.memory, self.stream, self.host = memory, memory.stream(), pinned_arrays(memory, copied)
        self.device = device_arrays(memory, copied | {"deviates": (shape, np.float64)})

    def send(self, strip):
        """Starts drawing the noise of a strip."""
        self.strip = strip
        panel, rows, width = strip.panel, strip.slow_stop - strip.slow_start, strip.panel.width
        fpixels = panel.image.shape[1]
        number = panel.first_pixel + strip.slow_start * fpixels + panel.roi[0]
        host, device, (adc_offset, frame, key) = self.host, self.device, self.draws
        host["means"][:rows, :width] = panel.image[strip.pixels]
        self.memory.copy_to_device(host["means"], device["means"], self.stream)
        drawn = device["means"], width, adc_offset, number, fpixels, frame, key, device["deviates"], device["counts"]
        self.launch(DRAW_NOISE, (-(-width // THREADS), rows), drawn)
        self.launch(SUM_NOISE, (-(-rows // THREADS), 1), (device["deviates"], rows, width, adc_offset, device["sums"]))
        for name in ("counts", "sums"):
            self.memory.copy_to_host(device[name], host[name], self.stream)

    def launch(self, key, grid, arguments):
        self.memory.device.launch(key, grid, THREADS, self.stream, arguments)

    def receive(self):
        """Waits for the strip in flight, copies its counts into its panel's and returns it."""
        strip = self.strip
        self.memory.synchronize(self.stream)
        panel, rows = strip.panel, strip.slow_stop - strip.slow_start
        panel.counts[strip.rows] = self.host["counts"][:rows, : panel.width]
        panel.sums[strip.rows] = self.host["sums"][:rows]
        return strip


def counted_noise_on_cuda(images, rois, first_pixels, adc_offset, frame, key, devices, strip_pixels=STRIP_PIXELS):
    """(counts (slow, fast) int32, sums (slow, NOISE_SUMS) by row) of regions of images (float32 photons), the same as
    `kernels.images.counted_noise_rows` gives.

    rois: the region of each image; first_pixels: number of each image's first pixel; frame, key: see `philox.uniform_pair`;
    devices: their numbers; strip_pixels: how many at a time, which does not change the result. Raises DeviceError if a
    device fails.
    """
    panels = [
        Panel(image, roi, first_pixel, np.empty(shape_of(roi), np.int32), np.empty((shape_of(roi)[0], NOISE_SUMS)))
        for image, roi, first_pixel in zip(images, rois, first_pixels, strict=True)
    ]
    shapes = [strip_shape(panel, strip_pixels) for panel in panels]
    largest = tuple(max(sizes) for sizes in zip(*shapes, strict=True))
    strips = (
        Strip(panel, start, min(start + rows, panel.roi[3] + 1))
        for panel, (rows, _) in zip(panels, shapes, strict=True)
        for start in range(panel.roi[2], panel.roi[3] + 1, rows)
    )

    def serve(next_strip, memory):
        keep_in_flight(next_strip, lambda: Slot(memory, largest, adc_offset, frame, key), lambda strip: None)

    share_tiles(strips, devices, serve)
    return [(panel.counts, panel.sums) for panel in panels]


def strip_shape(panel, strip_pixels):
    """(slow, fast) size of a strip within the region of interest."""
    return max(1, min(strip_pixels // panel.width, len(panel.counts), MOST_ROWS)), panel.width
