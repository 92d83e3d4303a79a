"""Pictures of several panels: the projection checked by vector arithmetic, gaps, maxima, and the positions of rings."""

import math

import numpy as np
import pytest

from nbkernel.errors import InputError
from nbkernel.experiment.experiment import Experiment
from nbkernel.geometry.detector import frame_of, place_detector
from nbkernel.geometry.direct_beam import direct_beam
from nbkernel.geometry.panels import Panel, place_panel
from nbkernel.io.picture.assembly import WIDEST, assemble, make_assembly
from nbkernel.io.picture.draw import draw, make_scene
from nbkernel.io.picture.grey import reduced
from nbkernel.io.picture.resolution import cos_scattering_angle
from nbkernel.io.picture.rings import ring_pixels
from nbkernel.io.picture.settings import PictureSettings
from nbkernel.io.picture.view import make_view

from png import decode_png

# the imgCIF frame, which dxtbx uses
BEAM = np.array((0.0, 0.0, -1.0))
FRAME = frame_of(tuple(BEAM), (1.0, 0.0, 0.0), (1.0, 0.0, 0.0))
FAST, SLOW = (1.0, 0.0, 0.0), (0.0, -1.0, 0.0)
STRIDE = 10000  # more than any panel's number of pixels


def placed(corner, fast=FAST, slow=SLOW, size=(20, 15), pixel=1.0):
    """The Detector of a panel; corner, pixel: mm; size: fast, slow (pixels)."""
    panel = Panel(tuple(x / 1000.0 for x in corner), tuple(fast), tuple(slow), *size, pixel)
    return place_panel(panel, 0, FRAME)


def numbered(detector, start=1):
    return np.arange(start, start + detector.fpixels * detector.spixels, dtype=np.float32).reshape(detector.spixels, -1)


def picture_of(*detectors):
    assembly = make_assembly(detectors)
    return assemble(assembly, [numbered(detector, STRIDE * n + 1) for n, detector in enumerate(detectors)]), assembly


def directions(detector, fast, slow):
    """Unit vectors (..., 3) from the sample to points on a detector (pixels)."""
    f, s, pix0 = (np.array(v) for v in (detector.fdet_vector, detector.sdet_vector, detector.pix0_vector))
    points = pix0 + detector.pixel_size * (np.asarray(fast)[..., None] * f + np.asarray(slow)[..., None] * s)
    return points / np.linalg.norm(points, axis=-1, keepdims=True)


def centres(detector):
    return np.meshgrid(np.arange(detector.fpixels) + 0.5, np.arange(detector.spixels) + 0.5)


# one panel


