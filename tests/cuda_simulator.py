"""Renders pixels of command lines by the CUDA path in numba's simulator, and compares them with the exact engine.

A process of its own, because the simulator must be chosen before numba is imported: standard input is a JSON list of
{"flags": [...], "fix": [...], "precision": ..., "pixels": how many}, or with "about": one of `ASKED` and what that needs;
standard output one JSON verdict per line.
"""

import json
import os
import sys
from dataclasses import replace
from fractions import Fraction

os.environ["NUMBA_ENABLE_CUDASIM"] = "1"

import numpy as np

import nbkernel
import nbkernel.kernels.arithmetic


def fma(a, b, c):
    """With a single rounding, as compiled code has it."""
    if isinstance(a, np.float32):
        return np.float32(np.float64(a) * np.float64(b) + np.float64(c))
    if not (np.isfinite(a) and np.isfinite(b) and np.isfinite(c)):
        return np.float64(a) * b + c
    try:
        return np.float64(float(Fraction(float(a)) * Fraction(float(b)) + Fraction(float(c))))
    except OverflowError:
        return np.float64(a) * b + c


# before the files that import it
nbkernel.kernels.arithmetic.fma = fma

from nbkernel.carried import survey  # noqa: E402
from nbkernel.compare import judge, make_pair  # noqa: E402
from nbkernel.cuda_render import Uploads, Work, make_job, render_on_cuda  # noqa: E402
from nbkernel.experiment import Experiment  # noqa: E402
from nbkernel.io.image import Image  # noqa: E402
from nbkernel.kernels.cpu_pixels import render_nan_rows  # noqa: E402
from nbkernel.precision import sharpness  # noqa: E402
from nbkernel.prepare import prepare  # noqa: E402
from nbkernel.render import render  # noqa: E402
from nbkernel.tables import Tables  # noqa: E402
from nbkernel.tiles import panel_tile  # noqa: E402

REACH = 2  # pixels: neighbours that a promise looks at


def verdict(case):
    """What became of one case: the number of pixels, of those that are not 0, and whether all keep the promise."""
    fixes = frozenset(case.get("fix", ()))
    prepared = prepare(Experiment.from_command_line(case["flags"], fixes), 1)
    carried = carried_of(prepared)
    pixels = chosen_pixels(prepared, case["pixels"])
    around = np.zeros_like(prepared.wanted)
    for spixel, fpixel in pixels:
        around[max(spixel - REACH, 0) : spixel + REACH + 1, max(fpixel - REACH, 0) : fpixel + REACH + 1] = True
    expected = exact_pixels(prepared, carried, around & prepared.wanted)
    only = np.zeros_like(prepared.wanted)
    only[tuple(np.transpose(pixels))] = True
    ((image, _),) = render_on_cuda(
        [replace(prepared, wanted=only)], [carried], Tables(), case["precision"], (0,), 1, case.get("tile"), None
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


def carried_of(prepared):
    whole = panel_tile(prepared.detector)
    return survey(prepared.plan, whole, prepared.wanted, prepared.detector.polar_vector, 1, every_axis=False)


def orientations_verdict(case):
    """Whether the image is that of the same orientations as phi steps of an unspread crystal: vectors without a rotation."""
    prepared = prepare(Experiment.from_command_line(case["flags"]), 1)
    plan = prepared.plan
    domains = plan.orientation.shape[1]
    numbers = (plan.phi_slot[:, np.newaxis] * domains + np.arange(domains)).ravel()
    listed = plan._replace(
        phi_vectors=plan.orientation.reshape(-1, 9), mosaic_umats=np.eye(3).reshape(1, 9), phi_slot=numbers,
        orientation=plan.orientation.reshape(-1, 1, 9),
    )  # fmt: skip
    runs = [prepared, replace(prepared, plan=listed)]
    images = [
        render_on_cuda([run], [carried_of(prepared)], Tables(), case["precision"], (0,), 1, None, None)[0][0] for run in runs
    ]
    return {"same": images[0].tobytes() == images[1].tobytes(), "lit": int(np.count_nonzero(images[0])), "orientations": len(numbers)}


def uploads_verdict(case):
    """Bytes of all arrays that a run of one panel puts on a device, but for its tiles."""
    prepared = prepare(Experiment.from_command_line(case["flags"]), 1)
    uploads = Uploads()
    make_job(Work(prepared, carried_of(prepared)), Tables(), case["precision"], uploads)
    return {"bytes": sum(array.nbytes for array, _ in uploads.there.values()), "table": prepared.plan.orientation.nbytes}


def chosen_pixels(prepared, count):
    """The brightest of the wanted pixels, and others next to it."""
    image, _, _ = render(prepared, "double", 1)
    image = np.where(prepared.wanted & np.isfinite(image), image, -1.0)
    spixel, fpixel = np.unravel_index(np.argmax(image), image.shape)
    near = np.argwhere(prepared.wanted)
    far = np.abs(near - (spixel, fpixel)).max(axis=1)
    return [tuple(int(i) for i in pixel) for pixel in near[np.argsort(far, kind="stable")[:count]]]


def exact_pixels(prepared, carried, wanted):
    """Pixels of the exact engine, in an image of zeros."""
    image = np.where(wanted, np.float32(np.nan), np.float32(0.0))
    left = np.isnan(image).sum(axis=1)
    plan = prepared.plan
    omega = np.empty(plan.detector_thicksteps * plan.oversample * plan.oversample)
    tile = panel_tile(prepared.detector)
    render_nan_rows(plan, carried, tile, wanted, image, left, omega, 0, image.shape[0])
    return image


def panels_verdict(case):
    """All panels at once, in small tiles, by the Python API."""
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


ASKED = {"orientations": orientations_verdict, "uploads": uploads_verdict, "panels": panels_verdict, "pixels": verdict}


if __name__ == "__main__":
    np.seterr(all="ignore")  # nan and inf are C's
    for one in json.load(sys.stdin):
        print(json.dumps(ASKED[one.get("about", "pixels")](one)), flush=True)
