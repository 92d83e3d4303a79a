"""Several crystals, split crystals and twins in an exposure, compared with the sum of single ones and with structure factors
that are indexed anew."""

from dataclasses import replace
from pathlib import Path

import h5py
import numpy as np
import pytest

import nbkernel
from nbkernel import Lattice
from nbkernel.errors import InputError
from nbkernel.geometry.cell_axes import mosflm_rows
from nbkernel.setup.prepare import prepare

from running import command, simulate, write_hkl

EXPERIMENT = nbkernel.Experiment(
    cell=(48, 61, 79, 80, 95, 105), misset=(10, 20, 30), default_F=100, Na=5, Nb=6, Nc=7, interpolate=False, dump=None,
    fluence=1e28, wavelength=1.0, distance=100, detpixels_f=40, detpixels_s=30, pixel=1.2, oversample=1,
)  # fmt: skip
ANGLE = np.radians(3.0)
ROTATION = ((np.cos(ANGLE), -np.sin(ANGLE), 0.0), (np.sin(ANGLE), np.cos(ANGLE), 0.0), (0.0, 0.0, 1.0))
COMMAND = "-cell 50 60 70 -default_F 100 -N 5 -misset 1 2 3 -lambda 1 -detpixels 8 -pixel 10 -oversample 1 -nopgm -nonoise"


@pytest.fixture(autouse=True)
def folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)


def image_of(experiment, precision="double"):
    return np.asarray(nbkernel.simulate(experiment, precision=precision, device="cpu")).astype(float)


def assert_same(found, expected):
    np.testing.assert_allclose(found, expected, rtol=2e-6, atol=1e-7 * expected.max())


@pytest.mark.parametrize("precision", ["exact", "double"])
def test_an_image_is_the_sum_of_those_of_single_crystals(precision):
    material = nbkernel.Material([(0.0, 3.0), (0.5, 1.0)], volume=1e-15)
    experiment = replace(
        EXPERIMENT, spectrum=((0.98, 1.0), (1.0, 3.0)), water=0.03, background=material, detector_thick=50, detector_abs=100
    )
    lattices = (
        Lattice(fraction=0.5),
        Lattice(fraction=1.25, misset=(80, 0, 10), cell=(50, 50, 60, 90, 90, 90), Na=3),
        Lattice(fraction=0.25, misset=(0, 45, 0), mosaic_spread=1.0, mosaic_domains=3),
    )
    alone = replace(experiment, water=0.0, background=())
    singles = [image_of(replace(alone, **lattice.changes()), precision) for lattice in lattices]
    beside = image_of(experiment, precision) - image_of(alone, precision)
    expected = sum(lattice.fraction * image for lattice, image in zip(lattices, singles)) + beside
    found = image_of(replace(experiment, lattices=lattices), precision)
    np.testing.assert_allclose(found, expected, rtol=1e-5, atol=2e-7 * expected.max())
    assert beside.min() > 0.0 and found.max() > 30.0 * beside.max()
    assert not np.allclose(found, image_of(experiment, precision), rtol=0.1)


@pytest.mark.parametrize("turn", [{}, dict(phi=5.0, osc=4.0, phisteps=3, fix="phi0")], ids=["still", "rotation"])
def test_a_split_crystal_is_two_that_turn_together(turn):
    experiment = replace(EXPERIMENT, **turn)
    crystal = prepare(experiment, 1).crystal
    axes = 1e10 * np.array([crystal.a, crystal.b, crystal.c]) @ np.array(ROTATION).T
    other = replace(experiment, cell=None, misset=None, mat=mosflm_rows(axes, 1e-10))
    found = image_of(replace(experiment, lattices=[Lattice(fraction=0.7), Lattice(fraction=0.3, rotation=ROTATION)]))
    assert_same(found, 0.7 * image_of(experiment) + 0.3 * image_of(other))


TWINS = {
    "k,h,-l": ((57, 57, 79), [[0, 1, 0], [1, 0, 0], [0, 0, -1]]),
    "-h,-k,l": ((57, 57, 79, 90, 90, 120), [[-1, 0, 0], [0, -1, 0], [0, 0, 1]]),
    "h+k, -h, l": ((57, 57, 79, 90, 90, 120), [[1, 1, 0], [-1, 0, 0], [0, 0, 1]]),
}


