"""Who makes the stills: series, and loops that start a program for each image; how long they take, and whether their images
are the same."""

import itertools
import os
import resource
import statistics
import subprocess
import sys
import time
from importlib.util import find_spec
from typing import NamedTuple

import h5py
import numpy as np

from nbkernel.cli.arguments.options import options_of
from nbkernel.engine.threads import thread_count
from nbkernel.image.counts import add_noise
from nbkernel.io.hdf5.filters import hdf5plugin

from ..parity import FLOAT, image_verdict, prepared_run
from ..timing import Stopwatch
from .workload import NAME, SEED, flags_of

NBKERNEL = [sys.executable, "-m", "nbkernel"]
LOOP, C_LOOPS = "loop of simulate", {"c_binary": "loop of C", "c_binary_omp": "loop of C, OpenMP"}


class Contestant:
    """commands: that make the images, each with the folder in which it runs; at_once: whether they run at the same time;
    images: how many they make; output: the folder of a series, replaced by each run, else None."""

    def __init__(self, commands, images, at_once=False, output=None):
        self.commands, self.images, self.at_once, self.output = commands, images, at_once, output

    def run(self):
        """The Run of all commands. Raises SystemExit if one fails."""
        if self.output is not None:
            remove_files(self.output)
        for _, folder in self.commands:
            folder.mkdir(parents=True, exist_ok=True)
        before, started, lost = cpu_of_children(), time.perf_counter(), []
        batches = [self.commands] if self.at_once else [[command] for command in self.commands]
        for batch in batches:
            processes = [
                subprocess.Popen(words, cwd=folder, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
                for words, folder in batch
            ]
            watches = [Stopwatch(process.pid) for process in processes]
            for process, watch, (words, _) in zip(processes, watches, batch, strict=True):
                os.waitid(os.P_PID, process.pid, os.WEXITED | os.WNOWAIT)
                lost.append(watch.duration().lost)
                if process.wait() != 0:
                    raise SystemExit(f"bench: {' '.join(words)} failed with status {process.returncode}")
        wall = time.perf_counter() - started
        return Run(wall / self.images, (cpu_of_children() - before) / self.images, statistics.mean(lost))


class Run(NamedTuple):
    """wall, cpu: seconds for an image; lost: share of the time in which the processes' first threads had no processor."""

    wall: float
    cpu: float
    lost: float


def cpu_of_children():
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def remove_files(folder):
    for path in folder.glob("*"):
        path.unlink()


def contestants(options, base, maker, size):
    """{name: Contestant}. base: the folder with specification and structure factors; maker: the FrameMaker of the series;
    size: pixels along an edge."""
    engine, cores = ["--device", "cpu", "--precision", options.precision], thread_count(None)

    def series(name, *runs, at_once=False):
        output = base / name
        command = [*NBKERNEL, "series", str(base / f"{NAME}.toml"), "--output", str(output), *engine]
        return Contestant([([*command, *more], base) for more in runs], options.images, at_once, output)

    def loop(name, program, hkl, *more):
        flags = [[*flags_of(maker, image, size, base / hkl), *more] for image in range(options.single)]
        return Contestant([([*program, *own], base / name / str(image)) for image, own in enumerate(flags)], options.single)

    found = {"series, 1 thread": series("one", ["--threads", "1"])}
    if cores > 1:
        found[f"series, {cores} threads"] = series("all", ["--threads", str(cores)])
        half = ["--threads", str(cores // 2), "--shard"]
        found["series, 2 shards"] = series("shards", [*half, "1/2"], [*half, "2/2"], at_once=True)
    if has_dask():
        found["series, Dask"] = series("dask", ["--dask", "local"])
    found[LOOP] = loop("simulate", [*NBKERNEL, "simulate", *engine, "--noise-rng", "philox"], f"{NAME}.mtz", "-seed", "1")
    for option, name in C_LOOPS.items():
        binary = getattr(options, option)
        if binary:
            found[name] = loop(option, [os.path.abspath(binary)], f"{NAME}.hkl")
    return found


def has_dask():
    return find_spec("distributed") is not None and any(option.name == "--dask" for option in options_of("series"))


def differences(those, maker, precision):
    """{name: how the images of a Contestant differ from those expected}, after each has run; nothing for those that do
    not. The loop of `simulate` must have the photons of the series to the last bit, the first series the counts that
    `add_noise` draws from them, all others its bytes, and the C program's what the precision promises."""
    found = {}
    series = {name: own.output for name, own in those.items() if own.output is not None}
    first, files = None, {}
    photons = [np.asarray(maker.frame(image).photons[0]) for image in range(those[LOOP].images)]
    for name, output in series.items():
        files = {path.name: path.read_bytes() for path in output.iterdir()}
        if first is None:
            first = files
            if not all(map(np.array_equal, counts_in(output), map(noisy, photons, itertools.count()))):
                found[name] = "other counts than add_noise"
        elif files != first:
            found[name] = "other bytes"
    for name, loop in those.items():
        if loop.output is not None:
            continue
        for image, (words, folder) in enumerate(loop.commands):
            pixels = np.fromfile(folder / FLOAT, np.float32).reshape(photons[image].shape)
            if name == LOOP:
                if pixels.tobytes() != photons[image].tobytes():
                    found[name] = f"image {image} has other bits"
            elif not image_verdict(prepared_run(words[1:]), precision, pixels, photons[image])[1]["within"]:
                found[name] = f"image {image} is not within the promise of {precision}"
    return found


def noisy(photons, image):
    return np.asarray(add_noise(photons, SEED, rng="philox", adc=0.0, frame=image))


def counts_in(output):
    """The counts of a series, image by image."""
    hdf5plugin()
    for path in sorted(output.glob(f"{NAME}_0*.h5")):
        with h5py.File(path) as file:
            yield from file["entry/data/data"]
