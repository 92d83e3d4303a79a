"""Each --fix against a closed form or other runs, and the warning that names a quirk if it changes a run."""

import math
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

import nbkernel
from nbkernel.experiment.experiment import Experiment
from nbkernel.experiment.fields import DEFAULTS
from nbkernel.experiment.quirks import QUIRKS
from nbkernel.geometry.panels import Panel
from nbkernel.kernels.physics.constants import AVOGADRO, R_E_SQR
from nbkernel.setup.panels import PLACE_FIELDS
from nbkernel.setup.prepare import prepare

from running import BASE, CRYSTAL, image, image_and_run, simulate, write_hkl

RUN = f"{BASE} -detpixels 12 -pixel 0.4"
# sums of a few float32 pixels agree to their last bits
CLOSE = dict(rtol=1e-6, atol=0)


@pytest.fixture(autouse=True)
def folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    write_hkl("table.hkl", np.random.default_rng(1).uniform(50, 150, (9, 13, 15)), (-4, -6, -7))


def test_phi0_makes_two_steps_the_mean_of_two_still_images():
    still, rotated = image(f"{RUN} -phi 0"), image(f"{RUN} -phi 0.5")
    rotating = image(f"{RUN} -phi 0 -osc 1 -phisteps 2", "--fix", "phi0")
    np.testing.assert_allclose(rotating, (still.astype(float) + rotated) / 2, **CLOSE)


def test_nanobragg_repeats_the_step_before_at_phi_0():
    """From the second pixel on, the step at phi = 0 has the orientation of the last step of the pixel before."""
    rotated = image(f"{RUN} -phi 0.5")
    rotating = image(f"{RUN} -phi 0 -osc 1 -phisteps 2")
    np.testing.assert_allclose(rotating.ravel()[1:], rotated.ravel()[1:], **CLOSE)


def sub_pixels(command, n, edge=12, pixel=0.4):
    """The image of a detector with n x n times as many pixels, as (slow, fast, n, n)."""
    fine = image(f"{command} -detpixels {edge * n} -pixel {pixel / n!r}")
    return fine.astype(float).reshape(edge, n, edge, n).transpose(0, 2, 1, 3)


def test_oversample_fix_weights_each_sub_pixel_by_its_own_solid_angle_and_polarization():
    """A pixel is then the sum of its sub-pixels rendered as pixels, with an n^2 times smaller solid angle."""
    n = 3
    command = f"{RUN} -distance 20 -denzo -Xbeam 2.4 -Ybeam 2.4"
    coarse = image(f"{command} -oversample {n} -oversample_omega -oversample_polar", "--fix", "oversample")
    np.testing.assert_allclose(coarse, sub_pixels(command, n).sum(axis=(2, 3)), **CLOSE)


@pytest.mark.parametrize("sensor", ["", "-detector_abs 50 -detector_thick 100 -thicksteps 3"])
def test_oversample_fix_gives_terms_their_own_capture_fraction(sensor):
    """With layers at their own depths, and for -oversample_thick without a sensor."""
    n = 2
    command = (
        f"{RUN} -distance 20 -denzo -Xbeam 2.4 -Ybeam 2.4 {sensor} "
        "-oversample_thick -oversample_omega -oversample_polar --fix oversample,thickness"
    )
    np.testing.assert_allclose(image(f"{command} -oversample {n}"), sub_pixels(command, n).sum(axis=(2, 3)), **CLOSE)


def test_oversample_fix_omits_the_polarization_with_nopolar():
    plain = image(f"{RUN} -nopolar")
    np.testing.assert_array_equal(image(f"{RUN} -nopolar -oversample_polar", "--fix", "oversample"), plain)
    assert not np.array_equal(image(f"{RUN} -nopolar -oversample_polar"), plain)


def test_oversample_fix_captures_everything_without_thickness():
    assert not image(f"{RUN} -oversample_thick").any()
    np.testing.assert_array_equal(image(f"{RUN} -oversample_thick", "--fix", "oversample"), image(RUN))


def obliquity(edge=12, pixel=0.4, distance=100.0):
    """The cosine between the normal and the ray to each pixel; MOSFLM's default beam centre is two half pixels off."""
    across = (np.arange(edge) + 0.5) * pixel - (edge + 1) / 2 * pixel - 0.5 * pixel
    return distance / np.sqrt(distance**2 + across[:, None] ** 2 + across[None, :] ** 2)


