"""Detectors from dxtbx's JSON: their geometry checked by vector arithmetic, and one clear line for what cannot be read."""

import copy
import json
import math
import time
from pathlib import Path

import numpy as np
import pytest

from nbkernel.engine.render import render
from nbkernel.errors import InputError
from nbkernel.experiment.experiment import Experiment
from nbkernel.geometry.detector import frame_of, place_detector
from nbkernel.geometry.panels import place_panel
from nbkernel.io.detector_files import read_detector_file
from nbkernel.io.dxtbx.detector import read_dxtbx_detector
from nbkernel.setup.prepare import prepare_panels

PANEL = {
    "name": "Panel",
    "type": "SENSOR_PAD",
    "fast_axis": [1.0, 0.0, 0.0],
    "slow_axis": [0.0, -1.0, 0.0],
    "origin": [-15.5, 16.25, -265.0],
    "image_size": [40, 32],
    "pixel_size": [0.075, 0.075],
    "trusted_range": [0.0, 65535.0],
    "thickness": 0.45,
    "material": "Si",
    "mu": 4.0,
    "px_mm_strategy": {"type": "ParallaxCorrectedPxMmStrategy"},
}
BEAM = {
    "__id__": "monochromatic",
    "direction": [0.0, 0.0, 1.0],
    "wavelength": 0.9795,
    "polarization_normal": [0.0, 1.0, 0.0],
    "polarization_fraction": 0.999,
}


def panel(**keys):
    return {**PANEL, **keys}


def experiment_list(detector=None, **models):
    """An ExperimentList of one experiment with a detector (a dict) and other models, as dxtbx writes it."""
    models = {"beam": BEAM, "detector": detector or {"panels": [PANEL]}} | models
    return {
        "__id__": "ExperimentList",
        "experiment": [{"__id__": "Experiment", "identifier": "", "imageset": 0, **dict.fromkeys(models, 0), "scan": None}],
        "imageset": [{"__id__": "ImageSet", "images": ["/data/image.cbf"], "params": {}}],
        **{kind: [value] for kind, value in models.items()},
    }


@pytest.fixture(autouse=True)
def folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)


def read(document):
    Path("models.expt").write_text(document if isinstance(document, str) else json.dumps(document, indent=2))
    return read_detector_file("models.expt")


def lab_point(panel, fast, slow):
    """Laboratory position (m) of a point on a panel (pixels), from the panel's three vectors."""
    vectors = (np.array(vector) for vector in (panel.pix0_vector, panel.fdet_vector, panel.sdet_vector))
    pix0, fdet, sdet = vectors
    return pix0 + panel.pixel / 1000.0 * (fast * fdet + slow * sdet)


def test_units_of_a_single_panel():
    fields = read(experiment_list())
    (found,) = fields["panels"]
    assert fields["convention"] == "custom" and fields["wavelength"] == 0.9795
    assert fields["beam_vector"] == (0.0, 0.0, -1.0)
    # horizontal, as at a synchrotron
    assert [abs(x) for x in fields["polar_vector"]] == [1.0, 0.0, 0.0]
    np.testing.assert_allclose(found.pix0_vector, (-0.0155, 0.01625, -0.265), rtol=1e-15)
    assert (found.fdet_vector, found.sdet_vector) == ((1.0, 0.0, 0.0), (0.0, -1.0, 0.0))
    assert (found.detpixels_f, found.detpixels_s, found.pixel) == (40, 32, 0.075)
    assert (found.detector_thick, found.detector_abs) == (450.0, 250.0)
    assert (found.name, found.material, found.detector_thicksteps) == ("Panel", "Si", None)
    # the far corner of the last pixel
    np.testing.assert_allclose(lab_point(found, 40, 32), (-0.0125, 0.01385, -0.265), rtol=1e-12)


def test_a_flat_detector_agrees_with_the_dials_convention():
    """DetectorFactory.simple's layout is that of the DIALS convention after half a turn about x: there the beam is along
    +z, the slow axis along +y."""
    (found,) = read(experiment_list())["panels"]
    frame = frame_of((0.0, 0.0, -1.0), (1.0, 0.0, 0.0), (0.0, 0.0, 1.0))
    placed = place_panel(found, 0, frame)
    plain = place_detector(
        Experiment(
            convention="dials",
            detpixels_f=40,
            detpixels_s=32,
            pixel=0.075,
            distance=265.0,
            ORGX=15.5 / 0.075 + 0.5,
            ORGY=16.25 / 0.075 + 0.5,
        )
    )
    half_turn = np.diag((1.0, -1.0, -1.0))
    for name in ("fdet_vector", "sdet_vector", "odet_vector", "pix0_vector", "beam_vector"):
        np.testing.assert_allclose(half_turn @ getattr(placed, name), getattr(plain, name), atol=1e-15, err_msg=name)
    for name in ("distance", "close_distance", "Fbeam", "Sbeam", "Fclose", "Sclose", "ORGX", "ORGY"):
        assert getattr(placed, name) == pytest.approx(getattr(plain, name), rel=1e-12), name


