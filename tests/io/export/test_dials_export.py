"""Experiments for DIALS: nbkernel reads back what it simulated, and DIALS sees what it would import, with the crystals."""

import json
from dataclasses import replace
from pathlib import Path

import h5py
import numpy as np
import pytest

import nbkernel
from nbkernel.setup.prepare import prepare_panels

from api_runs import SPEC, write_spec
from dxtbx_python import ask
from nxmx_files import FLAT, PANELS, corners, mcstas_rotation, write
from running import command

SAME_WIDTH = (
    PANELS[0],
    replace(PANELS[1], detpixels_f=31, sdet_vector=(0.0, 0.0, -1.0)),
    replace(PANELS[2], detpixels_f=31, sdet_vector=(0.3, 1.0, 0.0)),
)
TILTED = dict(FLAT, twotheta=7, detector_rotx=3, detector_rotz=-20, ORGX=4, ORGY=9)
LATTICES = dict(
    orientation='"uniform"', wavelength="{ normal = [1.0, 0.01] }", cell_scale="{ normal = [1.0, 0.002] }",
    crystals="{ values = [0, 1, 2, 1, 1] }",
)  # fmt: skip
TO_DXTBX = np.diag([-1, 1, -1])


@pytest.fixture(autouse=True)
def folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    return tmp_path


def series(**vary):
    text = SPEC.replace("detpixels_f = 24\ndetpixels_s = 18", "detsize_f = 200\ndetsize_s = 190\ntwotheta = 10")
    if not vary:
        text += 'kind = "rotation"\nstart = 10.0\nwidth = 2.0\nsteps = 3\n'
    write_spec("spec.toml", text, **vary or {"fluence": "{ values = [1e28, 1e28, 2e28, 1e28, 1e28] }"})
    assert command("series", "spec.toml", "--output", "out", "--device", "cpu")[0] == 0
    status, out, err = command("export", "out/spec_master.h5", "--to", "dials")
    assert (status, out[:2], err) == (0, ["out/spec.expt", "out/spec_imported.expt"], [])


@pytest.mark.parametrize("fields", [FLAT, TILTED, dict(panels=SAME_WIDTH)], ids=["flat", "tilted", "panels"])
def test_an_image_s_geometry_comes_back(fields, folder):
    runs, _, _ = write("image.h5", dict(fields, polarization=0.3))
    assert command("export", "image.h5", "--to", "dials")[0] == 0
    found = nbkernel.Experiment.from_dials("image.expt", default_F=100, Na=3, Nb=3, Nc=3, oversample=1)
    turn = TO_DXTBX @ mcstas_rotation(runs[0].detector)
    for run, own in zip(runs, prepare_panels(found, 1), strict=True):
        np.testing.assert_allclose(corners(own.detector), corners(run.detector) @ turn.T, rtol=0, atol=1e-12)
        for vector in ("beam_vector", "polar_vector", "spindle_vector"):
            expected = turn @ getattr(run.detector, vector)
            if vector == "polar_vector":
                # its component along the beam does not count
                beam = turn @ run.detector.beam_vector
                expected -= beam * (beam @ expected)
                expected /= np.linalg.norm(expected)
            np.testing.assert_allclose(np.abs(getattr(own.detector, vector)), np.abs(expected), rtol=0, atol=1e-9)
        axes, expected = ([each.crystal.a, each.crystal.b, each.crystal.c] for each in (own, run))
        np.testing.assert_allclose(axes, np.array(expected) @ turn.T, rtol=1e-9, atol=1e-18)
        if run.plan.detector_mu:
            np.testing.assert_allclose(own.plan.detector_mu, run.plan.detector_mu, rtol=1e-9)
            np.testing.assert_allclose(own.plan.detector_thick, run.plan.detector_thick, rtol=1e-9)
        else:
            assert own.plan.detector_thick == 0.0
    assert (found.wavelength, found.polarization) == (1.2, pytest.approx(0.3))


def test_the_image_of_an_exported_rotation_is_the_same():
    series()
    found = nbkernel.Experiment.from_dials(
        "out/spec.expt",
        default_F=100,
        Na=3,
        Nb=3,
        Nc=3,
        oversample=1,
        phisteps=3,
        fluence=1e28,
        dump=None,
        fix="all",
    )
    (image,) = nbkernel.simulate(found, device="cpu")
    with nbkernel.Series("spec.toml", device="cpu") as own:
        expected = own.photons(0)
    np.testing.assert_allclose(image, expected, rtol=1e-3, atol=1e-3 * expected.max())
    scan = json.loads(Path("out/spec.expt").read_text())["scan"][0]
    assert (scan["image_range"], scan["oscillation"]) == ([1, 5], [10.0, 2.0])


def test_each_lattice_of_each_still_is_an_experiment():
    series(**LATTICES)
    content = json.loads(Path("out/spec.expt").read_text())
    frames = [content["imageset"][use["imageset"]]["single_file_indices"] for use in content["experiment"]]
    assert frames == [[0], [1], [2], [2], [3], [4]]
    assert ["crystal" in use for use in content["experiment"]] == [False, *[True] * 5]
    assert len({use["identifier"] for use in content["experiment"]}) == 6
    with h5py.File("out/spec_master.h5") as file:
        UB, wavelengths = file["entry/truth/crystals/ub_matrix"][:], file["entry/truth/wavelength"][:]
    for number, use in enumerate(content["experiment"][1:]):
        own = content["crystal"][use["crystal"]]
        A = TO_DXTBX @ UB[number]
        np.testing.assert_allclose([own[f"real_space_{axis}"] for axis in "abc"] @ A, np.eye(3), atol=1e-12)
        frame = frames[number + 1][0]
        assert content["beam"][use["beam"]]["wavelength"] == pytest.approx(wavelengths[frame], rel=1e-12)
    imported = json.loads(Path("out/spec_imported.expt").read_text())
    assert imported["crystal"] == [] and [use["imageset"] for use in imported["experiment"]] == [0, 1, 2, 3, 4]
    before = Path("out/spec.expt").read_text()
    assert command("export", "out/spec_master.h5", "--to", "dials")[0] == 0
    assert Path("out/spec.expt").read_text() == before