@pytest.mark.parametrize("layers", [1, 2, 7])
def test_thickness_fix_makes_layers_add_up_to_the_sensor(layers):
    """One unit cell gives all depths the same intensity: the layers' sum is 1 - exp(-thick mu / cosine), except for the
    changes of solid angle and direction over 1 um in 100 mm (2e-5 allowed)."""
    one_cell = f"{RUN} -N 1 -nointerpolate -point_pixel"
    sensor = f"-detector_abs 2 -detector_thick 1 -detector_thicksteps {layers}"
    ratio = image(f"{one_cell} {sensor}", "--fix", "thickness") / image(one_cell).astype(float)
    np.testing.assert_allclose(ratio, 1 - np.exp(-0.5 / obliquity()), rtol=2e-5)


@pytest.mark.parametrize("thick", ["", "-detector_thick 100"])
def test_thickness_fix_ignores_the_thickness_without_absorption(thick):
    run = image(f"{RUN} -detector_abs inf {thick}", "--fix", "thickness")
    np.testing.assert_array_equal(run, image(RUN))


def test_thickness_fix_uses_the_given_number_of_layers():
    """Two layers absorb as a sensor of half the thickness and another behind it, which gets what the first transmits."""
    mu = "-detector_abs 50"
    run = image(f"{RUN} {mu} -detector_thick 100 -thicksteps 2", "--fix", "thickness").astype(float)
    half = image(f"{RUN} {mu} -detector_thick 50 -thicksteps 1", "--fix", "thickness").astype(float)
    transmitted = math.exp(-1.0)  # through the first layer at normal incidence
    # the second layer is 50 um deeper, at 100 mm: spots move by 5e-4 of their position
    middle = (slice(5, 8), slice(5, 8))
    np.testing.assert_allclose(run[middle], (half * (1 + transmitted))[middle], rtol=5e-3)


def test_interpolation_fix_falls_back_only_in_steps_that_leave_the_table():
    """Pixels beyond the table have the nearest neighbour's value, the others that of a larger table."""
    inside = np.random.default_rng(1).uniform(50, 150, (9, 13, 15))
    padded = np.pad(inside, 12, constant_values=77.0)
    write_hkl("padded.hkl", padded, (-16, -18, -19))
    command = f"{BASE} -detpixels 40 -pixel 0.7 -default_F 77"
    fixed = image(f"{command} -interpolate -hkl table.hkl", "--fix", "interpolation")
    nearest = image(f"{command} -nointerpolate -hkl table.hkl")
    everywhere = image(f"{command} -interpolate -hkl padded.hkl")
    by_table, by_neighbour = fixed == everywhere, fixed == nearest
    assert (by_table | by_neighbour).all()
    assert by_table.sum() > 200 and by_neighbour.sum() > 200
    # nanoBragg.c uses the nearest neighbour from the first such pixel on
    as_program = image(f"{command} -interpolate -hkl table.hkl")
    first = np.flatnonzero(by_neighbour & ~by_table)[0]
    np.testing.assert_array_equal(as_program.ravel()[first:], nearest.ravel()[first:])


MISSET = f"{RUN} -misset_seed 7 -misset random"


def test_misset_fix_draws_another_orientation_from_the_same_seed():
    fixed = image(MISSET, "--fix", "misset")
    np.testing.assert_array_equal(fixed, image(MISSET, "--fix", "misset"))
    assert not np.array_equal(fixed, image(MISSET))
    assert not np.array_equal(fixed, image(MISSET.replace("seed 7", "seed 8"), "--fix", "misset"))


SOURCES = "-10 0 0 3 1e-10\n-10 0.01 0 1 1.01e-10\n-10 0 0.02 0 1e-10\n"


def test_weights_fix_makes_a_weighted_mean_of_the_sources():
    Path("three.src").write_text(SOURCES)
    for number, line in enumerate(SOURCES.splitlines()):
        Path(f"{number}.src").write_text(line + "\n")
    # without polarisation, as one source's factor is used for all
    command = f"{RUN} -nopolar"
    alone = [image(f"{command} -sourcefile {number}.src").astype(float) for number in range(3)]
    fixed = image(f"{command} -sourcefile three.src", "--fix", "weights")
    np.testing.assert_allclose(fixed, (3 * alone[0] + alone[1]) / 4, **CLOSE)
    np.testing.assert_allclose(image(f"{command} -sourcefile three.src"), sum(alone) / 3, **CLOSE)


