"""Detectors with several panels: the same pixels as the single detector that they are cut from, closed forms for panels at
any angle, and properties that belong to each panel."""

import itertools
import math
from dataclasses import replace

import numpy as np
import pytest

from nbkernel.engine.render import render
from nbkernel.errors import InputError
from nbkernel.experiment.experiment import Experiment
from nbkernel.experiment.fields import DEFAULTS
from nbkernel.geometry.detector import directions, place_detector
from nbkernel.geometry.panels import Panel, place_panel
from nbkernel.setup.panels import PLACE_FIELDS
from nbkernel.setup.prepare import prepare, prepare_panels

from running import write_hkl

FAST, SLOW = 48, 36
# 2^-11 m, so that the panels' corners are exact
PIXEL = 1000.0 / 2048.0
CRYSTAL = dict(
    cell=(50.0, 60.0, 70.0, 80.0, 95.0, 100.0), default_F=100.0, Na=5, Nb=4, Nc=3, misset=(10.0, 20.0, 30.0),
    wavelength=1.0, fluence=1e28, oversample=1,
)  # fmt: skip
PRECISIONS = ("exact", "double")


def render_panels(experiment, precision="exact"):
    return [render(prepared, precision, 1)[0] for prepared in prepare_panels(experiment, 1)]


def render_single(experiment, precision="exact"):
    return render(prepare(experiment, 1), precision, 1)[0]


def in_panels(experiment, panels):
    """The experiment with panels in place of its single detector."""
    return replace(experiment, panels=panels, **{name: DEFAULTS[name] for name in PLACE_FIELDS})


def cut_into_panels(detector, pixel, rows, columns, **sensor):
    """A Detector cut into panels at the given rows and columns, in file order; pixel: mm."""
    parts, directions = [], (detector.fdet_vector, detector.sdet_vector)
    for slow, slow_stop in itertools.pairwise(rows):
        for fast, fast_stop in itertools.pairwise(columns):
            corner = np.array(detector.pix0_vector)
            corner = corner + detector.pixel_size * (
                fast * np.array(detector.fdet_vector) + slow * np.array(detector.sdet_vector)
            )
            parts.append(Panel(tuple(corner.tolist()), *directions, fast_stop - fast, slow_stop - slow, pixel, **sensor))
    return tuple(parts)


def assemble(images, rows, columns):
    width = len(columns) - 1
    return np.vstack([np.hstack(images[start : start + width]) for start in range(0, len(images), width)])


WHOLE = Experiment(
    **CRYSTAL, detpixels_f=FAST, detpixels_s=SLOW, pixel=PIXEL, distance=125.0, Xbeam=9.0 * PIXEL, Ybeam=20.0 * PIXEL,
    detector_thick=400.0, detector_abs=300.0, polarization=0.5, osc=0.5, phisteps=2, phi=1.0,
)  # fmt: skip


@pytest.mark.parametrize("precision", PRECISIONS)
@pytest.mark.parametrize("rows, columns", (((0, SLOW), (0, FAST)), ((0, 10, SLOW), (0, 17, 18, FAST))))
def test_panels_cut_from_a_detector_have_its_pixels_bit_for_bit(precision, rows, columns):
    detector = place_detector(WHOLE)
    corner = detector.pix0_vector
    assert all(x * 2**20 == round(x * 2**20) for x in corner), "the corner is not exact"
    sensor = dict(detector_thick=WHOLE.detector_thick, detector_abs=WHOLE.detector_abs)
    panels = cut_into_panels(detector, PIXEL, rows, columns, **sensor)
    assert len(panels) == (len(rows) - 1) * (len(columns) - 1)
    expected = render_single(WHOLE, precision)
    assert expected.max() > 100 * np.median(expected) > 0
    found = assemble(render_panels(in_panels(WHOLE, panels), precision), rows, columns)
    assert np.array_equal(found, expected)


def custom_experiment(fdet, sdet, close_distance, Fclose, Sclose, **fields):
    """An Experiment with a single detector in any position, given by nanoBragg's own flags; lengths in mm."""
    return Experiment(
        **CRYSTAL, convention="custom", pivot="sample", fdet_vector=tuple(fdet), sdet_vector=tuple(sdet),
        odet_vector=tuple(np.cross(fdet, sdet)), detpixels_f=FAST, detpixels_s=SLOW, pixel=PIXEL,
        close_distance=close_distance, Xclose=Fclose, Yclose=Sclose, **fields,
    )  # fmt: skip


def rotation(*angles):
    """The matrix that rotates about x, then y, then z (degrees)."""
    matrix = np.eye(3)
    for axis, angle in enumerate(angles):
        c, s = math.cos(math.radians(angle)), math.sin(math.radians(angle))
        about_axis = np.eye(3)
        i, j = [n for n in range(3) if n != axis]
        about_axis[i, i], about_axis[i, j], about_axis[j, i], about_axis[j, j] = c, -s, s, c
        matrix = about_axis @ matrix
    return matrix


