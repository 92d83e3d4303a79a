"""Renders pixels of command lines by the CUDA path in numba's simulator, and compares them with the exact engine.

Runs in its own process, because the simulator must be chosen before numba is imported. Standard input is a JSON list of
{"flags": [...], "fix": [...], "precision": ..., "pixels": how many}, or of objects with "about", a key of `VERDICTS`, and
what that function needs; standard output is one JSON verdict per line.
"""

import contextlib
import io
import json
import os
import sys
import threading
import time
from dataclasses import replace
from fractions import Fraction

os.environ["NUMBA_ENABLE_CUDASIM"] = "1"

import numpy as np
from numba.cuda.simulator.kernel import BlockThread
from numba.cuda.simulator.kernelapi import FakeCUDAShared

import nbkernel
import nbkernel.kernels.numerics.arithmetic

# the simulator polls its threads for their end; the polling must not hold the GIL while they work
SWITCH_SECONDS = 1e-4


def is_alive(thread):
    time.sleep(0)
    return threading.Thread.is_alive(thread)


def shared_array(self, shape, dtype):
    """One array per block and line that asks for it. The simulator's own function gives two threads that ask at the same time
    an array each."""
    caller = sys._getframe(1)
    return self._allocations.setdefault((caller.f_code.co_filename, caller.f_lineno), np.empty(shape, dtype))


def fma(a, b, c):
    """a b + c with a single rounding, as in compiled code."""
    if isinstance(a, np.float32):
        return np.float32(np.float64(a) * np.float64(b) + np.float64(c))
    if not (np.isfinite(a) and np.isfinite(b) and np.isfinite(c)):
        return np.float64(a) * b + c
    try:
        return np.float64(float(Fraction(float(a)) * Fraction(float(b)) + Fraction(float(c))))
    except OverflowError:
        return np.float64(a) * b + c


# before the imports of modules that import it
nbkernel.kernels.numerics.arithmetic.fma = fma

from nbkernel.cli.main import main  # noqa: E402
from nbkernel.diagnose.images.compare import judge, make_pair  # noqa: E402
from nbkernel.engine.background import add_background, new_background_call  # noqa: E402
from nbkernel.engine.bounds.precision import sharpness  # noqa: E402
from nbkernel.engine.cuda import panels  # noqa: E402
from nbkernel.engine.cuda import render as cuda_render  # noqa: E402
from nbkernel.engine.cuda.driver import Memory, opened_device  # noqa: E402
from nbkernel.engine.cuda.kept import KeptDevice  # noqa: E402
from nbkernel.engine.cuda.panels import HostPanel, Uploads, upload_panel  # noqa: E402
from nbkernel.engine.cuda.render import render_on_cuda  # noqa: E402
from nbkernel.engine.history import find_history  # noqa: E402
from nbkernel.engine.options import Engine  # noqa: E402
from nbkernel.engine.render import render  # noqa: E402
from nbkernel.engine.squared_table import SquaredTables  # noqa: E402
from nbkernel.engine.threads import share_rows  # noqa: E402
from nbkernel.engine.tiles import panel_tile  # noqa: E402
from nbkernel.experiment.experiment import Experiment  # noqa: E402
from nbkernel.geometry.response import Response  # noqa: E402
from nbkernel.image.cuda_noise import counted_noise_on_cuda  # noqa: E402
from nbkernel.image.noise import FRAME, NoisyStrips, key_of  # noqa: E402
from nbkernel.image.response import chain, cuda  # noqa: E402
from nbkernel.io.images.image import Image  # noqa: E402
from nbkernel.io.images.smv import read_smv  # noqa: E402
from nbkernel.kernels.cuda import rows  # noqa: E402
from nbkernel.kernels.exact.rows import render_nan_rows  # noqa: E402
from nbkernel.kernels.response.counts import OVERLOADS_16, OVERLOADS_32, PHOTONS  # noqa: E402
from nbkernel.setup.prepare import prepare, prepare_panels  # noqa: E402

REACH = 2  # pixels: the neighbourhood that the comparison takes into account