def one_source(row):
    Path("one.src").write_text(row + "\n")
    return "-sourcefile one.src"


@pytest.mark.parametrize("precision", ["exact", "double"])
def test_a_source_of_weight_0_has_no_effect(precision):
    """As the first source it would determine the polarisation, the printed solid angle and the water's contribution; but
    the image, the lines and the warnings are those without it."""
    on, off = "-10 0.3 0 2 1e-10", "-10 0 9 0 1.4e-10"
    command = f"{RUN} -polar 0.9 -water 20 -distance 8 --precision {precision}"
    alone, run = image_and_run(f"{command} {one_source(on)}", "--fix", "weights")
    Path("two.src").write_text(f"{off}\n{on}\n{off}\n")
    both, run_both = image_and_run(f"{command} -sourcefile two.src", "--fix", "weights")
    np.testing.assert_array_equal(both, alone)
    assert run_both.out == run.out and run_both.err == run.err
    assert not np.allclose(image(f"{command} -sourcefile two.src"), alone, rtol=0.05)


@pytest.mark.parametrize("scale", [2.0**1020, 2.0**-1050])
def test_only_the_ratio_of_weights_counts(scale):
    """To the last bit, even if their sums overflow or underflow."""
    images = []
    for times in (1.0, scale):
        weights = (times * weight for weight in (3, 5, 6))
        rows = (f"-10 {0.01 * n} 0 {weight!r} {1 + 0.01 * n}e-10\n" for n, weight in enumerate(weights))
        Path("scaled.src").write_text("".join(rows))
        images.append(image(f"{RUN} -sourcefile scaled.src", "--fix", "weights"))
    assert images[0].any() and images[0].tobytes() == images[1].tobytes()


@pytest.mark.parametrize("weights", ["0 0", "1 -1", "3 -1"])
def test_unusable_weights(weights):
    first, second = weights.split()
    Path("two.src").write_text(f"-10 0 0 {first} 1e-10\n-10 0.3 0 {second} 1e-10\n")
    run = simulate(f"{RUN} -sourcefile two.src --fix weights")
    assert run.status == 2 and "-sourcefile two.src: the weights range from" in run.err
    assert warning_count(simulate(f"{RUN} -sourcefile two.src"), "weights") == 1


PHI = f"{RUN} -misset 10 20 30"


@pytest.mark.parametrize("precision", ["exact", "double", "mixed"])
@pytest.mark.parametrize(
    "sweep, osc, steps",
    [
        ("-osc 2", 2, 2),
        ("-osc 2 -phisteps 1", 2, 1),
        ("-osc 2 -phisteps 3", 2, 3),
        ("-osc 1 -phistep 0.3", 1, 4),
        ("-phistep 0.5", 0.5, 2),
        ("-osc 1 -phisteps 2 -phistep 0.1", 1, 2),
        ("-phisteps 3", 1, 3),
    ],
)
def test_phi_steps_fix_uses_the_middle_of_each_step(sweep, osc, steps, precision):
    """The image is the mean of still images there."""
    angles = [7 + osc * (step + 0.5) / steps for step in range(steps)]
    stills = [image(f"{PHI} -phi {phi!r} --precision {precision}").astype(float) for phi in angles]
    rotating = image(f"{PHI} -phi 7 {sweep} --precision {precision}", "--fix", "phi_steps")
    np.testing.assert_allclose(rotating, sum(stills) / steps, rtol=1e-5 if precision == "mixed" else 1e-6)
    assert not np.allclose(image(f"{PHI} -phi 7 {sweep}"), rotating, rtol=1e-3)


def sources(flags, fix):
    plan = prepare(Experiment.from_command_line(f"{CRYSTAL} -lambda 1 {flags}", fix=fix), 1).plan
    return plan.source_incident, plan.source_lambda


