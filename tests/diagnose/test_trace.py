"""`nbkernel trace`, -trace_pixel and -printout: the numbers of a pixel agree with its image, nanoBragg.c and closed forms."""

import contextlib
import io
import json
import math
import os
from pathlib import Path

import numpy as np
import pytest

import nbkernel.diagnose.traces.trace
from nbkernel.cli.main import main

from reference_listing import CRYSTAL_LISTING, GEOMETRY_LISTING
from running import BASE, CRYSTAL, Run, image, simulate, smv_bytes, write_hkl

SLOW, FAST = 12, 17
SMALL = f"{BASE} -detpixels_f {FAST} -detpixels_s {SLOW}"
SENSOR = "-detector_thick 450 -detector_abs 300"
# the folder with the real crystal's A.mat and scaled.hkl
DATA = Path(os.environ.get("NBKERNEL_DATA", "absent"))
REAL_GEOMETRY = (
    "-nonoise -nointerpolate -oversample 1 -exposure 1 -flux 1e18 -beamsize 1.0 -spindle_axis -1 0 0 "
    "-Xbeam 217.742295 -Ybeam 213.907080 -distance 231.274660 -lambda 0.976800 -pixel 0.172 "
    "-detpixels_x 2463 -detpixels_y 2527 -odet_vector -0.000088 0.004914 -0.999988 "
    "-sdet_vector -0.005998 -0.999970 -0.004913 -fdet_vector 0.999982 -0.005998 -0.000118 "
    "-pix0_vector_mm -216.336293 215.205512 -230.200866 -beam_vector 0.00051387949 0.0 -0.99999986 "
    "-Na 36 -Nb 47 -Nc 29 -osc 0.1 -phi 0 -phisteps 10 "
    "-detector_rotx 0 -detector_roty 0 -detector_rotz 0 -twotheta 0 --pixel 1039 685"
)
K_BY_PHI_STEP = (
    "-0.607255839576692 -0.591177727127411 -0.593187745641004 -0.595197691574922 -0.597207564867936 "
    "-0.599217365458823 -0.601227093286361 -0.60323674828933 -0.605246330406512 -0.607255839576692"
).split()
FIXED_LISTING = """\
hkl_frac -6.87922284573318 -0.589167636095369 -13.7637869743078
F_latt 1.3820825271655
I_before_scaling 807189.768677586
I_pixel_final 2.4647073117176e-07""".splitlines()

# runs that carry something from pixel to pixel, or in which loops have several steps
RUNS = {
    "plain": SMALL,
    "stale phi step": f"{SMALL} -pixel 2 -osc 2 -phisteps 3 -mosaic 1 -mosaic_domains 2",
    "stale phi step beyond dmin": f"{SMALL} -pixel 3 -dmin 4 -osc 2 -phisteps 3 -dispersion 1 -dispsteps 2",
    "interpolation latch": f"{SMALL} -pixel 2 -interpolate -hkl table.hkl -Xbeam 0.5 -Ybeam 0.5",
    "polarisation axis": f"{SMALL} -polar_vector 0.1 0.7 0.3 -polar 0.9 -oversample_polar -pixel 2",
    "layers": f"{SMALL} -pixel 2 {SENSOR} -detector_thicksteps 3",
    "layers, oversampled": f"{SMALL} -oversample 2 -oversample_thick -oversample_omega {SENSOR}",
    "layers, corrected": f"{SMALL} -oversample 2 -oversample_polar {SENSOR} -water 50 --fix all",
    "dmin, sources, water": f"{SMALL} -pixel 5 -dmin 3 -hdivrange 20 -hdivsteps 3 -water 100",
    "curved": f"{SMALL} -curved_det -pixel 5",
    "point pixel, mosaic": f"{SMALL} -point_pixel -pixel 5 -mosaic 2 -mosaic_domains 4",
    "domains that turn": f"{SMALL} -pixel 5 --mosaic-sigma 1 --cell-spread 1,2,3 -mosaic_domains 2 -phi 3 -osc 2 -phisteps 2",
    "round": f"{SMALL} -round_xtal -pixel 5",
    "Gauss": f"{SMALL} -gauss_xtal -pixel 5",
    "tophat": f"{SMALL} -tophat_spots -pixel 5 -fudge 0.001",
    "spots by index": f"{SMALL} -gauss_xtal -pixel 5 --spot-metric hkl",
    "tophat by index": f"{SMALL} -tophat_spots -pixel 5 --spot-metric hkl",
    "gauss_star": f"{SMALL} --xtal-shape gauss_star -pixel 5 -fudge 0.1",
    "spectrum": f"{SMALL} --spectrum pink.lam -pixel 5",
    "no polarisation": f"{SMALL} -nopolar -pixel 5",
}

