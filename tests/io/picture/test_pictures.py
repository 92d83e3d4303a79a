"""Pictures drawn by `--preview`: grey levels, reduction and zoom, resolution rings and the direct beam on any detector."""

import io
import itertools
import math
from pathlib import Path

import numpy as np
import pytest

from nbkernel.experiment.experiment import Experiment
from nbkernel.geometry.detector import place_detector
from nbkernel.geometry.direct_beam import direct_beam
from nbkernel.geometry.region import region
from nbkernel.io.images.png import png_bytes
from nbkernel.io.picture.draw import draw, make_scene
from nbkernel.io.picture.grey import reduced
from nbkernel.io.picture.lettering import GLYPHS, text_bitmap
from nbkernel.io.picture.resolution import cos_scattering_angle
from nbkernel.io.picture.rings import ring_pixels
from nbkernel.io.picture.settings import PictureSettings
from nbkernel.io.picture.view import make_view
from nbkernel.kernels.physics.pixel_geometry import curved_position, pixel_position

from png import coloured, decode_png
from running import BASE, image, simulate

RUN = f"{BASE} -detpixels_f 12 -detpixels_s 9 -pixel 0.4"
FULL_RANGE = dict(percentiles=(0.0, 100.0))


@pytest.fixture(autouse=True)
def folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    return tmp_path


def picture(image, **settings):
    """Grey levels (rows, columns) of the picture of an image without geometry."""
    return decode_png(draw(make_scene(PictureSettings(**settings), image.shape), image).png)[0]


def detector(**fields):
    size = dict(detpixels_f=150, detpixels_s=130, pixel=0.4, distance=60.0)
    return place_detector(Experiment(**(size | fields)))


def drawing(panel, wavelength=1.0, **settings):
    image = np.ones((panel.spixels, panel.fpixels), np.float32)
    return draw(make_scene(PictureSettings(**settings), image.shape, panel, wavelength), image)


# grey levels


def test_the_preview_is_darkest_where_the_image_is_strongest():
    pixels = image(f"{RUN} --preview preview.png")
    grey, _ = decode_png(Path("preview.png").read_bytes())
    assert grey.shape == pixels.shape
    order = np.argsort(pixels.ravel())
    assert (np.diff(grey.ravel()[order].astype(int)) <= 0).all()
    assert grey.ravel()[order[-1]] == 0 and grey.ravel()[order[0]] == 255


def test_the_preview_of_an_empty_image_is_white():
    image(f"{RUN} -dmin 1000 --preview preview.png")
    assert (decode_png(Path("preview.png").read_bytes())[0] == 255).all()


@pytest.mark.parametrize("scale, function", [("log", math.log), ("linear", float), ("sqrt", math.sqrt)])
@pytest.mark.parametrize("percentiles", [(0.0, 100.0), (30.0, 90.0)])
def test_grey_levels_are_linear_in_the_scale_between_two_percentiles(scale, function, percentiles):
    values = np.random.default_rng(1).lognormal(0.0, 2.0, (70, 40)).astype(np.float32)
    values[3, 4], values[5, 6], values[7, 8], values[9, 10] = 0.0, -5.0, np.nan, np.inf
    ordinary = values[np.isfinite(values) & (values > 0)].astype(float)
    low, high = (function(value) for value in np.percentile(ordinary, percentiles))
    grey = picture(values, scale=scale, percentiles=percentiles)
    assert grey[9, 10] == 0 and grey[3, 4] == grey[5, 6] == grey[7, 8] == 255
    for value, level in zip(values.ravel(), grey.ravel(), strict=True):
        if 0 < value < np.inf:
            darkness = min(max((function(value) - low) / (high - low), 0.0), 1.0)
            assert abs(255.0 - 255.0 * darkness - level) <= 1.0


def test_a_single_different_pixel_remains_visible():
    values = np.full((50, 50), 40.0, np.float32)
    values[20, 30] = 41.0
    grey = picture(values)
    assert grey[20, 30] == 0 and np.count_nonzero(grey != 255) == 1


# reduction, zoom, region


