"""python -m bench.series.chain [--pixels N] [--energies N] [--domains N] [--shape SHAPE] [--metric METRIC] [--precision P]
                             [--threads N] [--repeat N]

One shot as XFEL methods are developed with (LY99): 3840 x 3840 pixels, 100 energies, 25 mosaic domains, a sensor of 50
micrometres; then what a detector makes of it: scatter of water, noise, the point spread of a fiber, read-out. Tells how long
all that takes beside the rendering. Needs gemmi.

First a window of the image is compared with --precision exact, and the counts' sum with that of the photons. What differs
gets no speed. Times are medians of --repeat runs in one process that has loaded everything.
"""

import argparse
import math
import statistics
import tempfile
from dataclasses import replace
from pathlib import Path

import numpy as np

import nbkernel
from nbkernel.engine.options import DEFAULT_PRECISION, PRECISIONS
from nbkernel.engine.threads import thread_count
from nbkernel.experiment.fields import CHOICES
from nbkernel.setup.prepare import prepare

from ..parity import image_verdict
from ..report import machine, title
from ..timing import Stopwatch
from .workload import CELL, NAME, write_inputs

WINDOW = 48  # pixels along an edge
PEDESTAL = 40.0
RESPONSE = nbkernel.Response(
    flicker=0.02, calibration=0.03, psf="fiber", psf_fwhm=60.0, psf_radius=20, readout_noise=3.0, pedestal=PEDESTAL, bits=32
)
WATER = [[0.0, 2.57], [0.04, 2.6], [0.08, 2.9], [0.12, 3.9], [0.15, 5.6], [0.18, 6.3], [0.25, 5.1], [0.4, 4.0], [0.7, 2.6]]


def shot(options, hkl):
    """The Experiment, without background."""
    wavelengths = np.linspace(0.99, 1.01, options.energies)
    weights = np.exp(-0.5 * ((wavelengths - 1.0) / 0.004) ** 2)
    return nbkernel.Experiment(
        cell=CELL, hkl=hkl, dump=None, Na=20, Nb=20, Nc=20, xtal_shape=options.shape, spot_metric=options.metric,
        misset=(10.0, 20.0, 30.0), mosaic_spread=0.05, mosaic_domains=options.domains, wavelength=1.0,
        spectrum=(wavelengths, weights), fluence=1e24, beamsize=0.003, distance=141.7, detpixels_f=options.pixels,
        detpixels_s=options.pixels, pixel=0.0886 * 3840 / options.pixels, detector_thick=50.0, detector_abs=500.0,
        detector_thicksteps=1, oversample=1,
    )  # fmt: skip


def window_around(image):
    """(fast, slow) first pixels of the window with the brightest pixel."""
    slow, fast = np.unravel_index(np.argmax(image), image.shape)
    return [
        int(min(max(place - WINDOW // 2, 0), size - WINDOW))
        for place, size in ((fast, image.shape[1]), (slow, image.shape[0]))
    ]


def check_image(experiment, image, options):
    """Raises SystemExit unless a window of the image is what its precision promises."""
    fast, slow = window_around(image)
    there = replace(experiment, roi=(fast, fast + WINDOW - 1, slow, slow + WINDOW - 1))
    expected = nbkernel.simulate(there, precision="exact", threads=options.threads, device="cpu")
    cut = np.s_[slow : slow + WINDOW, fast : fast + WINDOW]
    if not image_verdict(prepare(there, 1), options.precision, np.asarray(expected)[cut], image[cut])[1]["within"]:
        raise SystemExit(f"bench: pixels {fast} {slow} and around are not what {options.precision} promises: no speed")


def check_counts(counts, image):
    """Raises SystemExit unless the counts of the inner pixels have the photons' sum, within flicker, noise and what
    leaves the edge."""
    rim = 64
    inner = np.s_[rim:-rim, rim:-rim]
    expected, found = float(image[inner].sum(dtype=float)), float((counts[inner] - PEDESTAL).sum())
    deviation = math.sqrt(expected + RESPONSE.readout_noise**2 * counts[inner].size) + 4.0 * RESPONSE.flicker * expected
    if abs(found - expected) > 5.0 * deviation:
        raise SystemExit(f"bench: {found:.6g} counts of {expected:.6g} photons: no speed")


def timed(function, repeat):
    """(median seconds, largest share lost, what the last call returned)."""
    durations = []
    for _ in range(repeat):
        watch = Stopwatch()
        found = function()
        durations.append(watch.duration())
    return statistics.median(each.seconds for each in durations), max(each.lost for each in durations), found


def main():
    parser = argparse.ArgumentParser(
        prog="python -m bench.series.chain", description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("--pixels", type=int, default=3840, help="along an edge")
    parser.add_argument("--energies", type=int, default=100)
    parser.add_argument("--domains", type=int, default=25)
    parser.add_argument("--shape", default="gauss", choices=CHOICES["xtal_shape"])
    parser.add_argument("--metric", default="hkl", choices=CHOICES["spot_metric"])
    parser.add_argument("--precision", default=DEFAULT_PRECISION, choices=PRECISIONS)
    parser.add_argument("--threads", type=int, default=thread_count(None))
    parser.add_argument("--repeat", type=int, default=3)
    options = parser.parse_args()
    print(title(machine()), flush=True)
    with tempfile.TemporaryDirectory() as folder:
        write_inputs(folder)
        experiment = shot(options, str(Path(folder, f"{NAME}.mtz")))
        water = replace(experiment, background=[nbkernel.Material(WATER, thickness=0.05)])
        chosen = {"precision": options.precision, "threads": options.threads, "device": "cpu"}
        with nbkernel.Simulator(experiment, **chosen) as bare, nbkernel.Simulator(water, **chosen) as wet:
            check_image(experiment, np.asarray(bare.simulate()), options)
            image = wet.simulate()
            check_counts(nbkernel.detect(image, RESPONSE, seed=1, threads=options.threads), np.asarray(image))
            render, *lost_there, _ = timed(bare.simulate, options.repeat)
            both, lost, _ = timed(wet.simulate, options.repeat)
            lost_there.append(lost)
            detect, lost, _ = timed(
                lambda: nbkernel.detect(image, RESPONSE, seed=1, threads=options.threads), options.repeat
            )
    steps = options.pixels**2 * options.energies * options.domains
    print(
        f"{options.pixels} x {options.pixels} pixels, {options.energies} energies, {options.domains} domains, "
        f"{options.shape} ({options.precision}, {options.threads} threads; up to {max(*lost_there, lost):.0%} lost)"
    )
    rows = {"rendering, with sensor": render, "background of water": both - render, "noise, point spread, read-out": detect}
    for name, seconds in rows.items():
        print(f"  {name:<32} {seconds:8.2f} s   {seconds / render:7.1%} of the rendering")
    print(f"  {1e9 * render / steps:.3g} ns a step; {1.0 / (both + detect):.3g} images/s")


if __name__ == "__main__":
    main()
