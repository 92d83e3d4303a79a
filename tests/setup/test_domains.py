"""Mosaic domains of one's own, with normal distributions of rotations, and with unit cells of their own, compared with closed
forms and with single crystals."""

import math
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

import nbkernel
from nbkernel.engine.bounds.reach import find_reach
from nbkernel.engine.cuda.panels import unfolded
from nbkernel.engine.squared_table import length_beyond_table, outermost_indices
from nbkernel.engine.tiles import panel_tile
from nbkernel.errors import InputError
from nbkernel.geometry.cell_axes import cell_of_axes, mosflm_rows
from nbkernel.kernels.physics.orientations import from_rotations, from_table
from nbkernel.setup.orientations.domains import own_domains
from nbkernel.setup.prepare import prepare

from running import simulate, write_hkl

EXPERIMENT = nbkernel.Experiment(
    cell=(48, 61, 79, 80, 95, 105), misset=(10, 20, 30), default_F=100, Na=5, Nb=6, Nc=7, interpolate=False, dump=None,
    fluence=1e28, wavelength=1.0, distance=100, detpixels_f=40, detpixels_s=30, pixel=1.2, oversample=1, fix="phi0",
)  # fmt: skip
TURNING = dict(phi=5.0, osc=4.0, phisteps=3)
COMMAND = "-cell 50 60 70 -default_F 1 -N 3 -detpixels 8 -pixel 10 -oversample 1 -nopgm -nonoise"
# a share of all distributions that a sample of this size exceeds with a probability below 1e-4
SAMPLES = 20000
LARGEST_KOLMOGOROV = 2.25 / math.sqrt(SAMPLES)


@pytest.fixture(autouse=True)
def folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)


def rotation(axis, degrees):
    """By the exponential series of the cross product's matrix."""
    x, y, z = np.array(axis) / np.linalg.norm(axis) * math.radians(degrees)
    cross = np.array([[0, -z, y], [z, 0, -x], [-y, x, 0]])
    return sum(np.linalg.matrix_power(cross, n) / math.factorial(n) for n in range(30))


BLOCKS = np.array([rotation((1, 2, 3), 1.0), rotation((-1, 0, 2), -0.7), rotation((0, 1, 0), 0.4), np.eye(3)])


def domains_of(experiment):
    """(n, 3, 3) matrices of the domains, and the Crystal."""
    prepared = prepare(experiment, 1)
    return own_domains(experiment, prepared.crystal, None, None).reshape(-1, 3, 3), prepared.crystal


def image_of(experiment, precision="double"):
    return np.asarray(nbkernel.simulate(experiment, precision=precision, device="cpu")).astype(float)


def mean_of_single_crystals(experiment, matrices, **more):
    """The mean image of crystals whose axes are those of the experiment's crystal, multiplied by each matrix."""
    crystal = prepare(experiment, 1).crystal
    axes = 1e10 * np.array([crystal.a, crystal.b, crystal.c])
    images = [
        image_of(replace(experiment, cell=None, misset=None, mat=mosflm_rows(axes @ matrix.T, 1e-10), **more))
        for matrix in matrices
    ]
    return np.mean(images, axis=0)


def assert_same(found, expected, relative=2e-6):
    """Within `relative` of each pixel, and 1e-7 of the brightest: the C program's steps round indices."""
    np.testing.assert_allclose(found, expected, rtol=relative, atol=1e-7 * expected.max())


SHAPES = {
    "square": {},
    "round": dict(xtal_shape="round"),
    "gauss": dict(xtal_shape="gauss", spot_metric="hkl"),
    "tophat": dict(xtal_shape="tophat", spot_metric="hkl", fudge=0.1),
}


@pytest.mark.parametrize("turn", [{}, TURNING], ids=["still", "rotation"])
@pytest.mark.parametrize("precision", ["exact", "double", "mixed"])
@pytest.mark.parametrize("shape", SHAPES)
def test_blocks_are_single_crystals_that_turn_together(shape, precision, turn):
    experiment = replace(EXPERIMENT, **SHAPES[shape], **turn)
    found = image_of(replace(experiment, mosaic_blocks=BLOCKS), precision)
    expected = mean_of_single_crystals(experiment, BLOCKS)
    assert_same(found, expected, 1e-4 if precision == "mixed" else 2e-6)
    assert expected.max() > 1.0 and not np.allclose(expected, image_of(experiment), rtol=0.1)


