"""Precisions `double` and `mixed` where digits are lost: within their tolerances of precision `exact`.

The golden files show that `exact` is nanoBragg.c's.
"""

from dataclasses import replace

import numpy as np
import pytest

from nbkernel.diagnose.images.compare import judge, make_pair
from nbkernel.engine.bounds.precision import (
    can_use_float32,
    choose_rounding_limit,
    nearest_and_reach,
    needs_exact,
    needs_own_operations,
    sharpness,
)
from nbkernel.engine.bounds.reach import find_reach
from nbkernel.engine.bounds.stationary import all_dark
from nbkernel.engine.render import render
from nbkernel.engine.squared_table import squared_table
from nbkernel.engine.tiles import panel_tile
from nbkernel.engine.workspaces import new_workspaces
from nbkernel.io.images.image import Image
from nbkernel.kernels.exact.history import pixel_leaves_table, segment_may_leave_table
from nbkernel.kernels.fast.cpu import RENDER_ROWS
from nbkernel.kernels.fast.geometry import not_vanishing
from nbkernel.kernels.fast.lattice_factor import gauss_squared
from nbkernel.kernels.numerics.arithmetic import inverse_square_root
from nbkernel.kernels.numerics.exponential import MOST_HALVINGS, POWER_OF_TWO_ERROR, halved
from nbkernel.kernels.numerics.sine import (
    COSPI_ERROR,
    SCALE,
    SINPI_ERROR,
    SINPI_SINGLE_ERROR,
    cospi,
    scaled_sinpi_product,
    sinpi,
    sinpi_product,
)
from nbkernel.kernels.physics.pixel import subpixel_position, vector_at
from nbkernel.kernels.physics.polarization import kahn_polarization
from nbkernel.kernels.physics.scattering import miller_indices, scattering_vector
from nbkernel.kernels.physics.vectors import unitize
from nbkernel.kernels.rounding import may_be_rounding

from kinds_of_runs import FIXES, HALVES, NEAR, NODE, RUNS, TABLE, inputs, prepared  # noqa: F401  (a fixture)


def verdict(expected, image, precision, N):
    pair = make_pair(*(Image("", "float", pixels, False, None, None) for pixels in (expected, image)))
    return judge(pair, precision, N)


@pytest.mark.parametrize("precision", ["double", "mixed"])
@pytest.mark.parametrize("name", RUNS)
def test_every_pixel_is_within_the_tolerance(name, precision):
    run = prepared(RUNS[name])
    expected, omegas, history = render(run, "exact")
    image, own_omegas, own_history = render(run, precision)
    assert expected.any() or name == "thickness without absorption"
    found = verdict(expected, image, precision, sharpness(run.plan))
    assert found["within"], found
    assert own_omegas == pytest.approx(omegas, rel=1e-12, nan_ok=True)
    assert own_history.latch_pixel == history.latch_pixel and own_history.first_pixel == history.first_pixel


@pytest.mark.parametrize("precision", ["double", "mixed"])
@pytest.mark.parametrize("fixes", FIXES)
def test_fixes_are_within_the_tolerance(fixes, precision):
    run = prepared(RUNS[FIXES[fixes]], fixes.split(","))
    expected, _, _ = render(run, "exact")
    unfixed, _, _ = render(prepared(RUNS[FIXES[fixes]]), "exact")
    assert not np.array_equal(expected, unfixed)
    found = verdict(expected, render(run, precision)[0], precision, sharpness(run.plan))
    assert found["within"], found


def test_interpolated_structure_factors_are_0_at_a_node_that_is_0():
    run = prepared(f"-cell 100 100 100 90 90 90 -misset 0 1 0 -hkl node.hkl -interpolate -dials -lambda 1 {NODE}")
    for precision in ("exact", "double", "mixed"):
        image, _, _ = render(run, precision)
        assert image[4, 4] == 0.0 and np.count_nonzero(image) == 80, precision


def test_weighted_sources_are_within_the_tolerance(tmp_path):
    """--fix weights: sources from a file have the file's weights."""
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
def test_no_bit_depends_on_neighbouring_pixels(name, precision):
    run = prepared(RUNS.get(name, f"{NEAR} -N 5 -polar 0.9"))
    expected, omega_sum, _ = render(run, precision)
    some = np.random.default_rng(5).random(run.wanted.shape) < 0.7
    some[20:] = True
    image, own_sum, _ = render(replace(run, wanted=some), precision)
    assert image.tobytes() == np.where(some, expected, np.float32(0)).tobytes()
    assert own_sum < omega_sum


