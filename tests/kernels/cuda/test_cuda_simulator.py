"""The CUDA path in numba's simulator: pixels from every kind of run and every golden case, against the exact engine."""

import json
import os
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest

from bench.cuda_code import kernels
from nbkernel.engine.bounds.precision import can_use_float32, needs_exact, needs_own_operations
from nbkernel.engine.squared_table import squared_table
from nbkernel.engine.tiles import panel_tile
from nbkernel.experiment.experiment import Experiment
from nbkernel.geometry.background import Material
from nbkernel.geometry.panels import Panel
from nbkernel.kernels.cuda.kinds import kernel_kind
from nbkernel.setup.prepare import prepare

from golden import load_cases
from kinds_of_runs import CELL, FIXES, RUNS, inputs  # noqa: F401  (a fixture)
from running import write_hkl

pytestmark = pytest.mark.cuda

SIMULATOR = Path(__file__).parents[2] / "helpers" / "cuda_helpers" / "cuda_simulator.py"
# upper limits of the golden cases' steps per pixel, by flag
MOST_STEPS = {
    "-mosaic_dom": 3,
    "-mosaic_domains": 3,
    "-phisteps": 3,
    "-dispsteps": 2,
    "-detector_thicksteps": 2,
    "-oversample": 2,
}


def verdicts(cases):
    """One verdict per case, in order; from two processes, as the simulator uses one core."""
    with ThreadPoolExecutor(2) as pool:
        even, odd = pool.map(verdicts_from_one_process, (cases[::2], cases[1::2]))
    found = [None] * len(cases)
    found[::2], found[1::2] = even, odd
    return found


def verdicts_from_one_process(cases):
    if not cases:
        return []
    environment = dict(os.environ, NUMBA_ENABLE_CUDASIM="1")
    run = subprocess.run(
        [sys.executable, str(SIMULATOR)], input=json.dumps(cases), capture_output=True, text=True, env=environment
    )
    assert run.returncode == 0, run.stderr[-3000:]
    return [json.loads(line) for line in run.stdout.splitlines()]


def is_rendered_on_a_device(flags):
    prepared = prepare(Experiment.from_command_line(flags), 1)
    return not needs_exact(prepared.plan, panel_tile(prepared.detector))


@pytest.mark.parametrize("precision", ["double", "mixed"])
def test_every_kind_of_run(precision, inputs):  # noqa: F811
    names = [name for name in (*RUNS, *FIXES) if is_rendered_on_a_device(RUNS[FIXES.get(name, name)])]
    cases = [
        {"flags": RUNS[FIXES.get(name, name)].split(), "fix": name.split(",") if name in FIXES else [],
         "precision": precision, "pixels": 3}
        for name in names
    ]  # fmt: skip
    found = dict(zip(names, verdicts(cases), strict=True))
    bad = {name: result for name, result in found.items() if not result["within"]}
    assert not bad
    assert sum(result["lit"] for result in found.values()) > len(names)


def with_fewer_steps(arguments):
    """A golden case's arguments with fewer steps per pixel."""
    arguments = list(arguments)
    for i, argument in enumerate(arguments[:-1]):
        most = MOST_STEPS.get(argument)
        if most is not None and arguments[i + 1].isdigit():
            arguments[i + 1] = str(min(int(arguments[i + 1]), most))
    return arguments if "-oversample" in arguments else [*arguments, "-oversample", "1"]


@pytest.mark.golden
@pytest.mark.parametrize("precision", ["double", "mixed"])
def test_golden_cases(precision, tmp_path, monkeypatch):
    """Every second case in each precision: what a case asks for is computed by the same functions in both."""
    monkeypatch.chdir(tmp_path)
    golden = load_cases()[0 if precision == "double" else 1 :: 2]
    cases = [{"flags": with_fewer_steps(case.command()), "precision": precision, "pixels": 2} for case in golden]
    found = {case.id: result for case, result in zip(golden, verdicts(cases), strict=True)}
    assert not {name: result for name, result in found.items() if not result["within"]}
    assert sum(result["lit"] for result in found.values()) > len(golden)


