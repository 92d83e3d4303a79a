"""Files for XDS: nbkernel reads back the detector and the crystal, and programs that know XDS find them where DIALS has them."""

from dataclasses import replace

import h5py
import numpy as np
import pytest

from nbkernel.experiment.experiment import Experiment
from nbkernel.io.export.data_set import read_data_set
from nbkernel.io.export.xds import xds_files
from nbkernel.setup.prepare import prepare_panels

from dxtbx_python import ask
from nxmx_files import CRYSTAL, FLAT, PANELS, corners, mcstas_rotation, write
from running import command

TILTED = dict(FLAT, twotheta=7, detector_rotx=3, detector_rotz=-20, ORGX=4, ORGY=9)
ONE_PIXEL = (
    PANELS[0],
    replace(PANELS[1], sdet_vector=(0.0, 0.0, -1.0), pixel=0.2),
    replace(PANELS[2], sdet_vector=(0.3, 1.0, 0.0), pixel=0.2),
)
ONE_WIDTH = tuple(replace(panel, detpixels_f=31) for panel in ONE_PIXEL)
SWEEP = dict(phi=12.0, osc=0.5)
TO_XDS = np.diag([-1, -1, 1])
MASTER = "s_master.h5"


@pytest.fixture(autouse=True)
def folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    return tmp_path


def export(fields):
    runs, _, _ = write(MASTER, {**SWEEP, **fields})
    status, out, err = command("export", MASTER, "--to", "xds")
    assert (status, out[:2], err) == (0, ["XDS.INP", "XPARM.XDS"], []) and out[-1].strip() == "xds_par"
    return runs


def keywords(folder):
    """{keyword: its numbers or words}, without segments."""
    found = {}
    for line in (folder / "XDS.INP").read_text().partition("SEGMENT=")[0].splitlines():
        words = line.partition("!")[0].replace("=", "= ").split()
        for word in words:
            if word.endswith("="):
                name = word[:-1]
                found[name] = []
            else:
                found[name].append(word)
    return found


@pytest.mark.parametrize(
    "fields",
    [FLAT, TILTED, dict(TILTED, convention="adxv"), dict(panels=ONE_PIXEL)],
    ids=["flat", "tilted", "adxv", "panels"],
)
def test_the_detector_comes_back(fields):
    runs = export(fields)
    crystal = {name: value for name, value in CRYSTAL.items() if name not in ("cell", "misset")}
    found = prepare_panels(Experiment(panels="XDS.INP", mat="XPARM.XDS", oversample=1, phi=12.0, **crystal), 1)
    turn = TO_XDS @ mcstas_rotation(runs[0].detector)
    assert len(found) == len(runs)
    for own, run in zip(found, runs, strict=True):
        np.testing.assert_allclose(corners(own.detector), corners(run.detector) @ turn.T, rtol=0, atol=1e-9)
        assert own.wanted.shape == run.wanted.shape and own.detector.pixel_size == pytest.approx(run.detector.pixel_size)
        for vector in ("beam_vector", "spindle_vector"):
            np.testing.assert_allclose(
                getattr(own.detector, vector), turn @ getattr(run.detector, vector), rtol=0, atol=1e-8
            )
        axes, expected = (np.array([each.crystal.a, each.crystal.b, each.crystal.c]) for each in (own, run))
        np.testing.assert_allclose(1e10 * axes, 1e10 * expected @ turn.T, rtol=0, atol=2e-4)
        assert own.wavelength == pytest.approx(1.2e-10)


def test_the_default_detector_has_the_numbers_of_a_text_book(folder):
    """31 x 23 pixels of 0.2 mm at 150 mm, the beam through the centre."""
    export(dict(FLAT, polarization=0.9, convention="xds"))
    found = keywords(folder)
    assert [float(found[name][0]) for name in ("ORGX", "ORGY", "DETECTOR_DISTANCE")] == pytest.approx([16.0, 12.0, 150.0])
    for name, axis in (
        ("DIRECTION_OF_DETECTOR_X-AXIS", (1, 0, 0)), ("DIRECTION_OF_DETECTOR_Y-AXIS", (0, 1, 0)), ("ROTATION_AXIS", (1, 0, 0)),
        ("INCIDENT_BEAM_DIRECTION", (0, 0, 1)), ("POLARIZATION_PLANE_NORMAL", (0, 1, 0)),
    ):  # fmt: skip
        np.testing.assert_allclose([float(word) for word in found[name]], axis, atol=1e-9)
    assert found["NAME_TEMPLATE_OF_DATA_FRAMES"] == ["s_??????.h5"] and found["DATA_RANGE"] == ["1", "1"]
    assert (found["STARTING_ANGLE"], found["OSCILLATION_RANGE"]) == (["12"], ["0.5"])
    assert found["FRACTION_OF_POLARIZATION"] == ["0.95"] and found["OVERLOAD"] == ["65534"]


def test_a_rotation_backwards_is_one_about_the_opposite_axis(folder):
    write(MASTER)
    (folder / "XDS.INP").write_text(xds_files(read_data_set("x", MASTER)._replace(scan=(12.0, -0.5)), MASTER)["XDS.INP"])
    found = keywords(folder)
    assert (found["STARTING_ANGLE"], found["OSCILLATION_RANGE"]) == (["-12"], ["0.5"])
    np.testing.assert_allclose([float(word) for word in found["ROTATION_AXIS"]], (-1, 0, 0), atol=1e-9)