@pytest.mark.parametrize("precision", PRECISIONS)
@pytest.mark.parametrize("angles", ((5.0, 20.0, -12.0), (0.0, 0.0, 40.0)))
def test_panels_cut_from_a_tilted_detector_have_its_pixels(precision, angles):
    """The detector is given in nanoBragg.c's custom convention, the panels by their corners."""
    matrix = rotation(*angles)
    # MOSFLM's normal x, fast z and slow -y, rotated
    fdet, sdet = matrix @ (0, 0, 1), matrix @ (0, -1, 0)
    frame = dict(beam_vector=(0.99, 0.0, math.sqrt(1 - 0.99**2)), polar_vector=(0.0, 1.0, 0.3), polarization=0.9)
    whole = custom_experiment(fdet, sdet, 120.0, 7.0, 11.0, **frame)
    # close_distance along the normal, minus the position of the nearest point on the detector
    normal = np.cross(fdet, sdet)
    corner = 0.120 * normal - 0.007 * fdet - 0.011 * sdet
    detector = place_detector(whole)
    np.testing.assert_allclose(detector.pix0_vector, corner, atol=1e-16)
    rows, columns = (0, 7, 20, SLOW), (0, 33, FAST)
    panels = cut_into_panels(detector, PIXEL, rows, columns)
    found = assemble(render_panels(in_panels(whole, panels), precision), rows, columns)
    expected = render_single(whole, precision)
    np.testing.assert_allclose(found, expected, rtol=1e-5, atol=1e-8 * expected.max())


def expected_photons(panel, experiment):
    """Closed form for one unit cell with constant F: r_e^2 fluence F^2 P omega, P = (1 + cos^2)/2."""
    fast, slow = np.arange(panel.detpixels_f) + 0.5, np.arange(panel.detpixels_s) + 0.5
    pixel = panel.pixel / 1000.0
    f, s = (np.array(v) / np.linalg.norm(v) for v in (panel.fdet_vector, panel.sdet_vector))
    points = np.array(panel.pix0_vector) + pixel * (fast[None, :, None] * f + slow[:, None, None] * s)
    r = np.linalg.norm(points, axis=2)
    normal = np.cross(f, s)
    cosine = points @ experiment.beam_vector / r
    omega = pixel**2 * np.abs(points @ normal) / r**3
    return 7.94079248018965e-30 * experiment.fluence * experiment.default_F**2 * 0.5 * (1 + cosine**2) * omega


# fast, slow and corner (m); the beam is along x
POSITIONS = {
    "perpendicular": ((0, 0, 1), (0, -1, 0), (0.1, 0.006, -0.008)),
    "fast x slow towards the sample": ((0, -1, 0), (0, 0, 1), (0.1, 0.006, -0.008)),
    "edge-on, above the beam": ((0, 0, 1), (1, 0, 0), (0.05, 0.04, -0.008)),
    "edge-on, seen from its other side": ((1, 0, 0), (0, 0, 1), (0.05, 0.04, -0.008)),
    "edge-on, below": ((0, 0, 1), (1, 0, 0), (-0.01, -0.04, -0.008)),
    "behind the sample": ((0, 1, 0), (0, 0, 1), (-0.06, 0.01, 0.01)),
    "leaning over": ((0, 0, 2), (0.6, 0.8, 0), (-0.01, 0.05, -0.01)),
    "vectors of any length": ((0, 0.03, 0.04), (7, 4, -3), (0.08, 0.02, 0.01)),
}


@pytest.mark.parametrize("precision", (*PRECISIONS, "mixed"))
@pytest.mark.parametrize("name", POSITIONS)
def test_photons_of_panels_at_any_angle(name, precision):
    fast, slow, corner = POSITIONS[name]
    panel = Panel(corner, fast, slow, 11, 7, 1.5)
    experiment = Experiment(**CRYSTAL | dict(Na=1, Nb=1, Nc=1), panels=(panel,))
    (image,) = render_panels(experiment, precision)
    expected = expected_photons(panel, experiment)
    assert (expected > 0).all()
    np.testing.assert_allclose(image, expected, rtol=3e-6 if precision == "mixed" else 3e-7)


@pytest.mark.parametrize("name", POSITIONS)
def test_exchanging_the_axes_transposes_the_image(name):
    """fast x slow changes sign, but the sensor's layers stay behind the surface."""
    fast, slow, corner = POSITIONS[name]
    sensor = dict(detector_thick=900.0, detector_abs=500.0, detector_thicksteps=3)
    panels = Panel(corner, fast, slow, 11, 7, 1.5, **sensor), Panel(corner, slow, fast, 7, 11, 1.5, **sensor)
    experiment = Experiment(**CRYSTAL, panels=panels, fix=frozenset({"thickness", "oversample"}), oversample_thick=True)
    one, other = render_panels(experiment)
    np.testing.assert_allclose(one, other.T, rtol=1e-5, atol=1e-9 * one.max())
    without = render_panels(in_panels(experiment, tuple(replace(p, detector_thick=0.0) for p in panels)))[0]
    assert not np.allclose(one, without, rtol=1e-3)


