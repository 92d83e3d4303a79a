"""B factor and scale against tables that were multiplied by the formula, and against each other."""

import math
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

import nbkernel

from running import BASE, simulate

CELL = (50.0, 60.0, 70.0, 80.0, 95.0, 100.0)
RUN = nbkernel.Experiment(
    cell=CELL, Na=3, Nb=3, Nc=3, misset=(10, 20, 30), wavelength=1.0, fluence=1e28, oversample=1, distance=100, detpixels_f=40,
    detpixels_s=30, pixel=2.0, dump=None, interpolate=False, fix="all",
)  # fmt: skip


def d_star_square(hkl):
    """1/d^2 (1/Angstrom^2), (n,): by the inverse of the cell's metric."""
    a, b, c, *angles = CELL
    cosines = [math.cos(math.radians(angle)) for angle in angles]
    lengths = np.array([a, b, c])
    metric = np.outer(lengths, lengths) * np.array(
        [[1, cosines[2], cosines[1]], [cosines[2], 1, cosines[0]], [cosines[1], cosines[0], 1]]
    )
    return np.einsum("ni,ij,nj->n", hkl, np.linalg.inv(metric), hkl)


@pytest.fixture(params=["full", "sparse"])
def table(request):
    """(indices, F): of a small box, or with one distant reflection, so that most of the box is empty."""
    hkl = np.mgrid[-8:9, -9:10, -10:11].reshape(3, -1).T
    if request.param == "sparse":
        hkl = np.vstack([hkl, [[90, 90, 90]]])
    return hkl, np.random.default_rng(1).uniform(100, 1000, len(hkl))


@pytest.mark.parametrize("B, scale", [(35.0, 1.0), (-20.0, 1.0), (0.0, 2.5), (35.0, 0.3)])
def test_reflections_are_multiplied(table, B, scale):
    """To 1e-6 of each pixel: another table, of amplitudes that the formula gives, and water, which stays."""
    hkl, F = table
    found = nbkernel.simulate(replace(RUN, hkl=(hkl, F), B=B, spot_scale=scale, water=0.1), device="cpu")
    changed = F * np.sqrt(scale * np.exp(-2.0 * B * d_star_square(hkl) / 4.0))
    expected = nbkernel.simulate(replace(RUN, hkl=(hkl, changed), water=0.1), device="cpu")
    np.testing.assert_allclose(np.asarray(found), np.asarray(expected), rtol=1e-6)
    plain = nbkernel.simulate(replace(RUN, hkl=(hkl, F), water=0.1), device="cpu")
    assert abs(np.asarray(found) / np.asarray(plain) - 1.0).max() > 0.2


def test_all_orientations_of_a_simulator_share_the_table(table):
    hkl, F = table
    with nbkernel.Simulator(replace(RUN, hkl=(hkl, F), B=10.0), device="cpu") as simulator:
        runs = [simulator.simulate(misset=(angle, 2 * angle, 5)).run for angle in (0, 17, 23)]
        other = simulator.simulate(B=11.0).run
    assert runs[0].reflections is runs[1].reflections is runs[2].reflections
    assert other.reflections is not runs[0].reflections and other.as_read is runs[0].as_read


def test_the_scale_of_default_F():
    plain, scaled = (nbkernel.simulate(replace(RUN, default_F=10.0, spot_scale=x), device="cpu") for x in (1.0, 4.0))
    np.testing.assert_allclose(np.asarray(scaled), 4.0 * np.asarray(plain), rtol=1e-6)


def test_the_dump_has_the_table_as_read(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    Path("t.hkl").write_text("0 0 0 50\n1 2 3 100\n2 1 1 30\n")
    run = f"{BASE} -default_F 0 -hkl t.hkl -detpixels 8 -nopgm -nonoise"
    assert simulate(run, "-dump", "plain.bin").status == 0
    found = simulate(run, "-dump", "scaled.bin", "--B", "10", "--spot-scale", "3", "--save-config", "run.toml")
    assert found.status == 0, found.err
    assert Path("plain.bin").read_bytes() == Path("scaled.bin").read_bytes()
    again = nbkernel.Experiment.from_toml("run.toml")
    assert (again.B, again.spot_scale) == (10.0, 3.0)


@pytest.mark.parametrize(
    "options, message",
    [
        ("--B 10", "--B: -default_F has no B factor"),
        ("--spot-scale 0", "--spot-scale: needs a number greater than 0"),
        ("-default_F 0 -hkl t.hkl --B -1e9", "--B: -1e+09 A^2 makes structure factors too large"),
    ],
)
def test_unusable_values_are_one_line(options, message, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    Path("t.hkl").write_text("0 0 0 50\n1 2 3 100\n")
    found = simulate(f"{BASE} -detpixels 8 {options}")
    assert found.status == 2 and message in found.err and len(found.errors) == 1
    assert [path.name for path in tmp_path.iterdir()] == ["t.hkl"]
