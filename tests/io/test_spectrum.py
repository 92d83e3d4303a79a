"""Spectra from files and arrays: what the columns mean, that weights count, what is refused."""

from dataclasses import replace
from pathlib import Path

import h5py
import numpy as np
import pytest

import nbkernel
from nbkernel.errors import InputError
from nbkernel.io.tables.spectrum import read_spectrum
from nbkernel.setup.prepare import prepare

from running import simulate

WAVELENGTHS, WEIGHTS = np.array([0.98, 1.0, 1.03]), np.array([1.0, 3.0, 0.5])
HC = 12398.42  # of -energy
EXPERIMENT = nbkernel.Experiment(
    cell=(48, 61, 79), misset=(10, 20, 30), default_F=100, Na=5, Nb=6, Nc=7, interpolate=False, dump=None, fluence=1e28,
    distance=100, detpixels_f=24, detpixels_s=20, pixel=1.2, oversample=1,
)  # fmt: skip


@pytest.fixture(autouse=True)
def folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)


def lines(values, form="{:.17g} {:g}"):
    return "".join(form.format(value, weight) + "\n" for value, weight in zip(values, WEIGHTS))


TEXTS = {
    "wavelengths": lines(WAVELENGTHS),
    "energies": lines(HC / WAVELENGTHS),
    "diffBragg's .lam": "# wavelengths, weights\n" + lines(WAVELENGTHS, "{:.18e},{:.18e}"),
    "CSV with names": "energy_eV,counts\n" + lines(HC / WAVELENGTHS, "{:.17g},{:g}"),
    "keV": "# photon energy (keV), weight\n" + lines(HC / WAVELENGTHS / 1000.0),
    "low energies": "eV weight\n" + lines(HC / WAVELENGTHS),
    "comments": "# taken at 9500 eV\n#\n# wavelength  weight\n\n" + lines(WAVELENGTHS) + "# the end\n",
    "no newline at the end": lines(WAVELENGTHS).rstrip(),
}


@pytest.mark.parametrize("name", TEXTS)
def test_texts(name):
    Path("s.txt").write_text(TEXTS[name])
    wavelengths, weights = read_spectrum("--spectrum", "s.txt")
    np.testing.assert_allclose(wavelengths, WAVELENGTHS, rtol=1e-15)
    np.testing.assert_array_equal(weights, WEIGHTS)


def write_nxmx(path, **fields):
    with h5py.File(path, "w") as file:
        entry = file.create_group("entry")
        entry.attrs["NX_class"] = "NXentry"
        entry["definition"] = "NXmx"
        for name, nx_class in (("instrument", "NXinstrument"), ("instrument/beam", "NXbeam")):
            entry.create_group(name).attrs["NX_class"] = nx_class
        for name, (values, unit) in fields.items():
            entry["instrument/beam"][name] = values
            if unit:
                entry["instrument/beam"][name].attrs["units"] = unit


@pytest.mark.parametrize(
    "fields",
    [
        {"incident_wavelength": (WAVELENGTHS / 10.0, "nm"), "incident_wavelength_weights": (WEIGHTS, "")},
        {"incident_energy": (12398.419843320026 / WAVELENGTHS, "eV"), "incident_energy_weights": (WEIGHTS, "")},
        {
            "incident_wavelength": (WAVELENGTHS, "angstrom"),
            "incident_wavelength_weights": ([WEIGHTS, 2 * WEIGHTS[::-1]], ""),
        },
    ],
    ids=["wavelengths", "energies", "several images"],
)
def test_nxmx(fields):
    write_nxmx("s.h5", **fields)
    wavelengths, weights = read_spectrum("--spectrum", "s.h5")
    np.testing.assert_allclose(wavelengths, WAVELENGTHS, rtol=1e-14)
    np.testing.assert_array_equal(weights, WEIGHTS)


def test_the_image_is_the_weighted_mean_of_those_of_its_wavelengths():
    experiment = replace(EXPERIMENT, spectrum=(WAVELENGTHS, WEIGHTS))
    image = nbkernel.simulate(experiment, device="cpu")
    alone = [nbkernel.simulate(replace(EXPERIMENT, wavelength=each), device="cpu").astype(float) for each in WAVELENGTHS]
    expected = np.average(alone, axis=0, weights=WEIGHTS)
    np.testing.assert_allclose(image, expected, rtol=1e-6, atol=1e-8 * expected.max())
    assert image.run.wavelength == pytest.approx(1e-10 * np.average(WAVELENGTHS, weights=WEIGHTS), rel=1e-15)
    assert not image.run.quirks and not image.run.remarks
    # from a file, from the record of the image, and from the spectrum in it
    nbkernel.write_hdf5("a.h5", image)
    assert nbkernel.Experiment.from_toml("a.h5").spectrum == experiment.spectrum
    experiment.to_toml("a.toml")
    assert nbkernel.Experiment.from_toml("a.toml") == experiment
    Path("s.csv").write_text(TEXTS["diffBragg's .lam"])
    for path in ("s.csv", "a.h5"):
        same = nbkernel.simulate(replace(EXPERIMENT, spectrum=path), device="cpu")
        np.testing.assert_allclose(same, image, rtol=1e-6)


def test_each_direction_of_a_divergence_has_the_spectrum():
    spectrum = (WAVELENGTHS, [1.0, 0.0, 3.0])
    plan = prepare(replace(EXPERIMENT, spectrum=spectrum, hdivrange=2, hdivsteps=2, wavelength=1.01), 1).plan
    assert len(np.unique(plan.source_incident, axis=0)) == 2
    np.testing.assert_allclose(plan.source_lambda, 1e-10 * np.tile(WAVELENGTHS[[0, 2]], 2), rtol=1e-15)
    np.testing.assert_allclose(plan.source_weight, [0.5, 1.5, 0.5, 1.5])