def test_the_normal_points_away_from_the_sample():
    for fast, slow, corner in POSITIONS.values():
        placed = place_panel(Panel(corner, fast, slow, 11, 7, 1.5), 0, directions(Experiment()))
        normal = np.cross(placed.fdet_vector, placed.sdet_vector)
        assert abs(np.dot(placed.odet_vector, normal)) == pytest.approx(np.linalg.norm(normal), rel=1e-12)
        assert placed.close_distance == pytest.approx(np.dot(placed.odet_vector, corner), rel=1e-12)
        assert placed.close_distance > 0


def test_each_panel_has_its_own_sensor():
    """As a single detector with the same sensor, given by nanoBragg.c's flags."""
    sensors = (
        {},
        dict(detector_thick=400.0),
        dict(detector_thick=400.0, detector_abs=150.0, detector_thicksteps=5),
        dict(detector_thick=100.0, detector_abs=math.inf),
        dict(detector_abs=100.0),
    )
    whole = replace(WHOLE, detector_thick=0.0, detector_abs=None)
    detector = place_detector(whole)
    panels = tuple(cut_into_panels(detector, PIXEL, (0, SLOW), (0, FAST), **sensor)[0] for sensor in sensors)
    images = render_panels(in_panels(whole, panels))
    for sensor, found in zip(sensors, images, strict=True):
        assert np.array_equal(found, render_single(replace(whole, **sensor))), sensor
    assert len({found.tobytes() for found in images}) == len(sensors) - 1, "only the first and the last are equal"


def test_automatic_oversampling_is_the_finest_that_a_panel_needs():
    """3 crystal sizes divided by wavelength * distance / pixel, for the near panel with the large pixels."""
    near = Panel((0.05, 0.01, -0.01), (0, 0, 1), (0, -1, 0), 4, 4, 0.8)
    far = Panel((0.2, 0.01, -0.01), (0, 0, 1), (0, -1, 0), 4, 4, 0.1)
    crystal = CRYSTAL | dict(oversample=None, Na=60, Nb=20, Nc=20, cell=(50.0, 60.0, 70.0, 90.0, 90.0, 90.0))
    experiment = Experiment(**crystal)

    def chosen(*panels):
        return [prepared.plan.oversample for prepared in prepare_panels(in_panels(experiment, panels), 1)]

    places = (0.05, 0.8e-3), (0.2, 0.1e-3)
    needed = [math.ceil(3 * 60 * 50e-10 / (1e-10 * distance / pixel)) for distance, pixel in places]
    assert needed == [144, 5]
    assert chosen(far, near) == [144, 144] and chosen(near, far) == [144, 144]
    assert chosen(near) == [144] and chosen(far) == [5]


# each panel has its own state carried from pixel to pixel