def turn(axis, degrees):
    """Rotation matrix by Rodrigues' formula."""
    x, y, z = np.array(axis) / np.linalg.norm(axis)
    K = np.array([[0, -z, y], [z, 0, -x], [-y, x, 0]])
    angle = math.radians(degrees)
    return np.eye(3) + math.sin(angle) * K + (1 - math.cos(angle)) * K @ K


def frame(matrix, origin):
    """A dxtbx frame whose axes are the first two columns of a rotation matrix, one of them not of unit length."""
    return {"fast_axis": (2.0 * matrix[:, 0]).tolist(), "slow_axis": matrix[:, 1].tolist(), "origin": list(origin)}


def test_a_hierarchy_of_two_levels_with_rotations():
    """Each frame is relative to the one above: R0 (R1 (R2 x + t2) + t1) + t0."""
    (R0, t0), (R1, t1) = (turn((1, 2, 3), 20.0), (1.0, -2.0, -150.0)), (turn((0, 1, -1), -35.0), (12.0, 8.0, 3.0))
    leaves = [(turn((1, 0, 0.2), 10.0 * n + 5.0), (n, 2.0 * n, -0.5)) for n in range(3)]
    groups = {
        "name": "root", **frame(R0, t0),
        "children": [
            {"panel": 2},
            {"name": "group", **frame(R1, t1), "children": [{"panel": 1}, {"panel": 0}]},
        ],
    }  # fmt: skip
    panels = [panel(name=f"p{n}", **frame(*leaf)) for n, leaf in enumerate(leaves)]
    fields = read(experiment_list({"panels": panels, "hierarchy": groups}))
    assert [found.name for found in fields["panels"]] == ["p0", "p1", "p2"]
    for number, (found, (R2, t2)) in enumerate(zip(fields["panels"], leaves, strict=True)):
        for fast, slow in ((0, 0), (40, 0), (0, 32), (40, 32)):
            point = R2 @ (0.075 * fast, 0.075 * slow, 0.0) + t2
            if number != 2:
                point = R1 @ point + t1
            expected = (R0 @ point + t0) / 1000.0
            np.testing.assert_allclose(lab_point(found, fast, slow), expected, rtol=0, atol=1e-14)


def test_a_hierarchy_by_hand():
    """A quarter turn about z, then a shift; the numbers are worked out by hand."""
    quarter = {"fast_axis": [0, 1, 0], "slow_axis": [-1, 0, 0], "origin": [0, 0, -100]}
    fields = read({"panels": [panel(origin=[10, 20, 0])], "hierarchy": {**quarter, "children": [{"panel": 0}]}})
    (found,) = fields["panels"]
    assert found.pix0_vector == (-0.02, 0.01, -0.1)
    assert found.fdet_vector == (0.0, 1.0, 0.0)
    # the local slow axis is -y, which the rotation takes to +x
    assert found.sdet_vector == (1.0, 0.0, 0.0)


def test_groups_without_a_frame_have_the_laboratory_frame():
    hierarchy = {"name": "", "children": [{"children": [{"panel": 0}]}]}
    assert read(experiment_list({"panels": [PANEL], "hierarchy": hierarchy})) == read(experiment_list())


DATABLOCK = [
    {
        "__id__": "DataBlock",
        "imageset": [{"__id__": "ImageSweep", "template": "a_####.cbf", "beam": 0, "detector": 0, "goniometer": None}],
        "beam": [BEAM],
        "detector": [{"panels": [PANEL]}],
    }
]
STILLS = [DATABLOCK[0] | {"imageset": [{"__id__": "ImageSet", "images": [{"filename": "a", "detector": 0, "beam": 0}] * 3}]}]
SWEEP = {"__id__": "sweep", "beam": BEAM, "detector": [PANEL], "goniometer": {"rotation_axis": [1, 0, 0]}}
MODELS_ONLY = {"detector": [{"panels": [PANEL]}], "beam": [BEAM]}


@pytest.mark.parametrize(
    "document", (DATABLOCK, STILLS, SWEEP, MODELS_ONLY), ids=("datablock", "stills", "sweep", "models without experiment")
)
def test_older_and_other_files_of_dxtbx(document):
    assert read(document) == read(experiment_list())


