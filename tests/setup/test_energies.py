"""Structure factors of each energy: the image is the sum of those of single sources, each with its own table."""

import pickle
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

import nbkernel

from api_runs import TOP, TURNED
from running import BASE, simulate, write_hkl

WAVELENGTHS, WEIGHTS = np.array([0.97, 1.0, 1.01, 1.04]), np.array([1.0, 0.0, 3.0, 2.0])
GRID = np.mgrid[-9:10, -9:10, -9:10].reshape(3, -1).T
PLACE = dict(distance=100, detpixels_f=40, detpixels_s=30, pixel=2.0)
RUN = nbkernel.Experiment(
    cell=(50, 60, 70, 80, 95, 100), Na=4, Nb=4, Nc=4, misset=(10, 20, 30), fluence=1e28, oversample=1, dump=None, fix="all",
    interpolate=False, mosaic_spread=1.0, mosaic_domains=3, **PLACE,
)  # fmt: skip
MATERIAL = nbkernel.Material([[0.0, 3.0], [0.5, 2.0]], thickness=1e-13)


@pytest.fixture(autouse=True)
def folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)


def amplitudes(seed, extent=10):
    box = GRID[(abs(GRID) < extent).all(axis=1)]
    return box, np.random.default_rng(seed).uniform(10, 100, len(box))


# of different sizes
TABLES = [amplitudes(1), amplitudes(2, 7), amplitudes(3, 8), amplitudes(4)]
ENERGIES = replace(RUN, spectrum=(WAVELENGTHS, WEIGHTS), hkl_per_energy=TABLES)


def single(experiment, precision="double"):
    """The sum (slow, fast) float64 over wavelengths, by weights: of each panel."""
    total = 0.0
    for wavelength, weight, table in zip(WAVELENGTHS, WEIGHTS / WEIGHTS.sum(), TABLES, strict=True):
        own = replace(
            experiment, spectrum=None, hkl_per_energy=None, hkl=table, wavelength=wavelength, background=(), water=0
        )
        images = nbkernel.simulate(own, device="cpu", precision=precision)
        total = total + weight * np.array(images if isinstance(images, list) else [images], object).astype(np.float64)
    return total


@pytest.mark.parametrize("precision, tolerance", [("double", 3e-7), ("exact", 3e-7), ("mixed", 2e-5)])
def test_an_image_is_the_sum_of_those_of_single_wavelengths(precision, tolerance):
    found = nbkernel.simulate(ENERGIES, device="cpu", precision=precision)
    (expected,) = single(ENERGIES, precision)
    assert len(found.run.parts) == 3 and expected.max() > 0
    np.testing.assert_allclose(np.asarray(found), expected, rtol=tolerance, atol=tolerance * 1e-3 * expected.max())


def test_water_and_background_are_there_once():
    wet = replace(ENERGIES, water=0.005, background=MATERIAL)
    alone = replace(wet, hkl_per_energy=None, default_F=1e-30)
    found, others = (np.asarray(nbkernel.simulate(each, device="cpu"), np.float64) for each in (wet, alone))
    np.testing.assert_allclose(found, single(ENERGIES)[0] + others, rtol=1e-6)
    assert 0.01 < others.sum() / found.sum() < 0.99


def test_divergence_panels_and_a_progress():
    wide = dict(hdivrange=3, hdivstep=1.5, vdivrange=3, vdivstep=1.5)
    panels = replace(
        ENERGIES, panels=(TOP, TURNED), **dict.fromkeys(("distance", "detpixels_f", "detpixels_s", "pixel")), **wide
    )
    seen = []
    found = nbkernel.simulate(panels, device="cpu", progress=lambda done, total: seen.append((done, total)))
    assert [len(image.run.plan.source_lambda) for image in found] == [12, 12]
    for image, expected in zip(found, sum_by_panel(panels), strict=True):
        np.testing.assert_allclose(np.asarray(image), expected, rtol=1e-6, atol=1e-10 * expected.max())
    assert seen[-1][0] == seen[-1][1] == 16 * 10 + 12 * 9 and [done for done, _ in seen] == sorted(done for done, _ in seen)


