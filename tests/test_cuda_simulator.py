"""The CUDA path in numba's simulator: pixels of every kind of run, and of every golden case, against the exact engine."""

import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from golden import load_cases
from test_precisions import FIXES, RUNS, inputs  # noqa: F401  (a fixture)

SIMULATOR = Path(__file__).with_name("cuda_simulator.py")
# what takes the golden cases' many steps per pixel away: flag, and the value to put there
FEWER = {"-mosaic_dom": 3, "-mosaic_domains": 3, "-phisteps": 3, "-dispsteps": 2, "-detector_thicksteps": 2}


def verdicts(cases):
    environment = dict(os.environ, NUMBA_ENABLE_CUDASIM="1")
    run = subprocess.run(
        [sys.executable, str(SIMULATOR)], input=json.dumps(cases), capture_output=True, text=True, env=environment
    )
    assert run.returncode == 0, run.stderr[-3000:]
    return [json.loads(line) for line in run.stdout.splitlines()]


@pytest.mark.parametrize("precision", ["double", "mixed"])
def test_every_kind_of_run(precision, inputs):  # noqa: F811
    names = [*RUNS, *FIXES]
    cases = [
        {"flags": RUNS[FIXES.get(name, name)].split(), "fix": name.split(",") if name in FIXES else [],
         "precision": precision, "pixels": 3}
        for name in names
    ]  # fmt: skip
    found = dict(zip(names, verdicts(cases), strict=True))
    bad = {name: result for name, result in found.items() if not result["within"]}
    assert not bad
    assert sum(result["lit"] for result in found.values()) > len(names)


def shrunk(arguments):
    """A golden case's arguments with fewer steps per pixel."""
    arguments = list(arguments)
    for i, argument in enumerate(arguments[:-1]):
        most = FEWER.get(argument)
        if most is not None and arguments[i + 1].isdigit():
            arguments[i + 1] = str(min(int(arguments[i + 1]), most))
        if argument == "-oversample" and arguments[i + 1].isdigit():
            arguments[i + 1] = str(min(int(arguments[i + 1]), 2))
    return arguments if "-oversample" in arguments else [*arguments, "-oversample", "1"]


@pytest.mark.parametrize("precision", ["double", "mixed"])
def test_golden_cases(precision, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    golden = load_cases()
    cases = [{"flags": shrunk(case.command()), "precision": precision, "pixels": 2} for case in golden]
    found = {case.id: result for case, result in zip(golden, verdicts(cases), strict=True)}
    assert not {name: result for name, result in found.items() if not result["within"]}
    assert sum(result["lit"] for result in found.values()) > len(golden)


def test_tiles_and_blocks_do_not_show(inputs):  # noqa: F811
    """More pixels than a block has threads, in several tiles on several streams."""
    flags = RUNS["table"].split() + ["-roi", "3", "11", "5", "8"]
    cases = [{"flags": flags, "precision": "double", "pixels": 30, "tile": tile} for tile in (None, (2, 3), (1, 70))]
    found = verdicts(cases)
    assert all(result["within"] for result in found)
    assert [result["same"] for result in found] == [found[0]["same"]] * 3
    assert np.isfinite(found[0]["worst"])