@pytest.mark.parametrize(
    "document", ({"panels": [PANEL]}, [{"panels": [PANEL]}], [PANEL], PANEL, [[PANEL]]),
    ids=("detector", "list of detectors", "list of panels", "panel", "list of lists"),
)  # fmt: skip
def test_a_detector_alone_is_in_the_frame_of_dxtbx(document):
    """The beam comes from +z; its electric field and the spindle are along x."""
    fields = read(document)
    expected = read(experiment_list())
    assert expected.pop("wavelength") == 0.9795
    assert fields == expected


def test_byte_order_mark_and_blanks_before_the_json():
    assert read("\ufeff \n" + json.dumps(experiment_list())) == read(experiment_list())


def test_the_experiment_selects_its_models():
    """Number 1 of each kind; the unused detector is ignored."""
    document = experiment_list()
    document["detector"] = [{"panels": [panel(origin=[0, 0, 1])]}, {"panels": [PANEL]}]
    document["beam"] = [BEAM | {"wavelength": 5.0}, BEAM]
    document["experiment"][0].update(detector=1, beam=1)
    assert read(document) == read(experiment_list())


def test_equal_detectors_of_several_experiments_are_one():
    document = experiment_list()
    document["detector"] = [{"panels": [PANEL]}, {"panels": [PANEL | {"gain": 2.0}]}]
    document["experiment"] = [{"detector": n % 2, "beam": 0} for n in range(4)]
    assert read(document) == read(experiment_list())


@pytest.mark.parametrize(
    "keys, thick, depth",
    (
        (dict(thickness=0.0, mu=0.0), 0.0, None),
        (dict(thickness=0.0, mu=4.0), 0.0, None),
        (dict(thickness=0.32, mu=0.0), 320.0, None),
        (dict(thickness=0.32, mu=None), 320.0, None),
        (dict(thickness=None, mu=None), 0.0, None),
        (dict(thickness=0.5, mu=2.5), 500.0, 400.0),
        (dict(px_mm_strategy={"type": "ParallaxCorrectedPxMmStrategy", "t0": 0.2, "mu": 5.0}), 200.0, 200.0),
    ),
)
def test_sensors(keys, thick, depth):
    (found,) = read([panel(**keys)])["panels"]
    assert found.detector_thick == pytest.approx(thick, rel=1e-15)
    assert found.detector_abs == (None if depth is None else pytest.approx(depth, rel=1e-15))


def test_beams_of_any_direction():
    """The beam is opposite to the direction; its electric field is perpendicular to it and to the polarization normal."""
    direction, normal = np.array((-0.3, 0.1, 2.0)), np.array((0.2, 1.0, -0.1))
    fields = read(experiment_list(beam=BEAM | {"direction": direction.tolist(), "polarization_normal": normal.tolist()}))
    beam, polar = np.array(fields["beam_vector"]), np.array(fields["polar_vector"])
    np.testing.assert_allclose(beam, -direction / np.linalg.norm(direction), rtol=1e-15)
    assert np.linalg.norm(polar) == pytest.approx(1.0, rel=1e-15)
    assert abs(polar @ beam) < 1e-15 and abs(polar @ normal) < 1e-15


@pytest.mark.parametrize(
    "beam", ({"__id__": "polychromatic", "wavelength_range": [0.9, 1.1]}, {"__id__": "xfel", "wavelengths": [1.0, 1.1]})
)
def test_beams_without_a_single_wavelength_leave_it_out(beam):
    fields = read(experiment_list(beam={"direction": [0, 0, 1], **beam}))
    assert "wavelength" not in fields and fields["beam_vector"] == (0.0, 0.0, -1.0)


def test_a_polarised_run_against_a_closed_form():
    """One cell of constant F, full polarisation: r_e^2 fluence F^2 (1 - (E d)^2) times the pixel's solid angle, with E
    along x, perpendicular to the beam and the polarization normal."""
    size = dict(image_size=[6, 4], pixel_size=[4.0, 4.0], thickness=0.0)
    detector = {"panels": [panel(origin=[-20, 60, -50], **size), panel(origin=[25, -10, -70], **size)]}
    fields = read(experiment_list(detector))
    F, fluence = 100.0, 1e28
    crystal = dict(cell=(50.0, 60.0, 70.0, 90.0, 90.0, 90.0), default_F=F, fluence=fluence, oversample=1)
    experiment = Experiment(**crystal, **fields, polarization=1.0)
    for prepared, found in zip(prepare_panels(experiment, 1), fields["panels"], strict=True):
        image, _, _ = render(prepared, "exact", 1)
        fast, slow = np.meshgrid(np.arange(6) + 0.5, np.arange(4) + 0.5)
        points = np.stack([lab_point(found, f, s) for f, s in zip(fast.ravel(), slow.ravel(), strict=True)])
        r = np.linalg.norm(points, axis=1)
        solid_angle = 0.004**2 * abs(points[0, 2]) / r**3
        expected = 7.94079248018965e-30 * fluence * F**2 * (1 - (points[:, 0] / r) ** 2) * solid_angle
        np.testing.assert_allclose(image.ravel(), expected, rtol=1e-6)