def test_the_program_s_own_domains_as_blocks_give_its_bits():
    spread = replace(EXPERIMENT, mosaic_spread=0.8, mosaic_domains=5)
    umats = prepare(spread, 1).plan.mosaic_umats
    for precision in ("exact", "double", "mixed"):
        one, other = (
            nbkernel.simulate(each, precision=precision, device="cpu")
            for each in (spread, replace(EXPERIMENT, mosaic_blocks=umats))
        )
        assert one.tobytes() == other.tobytes() and np.asarray(one).any()


def test_blocks_from_files_and_records():
    np.savetxt("blocks.txt", BLOCKS.reshape(-1, 9), fmt="%.17g")
    np.save("blocks.npy", BLOCKS)
    held = replace(EXPERIMENT, mosaic_blocks=BLOCKS)
    image = nbkernel.simulate(held, device="cpu")
    for path in ("blocks.txt", "blocks.npy"):
        assert nbkernel.simulate(replace(EXPERIMENT, mosaic_blocks=path), device="cpu").tobytes() == image.tobytes()
    nbkernel.write_hdf5("a.h5", image)
    held.to_toml("a.toml")
    assert nbkernel.Experiment.from_toml("a.h5").mosaic_blocks == held.mosaic_blocks
    assert nbkernel.Experiment.from_toml("a.toml") == held
    run = simulate(f"{COMMAND} --mosaic-blocks blocks.txt --save-config b.toml -floatfile b.bin --hdf5 b.h5")
    assert run.status == 0 and "4 mosaic domains" in run.out and "seeds" not in run.out, run.err
    for saved in ("b.toml", "b.h5"):
        again = simulate(f"--config {saved} -nopgm -nonoise -floatfile c.bin")
        assert again.status == 0 and Path("b.bin").read_bytes() == Path("c.bin").read_bytes()
    # flags replace them in a configuration
    run = simulate("--config b.toml -mosaic 1 --save-config d.toml -nopgm -nonoise -floatfile d.bin")
    assert run.status == 0 and nbkernel.Experiment.from_toml("d.toml").mosaic_blocks is None, run.err


def test_options_are_the_fields_of_an_experiment():
    run = simulate(
        f"{COMMAND} --mosaic-sigma 0.1,0.2,0.3 --cell-spread 0.1,0.2,0.3,1,2,3 -mosaic_domains 7 -mosaic_seed 5 --hdf5 a.h5 "
        "--save-config a.toml -floatfile a.bin"
    )
    assert run.status == 0 and "7 mosaic domains" in run.out and "-mosaic_seed 5" in run.out, run.err
    for saved in ("a.toml", "a.h5"):
        found = nbkernel.Experiment.from_toml(saved)
        assert found.mosaic_sigma == (0.1, 0.2, 0.3) and found.cell_spread == (0.1, 0.2, 0.3, 1.0, 2.0, 3.0)
        again = simulate(f"--config {saved} -nopgm -nonoise -floatfile b.bin")
        assert again.status == 0 and Path("a.bin").read_bytes() == Path("b.bin").read_bytes()
    run = simulate(f"{COMMAND} --mosaic-sigma 0.1 --save-config c.toml -floatfile c.bin")
    assert run.status == 0 and "10 mosaic domains" in run.out, run.err
    assert nbkernel.Experiment.from_toml("c.toml").mosaic_sigma == 0.1


def kolmogorov(values, cumulative):
    """The largest distance of a sample's distribution from a cumulative one."""
    expected, n = np.sort(cumulative(values)), len(values)
    return max((np.arange(1, n + 1) / n - expected).max(), (expected - np.arange(n) / n).max())


def normal_cumulative(values):
    return np.array([0.5 * (1.0 + math.erf(value / math.sqrt(2.0))) for value in values])


def axes_and_angles(matrices):
    """Rotation vectors' directions, on the half sphere with z > 0, and signed angles (degrees)."""
    axis = np.stack(
        [matrices[:, 2, 1] - matrices[:, 1, 2], matrices[:, 0, 2] - matrices[:, 2, 0], matrices[:, 1, 0] - matrices[:, 0, 1]],
        axis=1,
    ) / 2.0  # fmt: skip
    sine = np.linalg.norm(axis, axis=1)
    sign = np.where(axis[:, 2] < 0.0, -1.0, 1.0)
    cosine = (np.trace(matrices, axis1=1, axis2=2) - 1.0) / 2.0
    return axis / sine[:, np.newaxis] * sign[:, np.newaxis], sign * np.degrees(np.arctan2(sine, cosine))


