"""python -m bench.series.alone SPEC IMAGES THREADS PRECISION: what images of a series take, and what rendering, noise and
compression of the first IMAGES take alone, in one process; prints seconds as JSON.

{"series": [wall, CPU], "render": ..., "noise": ..., "compress": ...} for one image, and "once": for the series as a whole.
Photons are rendered as by a Simulator that has prepared a run; noise is drawn, but counts are not kept; a frame of counts is
compressed into a file in memory.
"""

import json
import statistics
import sys
import tempfile
import time
from collections import deque
from functools import partial
from pathlib import Path

import h5py
import numpy as np

from nbkernel.engine.render import render_panels
from nbkernel.image.counts import noisy_images, noisy_strips
from nbkernel.io.hdf5.tree import compression
from nbkernel.run.series.frame import RNG
from nbkernel.run.series.series import Series

from .contestants import remove_files

FEW, REPEAT = 4, 3


class Spent:
    """Collects (wall, CPU) seconds by names."""

    def __init__(self):
        self.seconds = {}

    def call(self, name, function, *arguments):
        wall, cpu = time.perf_counter(), time.process_time()
        found = function(*arguments)
        self.seconds.setdefault(name, []).append((time.perf_counter() - wall, time.process_time() - cpu))
        return found

    def medians(self):
        return {name: [statistics.median(each) for each in zip(*rows, strict=True)] for name, rows in self.seconds.items()}


def alone(series, images):
    """Medians of (wall, CPU) seconds of the parts of an image."""
    maker, spent = series.frames(), Spent()
    specification, engine = maker.specification, series.simulator.engine
    _, memory = series.simulator.kept
    shape = maker.base.wanted.shape
    with h5py.File("memory", "w", driver="core", backing_store=False) as file:
        data = file.create_dataset("data", (images, *shape), np.uint16, chunks=(1, *shape), **compression())

        def compress(image, counts):
            data[image] = counts
            file.flush()

        for image in range(images):
            photons = maker.frame(image).photons
            runs = [own.run for own in photons]
            spent.call("render", render_panels, runs, engine.precision, engine.threads, None, None, (), None, memory)
            noisy, again = (noisy_strips(photons, specification.seed, RNG, 0.0, engine, print, image) for _ in range(2))
            spent.call("noise", deque, noisy, 0)
            counts, _ = noisy_images(again, photons, 16)
            spent.call("compress", compress, image, np.asarray(counts[0]))
    return spent.medians()


def took(series, images, folder):
    """(wall, CPU) seconds of the first images of a Series, with their files; the least of REPEAT runs."""
    spent = Spent()
    for _ in range(REPEAT):
        spent.call("series", partial(series.run, images=(0, images)), folder)
        remove_files(Path(folder))
    return [min(each) for each in zip(*spent.seconds["series"], strict=True)]


def main(argv):
    specification, images, threads, precision = argv[1], int(argv[2]), int(argv[3]), argv[4]
    with (
        tempfile.TemporaryDirectory(dir=Path(specification).parent) as folder,
        Series(specification, device="cpu", threads=threads, precision=precision) as series,
    ):
        alone(series, 2)  # loads everything
        found = alone(series, images)
        few, many = took(series, FEW, folder), took(series, len(series), folder)
        found["series"] = [(b - a) / (len(series) - FEW) for a, b in zip(few, many, strict=True)]
        found["once"] = [a - FEW * each for a, each in zip(few, found["series"], strict=True)]
    print(json.dumps(found))


if __name__ == "__main__":
    main(sys.argv)
