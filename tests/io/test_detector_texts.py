"""Detectors in CrystFEL's .geom and in XDS.INP: corners by hand, what other files leave open, and one line for what is wrong."""

import gzip
import math
from pathlib import Path

import numpy as np
import pytest

from nbkernel.errors import InputError
from nbkernel.experiment.experiment import Experiment
from nbkernel.io.detector_files import read_detector_file
from nbkernel.setup.prepare import prepare_panels

from nxmx_files import FLAT, PANELS, corners, mcstas_rotation, write
from running import command, simulate

GEOM = """\
; made by hand
photon_energy = 9 keV
clen = 80 mm
adu_per_photon = 1
res = 10000.0
rigid_group_q0 = a,b
data = /entry/data/data
dim0 = %
unheard_of = 7
a/min_fs = 0
a/max_fs = 193
a/min_ss = 0 ; in the data
a/max_ss = 184
a/corner_x = -200.5
a/corner_y = 10
a/fs = +1.0x -0.0y
a/ss = -0.0x + y
badbeam/min_x = -10
res = 5000
coffset = 0.001
b/min_fs = 0
b/max_fs = 9
b/min_ss = 185
b/max_ss = 188
b/corner_x = 30
b/corner_y = -40
b/fs = 0.6x+0.8z
b/ss = y
"""
XDS = """\
! made by hand
 JOB= XYCORR
 DETECTOR= PILATUS MINIMUM_VALID_PIXEL_VALUE= 0 OVERLOAD= 100000
 NX= 100 NY= 80 QX= 0.2 QY=0.2  ! SEGMENT= 1 2 3 4
 ORGX= 50.5 ORGY= 40.5
 DETECTOR_DISTANCE= 150
 X-RAY_WAVELENGTH= 1.3
 INCIDENT_BEAM_DIRECTION= 0 0 0.77
 ROTATION_AXIS= 0 1 0
 SENSOR_THICKNESS= 0.32 SILICON= 4.0
 MINIMUM_NUMBER_OF_REFLECTIONS/SEGMENT= 25
"""
SEGMENTS = """\
SEGMENT= 1 40 1 80
SEGMENT= 41 100 1 80
 DIRECTION_OF_SEGMENT_X-AXIS= 0.6 0 0.8
 DIRECTION_OF_SEGMENT_Y-AXIS= 0 1 0
 SEGMENT_ORGX= 10 SEGMENT_ORGY= 0
 SEGMENT_DISTANCE= 5
"""


@pytest.fixture(autouse=True)
def folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    return tmp_path


def read(text, name="detector.txt"):
    Path(name).write_text(text)
    return read_detector_file(name)


def test_corners_of_a_geometry_file_by_hand():
    found = read(GEOM)
    a, b = found["panels"]
    assert (a.name, a.detpixels_f, a.detpixels_s, b.detpixels_f, b.detpixels_s) == ("a", 194, 185, 10, 4)
    np.testing.assert_allclose(a.pix0_vector, (-0.02005, 0.001, 0.08), rtol=0, atol=1e-15)
    # b: what stands above it counts, 5000 pixels per metre and 1 mm further away
    np.testing.assert_allclose(b.pix0_vector, (0.006, -0.008, 0.081), rtol=0, atol=1e-15)
    np.testing.assert_allclose((a.fdet_vector, a.sdet_vector), ((1, 0, 0), (0, 1, 0)), atol=1e-15)
    np.testing.assert_allclose((b.fdet_vector, b.sdet_vector), ((0.6, 0, 0.8), (0, 1, 0)), atol=1e-15)
    assert (a.pixel, b.pixel) == (pytest.approx(0.1), pytest.approx(0.2))
    assert found["wavelength"] == pytest.approx(12398.419843 / 9000)
    assert (found["beam_vector"], found["polar_vector"]) == ((0, 0, 1), (1, 0, 0))