def test_shots_of_a_series_have_their_own():
    for name, shift in (("a", 0.0), ("b", 0.1)):
        Path(f"{name}.csv").write_text("wavelength, weight\n" + lines(WAVELENGTHS + shift, "{:.17g},{:g}"))
    shots = {"series": {"images": 2}, "vary": {"spectrum": {"values": ["b.csv", "a.csv"]}}}
    with nbkernel.Series(shots, EXPERIMENT, device="cpu") as series:
        for number, name in enumerate("ba"):
            alone = nbkernel.simulate(replace(EXPERIMENT, spectrum=f"{name}.csv"), device="cpu")
            assert series.photons(number).tobytes() == alone.tobytes() and alone.any()
        series.run("out")
    with h5py.File("out/series_master.h5") as file:
        wavelengths = file["entry/instrument/beam/incident_wavelength"][:]
    mean = np.average(WAVELENGTHS, weights=WEIGHTS)
    np.testing.assert_allclose(wavelengths, [mean + 0.1, mean])


WRONG = {
    "": "s.txt is empty",
    "# only a heading\n": "has no numbers in it",
    "1.0 2\n1.1\n": "line 2 has 1 number; need two, an energy (eV) or a wavelength (Angstrom) and a weight",
    "1.0 2 3\n": "line 1 has 3 numbers; need two",
    "wavelength weight\n1.0 two\n": "line 2 is not made of numbers: 'two'",
    "a b\nc d\n1 2\n": "line 2 is not made of numbers",
    "1.0 2\n9500 1\n": "the first column ranges from 1 to 9500; a heading with the word energy or wavelength must say",
    "1.0 2\n1.1 -3\n": "entry 2 has a weight below 0; subtract the background",
    "1.0 2\n0 3\n": "has an energy or wavelength of 0; need numbers greater than 0",
    "1.0 nan\n": "entry 1 is not a pair of finite numbers",
    "1.0 0\n": "all weights are 0; need at least one above",
}


@pytest.mark.parametrize("text", WRONG)
def test_other_texts_are_errors_of_one_line(text):
    Path("s.txt").write_text(text)
    with pytest.raises(InputError) as error:
        nbkernel.simulate(replace(EXPERIMENT, spectrum="s.txt"))
    assert str(error.value).startswith("spectrum") and WRONG[text] in str(error.value) and "\n" not in str(error.value)


@pytest.mark.parametrize(
    "fields, message",
    [
        ({"incident_wavelength": (1.0, "angstrom")}, "has no spectrum: need incident_wavelength, or its variant, with weights"),
        ({"incident_wavelength": (WAVELENGTHS, "angstrom"), "incident_wavelength_weights": ([1.0, 2.0], "")}, "that do not fit the 3 values"),
        ({"incident_energy": ([0.0, 1.0], "eV"), "incident_energy_weights": ([1.0, 2.0], "")}, "that do not fit the 2 values"),
    ],
    ids=["none", "other weights", "no energy"],
)  # fmt: skip
def test_other_nxmx_files_are_errors_of_one_line(fields, message):
    write_nxmx("s.h5", **fields)
    run = simulate("-cell 50 60 70 -default_F 1 -N 3 --spectrum s.h5 -floatfile a.bin")
    assert run.status == 2 and len(run.errors) == 1 and message in run.errors[0]
    assert not Path("a.bin").exists()


@pytest.mark.parametrize(
    "fields, message",
    [
        (dict(spectrum=3), "spectrum: needs the path of a file, an array of n x 2"),
        (dict(spectrum=[[1.0, 1.0, 1.0]]), "spectrum: needs the path of a file, an array of n x 2"),
        (dict(spectrum=(WAVELENGTHS, WEIGHTS[:2])), "spectrum: needs as many weights as wavelengths, not an array of 3 and an array of 2"),
        (dict(spectrum=(WAVELENGTHS, -WEIGHTS)), "spectrum: entry 1 has a weight below 0"),
        (dict(spectrum="a.csv", sourcefile="a.src"), "spectrum: there is also sourcefile, which has wavelengths of its own"),
        (dict(spectrum="a.csv", dispersion=2.0), "spectrum: there is also dispersion, which has wavelengths of its own"),
    ],
)  # fmt: skip
def test_other_values_are_errors_of_one_line(fields, message):
    with pytest.raises(InputError) as error:
        nbkernel.Experiment(**fields)
    assert str(error.value).startswith(message)


def test_what_is_no_x_ray_is_a_warning():
    Path("s.txt").write_text("wavelength weight\n" + lines(HC / WAVELENGTHS))
    assert "has a wavelength of 12651.4 A, which is not one of X-rays; a heading with the word energy" in " ".join(
        prepare(replace(EXPERIMENT, spectrum="s.txt", wavelength=1.0), 1).remarks
    )


def test_flags_replace_it_in_a_configuration():
    Path("s.csv").write_text(lines(WAVELENGTHS))
    command = "-cell 50 60 70 -default_F 1 -N 3 -detpixels 8 -pixel 10 -oversample 1 -nopgm -nonoise -floatfile a.bin"
    assert simulate(f"{command} --spectrum s.csv --save-config a.toml").status == 0
    assert nbkernel.Experiment.from_toml("a.toml").spectrum.endswith("s.csv")
    run = simulate(f"{command} --config a.toml -dispersion 1 -dispsteps 2 --save-config b.toml")
    assert run.status == 0, run.err
    assert nbkernel.Experiment.from_toml("b.toml").spectrum is None
    assert simulate(f"{command} --spectrum s.csv -dispersion 1").errors[0].endswith("of its own; give one of them")