@pytest.mark.parametrize(
    "flags, mrad",
    [
        ("-hdivrange 1 -hdivstep 0.25", [-0.375, -0.125, 0.125, 0.375]),
        ("-hdivrange 1 -hdivstep 0.3", [-0.45, -0.15, 0.15, 0.45]),
        ("-hdivsteps 4", [-375, -125, 125, 375]),
        ("-hdivsteps 1", [0]),
        ("-hdivrange 1 -hdivstep 0.25 -hdivsteps 2", [-0.125, 0.125]),
        ("-vdivrange 1 -vdivstep 0.5", [-0.25, 0.25]),
    ],
)
def test_divergence_fix_centres_a_divergence(flags, mrad):
    """Angles to the beam, which is along x, towards its electric field, z, or perpendicular to it, y."""
    axis = 2 if "-hdiv" in flags else 1
    angles = np.arcsin(sources(flags, ["divergence"])[0][:, axis]) * 1000
    np.testing.assert_allclose(np.sort(angles), mrad, atol=1e-9)
    assert abs(np.arcsin(sources(flags, ())[0][:, axis]).mean()) * 1000 > 0.01


@pytest.mark.parametrize("cut", ["", "-square_div"])
def test_divergence_fix_centres_both_divergences_and_their_ellipse(cut):
    """The directions are symmetric about the beam."""
    incident, _ = sources(f"-hdivrange 1 -hdivstep 0.1 -vdivrange 1 -vdivstep 0.1 {cut}", ["divergence"])
    points = {(round(y * 1e8), round(z * 1e8)) for _, y, z in incident}
    assert len(points) == len(incident) and points == {(-y, -z) for y, z in points}
    assert len(points) == 100 if cut else 60 < len(points) < 100
    off_centre, _ = sources(f"-hdivrange 1 -hdivstep 0.1 -vdivrange 1 -vdivstep 0.1 {cut}", ())
    assert np.abs(off_centre[:, 1:].mean(axis=0)).min() > 1e-5


BEHIND = f"{RUN} -N 1 -nointerpolate -nopolar -detpixels_x 14 -detpixels_y 11 -twotheta 130 -Xbeam 2 -Ybeam 3 -distance 30"


def geometry_behind_the_sample(edge=(14, 11), pixel=0.4, distance=30.0, twotheta=130.0):
    """Pixel positions (m; slow, fast, xyz) of MOSFLM's detector rotated about the direct beam's position, and its normal."""
    angle = -math.radians(twotheta)

    def rotate(x, y, z):
        return np.array([math.cos(angle) * x - math.sin(angle) * y, math.sin(angle) * x + math.cos(angle) * y, z])

    fast, slow, normal = rotate(0, 0, 1), rotate(0, -1, 0), rotate(1, 0, 0)
    # X and Y of the beam count from the middle of the first pixel
    at_f = (np.arange(edge[0]) + 0.5) * pixel - 3 - pixel / 2
    at_s = (np.arange(edge[1]) + 0.5) * pixel - 2 - pixel / 2
    positions = at_f[None, :, None] * fast + at_s[:, None, None] * slow + np.array([distance, 0, 0])
    return positions * 1e-3, normal


@pytest.mark.parametrize("precision", ["exact", "double", "mixed"])
def test_behind_fix_makes_the_solid_angle_positive(precision):
    """It is pixel^2 |n r| / r^3, as seen with one unit cell and no polarisation."""
    fixed, run = image_and_run(f"{BEHIND} --precision {precision}", "--fix", "behind")
    positions, normal = geometry_behind_the_sample()
    omega = 0.4e-3**2 * np.abs(positions @ normal) / np.linalg.norm(positions, axis=2) ** 3
    np.testing.assert_allclose(fixed, R_E_SQR * 1e28 * 100**2 * omega, rtol=1e-5 if precision == "mixed" else 1e-6)
    assert "solid angle subtended by detector = 0.0" in run.out
    as_program = image(f"{BEHIND} --precision {precision}")
    assert (as_program < 0).all()
    np.testing.assert_allclose(-as_program, fixed, rtol=1e-6)


