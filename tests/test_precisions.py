"""Precisions `double` and `mixed` where digits are lost: against the program's own operations, within what is promised.

Precision `exact` is the reference here; the golden files say that it is the program's.
"""

from dataclasses import replace

import numpy as np
import pytest

from nbkernel.compare import judge, make_pair
from nbkernel.experiment import Experiment
from nbkernel.io.image import Image
from nbkernel.kernels.arithmetic import inverse_square_root
from nbkernel.kernels.carried import piece_may_leave_table, pixel_leaves_table
from nbkernel.kernels.cpu_rows import RENDER_ROWS
from nbkernel.kernels.doubt import is_doubtful
from nbkernel.kernels.exponential import MOST_HALVINGS, POWER_OF_TWO_ERROR, halved
from nbkernel.kernels.pixel import subpixel_position, vector_at
from nbkernel.kernels.row_geometry import kahn_polarization, not_vanishing
from nbkernel.kernels.row_lattice import gauss_squared
from nbkernel.kernels.scattering import miller_indices, scattering_vector
from nbkernel.kernels.sine import (
    COSPI_ERROR,
    SCALE,
    SINPI_ERROR,
    SINPI_SINGLE_ERROR,
    cospi,
    scaled_sinpi_over_x,
    sinpi,
)
from nbkernel.kernels.vectors import unitize
from nbkernel.precision import as_program, doubt, in_float32, nearest_and_reach, needs_exact, sharpness
from nbkernel.prepare import prepare
from nbkernel.render import new_space, render
from nbkernel.still_places import all_dark
from nbkernel.tables import squared_table
from nbkernel.tiles import panel_tile

from running import smv_bytes, write_hkl

CELL = "-cell 70 80 90 75 85 95 -misset 10 20 30 -fluence 1e24 -default_F 100 -nointerpolate"
NEAR = f"{CELL} -lambda 1 -distance 80 -detpixels_f 70 -detpixels_s 45 -pixel 1.2 -oversample 1"
ALIGNED = (
    "-cell 100 100 100 90 90 90 -default_F 10 -N 7 -lambda 1 -distance 100 -detpixels 41 -pixel 1 -nointerpolate "
    "-Xbeam 20.5 -Ybeam 20.5 -xds -oversample 1"
)
TABLE = f"{NEAR} -hkl table.hkl -N 5"
SENSOR = "-detector_abs 200 -detector_thick 300 -detector_thicksteps 3 -oversample 2"
OVERSAMPLED = f"{NEAR} -N 3 {SENSOR} -dispersion 2 -dispsteps 3 -polar 0.9"

# where an index is half way between two whole ones, to the last bit, along rows or columns
HALVES = (
    "-cell 20 10 50 90 90 120 -misset 90 0 0 -phi 90 -lambda 1 -detpixels 41 -pixel 2 -distance 200 -adxv -Xbeam 3 -Ybeam 1 "
)
HALVES += "-twotheta 30 -oversample 1 -hkl steep.hkl -default_F 3 -nointerpolate"
# the direct beam, index 0 0 0, in the middle of a pixel
NODE = "-distance 100 -pixel 1 -oversample 1 -detpixels 9"
# a pixel at the sample
EDGE_ON = (
    "-cell 2 2 2 90 90 90 -misset -90 30 90 -lambda 1 -N 3 -detpixels 31 -pixel 1 -distance 12 -Xbeam 15.5 -Ybeam 15.5 "
)
EDGE_ON += (
    "-detector_rotx 90 -detector_roty 90 -default_F 1 -nointerpolate -oversample 1 -nopolar -osc 180 -phisteps 1 -adxv"
)
NEGATIVE = f"{NEAR} -N 5 -gauss_xtal -fudge -0.001 -detpixels 12"

