"""Runs without a given seed: each draws its own and prints it, and with that seed the run can be repeated."""

import logging
import shlex
from pathlib import Path

import h5py
import numpy as np
import pytest

import nbkernel
from nbkernel.image import seeds as seeds_module
from nbkernel.image.seeds import LARGEST_SEED, fresh_seed

from running import BASE, simulate

# BASE has a seed of its own
RUN = f"{BASE.replace('-seed 1', '')} -detpixels 16 -pixel 0.8 -fluence 1e29 -nopgm -floatfile f.bin -intfile i.img -noisefile n.img"
FILES = ("f.bin", "i.img", "n.img")


@pytest.fixture(autouse=True)
def folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)


def results(command, *more):
    run = simulate(command, *more)
    assert run.status == 0, run.err
    lines = [line.removeprefix("seeds: ") for line in run.out.splitlines() if line.startswith("seeds: ")]
    return {name: Path(name).read_bytes() for name in FILES}, lines


@pytest.mark.parametrize("precision", ["exact", "double", "mixed"])
def test_runs_at_the_same_time_differ(precision, monkeypatch):
    """Even if the clock shows the same time."""
    monkeypatch.setattr("time.time", lambda: 1.7e9)
    command = f"{RUN} -misset random --precision {precision}"
    (first, _), (second, _) = results(command), results(command)
    assert all(first[name] != second[name] for name in FILES)


MOSAIC = "-mosaic 0.5 -mosaic_dom 4"


@pytest.mark.parametrize(
    "flags, flags_of_seeds",
    [
        ("", ["-seed"]),
        ("-misset random", ["-seed", "-misset_seed"]),
        (MOSAIC, ["-seed", "-mosaic_seed"]),
        (f"{MOSAIC} -misset random", ["-seed", "-mosaic_seed", "-misset_seed"]),
        (f"{MOSAIC} -misset random --noise-rng philox", ["-seed", "-mosaic_seed", "-misset_seed"]),
        (f"-mosaic_seed 7 {MOSAIC}", ["-seed", "-mosaic_seed"]),
    ],
)
def test_the_printed_seeds_give_the_same_bytes(flags, flags_of_seeds):
    """Before all other flags and after them."""
    expected, (printed,) = results(f"{RUN} {flags}")
    words = shlex.split(printed)
    assert words[::2] == flags_of_seeds and all(1 <= int(seed) <= LARGEST_SEED for seed in words[1::2])
    assert results(f"{printed} {RUN} {flags}") == (expected, [printed])
    assert results(f"{RUN} {flags} {printed}") == (expected, [printed])


def test_no_seed_is_printed_if_nothing_is_drawn():
    run = simulate(f"{RUN} -nonoise")
    assert "seeds:" not in run.out


def test_an_hdf5_file_contains_its_seeds():
    _, (printed,) = results(f"{RUN} {MOSAIC} -misset random", "--hdf5", "a.h5")
    with h5py.File("a.h5") as file:
        record = {name: value[()] for name, value in file["/entry/simulation/provenance"].items()}
    recorded = f"-seed {record['noise_seed']} -mosaic_seed {record['mosaic_seed']} -misset_seed {record['misset_seed']}"
    assert printed == recorded
    results(f"{RUN} --hdf5 b.h5")
    with h5py.File("b.h5") as file:
        assert not {"mosaic_seed", "misset_seed"} & set(file["/entry/simulation/provenance"])


def test_each_trace_has_another_random_orientation():
    """Its seed is reported, so that another trace can have the same crystal."""
    from nbkernel.diagnose.traces.trace import trace_experiment

    warnings, traces = [], []
    random = nbkernel.Experiment.from_command_line(f"{RUN} -misset random")
    for experiment in (random, random):
        traces.append(trace_experiment(experiment, 3, 4, warnings.append).as_json())
    reported = [line.split("-misset_seed ")[1] for line in warnings if "-misset_seed" in line]
    assert len(set(reported)) == 2 and traces[0] != traces[1]
    again = nbkernel.Experiment.from_command_line(f"{RUN} -misset_seed {reported[0]} -misset random")
    assert trace_experiment(again, 3, 4, [].append).as_json() == traces[0]


def test_the_api_draws_and_reports_seeds(caplog):
    photons = np.full((20, 30), 5.0)
    noisy = [nbkernel.add_noise(photons, rng=rng) for rng in ("ran1", "ran1", "philox", "philox")]
    seeds = [counts.noise["seed"] for counts in noisy]
    assert len(set(seeds)) == 4
    for counts, rng in zip(noisy, ("ran1", "ran1", "philox", "philox"), strict=True):
        np.testing.assert_array_equal(nbkernel.add_noise(photons, counts.noise["seed"], rng=rng), counts)
    caplog.set_level(logging.INFO, "nbkernel")
    image = nbkernel.simulate(nbkernel.Experiment.from_command_line(f"{RUN} -misset random"))
    assert f"seeds: -misset_seed {image.run.experiment.misset_seed}" in caplog.text


def test_fresh_seeds_are_in_the_range_of_the_flags(monkeypatch):
    for drawn, seed in ((0, 1), (LARGEST_SEED - 1, LARGEST_SEED)):
        with monkeypatch.context() as patch:
            patch.setattr(seeds_module.os, "urandom", lambda n, drawn=drawn: drawn.to_bytes(n, "big"))
            assert fresh_seed() == seed
        run = simulate(f"{RUN} -seed {seed} -misset_seed {seed} -misset random")
        assert run.status == 0 and f"seeds: -seed {seed} -misset_seed {seed}\n" in run.out