PRINTOUT = (
    "-cell 50 60 70 85 95 100 -misset 10 20 30 -default_F 100 -N 3 -lambda 1 -distance 100 -pixel 10 -oversample 2 "
    "-oversample_omega -fluence 1e28 -detpixels_x 3 -detpixels_y 2 -Xbeam 2 -Ybeam 3 -dmin 8 -detector_thick 450 "
    "-detector_abs 300 -detector_thicksteps 2 -osc 1 -phisteps 2 -mosaic 1 -mosaic_domains 2 -dispersion 2 "
    "-dispsteps 2 -roi 1 2 0 1 -nopgm -nonoise"
)
# nanoBragg.c's lines of that run
PRINTED_CELL = """\
real-space cell vectors (Angstrom):
     a           b           c         
X: 41.49323843 -25.60957028 26.73382389
Y: 16.69047028 52.21516720  1.85574680
Z: -22.35485107 14.75554892 64.66729362
"""
PRINTED_PIXELS = (
    """\
   1    0 : stol = 4.6727e+08 or 0.0471943
at 0.10045 -0.0005 0.0095
hkl= -2.348835 1.232290 5.901330  hkl0= -2 1 6
 F_cell=100  F_latt=-0.525696   I = 26.9092
I/steps    0.8409120823
polar      0.9979831682
omega     0.00973494226
capfrac    0.1729716271
pixel     0.01152690034
""",
    """\
   2    0 : stol = 9.48065e+08 or 0.0957546
at 0.10045 -0.0005 0.0195
hkl= -2.348835 1.232290 5.901330  hkl0= -2 1 6
 F_cell=100  F_latt=-0.525696   I = 0
I/steps               0
polar                 0
omega    0.009333322435
capfrac    0.1712417877
pixel                 0
""",
    """\
   1    1 : stol = 6.92706e+08 or 0.0699633
at 0.10045 -0.0105 0.0095
hkl= -2.964624 -4.556697 2.489584  hkl0= -3 -5 2
 F_cell=100  F_latt=2.56922   I = 640.43
I/steps     20.01343444
polar      0.9974876872
omega    0.009579271124
capfrac    0.1728800557
pixel      0.2740551233
""",
    """\
   2    1 : stol = 1.07219e+09 or 0.108291
at 0.10045 -0.0105 0.0195
hkl= -2.964624 -4.556697 2.489584  hkl0= -3 -5 2
 F_cell=100  F_latt=2.56922   I = 0
I/steps               0
polar                 0
omega    0.009188153561
capfrac    0.1711513282
pixel                 0
""",
)
PRINTED = [line for lines in PRINTED_PIXELS for line in (lines + PRINTED_CELL).splitlines()]