@pytest.mark.parametrize("sigma", [0.4, (0.2, 0.5, 1.5)])
def test_angles_are_normal_and_axes_uniform(sigma):
    matrices, crystal = domains_of(replace(EXPERIMENT, mosaic_sigma=sigma, mosaic_domains=SAMPLES))
    np.testing.assert_allclose(
        matrices @ matrices.transpose(0, 2, 1), np.broadcast_to(np.eye(3), matrices.shape), atol=1e-14
    )
    axes, angles = axes_and_angles(matrices)
    # an axis' component along any direction is uniform from -1 to 1; here on half the sphere
    assert kolmogorov(axes[:, 2], lambda z: z) < LARGEST_KOLMOGOROV
    azimuth = np.arctan2(axes[:, 1], axes[:, 0]) / (2.0 * math.pi) + 0.5
    assert kolmogorov(azimuth, lambda u: u) < LARGEST_KOLMOGOROV
    # along a, c* and across
    a, c_star = np.array(crystal.a) / np.linalg.norm(crystal.a), np.array(crystal.c_star) / np.linalg.norm(crystal.c_star)
    parts = np.stack([axes @ a, axes @ np.cross(c_star, a), axes @ c_star], axis=1)
    widths = 1.0 / np.sqrt((parts**2 / np.square(sigma)).sum(axis=1))
    assert kolmogorov(angles / widths, normal_cumulative) < LARGEST_KOLMOGOROV
    # about an axis close to c*, the angles are as wide as sigma says
    near = np.abs(parts[:, 2]) > 0.98
    expected = np.sqrt((widths[near] ** 2).mean())
    assert near.sum() > 200 and angles[near].std() == pytest.approx(expected, rel=0.2)


def test_the_first_domains_do_not_depend_on_their_number():
    few, more = (domains_of(replace(EXPERIMENT, mosaic_sigma=0.4, mosaic_domains=n))[0] for n in (3, 30))
    np.testing.assert_array_equal(few, more[:3])
    other, _ = domains_of(replace(EXPERIMENT, mosaic_sigma=0.4, mosaic_domains=3, mosaic_seed=9))
    assert not np.allclose(other, few)


def test_cells_are_normal_and_the_crystal_is_not_turned():
    spread = (0.3, 0.5, 0.2, 0.4, 0.1, 0.3)
    matrices, crystal = domains_of(replace(EXPERIMENT, cell_spread=spread, mosaic_domains=SAMPLES))
    np.testing.assert_allclose(matrices, matrices.transpose(0, 2, 1), atol=1e-13)
    assert (np.linalg.eigvalsh(matrices) > 0.9).all()
    axes = 1e10 * np.array([crystal.a, crystal.b, crystal.c])
    cells = np.array([cell_of_axes(axes @ matrix.T) for matrix in matrices])
    expected = np.array(cell_of_axes(axes))
    sigma = np.array(spread) * [*(expected[:3] / 100.0), 1.0, 1.0, 1.0]
    deviates = (cells - expected) / sigma
    for column in deviates.T:
        assert kolmogorov(column, normal_cumulative) < LARGEST_KOLMOGOROV
    np.testing.assert_allclose(np.corrcoef(deviates.T), np.eye(6), atol=5.0 / math.sqrt(SAMPLES))
    edges, _ = domains_of(replace(EXPERIMENT, cell_spread=spread[:3], mosaic_domains=5))
    np.testing.assert_allclose([cell_of_axes(axes @ matrix.T)[3:] for matrix in edges], [expected[3:]] * 5, rtol=1e-12)