def test_tiles_and_blocks_do_not_change_the_image(inputs):  # noqa: F811
    """With more pixels than threads in a block, in several tiles on several streams."""
    flags = RUNS["table"].split() + ["-roi", "3", "11", "5", "8"]
    cases = [{"flags": flags, "precision": "double", "pixels": 30, "tile": tile} for tile in (None, (2, 3), (1, 70))]
    found = verdicts(cases)
    assert all(result["within"] for result in found)
    assert [result["same"] for result in found] == [found[0]["same"]] * 3
    assert np.isfinite(found[0]["worst"])


ORIENTED = f"{CELL} -N 5 -lambda 1 -distance 80 -detpixels_f 5 -detpixels_s 2 -pixel 6 -oversample 1"


@pytest.mark.parametrize("precision", ["double", "mixed"])
def test_orientations_need_no_table_on_a_device(precision):
    """With more phi steps times domains than a block computes at a time."""
    flags = f"{ORIENTED} -mosaic 0.7 -mosaic_dom 33 -phi -1 -osc 2 -phisteps 4"
    (found,) = verdicts([{"about": "orientations", "flags": flags.split(), "precision": precision}])
    assert found == {"same": True, "lit": 10, "orientations": 132}


LIMITED = {
    "Gaussian": f"{ORIENTED} -N 20 -gauss_xtal -fudge 0.03 -mosaic 0.1 -mosaic_dom 3 -osc 6 -phisteps 8",
    "Gaussian, table": f"{ORIENTED} -N 12 -gauss_xtal -fudge 0.4 -hkl half.hkl -default_F 0 -dispersion 10 -dispsteps 4 -osc 6 -phisteps 5",
    "table": f"{ORIENTED} -hkl half.hkl -default_F 0 -mosaic 0.3 -mosaic_dom 5",
    "tophat, table": f"{ORIENTED} -N 8 -tophat_spots -fudge 0.05 -hkl half.hkl -default_F 0 -osc 9 -phisteps 9",
}


@pytest.mark.parametrize("precision", ["double", "mixed"])
def test_steps_that_add_nothing_are_left_out(precision, tmp_path, monkeypatch):
    """With the same bits."""
    monkeypatch.chdir(tmp_path)
    h, k, l = np.mgrid[-12:13, -12:13, -12:13]
    write_hkl("half.hkl", np.where((h + k) % 2 == 0, 10 + (7 * h + 5 * k + 3 * l) % 90, 0), (-12, -12, -12))
    cases = [{"about": "reach", "flags": flags.split(), "precision": precision} for flags in LIMITED.values()]
    for name, found in zip(LIMITED, verdicts(cases), strict=True):
        assert found["same"], name
        assert found["turned"][0] < found["turned"][1], name
        assert found["lit"] > 0, name


def test_orientations_take_little_memory_on_a_device():
    flags = f"{ORIENTED} -mosaic 0.7 -mosaic_dom 1000 -osc 10 -phisteps 99"
    (found,) = verdicts([{"about": "uploads", "flags": flags.split(), "precision": "double"}])
    assert found["table"] == 100 * 1000 * 72
    # the rotations, and up to 4000 bytes for everything else
    assert (100 + 1000) * 72 < found["bytes"] < (100 + 1000) * 72 + 4000