def pixels_verdict(case):
    """One case: whether all pixels are within the precision, their number, that of nonzero and equal ones, and the largest
    difference."""
    fixes = frozenset(case.get("fix", ()))
    prepared = prepare(Experiment.from_command_line(case["flags"], fixes), 1)
    history = panel_history(prepared)
    pixels = chosen_pixels(prepared, case["pixels"])
    around = np.zeros_like(prepared.wanted)
    for spixel, fpixel in pixels:
        around[max(spixel - REACH, 0) : spixel + REACH + 1, max(fpixel - REACH, 0) : fpixel + REACH + 1] = True
    expected = exact_pixels(prepared, history, around & prepared.wanted)
    only = np.zeros_like(prepared.wanted)
    only[tuple(np.transpose(pixels))] = True
    ((image, _),) = render_on_cuda(
        [replace(prepared, wanted=only)], [history], SquaredTables(), case["precision"], (0,), 1, case.get("tile"), None
    )
    assert not image[~only].any()
    found = np.where(only, image, expected)
    result = judge(make_pair(as_image(expected), as_image(found)), case["precision"], sharpness(prepared.plan))
    return {
        "within": bool(result["pixels_beyond"] == 0),
        "pixels": len(pixels),
        "lit": int(np.count_nonzero(expected[only])),
        "same": int(np.count_nonzero(expected[only] == image[only])),
        "worst": float(np.abs(expected[only].astype(float) - image[only]).max()),
    }


def panel_history(prepared):
    panel = panel_tile(prepared.detector)
    return find_history(prepared.plan, panel, prepared.wanted, prepared.detector.polar_vector, 1, every_axis=False)


def orientations_verdict(case):
    """Whether the image equals that of the same orientations given as phi steps of a crystal without mosaicity."""
    prepared = prepare(Experiment.from_command_line(case["flags"]), 1)
    plan = prepared.plan
    domains = plan.orientation.shape[1]
    slots = (plan.phi_slot[:, np.newaxis] * domains + np.arange(domains)).ravel()
    listed = plan._replace(
        phi_vectors=plan.orientation.reshape(-1, 9), mosaic_umats=np.eye(3).reshape(1, 9), phi_slot=slots,
        orientation=plan.orientation.reshape(-1, 1, 9),
    )  # fmt: skip
    runs = [prepared, replace(prepared, plan=listed)]
    images = [
        render_on_cuda([run], [panel_history(prepared)], SquaredTables(), case["precision"], (0,), 1, None, None)[0][0]
        for run in runs
    ]
    return {
        "same": images[0].tobytes() == images[1].tobytes(),
        "lit": int(np.count_nonzero(images[0])),
        "orientations": len(slots),
    }


def reach_verdict(case):
    """Whether leaving out steps that add nothing changes the image, and how many cell vectors are turned with and without
    them."""
    prepared = prepare(Experiment.from_command_line(case["flags"]), 1)
    calls, images = [], []
    turn, find = rows.turned_vector, panels.find_reach
    rows.turned_vector = lambda *arguments: calls.append(len(images)) or turn(*arguments)
    for is_limited in (True, False):
        panels.find_reach = lambda *arguments: find(*arguments)._replace(is_limited=is_limited)  # noqa: B023
        images.append(
            render_on_cuda([prepared], [panel_history(prepared)], SquaredTables(), case["precision"], (0,), 1, None, None)[
                0
            ][0]
        )
    rows.turned_vector, panels.find_reach = turn, find
    return {
        "same": images[0].tobytes() == images[1].tobytes(),
        "lit": int(np.count_nonzero(images[0])),
        "turned": [calls.count(0), calls.count(1)],
    }


def uploads_verdict(case):
    """Bytes of all arrays that a run of one panel uploads to a device, except its tiles, and of its orientations."""
    prepared = prepare(Experiment.from_command_line(case["flags"]), 1)
    with Memory(opened_device(0)) as memory:
        uploads, kept = Uploads(memory), KeptDevice(memory.device)
        host_panel = HostPanel(prepared, panel_history(prepared))
        upload_panel(host_panel, SquaredTables(), case["precision"], uploads, kept)
        arrays = [uploads.arrays, *(table.uploads.arrays for table in kept.tables.entries.values())]
    return {
        "bytes": sum(array.nbytes for uploaded in arrays for array, _ in uploaded.values()),
        "table": prepared.plan.orientation.nbytes,
    }