# what each run is about: flags
RUNS = {
    "plain": f"{NEAR} -N 5",
    "one cell": f"{NEAR} -N 1",
    "one cell along one edge": f"{NEAR} -Na 1 -Nb 36 -Nc 47",
    "N 1000": f"{NEAR} -N 1000",
    "N 5000, domains": f"{NEAR} -N 5000 -mosaic 0.3 -mosaic_dom 7",
    "N 100000": f"{NEAR} -N 100000",
    "N 100000, two sources, polarised": f"{NEAR} -N 100000 -dispersion 1 -dispsteps 2 -polar 0.9 -osc 0.1 -phisteps 5",
    "zeros of the lattice factor": f"{CELL} -N 5 -lambda 1 -distance 800 -detpixels 90 -pixel 0.01 -oversample 1",
    "zeros, ellipsoid": f"{CELL} -N 5 -round_xtal -lambda 1 -distance 800 -detpixels 90 -pixel 0.01 -oversample 1",
    "whole indices": ALIGNED,
    "whole indices, ellipsoid": f"{ALIGNED} -round_xtal",
    "whole indices, Gaussian": f"{ALIGNED} -gauss_xtal",
    "indices whole but not 0": "-cell 25 5 1 90 90 90 -lambda 1 -Na 50 -Nb 1 -Nc 1 -default_F 1 -nointerpolate -detpixels 21 "
    "-pixel 1 -distance 12 -xds -Xbeam 1.5 -Ybeam 10.5 -oversample 1",
    "turned detector, whole indices": "-cell 10 10 10 90 90 90 -misset 90 0 0 -N 50 -default_F 7 -interpolate -lambda 1 "
    "-nopolar -detpixels 33 -pixel 0.05 -distance 3100.6 -xds -Xbeam 0.825 -Ybeam 0.825 -twotheta 30 -oversample 1",
    "every pixel next to a zero": "-cell 50 25 25 90 90 90 -lambda 0.5 -Na 36 -Nb 50 -Nc 36 -default_F 1 -nointerpolate "
    "-detpixels 21 -pixel 0.1 -distance 120 -dials -Xbeam 1.05 -Ybeam 1.05 -oversample 1",
    "every sub-pixel next to a zero": "-cell 20 100 1 90 90 90 -lambda 0.5 -Na 7 -Nb 36 -Nc 36 -default_F 1 -nointerpolate "
    "-detpixels 21 -pixel 0.05 -distance 120 -xds -Xbeam -89.475 -Ybeam 0.525 -oversample 3",
    "direct beam in the middle of a pixel": "-cell 38 38 95 90 90 90 -lambda 0.9768 -N 100 -default_F 100 -detpixels 41 -pixel 1 "
    "-distance 500 -dials -oversample 1",
    "direct beam in the middle of a pixel, table": "-cell 50 20 200 90 90 90 -misset 0 90 0 -lambda 1.5 -N 5 -detpixels 21 "
    "-pixel 1 -distance 500 -Xbeam 10.5 -Ybeam 10.5 -hkl steep.hkl -default_F 1 -nointerpolate -oversample 1 -polar 1 -denzo",
    "half indices": f"{HALVES} -N 3",
    "half indices, domains": f"{HALVES} -N 3 -mosaic 0 -mosaic_dom 65",
    "half indices, ellipsoid": f"{HALVES} -N 3 -round_xtal",
    "half indices, Gaussian": f"{HALVES} -N 3 -gauss_xtal -fudge 0.01",
    "half indices, tophat": f"{HALVES} -N 3 -tophat_spots -fudge 1e-3",
    "every pixel next to a zero along one edge": "-cell 38 2 100 90 90 90 -lambda 0.5 -N 100 -detpixels 41 -pixel 0.1 "
    "-distance 1000 -Xbeam 0.25 -Ybeam 3.85 -hkl steep.hkl -default_F 1 -oversample 1 -nopolar",
    "every pixel next to a zero, turned about that edge": "-cell 50 100 2 70 80 100 -lambda 0.1 -Na 1 -Nb 3 -Nc 100 -detpixels 41 "
    "-pixel 0.1 -distance 200 -Xbeam 0 -Ybeam 2 -default_F 100 -oversample 1 -polar 0.9 -osc 90 -phisteps 70 -phi 180 -dmin 1 -mosflm",
    "a pixel at the sample": EDGE_ON,
    "a pixel at the sample, dmin": f"{EDGE_ON} -dmin 5",
    "whole indices, ellipsoid of a huge fudge": "-cell 10 10 10 90 90 90 -round_xtal -fudge 1e300 -default_F 1 -detpixels 5 "
    "-pixel 1 -distance 100 -lambda 1",
    "ellipsoid of a large fudge": "-cell 20 20 20 120 120 90 -Nb 1000 -round_xtal -fudge 1e6 -default_F 1 -detpixels 5 -detector_roty 135 "
    "-osc 90 -pixel 0.1 -distance 100 -lambda 1",
    "next to a zero, alone": "-cell 50 25 25 90 90 90 -Nb 3 -default_F 1 -lambda 1.5 -detpixels 1 -xds -twotheta 90 -pixel 0.1 -distance 100",
    "along the sensor": "-cell 1 1 1 90 90 90 -default_F 1 -detpixels 3 -beam_vector 0 0 1 -Ybeam 5 -twotheta 120 -oversample_thick",
    "a pixel at the sample, oblique axes": "-cell 50 10 25 60 60 60 -default_F 1 -detpixels 5 -fdet_vector 0 -1 0 -twotheta 0 "
    "-detector_roty 90 -pixel 0.1 -distance 100 -lambda 1",
    "a sub-pixel at the sample, parallel axes": "-cell 100 100 100 90 90 90 -lambda 1 -distance 100 -pixel 0.1 -detpixels 1 "
    "-tophat_spots -default_F 1 -fdet_vector 0 -1 0 -beam_vector 0 0 1 -twotheta 0 -oversample 2 -oversample_omega",
    "polarisation factors of nearly 0": "-cell 20 100 1 90 90 90 -lambda 1 -default_F 1 -polar -1 -detpixels 2 -pixel 0.1 "
    "-distance 10000 -dials -twotheta 90 -oversample 1",
    "ellipsoid of very many fringes": "-cell 100 100 100 90 90 90 -N 30000 -round_xtal -fudge 1e6 -default_F 3 -detpixels 17 "
    "-lambda 1 -distance 100 -pixel 0.1 -oversample 1",
    "ellipsoid of many fringes": "-cell 100 100 100 90 90 90 -N 200 -round_xtal -fudge 1e6 -default_F 3 -detpixels 41 "
    "-lambda 1 -distance 100 -pixel 0.1 -oversample 1",
    "Gaussian, negative fudge, running sum": f"{NEGATIVE} -oversample_omega",
    "ellipsoid, negative fudge, F of 0": f"{NEAR} -N 5 -round_xtal -fudge -1 -hkl low.hkl -default_F 0 -detpixels 12 -twotheta 120",
    "high angle": f"{NEAR} -N 12 -distance 3",
    "back scattering": f"{NEAR} -N 12 -twotheta 150",
    "long wavelength": f"{NEAR} -N 12 -lambda 40",
    "short wavelength": f"{NEAR} -N 12 -lambda 0.05",
    "ellipsoid": f"{NEAR} -N 36 -round_xtal -mosaic 0.3 -mosaic_dom 5",
    "ellipsoid, no fudge": f"{NEAR} -N 3 -round_xtal -fudge 0",
    "Gaussian": f"{NEAR} -N 4 -gauss_xtal -fudge 0.01 -mosaic 0.3 -mosaic_dom 5",
    "sharp Gaussian": f"{NEAR} -N 1000 -gauss_xtal -fudge 1e-12 -mosaic 0.3 -mosaic_dom 5",
    "Gaussian, negative fudge": f"{NEAR} -N 2 -gauss_xtal -fudge -0.0001 -detpixels 12",
    "tophat": f"{NEAR} -N 5 -tophat_spots -fudge 0.0001 -mosaic 0.3 -mosaic_dom 5",
    "table": f"{TABLE} -mosaic 0.3 -mosaic_dom 20",
    "table, tophat": f"{TABLE} -tophat_spots -fudge 0.0001",
    "table, Gaussian, sources": f"{TABLE} -gauss_xtal -fudge 0.001 -dispersion 2 -dispsteps 5 -hdivrange 3 -hdivsteps 3",
    "table of low resolution": f"{NEAR} -hkl low.hkl -N 5 -default_F 0 -mosaic 0.3 -mosaic_dom 5",
    "interpolation, many pixels from index to index": f"{NEAR} -N 3 -hkl table.hkl -interpolate -distance 4000 -polar 0.9",
    "interpolation": f"{TABLE} -interpolate -lambda 6",
    "interpolation that ends within the image": f"{TABLE} -interpolate -lambda 1.4 -osc 0.5 -phisteps 2",
    "interpolation far away": f"{TABLE} -interpolate -lambda 6 -distance 100000 -Xbeam 5000 -Ybeam 5000",
    "interpolation, Gaussian": f"{TABLE} -interpolate -lambda 6 -gauss_xtal -fudge 0.001",
    "interpolation in a single layer": "-cell 70 80 3 75 85 95 -misset 10 20 30 -hkl layer.hkl -default_F 10 -interpolate -gauss_xtal -N 10 "
    "-lambda 1 -distance 80 -detpixels 40 -pixel 1.2 -oversample 10",
    "at the beam, many orientations": "-cell 200 200 3 90 90 90 -Na 5 -Nb 5 -Nc 50 -hkl table.hkl -default_F 5 -interpolate "
    "-lambda 1 -nopolar -detpixels_f 23 -detpixels_s 60 -pixel 1.2 -distance 27.964 -Xbeam 36 -Ybeam 13.2 -twotheta 90 "
    "-oversample 1 -mosaic 5 -mosaic_dom 17",
    "stale phi step": f"{NEAR} -N 5 -osc 3 -phisteps 3 -dmin 3",
    "water below 0": "-cell 62 62 150 90 90 120 -N 3 -default_F 33 -fluence 1e24 -detpixels 3 -pixel 0.05 -distance 500 "
    "-detector_thick 1 -water -1",
    "dmin, water, several sources": f"{NEAR} -N 5 -water 10 -dmin 3 -dispersion 4 -dispsteps 3",
    "sensor": f"{NEAR} -N 5 {SENSOR} -polar 0.95",
    "curved": f"{NEAR} -N 5 -curved_det -point_pixel -nopolar",
    "curved, thick": f"{NEAR} -N 36 -curved_det {SENSOR} -polar 0.9",
    "oversample_thick": f"{OVERSAMPLED} -oversample_thick",
    "oversample_polar": f"{OVERSAMPLED} -oversample_polar",
    "oversample_omega": f"{OVERSAMPLED} -oversample_omega",
    "all three, Gaussian": f"{OVERSAMPLED} -gauss_xtal -oversample_thick -oversample_polar -oversample_omega",
    "all three, tophat": f"{OVERSAMPLED} -tophat_spots -fudge 1e-4 -oversample_thick -oversample_polar -oversample_omega",
    "all three, interpolated, dmin": f"{OVERSAMPLED} -hkl table.hkl -interpolate -lambda 6 -dmin 8 -oversample_thick "
    "-oversample_polar -oversample_omega",
    "thickness without absorption": f"{NEAR} -N 5 -oversample_thick",
    "region": f"{NEAR} -N 5 -roi 13 57 7 31",
    "mask": f"{NEAR} -N 5 -mask mask.img",
}
FIXES = {
    "oversample": "all three, Gaussian",
    "thickness": "sensor",
    "interpolation": "interpolation that ends within the image",
    "phi0": "stale phi step",
    "dmin,water": "dmin, water, several sources",
}