@pytest.fixture(autouse=True)
def inputs(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    write_hkl("table.hkl", np.random.default_rng(1).uniform(50, 150, (9, 13, 37)), (-4, -6, -18))


def run_trace(command, *more):
    """Runs `nbkernel trace`. command: arguments in one string; more: further arguments."""
    out, err = io.StringIO(), io.StringIO()
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
        status = main(["trace", *command.split(), *(str(argument) for argument in more)])
    return Run(status, out.getvalue(), err.getvalue())


def trace(command, *more):
    """Lines of a trace that must succeed."""
    run = run_trace(command, *more)
    assert run.status == 0, run.err
    return run.out.splitlines()


def values(lines, name):
    """The values of every line of that name."""
    return [tuple(map(float, line.split()[1:])) for line in lines if line.split()[0] == name]


def value(lines, name):
    [(number,)] = values(lines, name)
    return number


def test_geometry_of_the_reference_listing():
    lines = trace(f"{REAL_GEOMETRY} -cell 50 60 70 90 90 90 -default_F 190.27")
    assert set(GEOMETRY_LISTING) <= set(lines)
    order = [line.split()[0] for line in lines]
    assert [order.index(line.split()[0]) for line in GEOMETRY_LISTING] == sorted(
        order.index(line.split()[0]) for line in GEOMETRY_LISTING
    )
    assert order[0] == "fdet_vector"


def test_the_reference_listing():
    if not (DATA / "scaled.hkl").exists():
        pytest.skip(f"needs A.mat and scaled.hkl in {DATA}")
    command = f"{REAL_GEOMETRY} -mat {DATA}/A.mat -hkl {DATA}/scaled.hkl"
    lines = trace(command)
    assert set(GEOMETRY_LISTING + CRYSTAL_LISTING) <= set(lines)
    assert [line.split()[2] for line in lines if line.startswith("hkl_frac ")] == K_BY_PHI_STEP
    fixed = trace(command, "--fix", "phi0")
    assert set(GEOMETRY_LISTING + FIXED_LISTING) <= set(fixed)


def test_closed_forms():
    """For an unrotated cubic cell, with MOSFLM's directions: fast is z, slow is -y, the beam x."""
    lines = trace(
        "-cell 100 -default_F 7 -N 5 -nointerpolate -lambda 2 -distance 100 -detpixels 64 -pixel 1 -oversample 1 "
        "-fluence 1e20 -Xbeam 20 -Ybeam 30 --pixel 40 50"
    )
    x, y, z = 0.1, -(50.5 - 20.5) * 1e-3, (40.5 - 30.5) * 1e-3
    R = math.sqrt(x * x + y * y + z * z)
    h, k, l = 50 * (x / R - 1), 50 * y / R, 50 * z / R
    F_latt = math.prod(math.sin(5 * math.pi * i) / math.sin(math.pi * i) for i in (h, k, l))
    polar = 0.5 * (1 + (x / R) ** 2)
    omega = 1e-6 / R**2 * 0.1 / R
    expected = {
        "pixel_pos_meters": (x, y, z),
        "R_distance_meters": (R,),
        "omega_pixel_sr": (omega,),
        "obliquity_factor": (0.1 / R,),
        "scattering_vec": (h * 1e8, k * 1e8, l * 1e8),
        "rot_b_angstroms": (0, 100, 0),
        "rot_c_star": (0, 0, 0.01),
        "hkl_frac": (h, k, l),
        "hkl_rounded": (round(h), round(k), round(l)),
        "F_latt": (F_latt,),
        "F_cell": (7,),
        "I_before_scaling": (49 * F_latt**2,),
        "polar": (polar,),
        "cos_2theta": (x / R,),
        "I_pixel_final": (7.94079248018965e-30 * 1e20 * 49 * F_latt**2 * polar * omega,),
    }
    for name, numbers in expected.items():
        assert values(lines, name) == [pytest.approx(numbers, rel=1e-10, abs=1e-12)], name


def pixels_to_trace(rendered):
    """(fast, slow) of the first and last pixels, of the first that is not 0 and the next, and of some at random."""
    drawn = np.random.default_rng(7).integers(rendered.size, size=6).tolist()
    first = int(np.flatnonzero(rendered)[0])
    numbers = {0, rendered.size - 1, first, min(first + 1, rendered.size - 1), *drawn}
    return [(number % FAST, number // FAST) for number in sorted(numbers)]


@pytest.mark.parametrize("name", RUNS)
def test_a_trace_ends_with_the_images_value(name):
    Path("pink.lam").write_text("# wavelengths, weights\n0.98,1\n1.0,3\n")
    rendered = image(RUNS[name])
    assert rendered.any()
    for fpixel, spixel in pixels_to_trace(rendered):
        traced = json.loads(run_trace(RUNS[name], "--json", "--pixel", fpixel, spixel).out)
        assert (traced["fpixel"], traced["spixel"]) == (fpixel, spixel)
        last = traced["quantities"][-1]
        assert last["name"] == "I_pixel_final"
        assert np.float32(last["values"][0]) == rendered[spixel, fpixel]


def test_every_pixel_around_the_interpolation_latch():
    command = RUNS["interpolation latch"]
    rendered, corrected = image(command), image(command, "--fix", "interpolation")
    first_changed = int(np.flatnonzero(rendered != corrected)[0])
    for number in range(first_changed - 3, first_changed + 3):
        lines = trace(command, "--pixel", number % FAST, number // FAST)
        assert np.float32(value(lines, "I_pixel_final")) == rendered.flat[number]


def test_the_trace_shows_the_stale_phi_step():
    command = RUNS["stale phi step"]
    assert [slot for (slot,) in values(trace(command, "--pixel", 0, 0), "cell_from_phi_tic")] == [-1, -1, 1, 1, 2, 2]
    assert [slot for (slot,) in values(trace(command, "--pixel", 1, 0), "cell_from_phi_tic")] == [2, 2, 1, 1, 2, 2]


def test_blocks_and_all_steps():
    command = f"{SMALL} -oversample 2 -hdivrange 1 -hdivsteps 2 -osc 1 -phisteps 3 --pixel 3 4"
    short, full = trace(command), trace(command, "--all-steps")
    assert len(values(short, "pixel_pos_meters")) == len(values(short, "incident_vec")) == 1
    assert [tic for (tic,) in values(short, "phi_tic")] == [0, 1, 2]
    assert len(values(short, "hkl_frac")) == 3
    assert len(values(full, "pixel_pos_meters")) == 4
    assert len(values(full, "incident_vec")) == 8
    assert len(values(full, "hkl_frac")) == 24
    assert "mos_tic" not in " ".join(full)
    assert set(short) <= set(full)
    assert short[-1] == full[-1]
    # the last running sum is the sum that is scaled
    assert values(full, "I_sum")[-1] == values(full, "I_before_scaling")[0]


def test_json_has_the_same_quantities():
    command = f"{SMALL} -osc 1 -phisteps 2 --pixel 3 4"
    quantities = json.loads("\n".join(trace(command, "--json")))["quantities"]
    lines = [line for line in trace(command) if not line.startswith("phi_tic")]
    assert [" ".join([q["name"], *("%.15g" % x for x in q["values"])]) for q in quantities] == lines
    assert [q["phi_tic"] for q in quantities if q["name"] == "F_latt"] == [0, 1]


def test_trace_pixel_of_simulate_takes_slow_first():
    run = simulate(f"{SMALL} -trace_pixel 4 3")
    assert run.status == 0
    assert "\n".join(trace(f"{SMALL} --pixel 3 4")) in run.out.partition("solid angle")[0]


def test_trace_writes_no_files(tmp_path):
    trace(f"{SMALL} -hkl table.hkl -floatfile float.bin --pixel 3 4")
    assert [path.name for path in tmp_path.iterdir()] == ["table.hkl"]


def test_a_trace_warns_about_inputs_as_simulate_does():
    """About the crystal, the table, the beam and the detector."""
    Path("mirror.mat").write_text("0.02 0 0\n0 0.02 0\n0 0 -0.02\n")
    write_hkl("half.hkl", np.full((1, 2, 3), 9.0), (1, 1, 1))
    command = (
        SMALL.replace(CRYSTAL, "").replace("-lambda 1 ", "")
        + " -mat mirror.mat -hkl half.hkl -lambda 300 -twotheta 100 -N 5"
    )
    warnings = run_trace(f"{command} --pixel 3 4").warnings
    assert [*warnings, "no pixel has any photons: is the detector in the beam's direction, and are all units right?"] == (
        simulate(f"{command} -nonoise -nopgm").warnings
    )
    for words in ("left-handed", "Friedel mate", "not one of X-rays", "faces away"):
        assert sum(words in line for line in warnings) == 1


def test_a_trace_that_differs_from_the_engine_is_an_error(monkeypatch):
    monkeypatch.setattr(nbkernel.diagnose.traces.trace, "engine_photons", lambda *arguments: 1.0)
    run = run_trace(f"{SMALL} --pixel 3 4")
    assert run.status == 1
    assert run.out == ""
    assert "the engine's ends in 1.0" in run.err


def test_a_trace_that_differs_from_the_image_is_an_error(monkeypatch, tmp_path):
    monkeypatch.setattr("nbkernel.diagnose.traces.events.R_E_SQR", 1.0)
    monkeypatch.setattr(nbkernel.diagnose.traces.trace, "require_same", lambda *arguments: None)
    run = simulate(f"{SMALL} -trace_pixel 4 3")
    assert run.status == 1
    assert "the image has" in run.err
    assert [path.name for path in tmp_path.iterdir()] == ["table.hkl"]


def test_a_trace_stops_at_a_division_by_zero():
    # the squares of the lengths underflow
    command = f"{SMALL} -pixel 1e-200 -distance 1e-200"
    run = run_trace(f"{command} --pixel 3 4")
    assert run.status == 1
    assert run.out.splitlines()[-1] == "R_distance_meters 0"
    assert "pixel 3 4 (fast slow): the trace stops here" in run.err
    rendered = simulate(f"{command} -printout_pixel 3 4 -trace_pixel 4 3")
    assert rendered.status == 0
    assert any("cannot be shown" in line for line in rendered.warnings)


@pytest.mark.parametrize(
    ("command", "words"),
    [
        (f"{SMALL} --pixel 17 3", ["--pixel", "17 3", "outside the detector", "16 11"]),
        (f"{SMALL} --pixel -1 3", ["--pixel", "'-1'"]),
        (f"{SMALL} --pixel 3 x", ["--pixel", "'x'"]),
        (f"{SMALL} --pixel 3.5 2", ["--pixel", "'3.5'"]),
        (f"{SMALL} --pixel 3", ["--pixel", "FAST SLOW"]),
        (SMALL, ["--pixel FAST SLOW"]),
        ("", ["--pixel FAST SLOW"]),
        (f"{SMALL} -roi 0 4 0 4 --pixel 5 3", ["--pixel", "-roi", "4 4"]),
        (f"{SMALL} -mask mask.img --pixel 5 3", ["--pixel", "mask.img"]),
        (f"{SMALL} --all --pixel 5 3", ["--all", "--all-steps"]),
        ("-N 3 -default_F 1 --pixel 5 3", ["-cell"]),
    ],
)
def test_unusable_input(command, words):
    mask = np.ones((SLOW, FAST))
    mask[3, 5] = 0
    Path("mask.img").write_bytes(smv_bytes(mask, "PIXEL_SIZE=0.1;\n"))
    run = run_trace(command)
    assert run.status == 2
    assert run.out == ""
    [error] = run.errors
    assert all(word in error for word in words), error


def test_simulate_refuses_options_of_trace_and_pixels_outside_the_detector():
    for command in (f"{SMALL} --json", f"{SMALL} -trace_pixel 12 3", f"{SMALL} -trace_pixel 3"):
        run = simulate(command)
        assert run.status == 2, command


def printed(run):
    """The lines of -printout: from those of the first pixel up to the statistics."""
    assert run.status == 0, run.err
    lines = run.out.splitlines()
    return lines[lines.index(next(line for line in lines if " : stol = " in line)) : lines.index("")]


def test_printout_has_the_lines_of_nanobragg():
    assert printed(simulate(f"{PRINTOUT} -printout")) == PRINTED


def test_printout_of_one_pixel():
    """The last pixel is beyond dmin, so its step is that of an earlier pixel, even if only the last is printed."""
    assert printed(simulate(f"{PRINTOUT} -printout_pixel 2 1")) == PRINTED[-14:]


def test_printout_of_a_pixel_that_is_not_rendered_is_a_warning():
    run = simulate(f"{PRINTOUT} -printout_pixel 0 1")
    assert run.status == 0
    assert any("-printout_pixel: pixel 0 1" in line for line in run.warnings)
    assert "stol" not in run.out


def test_printout_before_the_first_step():
    """F_cell is the last in the table."""
    run = simulate(f"{SMALL} {CRYSTAL} -hkl table.hkl -pixel 100 -dmin 50 -printout_pixel 0 0")
    lines = printed(run)
    assert lines[2] == "hkl= 0.000000 0.000000 0.000000  hkl0= 0 0 0"
    last = float(Path("table.hkl").read_text().split()[-1])
    assert lines[3] == " F_cell=%g  F_latt=0   I = 0" % last
    assert lines[-3].startswith("X: 50.00000000 ")