@pytest.mark.parametrize("scanned", (0, 1, 2))
def test_the_scanned_axis_of_a_goniometer_with_several(scanned):
    """Axes run from the crystal to the base: those after the scanned axis rotate it, those before do not."""
    axes, angles = [(1.0, 0.0, 0.0), (0.6, 0.0, 0.8), (1.0, 0.1, 0.0)], [30.0, 40.0, -25.0]
    goniometer = {"axes": axes, "angles": angles, "names": ["PHI", "KAPPA", "OMEGA"], "scan_axis": scanned}
    expected = np.array(axes[scanned])
    for n in range(scanned + 1, 3):
        expected = turn(axes[n], angles[n]) @ expected
    found = read(experiment_list(goniometer=goniometer))["spindle_axis"]
    np.testing.assert_allclose(found, expected / np.linalg.norm(expected), atol=1e-15)


def test_the_setting_rotates_the_axis_of_a_simple_goniometer():
    setting = turn((0, 0, 1), 90.0)
    goniometer = {"rotation_axis": [-2, 0, 0], "fixed_rotation": turn((1, 1, 0), 30.0).ravel().tolist()}
    assert read(experiment_list(goniometer=goniometer))["spindle_axis"] == (-1.0, 0.0, 0.0)
    goniometer["setting_rotation"] = setting.ravel().tolist()
    np.testing.assert_allclose(read(experiment_list(goniometer=goniometer))["spindle_axis"], (0, -1, 0), atol=1e-15)


# what cannot be read


def changed(*path, value):
    """The ExperimentList with one value replaced, or removed if `value` is None."""
    detector = {"panels": [copy.deepcopy(PANEL)], "hierarchy": {"children": [{"panel": 0}]}}
    goniometer = {"axes": [[1, 0, 0], [0, 1, 0]], "angles": [0, 0], "names": ["", ""], "scan_axis": 1}
    document = copy.deepcopy(experiment_list(detector, goniometer=goniometer))
    parent = document
    for key in path[:-1]:
        parent = parent[key]
    if value is None:
        del parent[path[-1]]
    else:
        parent[path[-1]] = value
    return document