def test_corners_of_segments_by_hand():
    found = read(XDS + SEGMENTS)
    one, two = found["panels"]
    # pixel (1, 1) is centred at (-49.5, -39.5) pixels from the origin; its corner half a pixel less
    np.testing.assert_allclose(one.pix0_vector, (-0.01, -0.008, 0.15), rtol=0, atol=1e-15)
    # from the detector's pixel (0, 0): (41 - 0.5 - 10) * 0.2 mm = 6.1 mm along (0.6, 0, 0.8), 0.1 mm along y, 5 mm along
    # (0.6, 0, 0.8) x (0, 1, 0) = (-0.8, 0, 0.6)
    corner = np.array([-10.1 + 6.1 * 0.6 - 4.0, -8.1 + 0.1, 150 + 6.1 * 0.8 + 3.0])
    np.testing.assert_allclose(two.pix0_vector, corner / 1000, rtol=0, atol=1e-15)
    np.testing.assert_allclose(two.fdet_vector, (0.6, 0, 0.8), atol=1e-15)
    assert (one.detpixels_f, two.detpixels_f, two.detpixels_s) == (40, 60, 80)
    assert (one.detector_thick, one.detector_abs) == (pytest.approx(320.0), pytest.approx(250.0))
    assert found["wavelength"] == 1.3 and found["spindle_axis"] == (0, 1, 0) and found["beam_vector"] == (0, 0, 1)
    assert np.abs(found["polar_vector"]).tolist() == [1, 0, 0]
    (whole,) = read(XDS)["panels"]
    assert (whole.detpixels_f, whole.detpixels_s, whole.pix0_vector) == (100, 80, one.pix0_vector)


@pytest.mark.parametrize("fields", [dict(FLAT, twotheta=5, detector_rotz=30), dict(panels=PANELS)], ids=["tilted", "panels"])
def test_a_geometry_file_that_was_exported_comes_back(fields):
    runs, _, _ = write("image.h5", fields)
    assert command("export", "image.h5", "--to", "crystfel")[0] == 0
    crystal = dict(cell=(50, 60, 70), default_F=100, Na=3, Nb=3, Nc=3, oversample=1)
    found = prepare_panels(Experiment(panels="image.geom", **crystal), 1)
    turn = mcstas_rotation(runs[0].detector)
    for own, run in zip(found, runs, strict=True):
        np.testing.assert_allclose(corners(own.detector), corners(run.detector) @ turn.T, rtol=0, atol=1e-12)
        assert own.wanted.shape == run.wanted.shape and own.wavelength == pytest.approx(run.wavelength)


@pytest.mark.parametrize("text", [GEOM, XDS], ids=["geom", "xds"])
def test_an_image_is_rendered_on_it(text):
    Path("detector").write_bytes(gzip.compress(text.encode()))
    arguments = "-cell 50 60 70 90 90 90 -default_F 100 -N 3 -oversample 1 -noprogress -nonoise -floatfile a.bin"
    run = simulate(arguments, "--panels", "detector")
    assert run.status == 0, run.err


@pytest.mark.parametrize(
    "value, metres",
    [("0.08 m", 0.08), ("0.08", 0.08), ("80.0 mm", 0.08), ("8 cm", 0.08)],
)
def test_units_of_lengths(value, metres):
    found = read(GEOM.replace("clen = 80 mm", f"clen = {value}"))
    assert found["panels"][0].pix0_vector[2] == pytest.approx(metres, rel=1e-12)
    moved = read(GEOM.replace("res = 10000.0", f"res = 10000.0\ndetector_shift_x = {value}"))
    assert moved["panels"][0].pix0_vector[0] == pytest.approx(metres - 0.02005, rel=1e-12)


def test_clen_may_stand_below_the_panels_and_the_wavelength_in_metres():
    found = read(
        GEOM.replace("clen = 80 mm\n", "").replace("photon_energy = 9 keV", "wavelength = 1.5e-10 m") + "clen = 0.1 m\n"
    )
    assert found["panels"][1].pix0_vector[2] == pytest.approx(0.101) and found["wavelength"] == pytest.approx(1.5)


def test_a_wavelength_in_headers_is_told(caplog):
    found = read(GEOM.replace("9 keV", "/LCLS/photon_energy_eV eV"))
    assert "wavelength" not in found
    assert "photon_energy = /LCLS/photon_energy_eV eV is in the headers of images" in caplog.text