@pytest.mark.parametrize("turn", [{}, TURNING], ids=["still", "rotation"])
@pytest.mark.parametrize("precision", ["exact", "double", "mixed"])
@pytest.mark.parametrize("shape", SHAPES)
def test_domains_with_cells_of_their_own_are_single_crystals(shape, precision, turn):
    """With a table of structure factors, so that dark steps are left out, too."""
    draw = np.random.default_rng(3)
    write_hkl("table.hkl", draw.uniform(50, 150, (13, 15, 17)), (-6, -7, -8))
    experiment = replace(EXPERIMENT, hkl="table.hkl", default_F=0, **SHAPES[shape], **turn)
    spread = replace(experiment, cell_spread=(3, 2, 4, 1, 2, 1), mosaic_sigma=0.5, mosaic_domains=4)
    matrices, _ = domains_of(spread)
    found, expected = image_of(spread, precision), mean_of_single_crystals(experiment, matrices)
    assert_same(found, expected, 1e-4 if precision == "mixed" else 2e-6)
    assert expected.max() > 1.0 and not np.allclose(expected, image_of(experiment), rtol=0.1)


def test_spots_of_the_reciprocal_metric_have_the_widths_of_the_mean_cell():
    """These spots' widths are measured by reciprocal vectors, of which all domains have those of the crystal."""
    experiment = replace(EXPERIMENT, xtal_shape="gauss_star", Na=2, Nb=2, Nc=2)
    spread = replace(experiment, cell_spread=(0.1, 0.1, 0.1), mosaic_domains=3)
    matrices, _ = domains_of(spread)
    expected = mean_of_single_crystals(experiment, matrices)
    np.testing.assert_allclose(image_of(spread), expected, rtol=0.05, atol=2e-3 * expected.max())


def test_with_the_program_s_domains_each_has_a_cell():
    experiment = replace(EXPERIMENT, mosaic_spread=1.0, mosaic_domains=3)
    umats = prepare(experiment, 1).plan.mosaic_umats.reshape(-1, 3, 3)
    strains, _ = domains_of(replace(EXPERIMENT, cell_spread=(1, 2, 3), mosaic_domains=3))
    found = image_of(replace(experiment, cell_spread=(1, 2, 3)))
    assert_same(found, mean_of_single_crystals(EXPERIMENT, umats @ strains))


def test_no_scattering_vector_with_an_F_is_beyond_the_bound():
    write_hkl("table.hkl", np.ones((3, 3, 3)), (-1, -1, -1))
    spread = replace(EXPERIMENT, hkl="table.hkl", default_F=0, cell_spread=(20, 20, 20, 5, 5, 5), mosaic_domains=50)
    plan = prepare(spread, 1).plan
    stars = np.linalg.inv(plan.orientation[0].reshape(-1, 3, 3)).transpose(0, 2, 1)
    corners = np.array([[h, k, l] for h in (-1, 1) for k in (-1, 1) for l in (-1, 1)])
    longest = np.linalg.norm(corners @ stars, axis=2).max()
    bound = length_beyond_table(plan, outermost_indices(plan))
    assert longest < bound < 5.0 * longest
    # with half a cell more, the nearest index is still in the table
    assert np.linalg.norm(1.4999 * corners @ stars, axis=2).max() < bound


@pytest.mark.parametrize("turn", [{}, dict(phi=5.0), TURNING], ids=["still", "turned still", "rotation"])
def test_a_device_computes_the_same_orientations(turn):
    prepared = prepare(replace(EXPERIMENT, mosaic_blocks=BLOCKS, **turn), 1)
    plan = prepared.plan
    reach = find_reach(plan, panel_tile(prepared.detector), False)
    device_plan, device_reach = unfolded(plan, reach)
    domains = len(device_plan.mosaic_umats)
    assert len(device_plan.phi_slot) * domains == len(plan.phi_slot) * len(BLOCKS)
    assert device_reach.phi_stop[-1] == len(device_plan.phi_slot)
    found = [
        from_rotations(device_plan, slot, domain) for slot in device_plan.phi_slot.tolist() for domain in range(domains)
    ]
    expected = [from_table(plan, slot, domain) for slot in plan.phi_slot.tolist() for domain in range(len(BLOCKS))]
    np.testing.assert_array_equal(found, expected)


