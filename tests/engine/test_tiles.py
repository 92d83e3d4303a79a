"""Files and statistics are the same bit for bit with any tiles and any number of threads.

In the runs, nanoBragg.c carries something from pixel to pixel.
"""

import random
from pathlib import Path

import numpy as np
import pytest

from bench.parity import prepared_run
from nbkernel.engine.tiles import default_tile_shape
from nbkernel.kernels.physics.polarization import polarization_factor
from nbkernel.kernels.physics.vectors import unitize

from golden import statistics_lines
from running import BASE, image, image_and_run, simulate, smv_bytes, write_hkl

SLOW, FAST = 30, 44
SIZE = f"-detpixels_f {FAST} -detpixels_s {SLOW}"
FILES = ("floatimage.bin", "intimage.img", "image.pgm", "noiseimage.img")
TILINGS = (
    "--tile 1x1 --threads 2",
    "--tile 1x1 --threads 1",
    "--tile 7x13 --threads 2",
    "--tile 1x1000 --threads 1",
    f"--tile {SLOW}x1 --threads 2",
    "--tile 5x9 --threads 1",
    "--tile 4000x4000 --threads 2",
    "--threads 1",
)
# beam in the first pixel's corner: the resolution becomes finer along the file
CORNER_BEAM = "-Xbeam 0.5 -Ybeam 0.5"
STALE_PHI = f"{BASE} {SIZE} -pixel 1 -dmin 5 -osc 2 -phisteps 3 -dispersion 1 -dispsteps 2"
LATCH = f"{BASE} {SIZE} -pixel 0.5 {CORNER_BEAM} -interpolate -misset -10 0 0 -hkl table.hkl -osc 0.5 -phisteps 2"


def axis_of_period_2():
    """A vector whose repeated normalisation alternates between two unit vectors."""
    draw = random.Random(1)
    for _ in range(100000):
        axis = unitize([draw.gauss(0, 1) for _ in range(3)])
        for _ in range(8):
            axis = unitize(axis)
        if unitize(axis) != axis and unitize(unitize(axis)) == axis:
            return axis
    raise AssertionError("no such axis found")


def run_with_alternating_axis():
    """A run in which the polarisation factor nearly vanishes in every pixel, so that the axis' last bit changes the float32
    image: pixels of 1e-9 mm, where the cosine terms cancel."""
    axis = axis_of_period_2()
    direction = unitize((100.0, 33.0, 21.0))  # laboratory direction of the first pixel
    unpolarised, polarised = (polarization_factor(kahn, (1.0, 0.0, 0.0), direction, axis) for kahn in (1e-300, 1.0))
    kahn = unpolarised / (unpolarised - polarised)
    # MOSFLM-like directions: fast is z, slow is -y
    vectors = "-fdet_vector 0 0 1 -sdet_vector 0 -1 0 -beam_vector 1 0 0 -polar_vector " + " ".join(map(repr, axis))
    return (
        f"{BASE} {SIZE} {vectors} -pixel 1e-9 -Xbeam {-21.0!r} -Ybeam {33.0!r} -N 1 -nointerpolate "
        f"-polar {kahn!r} -fluence 1e60"
    )


RUNS = {
    "stale phi step and dmin": STALE_PHI,
    "interpolation latch": LATCH,
    "interpolation latch, stale phi step, dmin": f"{LATCH} -dmin 3.2 -hdivrange 1 -hdivsteps 2",
    "axis of period 2": run_with_alternating_axis(),
    "axis of period 2, three calls per pixel": run_with_alternating_axis() + " -oversample_polar -dispersion 1 -dispsteps 3",
    "mask": f"{BASE} {SIZE} -mask mask.img -oversample 2 -oversample_omega",
    "region of interest": f"{BASE} {SIZE} -roi 3 37 5 22 -oversample 2",
    "mask, region, stale phi step": f"{STALE_PHI} -mask mask.img -roi 3 37 5 22",
}


@pytest.fixture(autouse=True)
def inputs(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    write_hkl("table.hkl", np.random.default_rng(1).uniform(50, 150, (9, 13, 37)), (-4, -6, -18))
    mask = np.ones((SLOW, FAST))
    mask[:6, :9] = mask[20:24] = mask[7:18, 15:33] = 0
    Path("mask.img").write_bytes(smv_bytes(mask, "PIXEL_SIZE=0.1;\n"))


def all_results(command):
    run = simulate(command)
    assert run.status == 0, run.err
    return {name: Path(name).read_bytes() for name in FILES}, statistics_lines(run.out.splitlines()), run.warnings


@pytest.mark.slow
@pytest.mark.parametrize("name", RUNS)
def test_nothing_depends_on_tiles_and_threads(name):
    command = RUNS[name]
    expected = all_results(command)
    assert np.frombuffer(expected[0]["floatimage.bin"], np.float32).any()
    for tiling in TILINGS:
        assert all_results(f"{command} {tiling}") == expected, tiling


def first_difference(a, b):
    where = np.flatnonzero(a != b)
    return where[0] if where.size else None


def test_the_stale_phi_step_begins_in_mid_image():
    """The first pixels are beyond dmin; the first one after them depends on where the region begins."""
    whole, later = image(STALE_PHI), image(f"{STALE_PHI} -roi 0 {FAST - 1} 16 {SLOW - 1}")
    first = np.flatnonzero(whole)[0]
    assert 0 < first < 16 * FAST
    # a region's first pixel has no step before it
    changed = np.argwhere(whole[16:] != later[16:]) + (16, 0)
    assert changed.tolist() == [np.argwhere(later)[0].tolist()]


def test_the_interpolation_latch_closes_in_mid_image():
    as_program, run = image_and_run(LATCH)
    corrected, fixed_run = image_and_run(LATCH, "--fix", "interpolation")
    first = first_difference(as_program, corrected)
    assert FAST < first < as_program.size - FAST
    assert sum("interpolation" in line for line in run.warnings) == 1
    assert not any("interpolation" in line for line in fixed_run.warnings)


def test_the_axis_of_period_2_shows_in_the_image():
    """A region that begins a column later shifts the alternation in every second row."""
    command = RUNS["axis of period 2"]
    whole, later = image(command), image(f"{command} -roi 1 {FAST - 1} 0 {SLOW - 1}")
    shared = whole[:, 1:] != later[:, 1:]
    # the first column's calls are missing: one before row 0, two before row 1, ...
    assert shared[0::2].any()
    assert not shared[1::2].any()


def test_tiles_of_a_region_have_the_work_of_complete_rows():
    flags = "-cell 70 80 90 90 90 90 -lambda 1 -distance 100 -N 5 -default_F 1 -detpixels 1000 -pixel 0.1".split()
    complete, narrow = prepared_run(flags), prepared_run([*flags, "-roi", "500", "599", "0", "999"])
    rows, fpixels = default_tile_shape(complete, 1000, 1)
    assert default_tile_shape(narrow, 1000, 1) == (10 * rows, fpixels)