def test_float32_is_used_only_where_it_is_precise_enough():
    run = prepared(RUNS["plain"])
    assert can_use_float32(run.plan, panel_tile(run.detector))
    for flags in ("-round_xtal", "-gauss_xtal", "-N 3000000", "-lambda 0.0001"):
        run = prepared(f"{NEAR} -N 5 {flags}")
        assert not can_use_float32(run.plan, panel_tile(run.detector)), flags
    for name, expected in (("plain", False), ("N 1000", True), ("tophat", True), ("curved", True), ("interpolation", False)):
        run = prepared(RUNS[name])
        assert needs_own_operations(run.plan, False, panel_tile(run.detector)) == expected, name
    for flags, fixes in (("interpolation far away", []), ("interpolation", ["interpolation"])):
        run = prepared(RUNS[flags], fixes)
        assert needs_own_operations(run.plan, False, panel_tile(run.detector)), (flags, fixes)


def test_few_pixels_need_nanobraggs_operations():
    """An ordinary image has none; integer indices along a row and a column need their pixels only."""
    for name, few in (("plain", 0), ("whole indices", 2 * 41)):
        run = prepared(RUNS[name])
        tile = panel_tile(run.detector)
        rounding_limit = choose_rounding_limit(run.plan, False, False, tile)
        suspects = sum(
            may_be_rounding(run.plan, tile, spixel, fpixel, rounding_limit)
            for spixel in range(tile.slow_stop)
            for fpixel in range(tile.fast_stop)
        )
        assert suspects <= few, name


@pytest.mark.parametrize("name", ["plain", "table", "sensor", "interpolation", "all three, Gaussian", "ellipsoid"])
def test_bare_python_gives_the_same_image(name):
    """On a few pixels; the last digits differ, as Python has no fused operations."""
    run = prepared(f"{RUNS[name]} -roi 3 8 2 3")
    plan = run.plan
    whole = panel_tile(run.detector)
    own_operations = needs_own_operations(plan, False, whole)
    kernel, rounding_limit = RENDER_ROWS[False, own_operations], choose_rounding_limit(plan, False, own_operations, whole)
    image, _, history = render(run, "double", threads=1)
    bare = np.zeros(image.shape, np.float32)
    unresolved, omegas = np.zeros(image.shape[0], np.int64), np.zeros(image.shape[0])
    tile = whole._replace(slow_start=2, slow_stop=4, fast_start=3, fast_stop=9)
    with np.errstate(all="ignore"):
        kernel.function(
            plan, history, tile, squared_table(plan), find_reach(plan, whole, False), rounding_limit, run.wanted, bare, unresolved, omegas,
            *new_workspaces(6, 6), 2, 4,
        )  # fmt: skip
    assert bare[2:4, 3:9].any()
    np.testing.assert_allclose(bare, image, rtol=1e-6)


def test_the_other_files_follow_from_the_float_image(tmp_path):
    """SMV, PGM and noise files in precisions double and mixed differ from those of exact in few pixels, where the float
    image's last digits decide; the lines of statistics are the same ones."""
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
            image_file = found[precision][0][name]
            assert image_file.shape == content.shape
            assert np.array_equal(image_file[:40], content[:40])
            assert np.count_nonzero(image_file != content) < 0.01 * content.size, name
        assert len(found[precision][1]) == len(found["exact"][1]) == 6
    assert found["double"][1][0] == found["exact"][1][0]  # the solid angle


def test_segments_within_the_table_have_no_pixel_outside():
    """The search before interpolation judges a segment by its ends, on flat detectors at any angle."""
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
                leaves = segment_may_leave_table(run.plan, tile, spixel, first, last)
                answers.append(leaves)
                if not leaves:
                    assert not any(
                        pixel_leaves_table(run.plan, tile, spixel, fpixel, False) for fpixel in range(first, last)
                    )
    assert 20 < sum(answers) < len(answers) - 20


def test_gaussian_spots_that_overlap_need_nanobraggs_operations():
    """If a spot has not vanished half way to the next, its indices must be nanoBragg.c's."""
    for flags, expected in (
        ("-N 3 -gauss_xtal", True),
        ("-N 20 -gauss_xtal", False),
        ("-N 3 -gauss_xtal -cell 50 60 70 90 90 90", False),
        ("-N 3 -gauss_xtal -cell 50 60 70 90 90 90 -hkl table.hkl", True),
        ("-N 8 -gauss_xtal -fudge 0.001 -fluence 1e30", True),
    ):
        run = prepared(f"{NEAR} {flags}")
        assert needs_own_operations(run.plan, False, panel_tile(run.detector)) == expected, flags