@pytest.mark.parametrize(
    "text, change, message",
    [
        (GEOM, ("a/corner_x = -200.5", "a/corner_x = left"), "a/corner_x = left; need a number"),
        (GEOM, ("a/corner_x = -200.5\n", ""), "panel a has no corner_x; need a/corner_x = ..."),
        (GEOM, ("b/ss = y\n", ""), "panel b has no ss; need b/ss = ..."),
        (GEOM, ("clen = 80 mm\n", ""), "panel a has no clen; need clen = ..."),
        (GEOM, ("80 mm", "/LCLS/detector_1/EncoderValue"), "is in the headers of images; need a number such as 0.1 m"),
        (GEOM, ("80 mm", "80 miles"), "clen = 80 miles; need a number and one of m, cm, mm, um"),
        (GEOM, ("9 keV", "nine"), "photon_energy = nine; need a number"),
        (GEOM, ("9 keV", "-9 keV"), "need one greater than 0"),
        (GEOM, ("res = 10000.0", "res = -1"), "a/res = -1; need the number of pixels per metre"),
        (GEOM, ("a/fs = +1.0x -0.0y", "a/fs = 1.0q"), "a/fs = 1.0q; need a direction"),
        (GEOM, ("a/fs = +1.0x -0.0y", "a/fs = 0x"), "a/fs = 0x; need a direction"),
        (GEOM, ("b/ss = y", "b/ss = 2y"), "panel b has fs of length 1 and ss of 2; need square pixels"),
        (GEOM, ("a/max_fs = 193", "a/max_fs = -1"), "panel a has no pixels"),
        (GEOM, ("dim0 = %", "dim0"), "line 8 has no =; need KEY = VALUE"),
        (GEOM[: GEOM.index("a/min")], ("", ""), "has no panel"),
        (XDS, ("ORGX= 50.5 ", ""), "has no ORGX=; need it to place the detector"),
        (XDS, ("DETECTOR_DISTANCE= 150", "DETECTOR_DISTANCE= far"), "DETECTOR_DISTANCE= far; need a number"),
        (XDS, ("QY=0.2", "QY=0.3"), "QX= 0.2 and QY= 0.3; need square pixels"),
        (XDS, ("NX= 100", "NX= 0"), "NX= 0; need a number of pixels"),
        (XDS, ("X-RAY_WAVELENGTH= 1.3", "X-RAY_WAVELENGTH= 0"), "X-RAY_WAVELENGTH= 0; need a wavelength in Angstrom"),
        (XDS, ("0 0 0.77", "0 0 0"), "INCIDENT_BEAM_DIRECTION= 0 0 0 has no direction"),
        (XDS, ("0 0 0.77", "0 0"), "INCIDENT_BEAM_DIRECTION= 0 0; need 3 numbers"),
        (XDS + SEGMENTS, ("41 100 1 80", "41 40 1 80"), "SEGMENT= 41 40 1 80 has no pixels"),
        (
            XDS + SEGMENTS,
            ("AXIS= 0 1 0\n SEG", "AXIS= 0.6 0.8 0\n SEG"),
            "DIRECTION_OF_SEGMENT_Y-AXIS is not at a right angle",
        ),
    ],
)
def test_one_line_says_what_is_wrong(text, change, message, folder):
    assert change[0] in text
    Path("detector.txt").write_text(text.replace(*change) if change[0] else text)
    with pytest.raises(InputError) as error:
        read_detector_file("detector.txt")
    assert message in str(error.value) and str(error.value).startswith("--panels detector.txt: ")
    arguments = "-cell 50 60 70 90 90 90 -default_F 100 -N 3 -floatfile a.bin"
    run = simulate(arguments, "--panels", "detector.txt")
    assert run.status == 2 and len(run.errors) == 1 and sorted(path.name for path in folder.iterdir()) == ["detector.txt"]


def test_numbers_are_finite():
    with pytest.raises(InputError, match="need a number"):
        read(XDS.replace("150", "nan"))
    assert math.isfinite(read(XDS)["panels"][0].pixel)