@pytest.mark.parametrize("shape, factor", [((12, 9), 3), ((13, 8), 3), ((5, 6), 4), ((3, 2), 7), ((6, 6), 1)])
def test_a_reduced_pixel_is_the_maximum_of_its_block(shape, factor):
    values = np.random.default_rng(2).normal(size=shape).astype(np.float32)
    values[0, 0] = np.nan
    result = reduced(values, factor)
    rows, columns = (-(-edge // factor) for edge in shape)
    assert result.shape == (rows, columns)
    for row, column in itertools.product(range(rows), range(columns)):
        block = values[row * factor : (row + 1) * factor, column * factor : (column + 1) * factor]
        expected = np.nanmax(block) if np.isfinite(block).any() else np.nan
        np.testing.assert_array_equal(result[row, column], expected)


@pytest.mark.parametrize("roi", [None, (500, 3999, 100, 2800)])
@pytest.mark.parametrize("rendered", [(0, 4999, 0, 2999), (7, 7, 3, 2999), (700, 2111, 1000, 1001), (0, 2, 2998, 2999)])
def test_a_picture_of_the_rendered_region_is_that_of_the_whole_image(rendered, roi):
    values = np.zeros((3000, 5000), np.float32)
    part = region("roi", values.shape, rendered)
    values[part] = np.random.default_rng(4).lognormal(0.0, 2.0, values[part].shape)
    scene = make_scene(PictureSettings(roi=roi), values.shape)
    assert scene.view.down > 1 and draw(scene, values, part) == draw(scene, values)


def test_large_images_are_reduced_and_keep_single_bright_pixels():
    values = np.ones((5000, 40), np.float32)
    places = [(0, 0), (1000, 7), (2222, 19), (4999, 39)]
    for place in places:
        values[place] = 100.0
    grey = picture(values)
    assert grey.shape == (1667, 14)
    assert sorted(map(tuple, np.argwhere(grey == 0).tolist())) == sorted((s // 3, f // 3) for s, f in places)


@pytest.mark.parametrize("zoom", [(1, 1), (3, 1), (1, 2), (1, 50)])
def test_a_region_is_enlarged_or_reduced_as_asked(zoom):
    values = np.random.default_rng(3).uniform(1, 100, (30, 40)).astype(np.float32)
    grey = picture(values, roi=(5, 24, 10, 16), zoom=zoom, **FULL_RANGE)
    part = values[10:17, 5:25]
    up, down = zoom
    blocks = [[part[s : s + down, f : f + down].max() for f in range(0, 20, down)] for s in range(0, 7, down)]
    expected = picture(np.array(blocks, np.float32), **FULL_RANGE)
    np.testing.assert_array_equal(grey, np.kron(expected, np.ones((up, up), np.uint8)))


@pytest.mark.parametrize(
    "edge, roi, expected",
    [(2048, None, 2048), (2049, None, 1025), (512, None, 512), (3000, 100, 1000), (3000, 1500, 1500), (3000, 2500, 1250)],
)
def test_without_a_zoom_the_picture_fits(edge, roi, expected):
    view = make_view((edge, 10), None if roi is None else (0, 9, 0, roi - 1), None)
    assert len(view.edges("slow")) - 1 == expected


def test_the_last_reduced_pixel_may_be_narrower():
    view = make_view((20, 30), (3, 12, 5, 9), (1, 4))
    assert view.edges("fast").tolist() == [3, 7, 11, 13] and view.edges("slow").tolist() == [5, 9, 10]


# rings


@pytest.mark.parametrize("roi, zoom", [(None, None), ((20, 149, 0, 99), (3, 1)), (None, (1, 2))])
def test_rings_have_the_radius_of_braggs_law(roi, zoom):
    distance, wavelength, rings = 60.0, 1.2, (3.0, 5.0, 9.0)
    Xbeam, Ybeam = 27.0, 31.0  # mm; MOSFLM: along slow and fast, from the centre of the first pixel
    panel = detector(distance=distance, Xbeam=Xbeam, Ybeam=Ybeam)
    result = drawing(panel, wavelength, rings=rings, roi=roi, zoom=zoom)
    assert result.rings == rings[::-1] and result.missing == ()
    blue, _ = coloured(result.png)
    first_fast, first_slow = (0, 0) if roi is None else (roi[0], roi[2])
    size = 0.4 if zoom is None else 0.4 * zoom[1] / zoom[0]  # mm, one picture pixel
    rows, columns = np.nonzero(blue)
    fast = first_fast * 0.4 + (columns + 0.5) * size - (Ybeam + 0.2)
    slow = first_slow * 0.4 + (rows + 0.5) * size - (Xbeam + 0.2)
    radius, angle = np.hypot(fast, slow), np.arctan2(slow, fast)
    near = np.zeros(len(radius), bool)
    for d in rings:
        expected = distance * math.tan(2.0 * math.asin(wavelength / (2.0 * d)))
        on = np.abs(radius - expected) < 0.75 * size
        near |= on
        # all the way round except for the label and what lies outside the picture
        seen = np.unique(np.round(np.degrees(angle[on]) / 6.0))
        assert len(seen) > 30
    labels = np.count_nonzero(~near)
    points = sum(np.count_nonzero(text_bitmap(f"{d:g} Å")) for d in rings)
    assert 0.5 * points < labels <= points


GEOMETRIES = {
    "plain": {},
    "twotheta": dict(twotheta=35.0),
    "tilted": dict(detector_rotx=20.0, detector_roty=-30.0, detector_rotz=10.0),
    "behind": dict(detector_roty=180.0),
    "xds": dict(convention="xds", ORGX=30.0, ORGY=170.0, twotheta=-20.0),
    "adxv": dict(convention="adxv", detector_rotx=25.0),
    "dials": dict(convention="dials", twotheta=50.0),
    "skew": dict(
        convention="custom", fix={"vectors"},
        fdet_vector=(0.0, 0.2, 1.0), sdet_vector=(0.1, -1.0, 0.3), pix0_vector=(0.05, 0.02, -0.03),
    ),
    "curved": dict(curved_detector=True, distance=20.0),
    "curved and tilted": dict(curved_detector=True, detector_rotx=30.0, detector_roty=20.0, distance=25.0),
    "curved xds": dict(convention="xds", curved_detector=True, distance=25.0),
}  # fmt: skip


def lab_position(panel, fast, slow):
    """Laboratory position (m) of a point (pixels) by nanoBragg's own formulae."""
    F, S = fast * panel.pixel_size, slow * panel.pixel_size
    position = pixel_position(F, S, 0.0, panel.fdet_vector, panel.sdet_vector, panel.odet_vector, panel.pix0_vector)
    if panel.curved:
        return curved_position(position, panel.distance, panel.beam_vector, panel.fdet_vector, panel.sdet_vector)
    return position


def angle_at(panel, fast, slow):
    """2 theta (radians) of a point, from the chord between unit vectors."""
    position, beam = np.array(lab_position(panel, fast, slow)), np.array(panel.beam_vector)
    return 2.0 * math.asin(min(1.0, np.linalg.norm(position / np.linalg.norm(position) - beam) / 2.0))


@pytest.mark.parametrize("name", GEOMETRIES)
def test_a_pixel_is_on_a_ring_where_its_corners_lie_on_both_sides(name):
    panel = detector(**({"detpixels_f": 45, "detpixels_s": 35, "pixel": 2.0} | GEOMETRIES[name]))
    wavelength = 1.5
    angles = [[angle_at(panel, f, s) for f in range(46)] for s in range(36)]
    corners = np.array(angles)
    # rings between the angles of corners, so that rounding does not matter
    ordered = np.unique(np.round(corners, 9))
    middles = [ordered[i : i + 2].mean() for i in (np.array([0.2, 0.5, 0.85]) * len(ordered)).astype(int)]
    rings = sorted((wavelength / (2.0 * math.sin(angle / 2.0)) for angle in middles), reverse=True)
    found = ring_pixels(panel, wavelength, make_view((35, 45), None, (1, 1)), rings)
    for d, (rows, columns) in zip(rings, found, strict=True):
        outside = corners > 2.0 * math.asin(wavelength / (2.0 * d))
        corners_outside = outside[:-1, :-1].astype(int) + outside[1:, :-1] + outside[:-1, 1:] + outside[1:, 1:]
        expected = np.argwhere((corners_outside > 0) & (corners_outside < 4)).tolist()
        assert len(expected) > 10
        assert sorted(map(list, zip(rows.tolist(), columns.tolist(), strict=True))) == expected


@pytest.mark.parametrize("name", [name for name in GEOMETRIES if name not in ("behind", "curved xds")])
def test_the_scattering_angle_is_0_at_the_direct_beam(name):
    panel = detector(**GEOMETRIES[name])
    fast, slow = direct_beam(panel)
    assert angle_at(panel, fast, slow) < 1e-7
    assert cos_scattering_angle(panel, [fast], [slow])[0, 0] == pytest.approx(1.0, abs=1e-14)


def test_a_beam_that_misses_the_detector_is_not_drawn():
    assert direct_beam(detector(twotheta=120.0, convention="xds")) is None
    result = drawing(detector(twotheta=120.0, convention="xds"), beam=True)
    assert result.beam is None and "--preview-beam" in result.missing[0]
    assert not np.any(coloured(result.png))


def test_the_beam_is_marked_by_an_open_cross():
    result = drawing(detector(Xbeam=20.1, Ybeam=30.1), beam=True)  # mm: slow 50.75, fast 75.75 pixels
    assert result.beam == pytest.approx((75.75, 50.75))
    blue, red = coloured(result.png)
    rows, columns = np.nonzero(red)
    assert not blue.any()
    assert set(zip(rows, columns, strict=True)) == {
        place for i in [*range(-10, -3), *range(4, 11)] for place in ((50 + i, 75), (50, 75 + i))
    }


def test_a_beam_mark_at_the_edge_is_clipped():
    _, red = coloured(drawing(detector(Xbeam=-0.1, Ybeam=-0.1), beam=True).png)
    expected = [(0, i) for i in range(4, 11)] + [(i, 0) for i in range(4, 11)]
    assert sorted(zip(*np.nonzero(red), strict=True)) == expected


@pytest.mark.parametrize("name", GEOMETRIES)
@pytest.mark.parametrize("roi", [None, (100, 119, 20, 49)])
def test_automatic_rings_are_in_the_picture(name, roi):
    panel = detector(**GEOMETRIES[name])
    result = drawing(panel, rings="auto", roi=roi)
    assert 4 == len(result.rings) and result.missing == ()
    f0, f1, s0, s1 = roi or (0, 149, 0, 129)
    angles = [angle_at(panel, f, s) for f in range(f0, f1 + 2) for s in range(s0, s1 + 2)]
    spread = max(angles) - (0.0 if roi is None and name == "plain" else min(angles))
    rings = [2.0 * math.asin(1.0 / (2.0 * d)) for d in result.rings]
    assert min(angles) < rings[0] and rings[-1] < max(angles)
    assert min(np.diff(rings)) > 0.1 * spread


def test_rings_outside_the_picture_are_reported():
    result = drawing(detector(Xbeam=20.1, Ybeam=30.1), rings=(3.0, 0.6, 5000.0))
    assert result.rings == (3.0,)
    assert [line.split()[-2] for line in result.missing] == ["5000", "0.6"]


def test_a_picture_too_small_for_automatic_rings_says_so():
    panel = detector(detpixels_f=1, detpixels_s=1, pixel=1e-12)
    result = drawing(panel, rings="auto")
    assert result.rings == () and "too small" in result.missing[0]


def test_labels_are_on_their_rings_and_do_not_overlap():
    panel = detector()
    levels, palette = decode_png(drawing(panel, rings=(2.5, 4.0, 4.1), beam=True).png)
    blue = np.all(palette[levels] == palette[254], axis=2)
    boxes = []
    for d in (2.5, 4.0, 4.1):
        label = text_bitmap(f"{d:g} Å")
        windows = np.lib.stride_tricks.sliding_window_view(blue, label.shape)
        places = np.argwhere((windows == label).all(axis=(2, 3)))
        assert len(places) == 1
        middle = places[0] + np.array(label.shape) / 2.0
        angle = angle_at(panel, middle[1], middle[0])
        assert angle == pytest.approx(2.0 * math.asin(1.0 / (2.0 * d)), abs=0.01)
        boxes.append((*places[0], *(places[0] + label.shape)))
    for a, b in itertools.combinations(boxes, 2):
        assert a[2] <= b[0] or b[2] <= a[0] or a[3] <= b[1] or b[3] <= a[1]


def test_letters_are_distinct_and_can_be_scaled():
    shapes = {letter: text_bitmap(letter) for letter in GLYPHS}
    assert {bitmap.shape for bitmap in shapes.values()} == {(9, 7)}
    assert len({bitmap.tobytes() for bitmap in shapes.values()}) == len(GLYPHS)
    assert set("0123456789.e+-Å ") <= set(GLYPHS)
    np.testing.assert_array_equal(text_bitmap("1.5 Å", 3), np.kron(text_bitmap("1.5 Å"), np.ones((3, 3))))


def test_other_readers_see_the_same_colours():
    reader = pytest.importorskip("matplotlib.image", reason="needs matplotlib, of the extra plot")
    ramp = np.arange(256, dtype=np.uint8).reshape(8, 32)
    for content in (drawing(detector(), rings="auto", beam=True).png, png_bytes(ramp)):
        levels, palette = decode_png(content)
        seen = np.round(reader.imread(io.BytesIO(content), format="png") * 255.0)
        seen = seen[..., :3] if seen.ndim == 3 else np.repeat(seen[..., None], 3, axis=2)
        np.testing.assert_array_equal(seen, palette[levels])


# the command line


def test_simulate_draws_as_its_options_ask():
    options = (
        "--preview preview.png --preview-scale sqrt --preview-range 5 95 --preview-roi 1 10 2 7 --preview-zoom 20 "
        "--preview-rings 2.5,3.5 --preview-beam"
    )
    pixels = image(f"{RUN} -twotheta 30 {options}")
    experiment = Experiment(detpixels_f=12, detpixels_s=9, pixel=0.4, distance=100.0, twotheta=30.0)
    settings = PictureSettings("sqrt", (5.0, 95.0), (1, 10, 2, 7), (20, 1), (2.5, 3.5), True)
    expected = draw(make_scene(settings, (9, 12), place_detector(experiment), 1.0), pixels)
    assert Path("preview.png").read_bytes() == expected.png
    assert decode_png(expected.png)[0].shape == (120, 200)


def test_a_beam_or_ring_outside_the_picture_is_a_warning():
    run = simulate(f"{RUN} --preview preview.png --preview-rings 1.1 --preview-beam -Xbeam 500 -nonoise")
    assert run.status == 0
    assert [line.split(":")[0] for line in run.warnings] == ["--preview-beam", "--preview-rings"]


@pytest.mark.parametrize(
    "options, words",
    [
        ("--preview-rings auto", "--preview-rings: needs --preview FILE.png"),
        ("--preview p.png --preview-scale cubic", "--preview-scale"),
        ("--preview p.png --preview-range 10", "--preview-range: needs LOW HIGH, got 10"),
        ("--preview p.png --preview-range 90 10", "--preview-range"),
        ("--preview p.png --preview-range 0 101", "--preview-range"),
        ("--preview p.png --preview-range a b", "--preview-range"),
        ("--preview p.png --preview-roi 0 5 0", "--preview-roi"),
        ("--preview p.png --preview-roi 0 12 0 5", "--preview-roi: 0 12 0 5 does not fit"),
        ("--preview p.png --preview-roi 5 4 0 5", "--preview-roi"),
        ("--preview p.png --preview-zoom 0", "--preview-zoom"),
        ("--preview p.png --preview-zoom 1/0", "--preview-zoom"),
        ("--preview p.png --preview-zoom 2/3", "--preview-zoom"),
        ("--preview p.png --preview-zoom 9999", "--preview-zoom: a picture with an edge of"),
        ("--preview p.png --preview-rings 2,", "--preview-rings"),
        ("--preview p.png --preview-rings 0", "--preview-rings"),
        ("--preview p.png --preview-rings nan", "--preview-rings"),
        ("--preview p.png --preview-rings 0.4", "finer than 0.5 Angstrom"),
        ("--preview p.png --preview-beam=yes", "--preview-beam"),
        ("--preview p.png --preview-rings " + ",".join(map(str, range(1, 60))), "too many"),
    ],
)
def test_invalid_options_give_one_line_and_nothing_is_written(options, words, folder):
    run = simulate(f"{RUN} {options}")
    assert run.status == 2
    assert len(run.errors) == 1 and words in run.errors[0]
    assert list(folder.iterdir()) == []