def test_only_images_of_zeros_are_all_dark():
    dark = [name for name in RUNS if name.startswith("every")]
    others = [
        "plain",
        "N 1000",
        "zeros of the lattice factor",
        "whole indices",
        "direct beam in the middle of a pixel",
        "ellipsoid",
    ]
    for name in (*dark, *others, "table", "sensor", "high angle", "stale phi step"):
        run = prepared(RUNS[name])
        assert all_dark(run.plan, panel_tile(run.detector)) == (name in dark), name


def test_the_nearest_point_of_a_panel_with_any_axes():
    """Compared with points on a grid: not farther than the nearest, and nearer by less than the grid's spacing."""
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


def test_panels_left_to_the_exact_engine():
    exact = ("a pixel at the sample", "a sub-pixel at the sample, parallel axes", "ellipsoid of very many fringes")
    for name in (*exact, "plain", "ellipsoid", "N 100000", "ellipsoid of many fringes", "back scattering", "high angle"):
        run = prepared(RUNS[name])
        assert needs_exact(run.plan, panel_tile(run.detector)) == (name in exact), name


def miller_index(run, spixel, fpixel):
    """nanoBragg.c's h, k, l of a pixel, in a run with one sub-pixel, source and orientation."""
    plan, tile = run.plan, panel_tile(run.detector)
    diffracted = unitize(subpixel_position(tile, 1, spixel, fpixel, 0, 0, 0.0))
    scattering = scattering_vector(diffracted, vector_at(plan.source_incident, 0), plan.source_lambda[0])
    return np.array(miller_indices(plan.orientation, plan.phi_slot[0], 0, scattering))


def test_rounding_limits_hold_where_a_last_digit_decides():
    run = prepared(f"{HALVES} -N 3")
    tile = panel_tile(run.detector)
    rounding_limit = choose_rounding_limit(run.plan, False, False, tile)
    assert 0.0 < rounding_limit.half_way < 1e-11
    found = set()
    for spixel in range(tile.slow_stop):
        for fpixel in range(tile.fast_stop):
            indices = miller_index(run, spixel, fpixel)
            from_half = np.abs(indices - np.floor(indices) - 0.5).min()
            from_whole = np.abs(indices - np.rint(indices))
            near = (
                from_half < rounding_limit.half_way or (from_whole < rounding_limit.relative_offset * np.abs(indices)).any()
            )
            assert may_be_rounding(run.plan, tile, spixel, fpixel, rounding_limit) == near, (spixel, fpixel)
            found.add((from_half < rounding_limit.half_way, near))
    assert (True, True) in found and (False, False) in found


# formulas


def test_a_vanishing_polarisation_factor_is_left_to_nanobraggs_operations():
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


def test_products_of_three_sines_of_half_turns():
    x, y, z = np.random.default_rng(5).uniform(-0.5, 0.5, (3, 20000))
    found = np.array([sinpi_product(*values) for values in zip(x, y, z, strict=True)])
    assert (found == np.array([sinpi(a) * sinpi(b) * sinpi(c) for a, b, c in zip(x, y, z, strict=True)])).all()
    single = np.random.default_rng(6).uniform(-0.5, 0.5, (20000, 3)).astype(np.float32)
    product = np.prod(np.sin(single.astype(np.longdouble) * np.longdouble("3.14159265358979323846264338327950288")), axis=1)
    found = np.array([scaled_sinpi_product(*values) for values in single]).astype(np.longdouble) / SCALE**3
    assert np.abs(found / product - 1).max() < 3 * SINPI_SINGLE_ERROR


def test_powers_of_one_half():
    times = np.concatenate([np.random.default_rng(4).uniform(0, 1000, 20000), np.arange(1000.0), [0.5, 1e-300, 999.999]])
    with np.errstate(over="ignore"):
        found = np.array([halved(value, 1.0) for value in times])
    assert np.abs(found / np.exp2(-times.astype(np.longdouble)) - 1).max() < POWER_OF_TWO_ERROR
    assert np.isnan(halved(np.nan, 1.0))
    for zz, dl in ((4e6, 0.5), (1.0, 1e4)):
        far = gauss_squared(0.0, 0.0, dl, 0.0, 0.0, 0.0, (0.0, 0.0, 0.0, 1.0, 1.0, zz, MOST_HALVINGS / zz))
        assert far == pytest.approx(2.0**-1000)
