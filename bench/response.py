"""python -m bench.response [background] [detector] [--nonbragg PATH] [--noisify PATH] [--pixels N] [--mean M] [--repeat R]

What becomes of Bragg photons, by nanoBragg.c's companions and by nbkernel, taking turns:

  background  what three materials scatter, of one source and, with a sixteenth of the pixels, of 100: by nonBragg.c, a run
              for each material, and as `nbkernel.simulate` adds it; beside it the rendering of one mosaic domain
  detector    noise, point spread of a fiber within 20 pixels and read-out noise: by noisify.c, `nbkernel noisify` and
              `nbkernel.detect`

The C programs are compiled by gcc -O3 -o NAME NAME.c -lm. Wall times of processes; of nbkernel's functions without starting,
reading and writing. Beside them the processor time, which other programs on the machine hardly change. No speed is printed
of images that are not the same: files byte for byte, sums of materials within 2e-6 of each pixel, counts by their mean.
"""

import argparse
import os
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from dataclasses import replace
from pathlib import Path

import numpy as np

import nbkernel
from nbkernel.engine.background import add_background
from nbkernel.engine.render import render
from nbkernel.engine.threads import share_rows, thread_count
from nbkernel.setup.prepare import prepare

FLAGS = "-psf fiber -psf_fwhm 60 -psf_radius 20 -readout_noise 3 -calibration 0 -seed 1 -nopgm".split()
RESPONSE = nbkernel.Response(psf="fiber", psf_fwhm=60.0, psf_radius=20, readout_noise=3.0, pedestal=40.0, bits=16)
NBKERNEL = [sys.executable, "-m", "nbkernel"]
THREADS = {"1 thread": 1, "all threads": None}

# F (electrons) by sin(theta)/lambda (1/A), to the corners of the detector
MATERIALS = {
    "water": ([(0.0, 2.57), (0.1, 2.6), (0.16, 4.5), (0.25, 3.1), (0.4, 1.9), (0.8, 0.5)], 0.05, 1.0, 18.0),
    "air": ([(0.0, 14.0), (0.1, 11.0), (0.2, 7.5), (0.4, 4.0), (0.9, 2.0)], 30.0, 0.0012, 28.8),
    "polyimide": ([(0.0, 180.0), (0.04, 150.0), (0.11, 90.0), (0.23, 60.0), (0.5, 25.0), (1.0, 10.0)], 0.05, 1.4, 382.0),
}
GEOMETRY = "-lambda 1 -distance 200 -polar 0.9 -flux 1e12 -fdet_vector 0 0 1"
CRYSTAL = "-cell 70 80 90 90 90 90 -default_F 100 -N 5 -oversample 1"
SOURCES = "-hdivrange 2 -hdivsteps 100"
EDGE = 330.0  # mm, of the detector
AGREE = 2e-6  # relative: both round what they add up to float32


