"""python -m bench.golden FOLDER: how close each precision comes to nanoBragg.c's own float images.

FOLDER contains cases.json, golden.h5 and inputs/ (see tests/helpers/golden.py, which reads the same). Prints, for each
precision and over all cases: pixels with the program's bits, completely identical images, pixels off by more than one ulp of
float32, the largest local error of these (relative to the largest of the 5 x 5 neighbours), its largest fraction of the
promised error, and the largest error of a total.
"""

import argparse
import json
from pathlib import Path

import h5py
import numpy as np

from nbkernel.diagnose.images.compare import identical_bits, judge, local_error, make_pair, ulp_distance
from nbkernel.engine.bounds.precision import sharpness
from nbkernel.engine.options import PRECISIONS
from nbkernel.engine.render import render
from nbkernel.io.images.image import Image

from .parity import prepared_run


def figures(precision, prepared, expected, devices=()):
    """The figures of one case for a precision. expected: nanoBragg.c's pixels (flat float32); devices: numbers of CUDA
    devices, empty for the CPU."""
    image, _, _ = render(prepared, precision, devices=devices)
    images = (expected.reshape(image.shape), image)
    pair = make_pair(*(Image("", "float", pixels, False, None, None) for pixels in images))
    beyond = local_error(pair)[ulp_distance(pair) > 1]
    verdict = judge(pair, precision, sharpness(prepared.plan))
    local = float(beyond.max(initial=0.0))
    return {
        "pixels": image.size,
        "identical": int(np.count_nonzero(identical_bits(pair.a, pair.b))),
        "one_ulp": image.size - beyond.size,
        "local": local,
        "used": local / verdict["local_limit"] if "local_limit" in verdict else 0.0,
        "total": verdict["total_error"],
        "within": verdict["within"],
    }


def lines(precision, found):
    """Lines that summarise the figures {case: figures} of all cases."""
    pixels, identical, one_ulp = (sum(row[name] for row in found.values()) for name in ("pixels", "identical", "one_ulp"))
    whole = sum(row["identical"] == row["pixels"] for row in found.values())
    yield f"{precision}: {len(found)} images, {sum(row['within'] for row in found.values())} within the promise"
    yield f"  identical pixels       {identical} of {pixels} ({100.0 * identical / pixels:.4f} %), {whole} whole images"
    yield f"  beyond 1 ulp           {pixels - one_ulp} pixels"
    for name, title in (
        ("local", "largest local error"),
        ("used", "most of its limit"),
        ("total", "largest error of total"),
    ):
        case = max(found, key=lambda each: found[each][name])
        yield f"  {title:<22} {found[case][name]:.2g} ({case})"
    median = np.median([row["local"] for row in found.values()])
    yield f"  median of the cases' largest local errors  {median:.2g}"


def main():
    parser = argparse.ArgumentParser(prog="python -m bench.golden", description=__doc__.split(":", 1)[1])
    parser.add_argument("folder", type=Path, help="with cases.json, golden.h5 and inputs")
    parser.add_argument("--precision", default=",".join(PRECISIONS), help="which to run, with commas")
    options = parser.parse_args()
    cases = json.loads((options.folder / "cases.json").read_text())["cases"]
    found = {precision: {} for precision in options.precision.split(",")}
    with h5py.File(options.folder / "golden.h5") as golden:
        for case in cases:
            prepared = prepared_run([argument.replace("{in}", str(options.folder / "inputs")) for argument in case["args"]])
            for precision, of_cases in found.items():
                of_cases[case["id"]] = figures(precision, prepared, golden[case["id"]]["float.bin"][...])
    for precision, of_cases in found.items():
        print("\n".join(lines(precision, of_cases)))


if __name__ == "__main__":
    main()