@pytest.mark.parametrize(
    "more",
    [
        "",
        "-detector_thick 300 -detector_abs 200 -thicksteps 3",
        "-oversample 2 -oversample_omega -oversample_thick -detector_thick 300",
    ],
)
def test_behind_fix_gives_the_image_of_a_panel_in_the_same_position(more):
    """A panel's normal points away from the sample for any fast and slow."""
    fixes = ["behind", "thickness", "oversample"]
    command = f"{BEHIND.replace('-N 1 ', '-N 3 ')} {more}"
    fixed = image(command, "--fix", ",".join(fixes))
    detector = prepare(Experiment.from_command_line(command), 1).detector
    assert detector.seen_from_behind and detector.close_distance < 0
    same = Experiment.from_command_line(command, fix=fixes)
    sensor = {name: getattr(same, name) for name in ("detector_thick", "detector_abs", "detector_thicksteps")}
    panel = Panel(detector.pix0_vector, detector.fdet_vector, detector.sdet_vector, 14, 11, 0.4, **sensor)
    placed = replace(same, panels=(panel,), convention="custom", **{name: DEFAULTS[name] for name in PLACE_FIELDS})
    (expected,) = nbkernel.simulate(placed, precision="exact", device="cpu")
    assert (expected > 0).all()
    np.testing.assert_allclose(fixed, expected, rtol=1e-6)


def test_behind_fix_puts_a_curved_detector_in_front_of_the_sample():
    """All pixels are at the same distance."""
    command = f"{BEHIND} -curved_det -oversample 1"
    fixed = image(command, "--fix", "behind")
    detector = prepare(Experiment.from_command_line(command, fix=["behind"]), 1).detector
    assert detector.distance == pytest.approx(30e-3 * math.cos(math.radians(50)), rel=1e-9)
    omega = 0.4e-3**2 * detector.close_distance / detector.distance**3
    np.testing.assert_allclose(fixed, R_E_SQR * 1e28 * 100**2 * omega, rtol=1e-6)


@pytest.mark.parametrize(
    "flags, words",
    [
        (
            "-twotheta 130",
            "faces away from the sample: -twotheta 130 rotates it about the position of the direct beam; -xds",
        ),
        ("-twotheta 90", "sees the detector edge-on, as its plane passes through the sample: -twotheta 90"),
        ("-xds -twotheta 130", None),
        ("-twotheta 89", None),
        ("-fdet_vector 0 0 1 -twotheta 130", None),
        ("-fdet_vector 0 0 1 -twotheta 130 -pivot beam", "faces away from the sample: -twotheta 130"),
        ("-fdet_vector 0 0 1 -close_distance -100", "faces away from the sample"),
    ],
)
def test_a_detector_that_faces_away_is_a_warning(flags, words):
    """With the fix and without, as it is probably a mistake."""
    for fix in ("behind", "phi0"):
        lines = [line for line in simulate(f"{RUN} {flags} -nonoise --fix {fix}").warnings if "the detector" in line]
        assert len(lines) == (words is not None) and (words is None or words in lines[0])


def water_pixels(edge_um, fluence):
    """r_e^2 fluence times F^2 of all molecules in the cube, times polarisation and solid angle."""
    molecules = (edge_um * 1e-6) ** 3 * 1e6 * AVOGADRO / 18.0
    cosine = obliquity()
    solid_angle = (0.4 / 100) ** 2 * cosine**3
    return R_E_SQR * fluence * 2.57**2 * molecules * (1 + cosine**2) / 2 * solid_angle


# only water: no structure factor on the detector
WATER = f"{RUN} -default_F 0 -hkl far.hkl -nointerpolate -water 20"


@pytest.mark.parametrize("more", ["", "-osc 1 -phisteps 3 -mosaic 1 -mosaic_domains 2 -dispersion 1 -dispsteps 2"])
def test_water_fix_gives_the_scattering_of_all_its_molecules(more):
    Path("far.hkl").write_text("99 99 99 1\n")
    np.testing.assert_allclose(image(f"{WATER} {more}", "--fix", "water"), water_pixels(20, 1e28), rtol=2e-7)


def test_nanobragg_scales_water_by_the_fluence_twice():
    Path("far.hkl").write_text("99 99 99 1\n")
    np.testing.assert_allclose(image(WATER), water_pixels(20, 1e28) * R_E_SQR * 1e28, rtol=2e-7)


def test_dmin_fix_keeps_the_water():
    Path("far.hkl").write_text("99 99 99 1\n")
    beyond = f"{WATER} -dmin 1000"
    assert not image(beyond, "--fix", "water").any()
    np.testing.assert_allclose(image(beyond, "--fix", "water,dmin"), water_pixels(20, 1e28), rtol=2e-7)


VECTORS = "-fdet_vector 0 0 1 -sdet_vector 0 -1 0 -Xbeam 2.4 -Ybeam 2.4"