def sum_by_panel(experiment):
    totals = None
    for wavelength, weight, table in zip(WAVELENGTHS, WEIGHTS / WEIGHTS.sum(), TABLES, strict=True):
        own = replace(experiment, spectrum=None, hkl_per_energy=None, hkl=table, wavelength=wavelength)
        images = [weight * np.asarray(image, np.float64) for image in nbkernel.simulate(own, device="cpu")]
        totals = images if totals is None else [a + b for a, b in zip(totals, images, strict=True)]
    return totals


def test_each_lattice_has_all_tables():
    """Two lattices of half the fluence each, and their labels."""
    turned = nbkernel.Lattice(misset=(50, 10, 0), fraction=0.5)
    pair = replace(ENERGIES, lattices=(nbkernel.Lattice(fraction=0.5), turned))
    found = nbkernel.simulate(pair, device="cpu")
    alone = [nbkernel.simulate(replace(ENERGIES, misset=misset), device="cpu") for misset in (RUN.misset, turned.misset)]
    np.testing.assert_allclose(np.asarray(found), sum(np.asarray(image) / 2 for image in alone), rtol=1e-6)
    labels = [nbkernel.label(image) for image in (found, *alone)]
    weights = np.array([np.asarray(image, np.float64) for image in alone])
    both = (weights > 0).all(axis=0)
    mean = (weights * [own.wavelength for own in labels[1:]]).sum(axis=0)[both] / weights.sum(axis=0)[both]
    assert both.sum() > 100
    np.testing.assert_allclose(labels[0].wavelength[both], mean, rtol=1e-6)


def test_tables_by_dispersion_and_by_a_list_of_sources():
    tables = TABLES[:3]
    spread = replace(RUN, hkl_per_energy=tables, wavelength=1.0, dispersion=4.0, dispsteps=3)
    listed = [[-10, 0, 0, 1, 0.98e-10], [-10, 0, 0, 1, 1.0e-10], [-10, 0, 0, 1, 1.02e-10]]
    images = [
        nbkernel.simulate(each, device="cpu")
        for each in (spread, replace(RUN, hkl_per_energy=tables, wavelength=1.0, sources=listed))
    ]
    expected = sum(
        np.asarray(nbkernel.simulate(replace(RUN, hkl=table, wavelength=row[4] * 1e10), device="cpu"), np.float64) / 3
        for table, row in zip(tables, listed, strict=True)
    )
    for image in images:
        np.testing.assert_allclose(np.asarray(image), expected, rtol=1e-5, atol=1e-8 * expected.max())


def files():
    names = []
    for number, (hkl, F) in enumerate(TABLES):
        names.append(f"energy{number}.hkl")
        np.savetxt(names[-1], np.column_stack([hkl, F]), "%d %d %d %.17g")
    return names


def test_files_toml_records_and_pickles_give_the_same_bits():
    expected = nbkernel.simulate(ENERGIES, device="cpu")
    by_path = replace(ENERGIES, hkl_per_energy=files())
    for experiment in (ENERGIES, by_path):
        Path("sub").mkdir(exist_ok=True)
        experiment.to_toml("sub/run.toml")
        image = nbkernel.simulate(nbkernel.Experiment.from_toml("sub/run.toml"), device="cpu")
        assert (image == expected).all()
        nbkernel.write_hdf5("run.h5", image)
        again = nbkernel.Experiment.from_toml("run.h5")
        assert again.hkl_per_energy == image.run.experiment.hkl_per_energy or experiment is by_path
        assert (nbkernel.simulate(again, device="cpu") == expected).all()
        assert pickle.loads(pickle.dumps(experiment)) == experiment
    with nbkernel.Simulator(by_path, device="cpu") as simulator:
        runs = [simulator.simulate(misset=(n, 0, 0)).run for n in (1, 2)]
        assert all(a.reflections is b.reflections for a, b in zip(runs[0].parts, runs[1].parts, strict=True))
    # what is mixed is held in memory
    mixed = replace(ENERGIES, hkl_per_energy=["energy0.hkl", *TABLES[1:]])
    assert (nbkernel.simulate(mixed, device="cpu") == expected).all()