def test_gaps_beside_narrower_panels_are_not_trusted(folder):
    runs = export(dict(panels=ONE_PIXEL))
    with h5py.File(MASTER) as file:
        masked = file["entry/instrument/detector/pixel_mask"][:] != 0
    gaps = np.zeros_like(masked)
    slow, fast = np.ogrid[1 : masked.shape[0] + 1, 1 : masked.shape[1] + 1]
    for line in (folder / "XDS.INP").read_text().splitlines():
        if line.startswith("UNTRUSTED_RECTANGLE="):
            x1, x2, y1, y2 = map(int, line.split("=")[1].split())
            gaps |= (fast > x1) & (fast < x2) & (slow > y1) & (slow < y2)
    assert len(runs) == 3 and gaps.any() and (gaps == masked).all()


def test_what_xds_cannot_process_is_refused(folder):
    write(MASTER, dict(FLAT, **SWEEP))
    (folder / MASTER).rename("sweep.h5")
    write("still_master.h5", FLAT)
    write("photons_master.h5", dict(FLAT, **SWEEP), counts=False)
    write("sizes_master.h5", dict(panels=PANELS, **SWEEP))
    write("skew_master.h5", dict(panels=(PANELS[0], replace(PANELS[1], pixel=0.2)), **SWEEP))
    before = sorted(path.name for path in folder.iterdir())
    for path, message in (
        ("sweep.h5", "names that end in _master.h5; rename sweep.h5"),
        ("still_master.h5", "has stills; XDS needs a rotation"),
        ("photons_master.h5", "has photons without noise"),
        ("sizes_master.h5", "panels with pixels of 0.2 and 0.1 mm"),
        ("skew_master.h5", "panel 1 of skew_master.h5 has axes that are not at a right angle"),
    ):
        status, out, err = command("export", path, "--to", "xds")
        assert status == 2 and out == [] and len(err) == 1 and message in err[0], err
        assert err[0].startswith("nbkernel: --to xds: ")
        assert sorted(each.name for each in folder.iterdir()) == before
    empty = read_data_set("x", "still_master.h5")._replace(scan=(0.0, 1.0), crystals=((),))
    assert list(xds_files(empty, "still_master.h5")) == ["XDS.INP"]


# angles and lengths that do not depend on the frame, from XDS.INP and XPARM.XDS, and from what DIALS imports
GEOMETRY = """
import json, sys
import numpy as np
from dxtbx.model.experiment_list import ExperimentListFactory
from iotbx.xds import xds_inp, xparm

(theirs,) = ExperimentListFactory.from_filenames([sys.argv[1]])
own, crystal = xds_inp.reader(), xparm.reader()
own.read_file("XDS.INP")
crystal.read_file("XPARM.XDS")
X, Y = (np.array(vector) for vector in (own.direction_of_detector_x_axis, own.direction_of_detector_y_axis))
frame, pixel = np.array([X, Y, np.cross(X, Y)]), own.px
segments = [(own.segment[i], own.direction_of_segment_x_axis[i], own.direction_of_segment_y_axis[i], own.segment_orgx[i],
             own.segment_orgy[i], own.segment_distance[i]) for i in range(own.num_segments)]
segments = segments or [((1, own.nx, 1, own.ny), (1, 0, 0), (0, 1, 0), 0, 0, 0)]

def place(segment, f, s):
    (x1, _, y1, _), x, y, orgx, orgy, distance = segment
    x, y = np.array(x), np.array(y)
    inner = (x1 + f - 0.5 - orgx) * pixel * x + (y1 + s - 0.5 - orgy) * pixel * y + distance * np.cross(x, y)
    return (inner - (own.orgx * pixel, own.orgy * pixel, -own.detector_distance)) @ frame

ours, other = [], []
for segment, panel in zip(segments, theirs.detector):
    for f, s in ((0, 0), (7, 3), panel.get_image_size()):
        ours.append(place(segment, f, s))
        other.append(panel.get_pixel_lab_coord((f, s)))
assert len(segments) == len(theirs.detector)
# the spindle, and the beam of length 100, as two more points
ours += [100 * np.array(own.rotation_axis), 100 * np.array(own.incident_beam_direction)]
other += [100 * np.array(theirs.goniometer.get_rotation_axis()), -100 * np.array(theirs.beam.get_sample_to_source_direction())]
ours, other = np.array(ours), np.array(other)
print(json.dumps(dict(
    largest=float(abs(ours @ ours.T - other @ other.T).max()), hand=float(np.linalg.det(ours[:3]) * np.linalg.det(other[:3])),
    scan=[own.starting_angle, own.oscillation_range], theirs=theirs.scan.get_oscillation(),
    a=crystal.unit_cell_a_axis, segments=crystal.num_segments,
)))
"""


@pytest.mark.slow
@pytest.mark.parametrize("fields", [TILTED, dict(panels=ONE_WIDTH)], ids=["tilted", "panels"])
def test_readers_of_xds_find_what_dials_imports(fields):
    export(fields)
    found = ask(GEOMETRY, MASTER)
    assert found["largest"] < 1e-3 and found["hand"] > 0  # mm^2, of vectors of 150 mm
    assert found["scan"] == found["theirs"] == [12.0, 0.5]
    assert np.linalg.norm(found["a"]) == pytest.approx(50.0, rel=1e-6)