@pytest.mark.parametrize("convention", ("mosflm", "adxv", "xds", "dials"))
@pytest.mark.parametrize("size", ((150, 130), (2048, 40), (2500, 70), (3, 5000)))
def test_a_panel_perpendicular_to_the_beam_is_its_own_image(convention, size):
    """Bit for bit and upright; larger ones are reduced like a single image."""
    detector = place_detector(
        Experiment(convention=convention, detpixels_f=size[0], detpixels_s=size[1], pixel=0.075, distance=190.0, Xbeam=3.0)
    )
    image = np.random.default_rng(1).random(size[::-1], np.float32)
    assembly = make_assembly([detector])
    found = assemble(assembly, [image])
    assert found.dtype == np.float32
    assert np.array_equal(found, reduced(image, -(-max(size) // 2048)))
    assert assembly.shown == (0,) and assembly.left_out == ()
    if max(size) <= 2048:
        for name in ("fpixels", "spixels"):
            assert getattr(assembly.detector, name) == getattr(detector, name)
        for name in ("pixel_size", "distance", "Fbeam", "Sbeam", "close_distance"):
            assert getattr(assembly.detector, name) == pytest.approx(getattr(detector, name), rel=1e-12), name
        for name in ("fdet_vector", "sdet_vector", "odet_vector", "pix0_vector", "beam_vector", "spindle_vector"):
            np.testing.assert_allclose(getattr(assembly.detector, name), getattr(detector, name), atol=1e-15, err_msg=name)


def test_the_picture_is_perpendicular_to_the_beam():
    turn = math.radians(25)
    tilted = placed((-10, 8, -60), (math.cos(turn), 0, -math.sin(turn)), SLOW)
    _, assembly = picture_of(tilted)
    detector = assembly.detector
    np.testing.assert_allclose(detector.odet_vector, BEAM, atol=1e-15)
    f, s = np.array(detector.fdet_vector), np.array(detector.sdet_vector)
    assert abs(f @ BEAM) < 1e-15 and abs(s @ BEAM) < 1e-15 and abs(f @ s) < 1e-15
    # to the right and down, like the panel's own axes
    assert f[0] > 0.9 and s[1] < -0.9


PANELS = {
    "tilted and rotated": (placed((-10, 8, -60), (0.9, 0.1, -0.4), (0.11, -0.99, 0.0)),),
    "two tiles with a gap": (placed((-20.5, 5, -50)), placed((2.7, 4.9, -50))),
    "left-handed": (placed((-10, 8, -60), SLOW, FAST), placed((15, 10.1, -80.7), SLOW, FAST)),
    "coarse and fine": (placed((-20.5, 5, -50)), placed((3, 9, -70), size=(60, 80), pixel=0.25)),
    "roof": (
        placed((-20, 5, -50), (0.8, 0, -0.6), SLOW),
        placed((-4, 5, -62), (0.8, 0, 0.6), SLOW),
        placed((-10, 40, -20), FAST, (0, 0.5, -1), (17, 11)),
    ),
    "slightly rotated quadrants": tuple(
        placed((x, y, -100), (math.cos(t), math.sin(t), 0), (math.sin(t), -math.cos(t), 0), (60, 50), 0.3)
        for x, y, t in ((-19, 18, 0.02), (1, 17, 1.60), (2, -2, 3.13), (-20, -18, -0.3))
    ),
}


@pytest.mark.parametrize("name", PANELS)
def test_pixels_of_the_picture_are_projections_of_the_panels(name):
    """Slow but simple: intersects the ray through each picture pixel with every panel, and that of each panel pixel with
    the picture."""
    detectors = PANELS[name]
    found, assembly = picture_of(*detectors)
    assert found.shape == (assembly.detector.spixels, assembly.detector.fpixels) and max(found.shape) <= 2048
    rays = directions(assembly.detector, *centres(assembly.detector))
    expected = np.full(found.shape, np.nan, np.float32)
    ambiguous = np.zeros(found.shape, bool)
    for number, detector in enumerate(detectors):
        image = numbered(detector, STRIDE * number + 1)
        f, s, pix0 = (np.array(v) for v in (detector.fdet_vector, detector.sdet_vector, detector.pix0_vector))
        # pix0 + F f + S s = t ray
        normal = np.cross(f, s)
        t = (pix0 @ normal) / (rays @ normal)
        on_plane = rays * t[..., None] - pix0
        gram = np.array(((f @ f, f @ s), (f @ s, s @ s)))
        places = np.stack((on_plane @ f, on_plane @ s), -1) @ np.linalg.inv(gram) / detector.pixel_size
        column, row = np.floor(places[..., 0]).astype(int), np.floor(places[..., 1]).astype(int)
        inside = (t > 0) & (column >= 0) & (column < detector.fpixels) & (row >= 0) & (row < detector.spixels)
        hit = np.full(found.shape, np.nan, np.float32)
        hit[inside] = image[row[inside], column[inside]]
        expected = np.fmax(expected, hit)
        # where the rays of the panel's pixels hit the picture
        own = directions(detector, *centres(detector))
        plane = assembly.detector
        points = own * (plane.close_distance / (own @ BEAM))[..., None] - np.array(plane.pix0_vector)
        along, across = (points @ np.array(v) / plane.pixel_size for v in (plane.fdet_vector, plane.sdet_vector))
        for value, x, y in zip(image.ravel(), along.ravel(), across.ravel(), strict=True):
            expected[int(y), int(x)] = np.fmax(expected[int(y), int(x)], value)
            if min(abs(x - round(x)), abs(y - round(y))) < 1e-9:
                ambiguous[max(0, int(y) - 1) : int(y) + 2, max(0, int(x) - 1) : int(x) + 2] = True
        edge = np.abs(places - np.round(places)).min(axis=-1) < 1e-9
        ambiguous |= edge & (t > 0)
    assert ambiguous.mean() < 0.1
    assert np.array_equal(found[~ambiguous], expected[~ambiguous], equal_nan=True)
    # no panel pixel is lost unless a larger value hides it
    assert np.nanmax(found) == max(numbered(d, STRIDE * n + 1).max() for n, d in enumerate(detectors))


@pytest.mark.parametrize("name", PANELS)
def test_scattering_angles_of_the_picture_are_those_of_the_panels(name):
    """Each picture pixel shows a panel pixel within a pixel's size of it."""
    detectors = PANELS[name]
    found, assembly = picture_of(*detectors)
    plane = assembly.detector
    angles = np.arccos(cos_scattering_angle(plane, np.arange(plane.fpixels) + 0.5, np.arange(plane.spixels) + 0.5))
    tables, largest = {}, 0.0
    for number, detector in enumerate(detectors):
        own = np.arccos(np.clip(directions(detector, *centres(detector)) @ BEAM, -1, 1))
        tables |= dict(zip(numbered(detector, STRIDE * number + 1).ravel().tolist(), own.ravel().tolist(), strict=True))
        nearest = min(np.linalg.norm(detector.pix0_vector), detector.close_distance)
        largest = max(largest, detector.pixel_size / nearest)
    covered = np.isfinite(found)
    assert covered.mean() > 0.25
    shown = np.array([tables[value] for value in found[covered].tolist()])
    half_diagonals = math.sqrt(0.5) * (largest + plane.pixel_size / plane.close_distance)
    assert np.abs(angles[covered] - shown).max() < 1.01 * half_diagonals
    # the picture's pixels are about as fine as the finest panel's, or coarser
    finest = min(d.pixel_size / (np.array(d.pix0_vector) @ BEAM) for d in detectors)
    assert plane.pixel_size / plane.distance >= 0.9 * finest


def test_gaps_are_nan_and_coarse_panels_have_no_holes():
    left, right = placed((-20.5, 5, -50)), placed((3, 5, -50))
    found, _ = picture_of(left, right)
    # 20 pixels, a gap of 3.5, 20 pixels
    assert found.shape == (15, 44)
    assert np.array_equal(np.isnan(found).all(axis=0), np.isnan(found).any(axis=0))
    assert np.flatnonzero(np.isnan(found[0])).tolist() in ([20, 21, 22], [20, 21, 22, 23])
    assert np.array_equal(found[:, :20], numbered(left))
    # the finer panel sets the picture's pixel: each pixel of the coarse one fills a block of 4 x 4
    coarse = placed((-20, 5, -50))
    found, assembly = picture_of(coarse, placed((0, 5, -50), size=(8, 60), pixel=0.25))
    assert assembly.detector.pixel_size == pytest.approx(0.25e-3, rel=1e-12)
    assert np.array_equal(found[:60, :80], numbered(coarse).repeat(4, axis=0).repeat(4, axis=1))


def test_large_detectors_are_shrunk_by_maxima():
    """A single bright pixel of the finest panel stays visible, and the picture's edges stay within the limit."""
    panels = placed((-150, 150, -100), size=(3000, 900), pixel=0.1), placed((-150, 40, -100), size=(3000, 900), pixel=0.1)
    images = [np.zeros((900, 3000), np.float32) for _ in panels]
    images[1][899, 1234] = 7.0
    assembly = make_assembly(panels)
    found = assemble(assembly, images)
    # 3000 x 2000 pixels, reduced by 2
    assert found.shape == (1000, 1500) and assembly.detector.pixel_size == pytest.approx(0.2e-3, rel=1e-12)
    assert np.argwhere(found == 7.0).tolist() == [[(1100 + 899) // 2, 617]]
    assert np.isnan(found[451:549]).all() and (found[:450] == 0.0).all()


def test_overlapping_panels_show_the_larger_value_unless_both_are_nan():
    one, other = placed((-10, 5, -50)), placed((-10, 5, -50))
    images = [np.full((15, 20), value, np.float32) for value in (2.0, 1.0)]
    images[0][3, 4] = images[0][5, 6] = images[1][5, 6] = np.nan
    found = assemble(make_assembly((one, other)), images)
    assert found[3, 4] == 1.0 and np.isnan(found[5, 6]) and np.nansum(found) == 2.0 * 298 + 1.0


BEHIND = placed((-10, 8, 60))
SIDEWAYS = placed((60, 8, -5), (0, 0, 1), SLOW)
ACROSS = placed((-200, 8, -60), size=(600, 4))


def test_panels_that_cannot_be_projected_are_left_out():
    good = placed((-10, 8, -60))
    found, assembly = picture_of(BEHIND, good, SIDEWAYS, ACROSS)
    assert assembly.left_out == (0, 2, 3) and assembly.shown == (1,)
    assert np.array_equal(found, numbered(good, STRIDE + 1))


def test_panels_up_to_80_degrees_from_the_beam_are_shown():
    def at(degrees):
        # one pixel that faces the sample, its far edge at that angle
        c, s = math.cos(math.radians(degrees)), math.sin(math.radians(degrees))
        return placed((100 * s, 0.005, -100 * c), (-c, 0, -s), SLOW, (1, 1), 0.01)

    assert math.degrees(WIDEST) == pytest.approx(80.0)
    assert [bool(make_assembly((placed((-10, 8, -60)), at(angle))).left_out) for angle in (5, 79.9, 80.1, 100, 175)] == [
        False, False, True, True, True,
    ]  # fmt: skip


def test_no_panel_in_front_of_the_sample_is_an_error():
    with pytest.raises(InputError, match="--preview: no panel is within 80 degrees of the beam"):
        make_assembly((BEHIND, SIDEWAYS))


# drawing


def test_rings_and_the_beam_are_drawn_as_on_a_single_detector():
    """A detector cut into four panels gives the same picture."""
    whole = placed((-50, 40, -100), size=(200, 160), pixel=0.5)
    corner = np.array(whole.pix0_vector) * 1000.0
    parts = [placed(corner + (0.5 * f, -0.5 * s, 0), size=(100, 80), pixel=0.5) for s in (0, 80) for f in (0, 100)]
    image = np.random.default_rng(1).random((160, 200), np.float32)
    assembly = make_assembly(parts)
    found = assemble(assembly, [image[s : s + 80, f : f + 100] for s in (0, 80) for f in (0, 100)])
    assert np.array_equal(found, image)
    settings = PictureSettings(rings="auto", beam=True)
    drawings = [
        draw(make_scene(settings, pixels.shape, detector, 1.0), pixels)
        for detector, pixels in ((whole, image), (assembly.detector, found))
    ]
    assert drawings[0].png == drawings[1].png and drawings[0].rings and not drawings[0].missing
    assert direct_beam(assembly.detector) == pytest.approx((100.0, 80.0), rel=1e-12)


def test_a_ring_on_tilted_panels_follows_its_scattering_angle():
    """Panel pixels are 1 within the scattering angle of 2 Angstrom and 0 outside: the ring is the border."""
    tilt = math.radians(20)
    size = dict(size=(90, 100), pixel=0.5)
    detectors = (
        placed((-46, 25, -50), (math.cos(tilt), 0, -math.sin(tilt)), SLOW, **size),
        placed((1, 25, -65), (math.cos(tilt), 0, math.sin(tilt)), SLOW, **size),
    )
    limit = 1.0 - 2.0 * (1.0 / 4.0) ** 2
    images = [(directions(d, *centres(d)) @ BEAM >= limit).astype(np.float32) for d in detectors]
    assembly = make_assembly(detectors)
    found = assemble(assembly, images)
    ((rows, columns),) = ring_pixels(assembly.detector, 1.0, make_view(found.shape, None, None), (2.0,))
    around = np.stack([np.roll(found, (i, j), (0, 1)) for i in range(-2, 3) for j in range(-2, 3)])
    away = (rows > 1) & (columns > 1) & (rows < found.shape[0] - 2) & (columns < found.shape[1] - 2)
    on_panels = away & np.isfinite(around).all(axis=0)[rows, columns]
    border = around.max(axis=0) > around.min(axis=0)
    assert on_panels.sum() > 200 and border[rows, columns][on_panels].all()


def test_gaps_are_white_and_do_not_affect_the_grey_levels():
    image = np.array([[1.0, 2.0, 3.0, 4.0]], np.float32)
    with_gap = np.array([[1.0, np.nan, 2.0, 3.0, 4.0]], np.float32)
    settings = PictureSettings(percentiles=(0.0, 100.0), scale="linear")
    one, other = (draw(make_scene(settings, pixels.shape), pixels) for pixels in (image, with_gap))
    assert one.limits == other.limits == (1.0, 4.0)
    level, other_level = decode_png(one.png)[0], decode_png(other.png)[0]
    assert other_level[0, 1] == 255
    assert np.array_equal(np.delete(other_level, 1, axis=1), level)
    empty = np.full((3, 3), np.nan, np.float32)
    nothing = draw(make_scene(settings, empty.shape), empty)
    assert nothing.limits is None and (decode_png(nothing.png)[0] == 255).all()


def test_the_assembly_is_in_the_frame_of_the_panels():
    _, assembly = picture_of(*PANELS["roof"])
    for name in ("beam_vector", "polar_vector", "vert_vector", "spindle_vector"):
        assert getattr(assembly.detector, name) == getattr(PANELS["roof"][0], name)