def test_the_command_line_and_tables_that_are_shared():
    names = files()
    Path("pink.txt").write_text("".join(f"{w!r} {g!r}\n" for w, g in zip(WAVELENGTHS.tolist(), WEIGHTS.tolist())))
    run = (
        "-cell 50 60 70 80 95 100 -misset 10 20 30 -N 4 -distance 100 -detpixels_f 40 -detpixels_s 30 -pixel 2 -oversample 1 "
        "-fluence 1e28 -nointerpolate -mosaic 1 -mosaic_domains 3 --fix all --spectrum pink.txt --precision double -nopgm"
    )
    found = simulate(run, "--hkl-per-energy", ",".join(names), "-floatfile", "f.bin", "-noisefile", "n.img", "-seed", "3")
    assert found.status == 0, found.err
    assert "in the first of 3 tables by energy" in found.out
    expected = nbkernel.simulate(ENERGIES, device="cpu")
    np.testing.assert_array_equal(np.fromfile("f.bin", np.float32).reshape(30, 40), np.asarray(expected))
    assert not Path("Fdump.bin").exists()
    # the noise is that of the sum
    nbkernel.write_smv("expected.img", nbkernel.add_noise(expected, seed=3))
    assert Path("n.img").read_bytes()[512:] == Path("expected.img").read_bytes()[512:]
    one = simulate(run, "--hkl-per-energy", ",".join([names[0]] * 4), "-floatfile", "same.bin", "-nonoise")
    other = simulate(run, "-hkl", names[0], "-floatfile", "single.bin", "-nonoise")
    assert one.status == other.status == 0 and Path("same.bin").read_bytes() == Path("single.bin").read_bytes()


def test_labels_are_those_of_all_tables():
    """Means by single images, to 1e-6; the strongest wavelength's own label of a reflection."""
    labels = nbkernel.label(nbkernel.simulate(ENERGIES, device="cpu"))
    shares, own = [], []
    for wavelength, weight, table in zip(WAVELENGTHS, WEIGHTS / WEIGHTS.sum(), TABLES, strict=True):
        image = nbkernel.simulate(replace(ENERGIES, spectrum=None, hkl_per_energy=None, hkl=table, wavelength=wavelength))
        shares.append(weight * np.asarray(image, np.float64))
        own.append(nbkernel.label(image).hkl)
    shares = np.array(shares)
    lit = shares.sum(axis=0) > 0
    mean = (shares * WAVELENGTHS[:, None, None]).sum(axis=0)[lit] / shares.sum(axis=0)[lit]
    np.testing.assert_allclose(labels.wavelength[lit], mean, rtol=1e-6)
    # where a wavelength has more than all others, and its domains are alike, its largest step is the largest
    clear = shares.max(axis=0) > 0.9 * shares.sum(axis=0)
    strongest = np.take_along_axis(np.array(own), shares.argmax(axis=0)[None, :, :, None], axis=0)[0]
    assert clear.sum() > 50 and (labels.hkl[clear] == strongest[clear]).all(axis=-1).mean() > 0.98
    assert (labels.bragg_share[lit] == 1.0).all()