@pytest.mark.parametrize("operator", TWINS)
@pytest.mark.parametrize("shape", ["square", "round", "gauss_star"])
def test_a_twin_has_the_structure_factors_of_the_operator(operator, shape):
    """The twin's F of h k l is found at the indices of the first domain, those that the operator maps h k l from."""
    cell, matrix = TWINS[operator]
    F, low = np.random.default_rng(2).uniform(20, 200, (25, 25, 25)), -12
    indices = np.stack(np.meshgrid(*[np.arange(-8, 9)] * 3, indexing="ij"), axis=-1).reshape(-1, 3)
    reindexed = np.zeros((17, 17, 17))
    mapped = indices @ np.array(matrix).T
    inside = (np.abs(mapped) <= 8).all(axis=1)
    reindexed[tuple((indices[inside] + 8).T)] = F[tuple((mapped[inside] - low).T)]
    write_hkl("twin.hkl", reindexed, (-8, -8, -8))
    write_hkl("plain.hkl", F[4:21, 4:21, 4:21], (-8, -8, -8))
    experiment = replace(
        EXPERIMENT, cell=cell, hkl="plain.hkl", default_F=0, xtal_shape=shape, Na=4, Nb=4, Nc=6, misset=(5, 8, 3),
        detpixels_f=24, pixel=0.9, distance=150,
    )  # fmt: skip
    if shape != "gauss_star" and "+" in operator:
        pytest.skip("the shape of these spots does not have the symmetry of the lattice")
    found = image_of(replace(experiment, lattices=[Lattice(fraction=0.6), Lattice(fraction=0.4, twin=operator)]))
    one, twin = image_of(experiment), image_of(replace(experiment, hkl="twin.hkl"))
    np.testing.assert_allclose(found, 0.6 * one + 0.4 * twin, rtol=1e-4, atol=1e-6 * found.max())
    assert not np.allclose(one, twin, rtol=0.1)


def test_a_pseudo_merohedral_twin_keeps_the_cell():
    experiment = replace(EXPERIMENT, cell=(57, 58, 79, 90, 90, 90), lattices=[Lattice(), Lattice(twin="k,h,-l")])
    run = prepare(experiment, 1)
    (twin,) = run.lattices
    one, other = (np.array([each.crystal.a, each.crystal.b, each.crystal.c]) for each in (run, twin))
    np.testing.assert_allclose(1e20 * other @ other.T, 1e20 * one @ one.T, atol=1e-10)
    # the axes nearly exchange
    apart = np.linalg.norm(other - one[[1, 0, 2]] * [[1], [1], [-1]], axis=1) / np.linalg.norm(other, axis=1)
    assert 0.0 < apart.max() < 0.03


def test_precisions_and_panels_agree():
    lattices = [Lattice(fraction=0.5), Lattice(fraction=0.5, rotation=ROTATION)]
    whole = image_of(replace(EXPERIMENT, lattices=lattices), "exact")
    np.testing.assert_allclose(
        image_of(replace(EXPERIMENT, lattices=lattices), "mixed"), whole, rtol=1e-4, atol=1e-6 * whole.max()
    )
    done = []
    nbkernel.simulate(
        replace(EXPERIMENT, lattices=lattices), device="cpu", tile=(8, 40), progress=lambda n, total: done.append((n, total))
    )
    assert done[-1] == (1200, 1200) and [n for n, _ in done] == sorted(n for n, _ in done)


def test_tables_and_records_state_them():
    lattices = (
        Lattice(fraction=0.5),
        Lattice(fraction=0.25, rotation=ROTATION, mosaic_sigma=0.2, mosaic_domains=2),
        Lattice(fraction=0.25, twin="-h,-k,l", cell=(50, 60, 70), cell_spread=(0.1, 0.1, 0.1)),
    )
    experiment = replace(EXPERIMENT, cell=(50, 61, 70), lattices=lattices)
    image = nbkernel.simulate(experiment, device="cpu")
    assert image.run.experiment.lattices == lattices and image.run.experiment.cell == experiment.cell
    experiment.to_toml("a.toml")
    nbkernel.write_hdf5("a.h5", image)
    for saved in ("a.toml", "a.h5"):
        again = nbkernel.Experiment.from_toml(saved)
        assert again.lattices == lattices
        assert nbkernel.simulate(again, device="cpu").tobytes() == image.tobytes()
    with h5py.File("a.h5") as file:
        assert file["entry/sample/ub_matrix"].shape == (3, 3, 3)
        np.testing.assert_allclose(file["entry/sample/unit_cell"][:, 1], [61, 61, 60], rtol=1e-6)
    labels = nbkernel.label(image)
    assert labels.bragg_share.max() == 1.0