@pytest.mark.parametrize("origin", ["-pix0_vector 0.11 0.0021 -0.0017", "-pix0_vector_mm 110 2.1 -1.7"])
def test_vectors_fix_puts_the_first_pixels_corner_at_the_given_origin(origin):
    """As with the same position given by distance and beam centre, Xbeam along fast and Ybeam along slow."""
    by_origin = image(f"{RUN} {VECTORS} {origin}", "--fix", "vectors")
    same = image(f"{RUN} {VECTORS} -distance 110 -Xbeam 1.7 -Ybeam 2.1")
    np.testing.assert_allclose(by_origin, same, rtol=1e-5)
    assert not np.allclose(image(f"{RUN} {VECTORS} {origin}"), same, rtol=1e-2)


def test_vectors_fix_normalises_the_normal():
    tilted = f"{RUN} {VECTORS} -pivot sample -close_distance 100 -odet_vector"
    np.testing.assert_array_equal(image(f"{tilted} 2 0 0", "--fix", "vectors"), image(f"{tilted} 1 0 0", "--fix", "vectors"))
    # nanoBragg.c drops a normal unlike fast x slow if its length is not 1
    np.testing.assert_array_equal(image(f"{tilted} 1 0.2 0"), image(f"{tilted} 1 0 0"))
    assert not np.array_equal(image(f"{tilted} 1 0.2 0", "--fix", "vectors"), image(f"{tilted} 1 0 0"))


def test_vectors_fix_normalises_the_twotheta_axis():
    rotated = f"{RUN} {VECTORS} -pivot sample"
    length_1 = image(f"{rotated} -twotheta_axis 0 0.6 0.8 -twotheta 5", "--fix", "vectors")
    length_5 = image(f"{rotated} -twotheta_axis 0 3 4 -twotheta 5", "--fix", "vectors")
    np.testing.assert_allclose(length_5, length_1, rtol=1e-6)
    assert not np.allclose(image(f"{rotated} -twotheta_axis 0 3 4 -twotheta 5"), length_1, rtol=1e-2)


def test_vectors_fix_does_not_set_the_angle_from_its_axis():
    axis = f"{RUN} {VECTORS} -twotheta_axis 3 4 0"
    straight = image(f"{RUN} {VECTORS}")
    np.testing.assert_array_equal(image(axis, "--fix", "vectors"), straight)
    assert not np.allclose(image(axis), straight, rtol=1e-2)  # 3 degrees


# runs that a quirk changes, and similar ones that it does not
QUIRK_RUNS = {
    "phi0": ["-osc 1 -phisteps 2"],
    "oversample": ["-oversample 2 -oversample_omega", "-nopolar -oversample_polar", "-oversample_thick"],
    "thickness": [
        "-detector_thick 100",
        "-detector_thick 100 -oversample_thick -thicksteps 3",
        "-detector_abs inf -detector_thick 9",
    ],
    "interpolation": ["-interpolate -hkl table.hkl -pixel 4"],
    "cell": ["-cell 50 60 70 65 110 100", "-cell 50 60 70 90 95 91"],
    "misset": ["-misset_seed 3 -misset random"],
    "weights": ["-sourcefile three.src"],
    "water": ["-water 5"],
    "vectors": ["-odet_vector 2 0 0.1", "-twotheta_axis 1 1 0", "-pix0_vector 0.1 0 0"],
    "dmin": ["-water 5 -dmin 40"],
    "mask": ["-mask long.img"],
    "phi_steps": ["-phi 1 -osc 1", "-phi 1 -osc 1 -phisteps 1", "-phi 3 -phistep 0.5"],
    "divergence": ["-hdivrange 9 -hdivstep 3", "-hdivsteps 2", "-vdivsteps 1"],
    "behind": ["-twotheta 100", "-twotheta 100 -curved_det -pixel 0.1", "-twotheta 100 -point_pixel -detector_thick 10"],
}
UNTOUCHED = {
    "phi0": ["-phi 0", "-phi 1 -osc 1 -phisteps 2"],
    "oversample": ["-oversample 2", "-oversample_omega"],
    "thickness": ["-detector_abs 50", "-detector_thick 100 -oversample_thick"],
    "interpolation": ["-interpolate -hkl table.hkl -detpixels 4", "-nointerpolate -hkl table.hkl -pixel 4", "-interpolate"],
    "cell": ["-cell 50 60 70 90 110 90", "-cell 50 60 70 90 90 120"],
    "misset": ["-misset 10 20 30"],
    "weights": ["-sourcefile equal.src"],
    "water": ["-water 0"],
    "vectors": ["-fdet_vector 0 0 1", "-twotheta 3"],
    "dmin": ["-dmin 40", "-water 5"],
    "mask": ["-mask short.img"],
    "phi_steps": ["-phi 3", "-phi 3 -osc 0 -phisteps 2", "-phi 3 -osc 0 -phistep 1 -phisteps 2"],
    "divergence": [
        "-hdivrange 9 -hdivsteps 3",
        "-hdivstep 3",
        "-dispersion 1",
        "-sourcefile equal.src -dispsteps 3",
        "-divergence 2",
        "-dispsteps 3",
    ],
    "behind": ["-twotheta 80", "-xds -twotheta 100", "-twotheta 100 -point_pixel"],
}


