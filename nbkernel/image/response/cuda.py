"""The response of a detector on CUDA devices, in the strips of `chain`. Photons are uploaded, counts come back."""

from typing import NamedTuple

import numpy as np

from nbkernel.engine.cuda.streams import device_arrays, keep_in_flight, pinned_arrays, share_tiles
from nbkernel.geometry.region import shape_of
from nbkernel.geometry.response import MAPS
from nbkernel.image.noise import key_of
from nbkernel.kernels.cuda.launch import COUNT_PHOTONS, READ_OUT, SUM_READ_OUT, THREADS
from nbkernel.kernels.response.counts import NOISE_SUMS

from .spread import SpreadBySums


class Strip(NamedTuple):
    """A region of a panel, and where its counts go: place `number` of a list."""

    region: tuple
    number: int


class Constants:
    """What all strips of a PanelChain have in common, in a device's memory."""

    def __init__(self, memory, chain):
        by_sums = None if chain.spread is None else SpreadBySums(chain.spread, 1)
        shares = np.zeros((1, 1), np.float32) if by_sums is None else by_sums.shares
        reaches = np.zeros(1, np.int64) if by_sums is None else by_sums.reaches
        self.shares, self.reaches, self.stages = (memory.upload(array) for array in (shares, reaches, chain.stages))
        self.maps = [memory.upload(chain.maps[name]) for name in MAPS]
        self.has_map = tuple(chain.maps[name].size > 1 for name in MAPS)


class Slot:
    """A stream with memory for one strip, on the device and on the host (pinned, so that copies overlap with work)."""

    def __init__(self, memory, chain, constants, shape, counts):
        rows, width = shape
        around = rows + 2 * chain.radius, width
        copied = {"means": (around, np.float32), "counts": (shape, np.int32), "sums": ((rows, NOISE_SUMS), np.float64)}
        self.memory, self.chain, self.constants, self.counts = memory, chain, constants, counts
        self.stream, self.host = memory.stream(), pinned_arrays(memory, copied)
        self.device = device_arrays(memory, copied | {"photons": (around, np.float64), "arrived": (shape, np.float64)})

    def send(self, strip):
        """Starts the response to a strip."""
        self.strip, chain, constants = strip, self.chain, self.constants
        (rows, width), fpixels = shape_of(strip.region), chain.image.shape[1]
        fast, slow = strip.region[0], strip.region[2]
        top, bottom, start = chain.lit_rows(strip.region)
        lit = start, start + bottom - top
        self.host["means"][start : lit[1] + 1, :width] = chain.image[top : bottom + 1, fast : fast + width]
        device, response = self.device, chain.response
        self.memory.copy_to_device(self.host["means"], device["means"], self.stream)
        first = chain.first_pixel + slow * fpixels + fast
        self.launch(
            COUNT_PHOTONS, (-(-width // THREADS), rows + 2 * chain.radius),
            device["means"], lit, width, chain.flicker, response.calibration, key_of(response.calibration_seed),
            first - chain.radius * fpixels, fpixels, chain.frame, chain.key, device["photons"],
        )  # fmt: skip
        self.launch(
            READ_OUT, (-(-width // THREADS), rows),
            device["photons"], width, chain.radius, constants.shares, constants.reaches, constants.stages, *constants.maps,
            constants.has_map, (slow, fast), chain.least, chain.most, first, fpixels, chain.frame, chain.key,
            device["arrived"], device["counts"],
        )  # fmt: skip
        self.launch(
            SUM_READ_OUT, (-(-rows // THREADS), 1),
            device["arrived"], device["counts"], rows, width, constants.maps[2], constants.has_map, (slow, fast), chain.most,
            device["sums"],
        )  # fmt: skip
        for name in ("counts", "sums"):
            self.memory.copy_to_host(device[name], self.host[name], self.stream)

    def launch(self, key, grid, *arguments):
        self.memory.device.launch(key, grid, THREADS, self.stream, arguments)

    def receive(self):
        """Waits for the strip in flight, hands over its counts and sums, and returns it."""
        (rows, width), region = shape_of(self.strip.region), self.strip.region
        self.memory.synchronize(self.stream)
        self.counts[self.strip.number] = self.host["counts"][:rows, :width].copy()
        self.chain.sums[region[2] : region[3] + 1] = self.host["sums"][:rows]
        return self.strip


def counts_on_cuda(chain, regions, devices):
    """[counts (slow, fast) int32] of regions of a PanelChain, the same as its `counts_of` gives, and their sums in it.

    devices: their numbers. Raises DeviceError if a device fails.
    """
    counts = [None] * len(regions)
    shape = tuple(max(sizes) for sizes in zip(*map(shape_of, regions), strict=True))

    def serve(next_strip, memory):
        constants = Constants(memory, chain)
        keep_in_flight(next_strip, lambda: Slot(memory, chain, constants, shape, counts), lambda strip: None)

    share_tiles((Strip(region, number) for number, region in enumerate(regions)), devices, serve)
    return counts