def test_the_command_line_takes_a_file_of_them():
    Path("two.toml").write_text("[[lattices]]\nfraction = 0.5\n\n[[lattices]]\nfraction = 0.5\nmisset = [10, 20, 30]\n")
    run = simulate(f"{COMMAND} --lattices two.toml --save-config a.toml --hdf5 a.h5 --labels l.h5 -floatfile a.bin")
    assert run.status == 0 and "lattices: 2" in run.out, run.err
    again = simulate("--config a.toml -nopgm -nonoise -floatfile b.bin")
    assert again.status == 0 and Path("a.bin").read_bytes() == Path("b.bin").read_bytes()
    photons = np.fromfile("a.bin", np.float32).reshape(8, 8)[3, 4]
    found = []
    for lattice in (0, 1):
        status, lines, errors = command(
            "trace", *COMMAND.split(), "--lattices", "two.toml", "--pixel", "4", "3", "--lattice", str(lattice)
        )
        assert status == 0, errors
        found += [float(line.split()[-1]) for line in lines if line.split()[:1] == ["I_pixel_final"]]
    assert len(found) == 2 and sum(found) == pytest.approx(photons, rel=1e-6)
    status, _, errors = command("trace", *COMMAND.split(), "--pixel", "4", "3", "--lattice", "1")
    assert status == 2 and "--lattice: there is no lattice 1; need 0 to 0" in errors[-1]


def test_shots_of_a_series_have_all_of_them():
    lattices = (Lattice(fraction=0.5), Lattice(fraction=0.5, rotation=ROTATION))
    experiment = replace(EXPERIMENT, lattices=lattices, misset=None, fix=("phi_steps", "divergence"))
    shots = {"series": {"images": 1}, "vary": {"fluence": {"values": [3e28]}}}
    with nbkernel.Series(shots, experiment, device="cpu") as series:
        np.testing.assert_array_equal(series.photons(0), image_of(replace(experiment, fluence=3e28)))


WRONG = {
    "[[lattices]]\nfraction = 0\n": "[[lattices]] 0 fraction: needs a number greater than 0, not 0",
    "[[lattices]]\n[[lattices]]\nfractoin = 1\n": "[[lattices]] 1 has no fractoin; did you mean fraction?",
    '[[lattices]]\ntwin = "-h,-k"\n': "twin: needs three indices with commas",
    '[[lattices]]\ntwin = "-h,-k,m"\n': "twin: needs sums of h, k and l",
    '[[lattices]]\ntwin = "-h,-k,-l"\n': "twin: -h,-k,-l has the determinant -1; need 1",
    '[[lattices]]\ntwin = "k,l,h"\n': "lattice 0: twin: k,l,h maps the cell onto another one",
    "[[lattices]]\nrotation = [[1, 0, 0], [0, 1, 0], [0, 0, 2]]\n": "rotation: is not a rotation",
    "[[lattices]]\ncell_spread = [1]\n": "lattices: lattice 0: cell_spread: needs 3 or 6 numbers",
    "[[lattices]]\n[crystal]\nNa = 3\n": "needs [[lattices]] tables, and nothing else",
    "lattices = 3\n": "lattices must be [[lattices]] tables",
}


@pytest.mark.parametrize("text", WRONG)
def test_other_tables_are_errors_of_one_line(text):
    Path("bad.toml").write_text(text)
    run = simulate(f"{COMMAND} --lattices bad.toml -floatfile a.bin")
    assert run.status == 2 and len(run.errors) == 1 and WRONG[text] in run.errors[0], run.errors
    assert not Path("a.bin").exists()


def test_other_values_are_errors_of_one_line():
    with pytest.raises(InputError, match="^lattices: lattice 1: mosaic_sigma: needs degrees greater than 0"):
        replace(EXPERIMENT, lattices=[Lattice(), Lattice(mosaic_sigma=-1.0)])
    with pytest.raises(InputError, match="^lattices: needs"):
        replace(EXPERIMENT, lattices=3)