def background_verdict(case):
    """Panels of a device with their background, and without it, to which the CPU adds it: whether they are the same, how many
    pixels have it, and how many of these the CPU has finished."""
    runs = prepare_panels(Experiment.from_toml(case["config"]), 1)
    histories, left = [panel_history(prepared) for prepared in runs], []

    def images(runs):
        found = render_on_cuda(runs, histories, SquaredTables(), case["precision"], (0,), 1, case["tile"], None)
        return [image for image, _ in found]

    def recorded(prepared, tile, wanted, *others):
        left.append(int(wanted.sum()))
        return new_background_call(prepared, tile, wanted, *others)

    cuda_render.new_background_call = recorded
    found, bragg = images(runs), images([replace(prepared, scatter=None) for prepared in runs])
    cuda_render.new_background_call = new_background_call
    expected = [image.copy() for image in bragg]
    for prepared, image in zip(runs, expected, strict=True):
        add_background(prepared, image, share_rows, 1)
    return {
        "same": [a.tobytes() == b.tobytes() for a, b in zip(found, expected, strict=True)],
        "added": [int(np.count_nonzero(a > b)) for a, b in zip(found, bragg, strict=True)],
        "left": sum(left),
    }


def noise_verdict(case):
    """Philox noise of several panels: whether the device draws the same as the CPU, also in strips of `strips` pixels."""
    images, rois, seed, adc = noise_panels(), [tuple(roi) for roi in case["rois"]], case["seed"], case["adc"]
    engines = Engine(threads=2), Engine(devices=(0,))
    noisy = [NoisyStrips(images, rois, adc, seed, "philox", None, engine, None) for engine in engines]
    cpu, device = ([counts for _, _, counts in each] for each in noisy)
    first_pixels = [0, images[0].size, images[0].size + images[1].size]
    strips = counted_noise_on_cuda(images, rois, first_pixels, adc, FRAME, key_of(seed), (0,), case["strips"])
    totals = [each.totals() for each in noisy]
    sums = np.sum([own.sum(axis=0) for _, own in strips], axis=0)
    return {
        "same": [a.tobytes() == b.tobytes() == c.tobytes() for a, b, (c, _) in zip(cpu, device, strips, strict=True)],
        "photons": [repr(found) for found in (*(each.photons for each in totals), float(sums[PHOTONS]))],
        "overloads": [
            [*(each.overloads[bits] for each in totals), int(sums[place])]
            for bits, place in ((16, OVERLOADS_16), (32, OVERLOADS_32))
        ],
        "counts": [int(out.max()) for out in cpu],
    }


def response_verdict(case):
    """The response of a detector of two panels: whether the device makes the same counts and totals as the CPU."""
    random = np.random.default_rng(4)
    shapes, rois = ((9, 13), (5, 14)), ((1, 11, 2, 8), (0, 5, 0, 4))
    images = [random.gamma(1.0, 60.0, shape).astype(np.float32) for shape in shapes]
    mask = np.zeros(shapes[0], int)
    mask[3, 4], mask[5, 6] = 2, 8
    maps = {"gain": random.uniform(0.5, 2.0, shapes[0]), "pedestal": random.normal(9.0, 2.0, shapes[0]), "mask": mask}
    responses = [Response(**case["response"] | (maps if case["maps"] else {})), Response(**case["response"])]
    notes, chain.LEAST_ROWS = [], 4
    detected = [
        chain.DetectedStrips(images, rois, responses, [100.0, 50.0], -7, 3, engine, notes.append)
        for engine in (Engine(threads=2), Engine(devices=(0,)))
    ]
    cpu, device = ([counts for _, _, counts in own] for own in detected)
    totals = [own.totals() for own in detected]
    return {
        "same": [a.tobytes() == b.tobytes() for a, b in zip(cpu, device, strict=True)],
        "totals": totals[0] == totals[1],
        "overloads": totals[0].overloads[32],
        "kinds": len(np.unique(np.concatenate([counts.ravel() for counts in cpu]))),
        "notes": notes,
    }