def test_every_kernel_that_runs_use_is_known_to_cuda_code(inputs):  # noqa: F811
    """`test_cuda_code` compiles all kernels that `bench.cuda_code` knows, without a device."""
    runs = [(flags, ()) for flags in RUNS.values()] + [(RUNS[name], fixes.split(",")) for fixes, name in FIXES.items()]
    experiments = [Experiment.from_command_line(flags.split(), frozenset(fixes)) for flags, fixes in runs]
    experiments += [Experiment.from_command_line(case.command()) for case in load_cases()]
    used = set()
    for prepared in (prepare(experiment, 1) for experiment in experiments):
        for single in (False, can_use_float32(prepared.plan, panel_tile(prepared.detector))):
            own_operations = needs_own_operations(prepared.plan, single, panel_tile(prepared.detector))
            table = squared_table(prepared.plan, single)
            for interpolate in {False, prepared.plan.interpolate}:
                used.add(kernel_kind(prepared.plan, table, single, own_operations, interpolate).name)
    assert used <= set(kernels()) and len(used) > 30


FULL_ROIS = [(0, 12, 0, 8), (0, 20, 0, 4), (0, 3, 0, 6)]
PARTIAL_ROIS = [(2, 11, 1, 8), (20, 20, 0, 4), (0, 3, 6, 6)]


@pytest.mark.parametrize(
    "rois, seed, adc, strips", [(FULL_ROIS, 1, 40.0, 25), (PARTIAL_ROIS, -(2**40), 0.0, 1), (PARTIAL_ROIS, 7, -3.5, 10**6)]
)
def test_noise_on_a_device_is_that_on_the_cpu(rois, seed, adc, strips):
    """Counts, photons and overloads, bit for bit: with regions, strips of one row and of several, and several panels."""
    (found,) = verdicts([{"about": "noise", "rois": rois, "seed": seed, "adc": adc, "strips": strips}])
    assert found["same"] == [True] * 3 and found["counts"][0] > 0 and found["counts"][2] > 65535
    assert len(set(found["photons"])) == 1
    assert all(len(set(overloads)) == 1 for overloads in found["overloads"]) and found["overloads"][0][0] > 0


ALL_STAGES = {
    "flicker": 0.1, "calibration": 0.05, "psf": "fiber", "psf_fwhm": 90.0, "psf_radius": 2, "gain": 1.5, "readout_noise": 2.0,
    "pedestal": 5.0, "stages": [[60.0, 0.1, 3.0]], "saturation": 200,
}  # fmt: skip


def test_a_device_makes_the_response_that_the_cpu_makes():
    """Counts and totals, bit for bit: with all stages, maps, panels and regions; with none; a large radius is left to it."""
    cases = [
        {"about": "response", "response": ALL_STAGES, "maps": True},
        {"about": "response", "response": {"bits": 16, "gain": 2500.0, "psf": "gauss", "psf_radius": 3}, "maps": False},
        {"about": "response", "response": {}, "maps": False},
        {"about": "response", "response": {"psf": "gauss", "psf_radius": 13}, "maps": False},
    ]
    full, bright, none, large = verdicts(cases)
    for found in (full, bright, none, large):
        assert all(found["same"]) and found["totals"] and found["kinds"] > 10
    assert full["overloads"] > 0 and bright["overloads"] > 0 and none["overloads"] == 0
    assert [found["notes"] for found in (full, bright, none)] == [[], [], []]
    assert large["notes"] == ["psf_radius: beyond 12 pixels the response is made on the CPU, by Fourier transforms"]


def test_the_api_draws_noise_on_a_device(tmp_path, monkeypatch):
    """Except with nanoBragg.c's random numbers, which are left to the CPU; and makes the response of a detector there."""
    monkeypatch.chdir(tmp_path)
    flags = f"{ORIENTED} -fluence 1e30 -dump none.bin".split()
    (found,) = verdicts([{"about": "noise by the API", "flags": flags}])
    assert found == {"philox": True, "ran1": True, "file": True, "calls": 2, "lit": True, "response": [True, 1]}


