"""python -m bench.response [--noisify PATH] [--pixels N] [--mean M] [--repeat R]: the response of a detector, noise, point
spread of a fiber within 20 pixels and read-out noise, by noisify.c, by `nbkernel noisify` and by `nbkernel.detect`, taking
turns.

noisify.c is compiled by gcc -O3 -o noisify noisify.c -lm. Wall times of processes, of `detect` without starting, reading and
writing; beside them the processor time, which other programs on the machine hardly change.
"""

import argparse
import os
import resource
import statistics
import subprocess
import sys
import tempfile
import time

import numpy as np

import nbkernel

FLAGS = "-psf fiber -psf_fwhm 60 -psf_radius 20 -readout_noise 3 -calibration 0 -seed 1 -nopgm".split()
RESPONSE = nbkernel.Response(psf="fiber", psf_fwhm=60.0, psf_radius=20, readout_noise=3.0, pedestal=40.0, bits=16)


def main(argv=None):
    """Prints a table of times."""
    parser = argparse.ArgumentParser(prog="python -m bench.response", description=__doc__)
    parser.add_argument("--noisify", metavar="PATH", help="the C program")
    parser.add_argument("--pixels", type=int, default=2048, help="along each edge")
    parser.add_argument("--mean", type=float, default=5.0, help="photons of a pixel")
    parser.add_argument("--repeat", type=int, default=3)
    asked = parser.parse_args(argv)
    image = np.random.default_rng(1).gamma(4.0, asked.mean / 4.0, (asked.pixels, asked.pixels)).astype(np.float32)
    with tempfile.TemporaryDirectory() as folder:
        image.tofile(os.path.join(folder, "photons.bin"))
        ways = {}
        if asked.noisify:
            ways["noisify.c"] = process([os.path.abspath(asked.noisify)], folder)
        ways["nbkernel noisify"] = process([sys.executable, "-m", "nbkernel", "noisify"], folder)
        for threads in (1, None):
            name = f"detect, {'all threads' if threads is None else '1 thread'}"
            ways[name] = detecting(image, threads)
        for name, way in ways.items():
            if name != "noisify.c":
                way()  # compiles
        times = {name: [] for name in ways}
        for _ in range(asked.repeat):
            for name, way in ways.items():
                times[name].append(timed(way))
    print(f"{asked.pixels} x {asked.pixels} pixels, {asked.mean:g} photons each; medians of {asked.repeat}")
    reference = None
    for name, found in times.items():
        wall, used = (statistics.median(column) for column in zip(*found, strict=True))
        reference = reference or wall
        print(f"{name:<22} {wall:8.3f} s   processor {used:8.3f} s   {reference / wall:6.1f} x")
    return 0


def process(program, folder):
    return lambda: subprocess.run([*program, "-bin", "photons.bin", *FLAGS], cwd=folder, check=True, capture_output=True)


def detecting(image, threads):
    return lambda: nbkernel.detect(image, RESPONSE, seed=1, threads=threads)


def timed(way):
    """(wall, processor) seconds of a call, with those of processes that it starts."""
    start, before = time.perf_counter(), processor_time()
    way()
    return time.perf_counter() - start, processor_time() - before


def processor_time():
    usages = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    return sum(usage.ru_utime + usage.ru_stime for usage in usages)


if __name__ == "__main__":
    sys.exit(main())