def api_noise_verdict(case):
    """Noise by the Python API and by the command line, and how often a device drew it."""
    calls, drawn = [], nbkernel.image.cuda_noise.counted_noise_on_cuda
    nbkernel.image.cuda_noise.counted_noise_on_cuda = lambda *arguments: calls.append(1) or drawn(*arguments)
    image = nbkernel.simulate(Experiment.from_command_line(case["flags"]), device="cuda")
    philox, ran1 = (
        [nbkernel.add_noise(image, 3, rng=rng, adc=5, device=device) for device in ("cpu", "cuda:0")]
        for rng in ("philox", "ran1")
    )
    made, on_device = [], cuda.counts_on_cuda
    cuda.counts_on_cuda = lambda *arguments: made.append(1) or on_device(*arguments)
    response = Response(gain=2.0, psf="gauss", psf_radius=1)
    counts = [nbkernel.detect(image, response, 3, device=device).tobytes() for device in ("cpu", "cuda:0")]
    options = "--device cuda --noise-rng philox -seed 3 -adc 5 -noisefile noise.img".split()
    with contextlib.redirect_stdout(io.StringIO()):
        status = main(["simulate", *case["flags"], *options])
    return {
        "philox": philox[0].tobytes() == philox[1].tobytes(),
        "ran1": ran1[0].tobytes() == ran1[1].tobytes(),
        "file": status == 0 and bool(np.array_equal(read_smv("-img", "noise.img").pixels, philox[0].ravel())),
        "calls": len(calls),
        "response": [counts[0] == counts[1], len(made)],
        "lit": bool((philox[0] > 5).any()),
    }


def noise_panels():
    """Means for inversion, for rejection and far above the largest count, with masked and invalid pixels."""
    draw = np.random.default_rng(1)
    low = np.exp(draw.uniform(np.log(1e-3), np.log(30), (9, 13)))
    low[draw.random(low.shape) < 0.2] = 0.0
    low[4, :7] = [np.nan, np.inf, -np.inf, -1.0, 23.999999, 24.0, 1e-30]
    middle = np.exp(draw.uniform(np.log(20), np.log(7e4), (5, 21)))
    high = np.exp(draw.uniform(np.log(6e4), np.log(1e35), (7, 4)))
    return [image.astype(np.float32) for image in (low, middle, high)]


def chosen_pixels(prepared, count):
    """The brightest of the wanted pixels and those nearest to it."""
    image, _, _ = render(prepared, "double", 1)
    image = np.where(prepared.wanted & np.isfinite(image), image, -1.0)
    spixel, fpixel = np.unravel_index(np.argmax(image), image.shape)
    wanted = np.argwhere(prepared.wanted)
    distances = np.abs(wanted - (spixel, fpixel)).max(axis=1)
    return [tuple(int(i) for i in pixel) for pixel in wanted[np.argsort(distances, kind="stable")[:count]]]


def exact_pixels(prepared, history, wanted):
    """The wanted pixels as the exact engine renders them, in an image of zeros."""
    image = np.where(wanted, np.float32(np.nan), np.float32(0.0))
    unresolved = np.isnan(image).sum(axis=1)
    plan = prepared.plan
    omega = np.empty(plan.detector_thicksteps * plan.oversample * plan.oversample)
    tile = panel_tile(prepared.detector)
    render_nan_rows(plan, history, tile, wanted, image, unresolved, omega, 0, image.shape[0])
    return image


def panels_verdict(case):
    """All panels in one call of the Python API, in small tiles."""
    experiment = Experiment.from_toml(case["config"])
    found = nbkernel.simulate(experiment, device="cuda", precision=case["precision"], tile=(2, 3))
    expected = nbkernel.simulate(experiment, device="cpu", precision="exact")
    pairs = [make_pair(as_image(np.array(a)), as_image(np.array(b))) for a, b in zip(expected, found, strict=True)]
    return {
        "within": [judge(pair, case["precision"], 5.0)["within"] for pair in pairs],
        "lit": [int(np.count_nonzero(image)) for image in found],
        "solid_angles": [[a.statistics.solid_angle, b.statistics.solid_angle] for a, b in zip(expected, found, strict=True)],
    }


def as_image(pixels):
    return Image("", "float", pixels, False, None, None)


VERDICTS = {
    "background": background_verdict,
    "noise": noise_verdict,
    "response": response_verdict,
    "noise by the API": api_noise_verdict,
    "orientations": orientations_verdict,
    "panels": panels_verdict,
    "pixels": pixels_verdict,
    "reach": reach_verdict,
    "uploads": uploads_verdict,
}


if __name__ == "__main__":
    np.seterr(all="ignore")  # nan and inf arise as in C
    sys.setswitchinterval(SWITCH_SECONDS)
    BlockThread.is_alive = is_alive
    FakeCUDAShared.array = shared_array
    for one in json.load(sys.stdin):
        print(json.dumps(VERDICTS[one.get("about", "pixels")](one)), flush=True)