def upper_and_lower(experiment):
    detector = place_detector(experiment)
    return in_panels(experiment, cut_into_panels(detector, PIXEL, (0, SLOW // 2, SLOW), (0, FAST)))


@pytest.mark.parametrize("precision", PRECISIONS)
def test_the_stale_phi_step_begins_anew_with_each_panel(precision):
    """As in a run of that panel alone: its first evaluated pixel has no step before it."""
    experiment = upper_and_lower(replace(WHOLE, phi=0.0, phisteps=3, osc=2.0, detector_thick=0.0))
    found = render_panels(experiment, precision)
    corrected = render_panels(replace(experiment, fix=frozenset({"phi0"})), precision)
    last = in_panels(experiment, experiment.panels[1:])
    assert np.array_equal(found[1], render_panels(last, precision)[0])
    for image, without_quirk in zip(found, corrected, strict=True):
        # the panel's first step is right, all later ones at phi = 0 are stale
        assert math.isclose(image[0, 0], without_quirk[0, 0], rel_tol=1e-6)
        assert not np.allclose(image, without_quirk, rtol=1e-3)
    assert [prepared.quirks for prepared in prepare_panels(experiment, 1)] == [("phi0", "cell", "phi_steps")] * 2


@pytest.mark.parametrize("precision", PRECISIONS)
def test_the_interpolation_latch_is_each_panels_own(tmp_path, precision):
    """The first panel reaches beyond the table of structure factors, which must not end interpolation on the second."""
    table = str(tmp_path / "table.hkl")
    write_hkl(table, np.random.default_rng(1).uniform(50, 150, (9, 13, 37)), (-4, -6, -18))
    cell = (50.0, 60.0, 70.0, 90.0, 90.0, 90.0)
    far_out = Panel((0.1, 0.15, -0.01), (0, 0, 1), (0, -1, 0), 12, 9, 1.0)
    near_beam = Panel((0.1, 0.005, -0.006), (0, 0, 1), (0, -1, 0), 12, 9, 1.0)
    fields = dict(hkl=table, interpolate=True, cell=cell, dump=str(tmp_path / "dump"))
    experiment = Experiment(**CRYSTAL | fields, panels=(far_out, near_beam))
    histories = [render(prepared, precision, 1)[2] for prepared in prepare_panels(experiment, 1)]
    assert histories[0].latch_pixel < 108 <= histories[1].latch_pixel
    images = render_panels(experiment, precision)
    for number, panel in enumerate(experiment.panels):
        assert np.array_equal(images[number], render_panels(in_panels(experiment, (panel,)), precision)[0])
    nearest = render_panels(replace(experiment, interpolate=False), precision)
    assert not np.allclose(images[1], nearest[1], rtol=1e-3)


# unusable input

GOOD = Panel((0.1, 0.01, -0.01), (0, 0, 1), (0, -1, 0), 4, 3, 0.1)
BAD_PANELS = {
    "no width": (dict(detpixels_f=0), "panel 1: detpixels_f = 0 is not a number of pixels"),
    "too wide": (dict(detpixels_s=2**31), "panel 1: detpixels_s = 2147483648"),
    "half a pixel": (dict(detpixels_s=2.5), "detpixels_s: needs a whole number, not 2.5"),
    "no pixel": (dict(pixel=0.0), "panel 1: pixel = 0 mm is not a pixel size"),
    "nan pixel": (dict(pixel=math.nan), "panel 1: pixel = nan mm"),
    "zero fast": (dict(fdet_vector=(0, 0, 0)), "panel 1: fdet_vector = 0 0 0 has no direction"),
    "nan slow": (dict(sdet_vector=(0, math.nan, 0)), "panel 1: sdet_vector = (0.0, nan, 0.0) is not a vector"),
    "endless corner": (dict(pix0_vector=(math.inf, 0, 0)), "panel 1: pix0_vector = (inf, 0.0, 0.0) is not a vector"),
    "two numbers": (dict(pix0_vector=(1.0, 0)), "pix0_vector: needs 3 numbers, not (1.0, 0)"),
    "parallel": (dict(sdet_vector=(0, 0, -3)), "panel 1: fdet_vector and sdet_vector do not span a plane"),
    "through the sample": (dict(pix0_vector=(0.0, 0.1, 0.1)), "panel 1: its plane passes through the sample"),
    "through the sample but for rounding": (
        dict(fdet_vector=(1, 2, 3), sdet_vector=(3, 0, -1), pix0_vector=(0.013, 0.02, 0.029)),
        "panel 1: its plane passes through the sample",
    ),
    "named": (dict(pixel=-1.0, name="top left"), "panel 1 (top left): pixel = -1 mm"),
}  # fmt: skip


@pytest.mark.parametrize("name", BAD_PANELS)
def test_unusable_panels(name):
    changes, message = BAD_PANELS[name]
    with pytest.raises(InputError) as caught:
        prepare_panels(Experiment(**CRYSTAL, panels=(GOOD, replace(GOOD, **changes))), 1)
    assert str(caught.value).startswith(message) and "\n" not in str(caught.value)


@pytest.mark.parametrize(
    "changes, message",
    (
        (dict(curved_detector=True), "curved_detector: the panels have their own"),
        (dict(roi=(0, 1, 0, 1)), "-roi: refers to the pixels of one panel, the detector has 2"),
        (dict(mask="mask.img"), "there is no file"),
        (dict(convention="custom", beam_vector=(0, 0, 0)), "-beam_vector: 0 0 0 has no direction"),
        (dict(panels=(replace(GOOD, detpixels_f=2**30, detpixels_s=2**30),)), "panels: "),
        (dict(panels=(replace(GOOD, detector_abs=1e-310),)), "-detector_abs: 1e-310 um is not an attenuation depth"),
    ),
)
def test_unusable_settings_with_panels(changes, message, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(InputError, match=message):
        prepare_panels(replace(Experiment(**CRYSTAL, panels=(GOOD, GOOD)), **changes), 1)


def test_a_region_of_a_single_panel():
    whole = Experiment(**CRYSTAL, panels=(GOOD,))
    (part,), (all_of_it,) = render_panels(replace(whole, roi=(1, 2, 0, 1))), render_panels(whole)
    expected = np.zeros_like(all_of_it)
    expected[:2, 1:3] = all_of_it[:2, 1:3]
    assert np.array_equal(part, expected) and expected.any()