FIRST = ("detector", 0, "panels", 0)
BAD = {
    "no JSON": ('{"experiment": [', "is not a complete JSON file"),
    "no detector at all": ({"cell": [1, 2]}, "has no detector; need a file of dxtbx or DIALS"),
    "numbers": ([1, 2], "[0] is 1; need an object"),
    "empty list": ([], "need at least one panel"),
    "no panels": (changed("detector", 0, "panels", value=[]), "detector[0].panels is []; need at least one panel"),
    "panels of another kind": (changed("detector", 0, "panels", value=3), "detector[0].panels is 3; need a list"),
    "no origin": (changed(*FIRST, "origin", value=None), "has no detector[0].panels[0].origin"),
    "short origin": (changed(*FIRST, "origin", value=[1, 2]), "detector[0].panels[0].origin is [1, 2]; need a list of 3"),
    "text in origin": (changed(*FIRST, "origin", value=[1, "2", 3]), 'panels[0].origin[1] is "2"; need a finite number'),
    "NaN": (changed(*FIRST, "origin", value=[1, math.nan, 3]), "panels[0].origin[1] is NaN; need a finite number"),
    "huge": (changed(*FIRST, "origin", value=[1, 10**400, 3]), "panels[0].origin[1] is 1000"),
    "truth": (changed(*FIRST, "origin", value=[1, True, 3]), "panels[0].origin[1] is true"),
    "zero axis": (changed(*FIRST, "fast_axis", value=[0, 0, 0]), "panels[0].fast_axis is [0, 0, 0]; need a direction"),
    "skew": (changed(*FIRST, "slow_axis", value=[0.1, 1, 0]), "need an axis at a right angle to fast_axis"),
    "no size": (changed(*FIRST, "image_size", value=None), "has no detector[0].panels[0].image_size"),
    "half a pixel": (changed(*FIRST, "image_size", value=[1.5, 2]), "need two numbers of pixels"),
    "empty panel": (changed(*FIRST, "image_size", value=[0, 0]), "need two numbers of pixels"),
    "oblong": (changed(*FIRST, "pixel_size", value=[0.1, 0.2]), "pixel_size is [0.1, 0.2]; need the two equal edges"),
    "thin": (changed(*FIRST, "thickness", value=-1), "panels[0].thickness is -1; need 0 or more"),
    "material": (changed(*FIRST, "material", value=14), "panels[0].material is 14; need a text"),
    "no such panel": (changed("detector", 0, "hierarchy", "children", 0, "panel", value=1), "panel is 1; need a whole"),
    "panel twice": (changed("detector", 0, "hierarchy", "children", value=[{"panel": 0}] * 2), "in one group only"),
    "panel left out": (changed("detector", 0, "hierarchy", "children", value=[]), "hierarchy leaves out panel 0"),
    "no children": (changed("detector", 0, "hierarchy", value={}), "has no detector[0].hierarchy.children"),
    "no such detector": (changed("experiment", 0, "detector", value=3), "experiment[0].detector is 3; need a whole"),
    "empty detectors": (changed("detector", value=[]), "detector is []; need a list that is not empty"),
    "no detector": (changed("experiment", 0, "detector", value=None), "has no experiment[0].detector"),
    "another file": (changed("experiment", 0, "detector", value="d.json"), "not the name of another file"),
    "no direction": (changed("beam", 0, "direction", value=None), "has no beam[0].direction"),
    "zero direction": (changed("beam", 0, "direction", value=[0, 0, 0]), "beam[0].direction is [0, 0, 0]"),
    "wavelength": (changed("beam", 0, "wavelength", value=0), "beam[0].wavelength is 0; need a wavelength in Angstrom"),
    "normal": (changed("beam", 0, "polarization_normal", value=[0, 0, 1]), "need a polarization_normal that is not along"),
    "axes": (changed("goniometer", 0, "axes", value=[[0, 0, 0]]), "angles is [0, 0]; need a list of 1"),
    "scan axis": (changed("goniometer", 0, "scan_axis", value=2), "scan_axis is 2; need a whole number from 0 to 1"),
    "two detectors": (MODELS_ONLY | {"detector": [{"panels": [PANEL]}] * 2}, "need one detector"),
}  # fmt: skip


@pytest.mark.parametrize("name", BAD)
def test_bad_files_get_one_line_that_names_file_and_key(name):
    document, message = BAD[name]
    with pytest.raises(InputError) as caught:
        read(document)
    text = str(caught.value)
    assert text.startswith("--panels models.expt: ") and message in text and "\n" not in text and len(text) < 250


def test_different_detectors_are_refused():
    document = experiment_list()
    document["detector"].append({"panels": [panel(origin=[0, 0, -99])]})
    document["experiment"].append({"detector": 1, "beam": 0})
    with pytest.raises(InputError, match="2 different detectors; need one, .*dials.split_experiments"):
        read(document)


def test_many_experiments_are_read_quickly():
    """As dials.stills_process combines them: thousands of beams and one detector."""
    count = 20000
    document = experiment_list()
    document["beam"] = [BEAM] * count
    document["experiment"] = [{"detector": 0, "beam": n} for n in range(count)]
    start = time.perf_counter()
    assert read(document) == read(experiment_list())
    # searching all beams for each experiment would take minutes
    assert time.perf_counter() - start < 20.0


def test_deeply_nested_files():
    deep = "[" * 200000 + "]" * 200000
    with pytest.raises(InputError, match="models.expt: "):
        read('{"panels": ' + deep + "}")
    # within the parser's depth
    groups = {"panel": 0}
    for _ in range(300):
        groups = {"children": [groups]}
    assert read({"panels": [PANEL], "hierarchy": groups}) == read([PANEL])


@pytest.mark.parametrize(
    "content, message",
    (
        (b"[[panels]]\npix0_vector = [0, 0, 0.1]\n", "is not a detector file; need the JSON of dxtbx"),
        (b"\x00\x01\x02", "is not a detector file"),
        (b"{\xff", "is not a text file"),
        (b"", "is empty"),
    ),
)
def test_files_of_another_kind(content, message):
    Path("detector.x").write_bytes(content)
    with pytest.raises(InputError, match=f"--panels.*detector.x.*{message}"):
        read_detector_file("detector.x")


def test_no_such_file():
    for reader in (read_detector_file, read_dxtbx_detector):
        with pytest.raises(InputError, match="--panels: there is no file nowhere.expt"):
            reader("nowhere.expt")