def write_inputs():
    Path("three.src").write_text(SOURCES)
    Path("equal.src").write_text("-10 0 0 2 1e-10\n-10 1 0 2 1e-10\n")
    mask = (np.arange(144) > 40).astype("<u2").tobytes()
    for name, blanks in (("short.img", 0), ("long.img", 600)):
        text = "{\nHEADER_BYTES=512;\nSIZE1=12;\nSIZE2=12;\nPIXEL_SIZE=0.4;\nX=" + blanks * "1" + ";\n}\f"
        Path(name).write_bytes(text.encode().ljust(512) + mask)


def warning_count(run, name):
    return sum(f"(--fix {name}:" in line for line in run.warnings)


@pytest.mark.parametrize("name, flags", [(name, flags) for name, all_flags in QUIRK_RUNS.items() for flags in all_flags])
def test_a_quirk_that_changes_the_run_is_named_once_and_not_when_fixed(name, flags):
    write_inputs()
    as_program, run = image_and_run(f"{RUN} {flags}")
    fixed, fixed_run = image_and_run(f"{RUN} {flags}", "--fix", name)
    assert warning_count(run, name) == 1
    assert warning_count(fixed_run, name) == 0
    assert not np.array_equal(as_program, fixed)


@pytest.mark.parametrize("name, flags", [(name, flags) for name, all_flags in UNTOUCHED.items() for flags in all_flags])
def test_a_quirk_that_changes_nothing_is_not_named(name, flags):
    write_inputs()
    as_program, run = image_and_run(f"{RUN} {flags}")
    fixed = image(f"{RUN} {flags}", "--fix", name)
    assert warning_count(run, name) == 0
    np.testing.assert_array_equal(as_program, fixed)


@pytest.mark.parametrize("cell", [(50, 60, 70, 65, 110, 100), (80, 40, 55, 110, 95, 70), (30, 30, 90, 80, 80, 120)])
def test_cell_fix_gives_the_cell_its_angles(cell):
    """Edges, angles and volume of the cell vectors; nanoBragg.c's angles differ."""

    def measured(fix):
        crystal = prepare(Experiment(cell=cell, default_F=1.0, fix=fix), 1).crystal
        a, b, c = (np.array(vector) * 1e10 for vector in (crystal.a, crystal.b, crystal.c))
        angles = [math.degrees(math.acos(u @ v / math.sqrt((u @ u) * (v @ v)))) for u, v in ((b, c), (a, c), (a, b))]
        assert np.linalg.det([a, b, c]) == pytest.approx(crystal.V_cell, rel=1e-12 if fix else 0.1)
        return [*(math.sqrt(vector @ vector) for vector in (a, b, c)), *angles]

    assert measured("cell") == pytest.approx(cell, rel=1e-12)
    assert measured(())[:3] == pytest.approx(cell[:3], rel=1e-12)
    assert max(abs(found - given) for found, given in zip(measured(())[3:], cell[3:], strict=True)) > 0.05


def test_fix_all_is_every_fix():
    run = simulate(
        f"{RUN} -osc 1 -phisteps 2 -water 5 -detector_thick 100 -oversample 2 -oversample_omega -nonoise", "--fix", "all"
    )
    assert run.status == 0
    assert not run.warnings
    # adc is tested in test_counts
    assert {*QUIRK_RUNS, "adc"} == set(QUIRKS)