MATERIALS = [Material([[0.0, 2.5], [0.2, 3.0], [0.6, 1.0]]), Material([[0.1, 7.0], [0.3, 3.0], [0.9, 0.1]], MW=29.0)]
SCATTERING = {
    "cell": (50, 60, 70), "default_F": 20.0, "Na": 2, "Nb": 2, "Nc": 2, "wavelength": 1.0, "oversample": 1, "flux": 1e16,
    "background": MATERIALS,
}  # fmt: skip
FLAT = {"distance": 30.0, "pixel": 4.0, "detpixels_f": 7, "detpixels_s": 5}
STALE = {"phi": 3.0, "osc": 2.0, "phisteps": 2}
SOURCES = {"hdivrange": 4.0, "hdivsteps": 2, "dispersion": 2.0, "dispsteps": 2, "polarization": 0.7}
SENSOR = {"detector_abs": 250.0, "detector_thick": 320.0, "detector_thicksteps": 1}
BACKGROUNDS = {
    "sources, a sensor, a mask": ({**FLAT, **SOURCES, **SENSOR, "mask": "mask.img", "roi": (1, 5, 0, 4)}, [23]),
    "a curved detector, no polarisation, a stale rotation": (
        {**FLAT, "curved_detector": True, "nopolar": True, **STALE},
        [35],
    ),
    "two panels": (
        {
            **SOURCES,
            "panels": [
                Panel((0.03, -0.01, 0.02), (0.0, 1.0, 0.2), (0.3, 0.0, -1.0), 3, 5, 3.0),
                Panel((0.02, 0.03, 0.02), (0.2, 1.0, 0.0), (0.0, 0.0, -1.0), 4, 3, 5.0, 300.0, 450.0, 1),
            ],
        },
        [15, 12],
    ),
}


def test_a_device_adds_the_background_that_the_cpu_adds(tmp_path, monkeypatch):
    """Bit for bit, and once to pixels that are left to the CPU."""
    monkeypatch.chdir(tmp_path)
    mask = np.ones((5, 7), np.uint16)
    mask[2, 3:5] = 0
    header = "{\nHEADER_BYTES=512;\nSIZE1=7;\nSIZE2=5;\nBYTE_ORDER=little_endian;\nTYPE=unsigned_short;\n}\n".ljust(512)
    Path("mask.img").write_bytes(header.encode() + mask.tobytes())
    cases = []
    for number, (fields, _) in enumerate(BACKGROUNDS.values()):
        Experiment(**SCATTERING, **fields).to_toml(f"{number}.toml")
        for precision, tile in (("double", None), ("mixed", (2, 4))):
            cases.append({"about": "background", "config": f"{number}.toml", "precision": precision, "tile": tile})
    found, left = iter(verdicts(cases)), []
    for name, (_, pixels) in BACKGROUNDS.items():
        for verdict in (next(found), next(found)):
            assert verdict["same"] == [True] * len(pixels) and verdict["added"] == pixels, name
            left.append(verdict["left"])
    assert 0 < left[1] < 23 and 0 < left[2] < 35


@pytest.mark.parametrize("precision", ["double", "mixed"])
def test_panels_go_through_one_queue_of_tiles(precision, tmp_path):
    """Panels that differ in size, pixel and sensor, and one that differs from the first in its position only."""
    panels = [
        Panel((0.1, 0.001, -0.002), (0, 0, 1), (0, -1, 0), 5, 3),
        Panel((0.1, 0.001, 0.002), (0, 0, 1), (0, -1, 0), 5, 3),
        Panel(
            (0.08, 0.02, 0.03),
            (0.3, 0, 1),
            (0, 1, 0),
            2,
            6,
            0.3,
            detector_thick=100.0,
            detector_abs=90.0,
            detector_thicksteps=3,
        ),
    ]
    Experiment(cell=(50, 60, 70), default_F=100.0, Na=4, Nb=5, Nc=3, oversample=1, fluence=1e28, panels=panels).to_toml(
        tmp_path / "panels.toml"
    )
    (found,) = verdicts([{"about": "panels", "config": str(tmp_path / "panels.toml"), "precision": precision}])
    assert found["within"] == [True] * 3 and found["lit"] == [15, 15, 12]
    for expected, angle in found["solid_angles"]:
        assert angle == pytest.approx(expected, rel=1e-12) and angle > 0.0