@pytest.fixture(autouse=True)
def inputs(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    draw = np.random.default_rng(1)
    write_hkl("table.hkl", draw.uniform(50, 150, (21, 23, 25)) * (draw.random((21, 23, 25)) < 0.8), (-10, -11, -12))
    write_hkl("layer.hkl", draw.uniform(50, 150, (25, 25, 1)), (-12, -12, 0))
    low = np.zeros((15, 15, 15))
    low[3:12, 3:12, 3:12] = draw.uniform(50, 150, (9, 9, 9))
    write_hkl("low.hkl", low, (-7, -7, -7))
    write_hkl("steep.hkl", 10.0 ** draw.uniform(-1, 3, (13, 13, 13)), (-6, -6, -6))
    node = draw.uniform(50, 150, (9, 9, 9))
    node[4, 4, 4] = 0
    write_hkl("node.hkl", node, (-4, -4, -4))
    mask = np.ones((45, 70))
    mask[:6, :9] = mask[20:24] = mask[7:18, 15:33] = 0
    with open("mask.img", "wb") as file:
        file.write(smv_bytes(mask, "PIXEL_SIZE=1.2;\n"))


def prepared(flags, fixes=()):
    return prepare(Experiment.from_command_line(flags, fixes), 1)


def verdict(expected, image, precision, N):
    pair = make_pair(*(Image("", "float", pixels, False, None, None) for pixels in (expected, image)))
    return judge(pair, precision, N)


@pytest.mark.parametrize("precision", ["double", "mixed"])
@pytest.mark.parametrize("name", RUNS)
def test_every_pixel_keeps_the_promise(name, precision):
    run = prepared(RUNS[name])
    expected, omegas, carried = render(run, "exact")
    image, own_omegas, own_carried = render(run, precision)
    assert expected.any() or name == "thickness without absorption"
    found = verdict(expected, image, precision, sharpness(run.plan))
    assert found["within"], found
    assert own_omegas == pytest.approx(omegas, rel=1e-12, nan_ok=True)
    assert own_carried.latch_pixel == carried.latch_pixel and own_carried.first_pixel == carried.first_pixel


@pytest.mark.parametrize("precision", ["double", "mixed"])
@pytest.mark.parametrize("fixes", FIXES)
def test_fixes_too(fixes, precision):
    run = prepared(RUNS[FIXES[fixes]], fixes.split(","))
    expected, _, _ = render(run, "exact")
    unfixed, _, _ = render(prepared(RUNS[FIXES[fixes]]), "exact")
    assert not np.array_equal(expected, unfixed)
    found = verdict(expected, render(run, precision)[0], precision, sharpness(run.plan))
    assert found["within"], found


def test_interpolated_structure_factors_are_0_on_a_node_that_is():
    run = prepared(f"-cell 100 100 100 90 90 90 -misset 0 1 0 -hkl node.hkl -interpolate -dials -lambda 1 {NODE}")
    for precision in ("exact", "double", "mixed"):
        image, _, _ = render(run, precision)
        assert image[4, 4] == 0.0 and np.count_nonzero(image) == 80, precision


def test_weights_too(tmp_path):
    """--fix weights: sources from a file count by theirs."""
    (tmp_path / "sources.txt").write_text("-10 0 0 1 1e-10\n-10 0.01 0 5 1.01e-10\n-10 0 0.01 0 0.99e-10\n")
    run = prepared(f"{NEAR} -N 5 -sourcefile sources.txt", ["weights"])
    expected, _, _ = render(run, "exact")
    for precision in ("double", "mixed"):
        found = verdict(expected, render(run, precision)[0], precision, 5.0)
        assert found["within"], found


@pytest.mark.parametrize("precision", ["double", "mixed"])
@pytest.mark.parametrize("name", RUNS)
def test_no_bit_depends_on_tiles_and_threads(name, precision):
    run = prepared(RUNS[name])
    expected, _, _ = render(run, precision, threads=1)
    for threads, tile_shape in ((2, (7, 13)), (1, (1, 70)), (2, (45, 1)), (2, (1000, 33))):
        image, _, _ = render(run, precision, threads, tile_shape)
        assert image.tobytes() == expected.tobytes(), (threads, tile_shape)


@pytest.mark.parametrize("precision", ["double", "mixed"])
@pytest.mark.parametrize("name", ["plain", "polarised", "table", "sensor", "interpolation, many pixels from index to index"])
def test_no_bit_depends_on_the_pixels_beside(name, precision):
    run = prepared(RUNS[name] if name in RUNS else f"{NEAR} -N 5 -polar 0.9")
    expected, omega_sum, _ = render(run, precision)
    some = np.random.default_rng(5).random(run.wanted.shape) < 0.7
    some[20:] = True
    image, own_sum, _ = render(replace(run, wanted=some), precision)
    assert image.tobytes() == np.where(some, expected, np.float32(0)).tobytes()
    assert own_sum < omega_sum


def test_float32_is_used_and_left_where_it_must_be():
    run = prepared(RUNS["plain"])
    assert in_float32(run.plan, panel_tile(run.detector))
    for flags in ("-round_xtal", "-gauss_xtal", "-N 3000000", "-lambda 0.0001"):
        run = prepared(f"{NEAR} -N 5 {flags}")
        assert not in_float32(run.plan, panel_tile(run.detector)), flags
    for name, expected in (("plain", False), ("N 1000", True), ("tophat", True), ("curved", True), ("interpolation", False)):
        run = prepared(RUNS[name])
        assert as_program(run.plan, False, panel_tile(run.detector)) == expected, name
    for flags, fixes in (("interpolation far away", []), ("interpolation", ["interpolation"])):
        run = prepared(RUNS[flags], fixes)
        assert as_program(run.plan, False, panel_tile(run.detector)), (flags, fixes)


def test_few_pixels_are_left_to_the_programs_operations():
    """An ordinary image has none; whole indices along a row and a column make just those."""
    for name, few in (("plain", 0), ("whole indices", 2 * 41)):
        run = prepared(RUNS[name])
        tile = panel_tile(run.detector)
        doubts = doubt(run.plan, False, False, tile)
        doubtful = sum(
            is_doubtful(run.plan, tile, spixel, fpixel, doubts)
            for spixel in range(tile.slow_stop)
            for fpixel in range(tile.fast_stop)
        )
        assert doubtful <= few, name


@pytest.mark.parametrize("name", ["plain", "table", "sensor", "interpolation", "all three, Gaussian", "ellipsoid"])
def test_bare_python_does_the_same(name):
    """The kernel's text as Python on a few pixels; without fused operations its last digits differ."""
    run = prepared(f"{RUNS[name]} -roi 3 8 2 3")
    plan = run.plan
    whole = panel_tile(run.detector)
    own_operations = as_program(plan, False, whole)
    kernel, doubts = RENDER_ROWS[False, own_operations], doubt(plan, False, own_operations, whole)
    image, _, carried = render(run, "double", threads=1)
    bare = np.zeros(image.shape, np.float32)
    left, omegas = np.zeros(image.shape[0], np.int64), np.zeros(image.shape[0])
    tile = whole._replace(slow_start=2, slow_stop=4, fast_start=3, fast_stop=9)
    with np.errstate(all="ignore"):
        kernel.function(
            plan, carried, tile, squared_table(plan), doubts, run.wanted, bare, left, omegas, new_space(6, 6), 2, 4
        )
    assert bare[2:4, 3:9].any()
    np.testing.assert_allclose(bare, image, rtol=1e-6)


def test_the_other_files_follow_from_the_image(tmp_path):
    """SMV, PGM and noise files in precision double are those of its float image: a count's difference where the float's
    last digit decides, and the lines that scripts read."""
    from golden import statistics_lines
    from running import simulate

    found = {}
    for precision in ("exact", "double", "mixed"):
        run = simulate(f"{NEAR} -N 5 -scale 1e9 -pgmscale 1e9 -seed 1 -noprogress --precision {precision}")
        assert run.status == 0, run.err
        files = {name: np.fromfile(name, np.uint8) for name in ("intimage.img", "image.pgm", "noiseimage.img")}
        found[precision] = files, statistics_lines(run.out.splitlines())
    for precision in ("double", "mixed"):
        for name, content in found["exact"][0].items():
            ours = found[precision][0][name]
            assert ours.shape == content.shape
            assert np.array_equal(ours[:40], content[:40])
            assert np.count_nonzero(ours != content) < 0.01 * content.size, name
        assert len(found[precision][1]) == len(found["exact"][1]) == 6
    assert found["double"][1][0] == found["exact"][1][0]  # the solid angle


def test_pieces_within_the_table_have_no_pixel_outside():
    """What the survey before interpolation concludes from the ends of a piece, for flat detectors at any angle."""
    draw = np.random.default_rng(6)
    answers = []
    for _ in range(12):
        angle, distance, wavelength = draw.uniform(-60, 60), draw.uniform(20, 200), draw.uniform(5, 9)
        run = prepared(
            f"{TABLE} -interpolate -lambda {wavelength} -distance {distance} -twotheta {angle} -detpixels 48 -pixel 2 -oversample 2 "
            "-detector_thick 300 -detector_abs 200 -detector_thicksteps 2"
        )
        tile = panel_tile(run.detector)
        for spixel in (0, 23, 47):
            for first, last in ((0, 48), (0, 16), (16, 40), (40, 48)):
                leaves = piece_may_leave_table(run.plan, tile, spixel, first, last)
                answers.append(leaves)
                if not leaves:
                    assert not any(
                        pixel_leaves_table(run.plan, tile, spixel, fpixel, False) for fpixel in range(first, last)
                    )
    assert 20 < sum(answers) < len(answers) - 20


def test_spots_that_touch_and_those_that_do_not():
    """Gaussian spots have the program's own indices where half way to the next something is left of them."""
    for flags, expected in (
        ("-N 3 -gauss_xtal", True),
        ("-N 20 -gauss_xtal", False),
        ("-N 3 -gauss_xtal -cell 50 60 70 90 90 90", False),
        ("-N 3 -gauss_xtal -cell 50 60 70 90 90 90 -hkl table.hkl", True),
        ("-N 8 -gauss_xtal -fudge 0.001 -fluence 1e30", True),
    ):
        run = prepared(f"{NEAR} {flags}")
        assert as_program(run.plan, False, panel_tile(run.detector)) == expected, flags


def test_only_images_of_zeros_are_all_dark():
    dark = [name for name in RUNS if name.startswith("every")]
    usual = [
        "plain",
        "N 1000",
        "zeros of the lattice factor",
        "whole indices",
        "direct beam in the middle of a pixel",
        "ellipsoid",
    ]
    for name in (*dark, *usual, "table", "sensor", "high angle", "stale phi step"):
        run = prepared(RUNS[name])
        assert all_dark(run.plan, panel_tile(run.detector)) == (name in dark), name


def test_the_nearest_point_of_a_panel_of_any_axes():
    """Against the panel's points on a grid: not farther, and not nearer than the grid is wide."""
    draw = np.random.default_rng(3)
    run = prepared(f"{NEAR} -N 5")
    whole = panel_tile(run.detector)
    steps = np.linspace(0.0, 1.0, 201)
    for number in range(60):
        fdet, sdet, pix0 = (unitize(draw.normal(size=3)) for _ in range(3))
        sdet = (fdet, -np.array(fdet))[number % 2] if number < 6 else sdet
        tile = whole._replace(fdet=np.array(fdet), sdet=np.array(sdet), pix0=np.array(pix0) * draw.uniform(0.0, 0.1))
        with np.errstate(all="ignore"):
            nearest, _ = nearest_and_reach(run.plan, tile)
        along, across = tile.fast_stop * tile.pixel_size * steps, tile.slow_stop * tile.pixel_size * steps
        points = tile.pix0 + along[:, None, None] * tile.fdet + across[None, :, None] * tile.sdet
        found = np.sqrt((points * points).sum(axis=-1).min())
        assert nearest <= found * (1.0 + 1e-12) and found - nearest < along[1] + across[1], number


def test_panels_that_are_the_exact_engines():
    exact = ("a pixel at the sample", "a sub-pixel at the sample, parallel axes", "ellipsoid of very many fringes")
    for name in (*exact, "plain", "ellipsoid", "N 100000", "ellipsoid of many fringes", "back scattering", "high angle"):
        run = prepared(RUNS[name])
        assert needs_exact(run.plan, panel_tile(run.detector)) == (name in exact), name


def index_of(run, spixel, fpixel):
    """The program's h, k, l of a pixel of a run with one sub-pixel, source and orientation."""
    plan, tile = run.plan, panel_tile(run.detector)
    diffracted = unitize(subpixel_position(tile, 1, spixel, fpixel, 0, 0, 0.0))
    scattering = scattering_vector(diffracted, vector_at(plan.source_incident, 0), plan.source_lambda[0])
    return np.array(miller_indices(plan.orientation, plan.phi_slot[0], 0, scattering))


def test_doubt_is_where_a_last_digit_decides():
    run = prepared(f"{HALVES} -N 3")
    tile = panel_tile(run.detector)
    doubts = doubt(run.plan, False, False, tile)
    assert 0.0 < doubts.half < 1e-11
    found = set()
    for spixel in range(tile.slow_stop):
        for fpixel in range(tile.fast_stop):
            indices = index_of(run, spixel, fpixel)
            from_half = np.abs(indices - np.floor(indices) - 0.5).min()
            from_whole = np.abs(indices - np.rint(indices))
            near = from_half < doubts.half or (from_whole < doubts.noise * np.abs(indices)).any()
            assert is_doubtful(run.plan, tile, spixel, fpixel, doubts) == near, (spixel, fpixel)
            found.add((from_half < doubts.half, near))
    assert (True, True) in found and (False, False) in found


# formulas


def test_a_polarisation_factor_of_nothing_is_the_programs():
    for cos2theta, B, kahn_factor, expected in (
        (0.0, 0.0, 1.0, None), (6e-17, 1e-16, 1.0, None), (1e-5, 0.0, 1.0, None), (0.0, 0.0, -1.0, 1.0),
        (1e-3, 0.0, 1.0, 5e-7),
    ):  # fmt: skip
        factor = not_vanishing(kahn_polarization(cos2theta, 1.0, B, kahn_factor, True))
        assert np.isnan(factor) if expected is None else factor == pytest.approx(expected)


def test_inverse_square_root():
    x = 10.0 ** np.random.default_rng(2).uniform(-150, 150, 20000)
    found = np.array([inverse_square_root(value) for value in x])
    assert np.abs(found * np.sqrt(x.astype(np.longdouble)) - 1).max() < 5e-16


def test_sine_and_cosine_of_half_turns():
    x = np.concatenate([np.linspace(-0.5, 0.5, 40001), 10.0 ** np.random.default_rng(3).uniform(-300, -1, 2000)])
    angle = x.astype(np.longdouble) * np.longdouble("3.14159265358979323846264338327950288")
    sine, cosine = np.sin(angle), np.cos(angle)
    there = x != 0
    found = np.array([sinpi(value) for value in x])
    assert (np.abs(found - sine)[there] / np.abs(sine)[there]).max() < SINPI_ERROR
    assert np.abs(np.array([cospi(value) for value in x]) - cosine).max() < COSPI_ERROR
    single = np.array([np.float64(scaled_sinpi_over_x(np.float32(value * value)) / SCALE) for value in x[:40001]])
    assert (
        np.abs(single * x[:40001] - sine[:40001])[there[:40001]] / np.abs(sine[:40001])[there[:40001]]
    ).max() < SINPI_SINGLE_ERROR


def test_powers_of_one_half():
    times = np.concatenate([np.random.default_rng(4).uniform(0, 1000, 20000), np.arange(1000.0), [0.5, 1e-300, 999.999]])
    with np.errstate(over="ignore"):
        found = np.array([halved(value, 1.0) for value in times])
    assert np.abs(found / np.exp2(-times.astype(np.longdouble)) - 1).max() < POWER_OF_TWO_ERROR
    assert np.isnan(halved(np.nan, 1.0))
    for zz, dl in ((4e6, 0.5), (1.0, 1e4)):
        far = gauss_squared(0.0, 0.0, dl, 0.0, 0.0, 0.0, (0.0, 0.0, 0.0, 1.0, 1.0, zz, MOST_HALVINGS / zz))
        assert far == pytest.approx(2.0**-1000)