def test_a_series_has_tables_of_each_energy():
    names = files()
    rows = ", ".join(f'"{name}"' for name in names)
    Path("pink.txt").write_text("".join(f"{w!r} {g!r}\n" for w, g in zip(WAVELENGTHS.tolist(), WEIGHTS.tolist())))
    Path("series.toml").write_text(
        f"""fix = ["all"]
[beam]
spectrum = "pink.txt"
fluence = 1e28
[crystal]
cell = [50, 60, 70, 80, 95, 100]
hkl_per_energy = [{rows}]
Na = 4
Nb = 4
Nc = 4
spot_scale = 2.0
dump = false
[detector]
distance = 100
detpixels_f = 40
detpixels_s = 30
pixel = 2.0
[sampling]
oversample = 1
interpolate = false
[series]
images = 2
seed = 7
counts = false
[vary]
orientation = "uniform"
"""
    )
    with nbkernel.Series("series.toml", device="cpu") as series:
        photons = series.photons(1)
    run = photons.run
    alone = replace(run.experiment, misset=run.crystal.misset)
    np.testing.assert_allclose(np.asarray(photons), single(alone)[0], rtol=1e-6, atol=1e-9 * photons.max())


def test_a_shot_of_a_series_without_a_crystal_needs_no_tables():
    names = files()
    experiment = replace(
        ENERGIES, hkl_per_energy=None, hkl=names[0], B=3.0, wavelength=1.0, spectrum=None, water=0.005, misset=None
    )
    experiment.to_toml("series.toml")
    text = Path("series.toml").read_text()
    Path("series.toml").write_text(
        f"{text}[series]\nimages = 2\ncounts = false\nseed = 1\n[vary]\ncrystals = {{values = [0, 1]}}\n"
    )
    with nbkernel.Series("series.toml", device="cpu") as series:
        empty, full = np.asarray(series.photons(0), np.float64), np.asarray(series.photons(1), np.float64)
    assert 0 < empty.min() and empty.sum() < full.sum()
    alone = replace(RUN, default_F=1e-30, wavelength=1.0, water=0.005, mosaic_domains=1, mosaic_spread=0.0)
    np.testing.assert_allclose(empty, np.asarray(nbkernel.simulate(alone, device="cpu")), rtol=1e-6)


@pytest.mark.parametrize(
    "options, message",
    [
        ("--hkl-per-energy a.hkl,a.hkl", "--hkl-per-energy: has 2 tables for 1 wavelengths"),
        ("--hkl-per-energy a.hkl,", "--hkl-per-energy: needs names of files with commas between"),
        ("--hkl-per-energy nowhere.hkl", "nowhere.hkl"),
        ("--hkl-per-energy a.hkl -hkl a.hkl", "hkl_per_energy: there is also hkl; give one of them"),
        ("--hkl-per-energy a.hkl --ksol 0.1", "--ksol: is for a model"),
        ("-hkl a.hkl --anomalous Fe", "--anomalous: is for a model"),
        ("-hkl a.hkl --anomalous 7", "--anomalous: needs symbols of elements"),
    ],
)
def test_unusable_tables_are_one_line(options, message):
    write_hkl("a.hkl", np.full((3, 3, 3), 10.0), (-1, -1, -1))
    found = simulate(f"{BASE} -default_F 0 -detpixels 8 {options}")
    assert found.status == 2 and message in found.err and len(found.errors) == 1, found.err
    assert [path.name for path in Path().iterdir()] == ["a.hkl"]


def test_unusable_values_in_python():
    for value, message in (
        ("a.hkl", "needs a list of paths or StructureFactors, one for each wavelength"),
        ([], "needs a list of paths"),
        ([TABLES[0], None], "needs structure factors for each wavelength, not none"),
        ([TABLES[0], 3], "hkl: needs a path"),
    ):
        with pytest.raises(nbkernel.InputError, match=message):
            replace(RUN, hkl_per_energy=value)
    with pytest.raises(nbkernel.InputError, match="compiled_rows: takes one table"):
        nbkernel.compiled_rows(ENERGIES)
    for content in (b"", b"0" * 700, b"h k l"):
        Path("x.tar").write_bytes(content)
        Path("x.toml").write_text('[crystal]\nhkl_per_energy = { contents = "x.tar" }\n')
        with pytest.raises(nbkernel.InputError, match="x.tar is (no archive of structure factors|empty)"):
            nbkernel.Experiment.from_toml("x.toml")