def test_what_dials_cannot_read_is_refused(folder):
    write("image.h5", dict(panels=PANELS))
    status, out, err = command("export", "image.h5", "--to", "dials")
    assert status == 2 and out == [] and "has panels of 3 widths" in err[0] and len(err) == 1
    write("image.h5", dict(panels=(PANELS[1],)))
    status, out, err = command("export", "image.h5", "--to", "dials")
    assert status == 2 and out == [] and "panel 0 (B) of image.h5 has fast and slow axes that are not" in err[0]
    assert [path.name for path in folder.iterdir()] == ["image.h5"]


def test_a_data_file_is_not_a_master():
    series()
    status, _, err = command("export", "out/spec_000001.h5", "--to", "dials")
    assert status == 2 and "out/spec_000001.h5 is a data file of a series; give its master file" in err[0]


IMPORT = """
import json, sys
import numpy as np
from dxtbx.model.experiment_list import ExperimentList, ExperimentListFactory

master, path = sys.argv[1:]
own, differences = ExperimentList.from_file(path), []
for theirs in ExperimentListFactory.from_filenames([master]):
    index = theirs.imageset.indices()[0]
    found = next(each for each in own if each.imageset.indices()[0] == index)
    for one, other in zip(theirs.detector, found.detector):
        for name in ("get_origin", "get_fast_axis", "get_slow_axis", "get_image_size", "get_pixel_size", "get_trusted_range"):
            differences.append(np.abs(np.subtract(getattr(one, name)(), getattr(other, name)())).max())
        assert one.get_raw_image_offset() == other.get_raw_image_offset()
    assert len(theirs.detector) == len(found.detector)
    for name in ("get_sample_to_source_direction", "get_wavelength", "get_polarization_normal"):
        differences.append(np.abs(np.subtract(getattr(theirs.beam, name)(), getattr(found.beam, name)())).max())
    assert (theirs.goniometer is None) == (found.goniometer is None)
    if theirs.scan is not None:
        assert theirs.scan == found.scan and theirs.goniometer == found.goniometer and len(found.imageset) == len(theirs.scan)
    for one, other in zip(theirs.imageset.get_raw_data(0), found.imageset.get_raw_data(0)):
        assert (one.as_numpy_array() == other.as_numpy_array()).all()
print(json.dumps(dict(largest=float(max(differences)), fraction=own[0].beam.get_polarization_fraction(), count=len(own))))
"""
# indices of the brightest pixel of the first image with one lattice, and the factor for absorption there
BRIGHTEST = """
import json, math, sys
import numpy as np
from dials.algorithms.integration import Corrections
from dxtbx.model.experiment_list import ExperimentList
from scitbx import matrix

own = ExperimentList.from_file(sys.argv[1])[int(sys.argv[2])]
(pixels,) = [panel.as_numpy_array() for panel in own.imageset.get_raw_data(0)]
slow, fast = np.unravel_index(np.argmax(pixels), pixels.shape)
place = matrix.col(own.detector[0].get_pixel_lab_coord((fast + 0.5, slow + 0.5)))
q = place.normalize() / own.beam.get_wavelength() - matrix.col(own.beam.get_s0())
if own.scan is not None:
    start, width = own.scan.get_oscillation()
    q = q.rotate_around_origin(matrix.col(own.goniometer.get_rotation_axis()), -math.radians(start + width / 2))
corrections = Corrections(own.beam, own.goniometer or __import__("dxtbx").model.Goniometer((1, 0, 0)), own.detector)
hkl = matrix.sqr(own.crystal.get_A()).inverse() * q
print(json.dumps(dict(hkl=list(hkl), absorbed=corrections.qe(place, 0), cell=own.crystal.get_unit_cell().parameters())))
"""


@pytest.mark.slow
@pytest.mark.parametrize("vary, number", [({}, 0), (LATTICES, 1)], ids=["rotation", "stills"])
def test_dials_sees_what_it_would_import_and_the_crystals(vary, number):
    series(**vary)
    for name, count in (("spec", 6 if vary else 1), ("spec_imported", 5 if vary else 1)):
        found = ask(IMPORT, "out/spec_master.h5", f"out/{name}.expt")
        assert found["largest"] < 1e-9 and found["fraction"] == 0.5 and found["count"] == count
    found = ask(BRIGHTEST, "out/spec.expt", str(number))
    hkl = np.array(found["hkl"])
    assert np.abs(hkl - np.round(hkl)).max() < 0.2 and np.abs(hkl).max() > 1
    assert found["absorbed"] == pytest.approx(1.0)
    if not vary:
        np.testing.assert_allclose(found["cell"], (50, 60, 70, 90, 90, 90), rtol=1e-9)


@pytest.mark.slow
@pytest.mark.parametrize("fields", [TILTED, dict(panels=SAME_WIDTH)], ids=["tilted", "panels"])
def test_dials_sees_an_image_as_it_would_import_it(fields):
    write("image.h5", fields)
    assert command("export", "image.h5", "--to", "dials")[0] == 0
    assert ask(IMPORT, "image.h5", "image.expt")["largest"] < 1e-9