def test_shots_of_a_series_share_or_vary_them():
    shots = {
        "series": {"images": 2},
        "vary": {"mosaic_sigma": {"values": [0.2, 0.7]}, "cell_scale": {"values": [1.0, 1.01]}},
    }
    experiment = replace(EXPERIMENT, cell_spread=(1, 1, 1), mosaic_domains=3, fix=nbkernel.Experiment(fix="all").fix)
    with nbkernel.Series(shots, experiment, device="cpu") as series:
        for number, (sigma, scale) in enumerate([(0.2, 1.0), (0.7, 1.01)]):
            a, b, c, *angles = EXPERIMENT.cell
            alone = replace(experiment, mosaic_sigma=sigma, cell=(a * scale, b * scale, c * scale, *angles))
            np.testing.assert_allclose(series.photons(number), image_of(alone), rtol=1e-5)
    # shots without a crystal have none of it
    none = {"series": {"images": 1}, "vary": {"crystals": {"values": [0]}}}
    with nbkernel.Series(none, replace(EXPERIMENT, mosaic_blocks=BLOCKS, water=10.0), device="cpu") as series:
        assert np.ptp(series.photons(0)) < 0.9 * np.max(series.photons(0))


WRONG_FILES = {
    "1 0 0 0 1 0 0 0\n": "matrix 1 needs nine numbers in a line",
    "1 0 0 0 1 0 0 0 1\n1 0 0 0 1 0 0 0 1 7\n": "matrix 2 needs nine numbers in a line",
    "1 0 0 0 1 0 0 0 1\n1 0 0 0 1 0 0 0 1.00001\n": "matrix 2 is not a rotation: its rows need length 1",
    "-1 0 0 0 -1 0 0 0 -1\n": "matrix 1 is not a rotation",
    "a b\n": "is not made of numbers",
    "": "is empty",
}


@pytest.mark.parametrize("text", WRONG_FILES)
def test_other_files_are_errors_of_one_line(text):
    Path("blocks.txt").write_text(text)
    run = simulate(f"{COMMAND} --mosaic-blocks blocks.txt -floatfile a.bin")
    assert run.status == 2 and len(run.errors) == 1 and WRONG_FILES[text] in run.errors[0], run.errors
    assert run.errors[0].startswith("nbkernel: error: --mosaic-blocks blocks.txt") or "--mosaic-blocks" in run.errors[0]
    assert not Path("a.bin").exists()


WRONG = {
    "--mosaic-sigma 0.1,0.2": "--mosaic-sigma: needs one number or three with commas, not '0.1,0.2'",
    "--mosaic-sigma 0.1,0,1": "mosaic_sigma: needs degrees greater than 0",
    "--mosaic-sigma 0.1 -mosaic 1": "mosaic_sigma: there is also mosaic_spread, which states the mosaic domains, too",
    "--cell-spread 1": "cell_spread: needs 3 or 6 numbers of at least 0",
    "--cell-spread 1,1,-1": "cell_spread: needs 3 or 6 numbers of at least 0",
    "--cell-spread 1,1,x": "--cell-spread: needs a number, not 'x'",
    "--cell-spread 60,60,60": "--cell-spread: domain",
    "--cell-spread 0,0,0,80,80,80": "which is impossible; give smaller deviations",
    "--mosaic-sigma 1 -mosaic_domains 2147483647": "-mosaic_domains",
}


@pytest.mark.parametrize("more", WRONG)
def test_other_values_are_errors_of_one_line(more):
    run = simulate(f"{COMMAND} {more} -floatfile a.bin")
    assert run.status == 2 and len(run.errors) == 1 and WRONG[more] in run.errors[0], run.errors
    assert not Path("a.bin").exists()


@pytest.mark.parametrize(
    "fields, message",
    [
        (dict(mosaic_blocks=np.eye(3)), "mosaic_blocks: has float64 of shape 3 x 3; need rotation matrices, numbers of"),
        (dict(mosaic_blocks=[2 * np.eye(3)]), "mosaic_blocks: matrix 1 is not a rotation"),
        (dict(mosaic_blocks=3), "mosaic_blocks: has float64 of shape a single number; need rotation matrices"),
        (dict(mosaic_blocks=BLOCKS, mosaic_domains=3), "mosaic_blocks: there is also mosaic_domains"),
        (dict(mosaic_blocks=BLOCKS, mosaic_sigma=1.0), "mosaic_blocks: there is also mosaic_sigma"),
        (dict(mosaic_sigma=(1, 2)), "mosaic_sigma: needs a number or 3 numbers"),
    ],
)
def test_other_arrays_are_errors_of_one_line(fields, message):
    with pytest.raises(InputError) as error:
        replace(EXPERIMENT, **fields)
    assert str(error.value).startswith(message)