def main(argv=None):
    """Prints a table of times for each part."""
    parser = argparse.ArgumentParser(
        prog="python -m bench.response", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("part", nargs="*", help="background, detector; both if none")
    parser.add_argument("--nonbragg", metavar="PATH", help="the C program")
    parser.add_argument("--noisify", metavar="PATH", help="the C program")
    parser.add_argument("--pixels", type=int, default=2048, help="along each edge")
    parser.add_argument("--mean", type=float, default=5.0, help="photons of a pixel")
    parser.add_argument("--repeat", type=int, default=3)
    asked = parser.parse_args(argv)
    parts = {"background": background_part, "detector": detector_part}
    for name in asked.part or parts:
        if name not in parts:
            parser.error(f"there is no part {name}; there are {', '.join(parts)}")
    for name in asked.part or parts:
        with tempfile.TemporaryDirectory() as folder:
            parts[name](asked, folder)
    return 0


def background_part(asked, folder):
    for name, (points, *_) in MATERIALS.items():
        np.savetxt(Path(folder, f"{name}.stol"), points)
    for pixels, sources, flags in ((asked.pixels, 1, ""), (asked.pixels // 4, 100, SOURCES)):
        geometry = (
            f"{GEOMETRY} {flags} -detpixels {pixels} -pixel {EDGE / pixels} -Xbeam {EDGE / 2} -Ybeam {EDGE / 2}".split()
        )
        ways, images = {}, {}
        if asked.nonbragg:
            images["nonBragg.c"] = ways["nonBragg.c"] = scattering(os.path.abspath(asked.nonbragg), geometry, folder)
        bragg = prepare(nbkernel.Experiment.from_command_line([*CRYSTAL.split(), *geometry]), 1)
        prepared = prepare(replace(bragg.experiment, background=in_chain(folder)), 1)
        for name, threads in THREADS.items():
            images[f"added, {name}"] = ways[f"added, {name}"] = adding(prepared, threads)
        for precision in ("double", "mixed"):
            ways[f"one domain, {precision}"] = rendering(bragg, precision)
        check_sums({name: image() for name, image in images.items()})
        table(f"{pixels} x {pixels} pixels, 3 materials, sources: {sources}", ways, asked.repeat)


def in_chain(folder):
    return tuple(
        nbkernel.Material(str(Path(folder, f"{name}.stol")), thickness=thickness, density=density, MW=MW)
        for name, (_, thickness, density, MW) in MATERIALS.items()
    )


def scattering(program, geometry, folder):
    """A function that runs nonBragg.c for each material and returns the sum of their photons."""

    def run():
        total = 0.0
        for name, (_, thickness, density, MW) in MATERIALS.items():
            own = (
                f"-stol {name}.stol -thickness {thickness} -density {density} -MW {MW} -nonoise -nopgm -floatfile {name}.bin"
            )
            subprocess.run([program, *own.split(), *geometry], cwd=folder, check=True, capture_output=True)
            total = total + np.fromfile(Path(folder, f"{name}.bin"), np.float32).astype(np.float64)
        return total

    return run


def adding(prepared, threads):
    def run():
        image = np.zeros(prepared.wanted.shape, np.float32)
        add_background(prepared, image, share_rows, thread_count(threads))
        return image.ravel()

    return run


def rendering(prepared, precision):
    return lambda: render(prepared, precision)


def check_sums(images):
    """Exits unless all images are within AGREE of the first."""
    (name, first), *others = images.items()
    for other, image in others:
        worst = float(np.max(np.abs(image - first) / first))
        if not worst < AGREE:
            raise SystemExit(f"bench.response: {other} differs from {name} by up to {worst:.2g} of a pixel")


def detector_part(asked, folder):
    image = np.random.default_rng(1).gamma(4.0, asked.mean / 4.0, (asked.pixels, asked.pixels)).astype(np.float32)
    image.tofile(os.path.join(folder, "photons.bin"))
    programs = {"noisify.c": asked.noisify and [os.path.abspath(asked.noisify)], "nbkernel noisify": [*NBKERNEL, "noisify"]}
    ways = {name: noisifying(program, folder) for name, program in programs.items() if program}
    files = {name: way() for name, way in ways.items()}
    if len(set(files.values())) > 1:
        raise SystemExit("bench.response: the files of nbkernel noisify are not those of noisify.c")
    for name, threads in THREADS.items():
        ways[f"detect, {name}"] = detecting(image, threads)
        check_mean(ways[f"detect, {name}"](), image)
    table(f"{asked.pixels} x {asked.pixels} pixels, {asked.mean:g} photons each", ways, asked.repeat)


def noisifying(program, folder):
    """A function that runs a program and returns the image with noise."""

    def run():
        subprocess.run([*program, "-bin", "photons.bin", *FLAGS], cwd=folder, check=True, capture_output=True)
        return Path(folder, "noiseimage.img").read_bytes()

    return run


def detecting(image, threads):
    return lambda: nbkernel.detect(image, RESPONSE, seed=1, threads=threads)


def check_mean(counts, image):
    """Exits unless counts have, on average, the photons of the image, within 6 standard deviations; away from the edges,
    over which photons are lost."""
    inside = (slice(RESPONSE.psf_radius, -RESPONSE.psf_radius),) * 2
    difference = float(
        np.mean(counts[inside], dtype=np.float64) - RESPONSE.pedestal - np.mean(image[inside], dtype=np.float64)
    )
    allowed = 6.0 * np.sqrt((float(image.mean()) + RESPONSE.readout_noise**2 + 1.0) / counts[inside].size)
    if not abs(difference) < allowed:
        raise SystemExit(f"bench.response: detect's counts are {difference:g} above the photons on average")


def table(title, ways, repeat):
    """Prints the times of functions, which take turns; they have been called before, so that nothing is left to compile."""
    times = {name: [] for name in ways}
    for _ in range(repeat):
        for name, way in ways.items():
            times[name].append(timed(way))
    print(f"{title}; medians of {repeat}")
    reference = None
    for name, found in times.items():
        wall, used = (statistics.median(column) for column in zip(*found, strict=True))
        reference = reference or wall
        print(f"{name:<22} {wall:8.3f} s   processor {used:8.3f} s   {reference / wall:6.1f} x", flush=True)


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
