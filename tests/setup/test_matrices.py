"""The crystal's orientation from other programs' files, checked by the positions of its spots; contradictory inputs."""

import gzip
import json
import math
from pathlib import Path

import numpy as np
import pytest

import nbkernel
from nbkernel.experiment.experiment import Experiment
from nbkernel.geometry.cell_axes import cell_of_axes, direct_axes
from nbkernel.setup.prepare import prepare

from running import BASE, CRYSTAL, image, remarks_of, simulate, write_hkl

RUN = BASE.replace(CRYSTAL, "").replace("-lambda 1 ", "") + " -N 5 -default_F 100 -detpixels 16 -pixel 4 -nopgm -nonoise"
CELL = (60.0, 70.0, 85.0, 80.0, 95.0, 105.0)


@pytest.fixture(autouse=True)
def folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    return tmp_path


def rotation(axis, degrees):
    """The matrix of a rotation about an axis: the exponential of the cross-product matrix, as a power series."""
    x, y, z = np.array(axis) / np.linalg.norm(axis) * math.radians(degrees)
    K, term, total = np.array([[0, -z, y], [z, 0, -x], [-y, x, 0]]), np.eye(3), np.eye(3)
    for n in range(1, 60):
        term = term @ K / n
        total = total + term
    return total


def rotated_axes(seed=3, cell=CELL):
    """Rows a, b, c of a cell in a random orientation."""
    draw = np.random.default_rng(seed)
    return direct_axes(cell) @ rotation(draw.normal(size=3), draw.uniform(20, 160)).T


def number_line(*values):
    return "".join(f"{value:15.6f}" for value in values) + "\n"


def xparm(kind, axes, cell=CELL, beam=(0.0011, -0.0006, 1.0209), spindle=(0.999997, -0.00159, -0.00158), wavelength=0.97949):
    first = "     1        0.0000    0.1000" + "".join(f"{x:10.6f}" for x in spindle) + "\n"
    second = number_line(wavelength, *beam)
    crystal = f"    96{''.join(f'{x:11.4f}' for x in cell)}\n" + "".join(number_line(*row) for row in axes)
    detector = "".join(number_line(*row) for row in np.eye(3))
    if kind == "old":
        return (
            first
            + second
            + "  2463      2527    0.172000    0.172000\n"
            + number_line(200, 1231.5, 1263.5)
            + detector
            + crystal
        )
    return (
        " XPARM.XDS    VERSION Jan 10, 2014\n" + first + second + crystal
        + "         1      2463      2527    0.172000    0.172000\n" + number_line(1231.5, 1263.5, 200) + detector
        + "         1         1      2463         1      2527\n    0.00    0.00    0.00  1.00000  0.00000  0.00000  0.00000  1.00000  0.00000\n"
    )  # fmt: skip


def beam_frame(beam, spindle):
    """Rows: the beam, the spindle's component perpendicular to it, and their cross product."""
    beam = np.array(beam) / np.linalg.norm(beam)
    perpendicular = np.array(spindle) - beam * (beam @ spindle)
    perpendicular = perpendicular / np.linalg.norm(perpendicular)
    return np.array([beam, perpendicular, np.cross(beam, perpendicular)])


def rendered_axes(**fields):
    """Rows a, b, c (Angstrom) of an experiment's crystal, and the prepared run."""
    prepared = prepare(Experiment(default_F=100, **fields), 1)
    return np.array([prepared.crystal.a, prepared.crystal.b, prepared.crystal.c]) * 1e10, prepared


CONVENTIONS = ["mosflm", "xds", "adxv", "denzo", "dials"]


@pytest.mark.parametrize("convention", CONVENTIONS)
@pytest.mark.parametrize("kind", ["old", "new"])
def test_an_xparm_keeps_its_cell_and_its_orientation_to_beam_and_spindle(kind, convention):
    axes, beam, spindle = rotated_axes(), (0.0011, -0.0006, 1.0209), (0.999997, -0.00159, -0.00158)
    Path("XPARM.XDS").write_text(xparm(kind, axes))
    found, prepared = rendered_axes(mat="XPARM.XDS", convention=convention, wavelength=1.3)
    d = prepared.detector
    # components along beam and spindle do not depend on the frame
    np.testing.assert_allclose(
        found @ beam_frame(d.beam_vector, d.spindle_vector).T, axes @ beam_frame(beam, spindle).T, atol=1e-5 * axes.max()
    )
    assert cell_of_axes(found) == pytest.approx(CELL, rel=1e-5)
    assert prepared.remarks == ()


@pytest.mark.parametrize("kind", ["old", "new"])
def test_an_xparm_with_axes_of_another_cell_keeps_its_cell_and_warns(kind):
    axes = rotated_axes()
    Path("XPARM.XDS").write_text(xparm(kind, axes * [[1.03], [1.0], [0.9]]))
    found, prepared = rendered_axes(mat="XPARM.XDS", convention="xds", wavelength=0.97949)
    assert cell_of_axes(found) == pytest.approx(CELL, rel=1e-5)
    assert angle_between(found, axes @ rotation_to_run_frame(prepared)) < 0.1
    (line,) = prepared.remarks
    assert "61.8 70 76.5 A, 80 95 105 deg" in line and "60 70 85 A, 80 95 105 deg" in line


def rotation_to_run_frame(prepared):
    d = prepared.detector
    return beam_frame((0.0011, -0.0006, 1.0209), (0.999997, -0.00159, -0.00158)).T @ beam_frame(
        d.beam_vector, d.spindle_vector
    )


def angle_between(one, other):
    """Degrees between two orientations of the same cell."""
    rotation = np.linalg.inv(one) @ other
    return math.degrees(math.acos(min(1.0, (np.trace(rotation) - 1.0) / 2.0)))


@pytest.mark.parametrize(
    "text, words",
    [
        (xparm("new", rotated_axes())[:300], "is not a complete XPARM.XDS: it has"),
        ("GXPARM.XDS\n", "is not a complete XPARM.XDS: it has 0 of 26 numbers"),
        (xparm("new", rotated_axes(), beam=(0, 0, 0)), "its beam is 0 0 0"),
        (xparm("new", rotated_axes(), cell=(50, 0, 70, 90, 90, 90)), "50 0 70 90 90 90 is not a cell"),
        (xparm("old", rotated_axes()[::-1]), "not those of a right-handed cell"),
        (xparm("new", rotated_axes(), spindle=(0.0, 0.0, 1.0), beam=(0.0, 0.0, 1.0)), "the spindle is along the beam"),
        (xparm("old", np.eye(3) * 1e-5), "an axis of 1e-05 Angstrom is impossible"),
        (xparm("old", np.ones((3, 3))), "its axes a, b, c lie in a plane"),
        (xparm("new", rotated_axes(), cell=(60, 70, 85, 80, 95, 300)), "make an impossible cell"),
        ("12 words\n", "needs nine numbers, three reciprocal cell vectors; found 1 (or XPARM.XDS"),
    ],
)
def test_a_broken_file_is_an_error_of_one_line(text, words):
    Path("a").write_text(text)
    run = simulate(f"{RUN} -mat a -lambda 1")
    assert (run.status, len(run.errors)) == (2, 1)
    assert run.errors[0].startswith("nbkernel: -mat") and words in run.errors[0]


# the crystal in a DIALS experiment


BEAM = {"direction": [0.05, -0.1, 2.0], "wavelength": 0.9795, "polarization_normal": [0, 1, 0]}
MULTI_AXIS = {
    "axes": [[1, -0.01, 0.02], [-0.64, 0.77, 0.05], [1, 0, 0]], "angles": [25.0, 40.0, 77.0], "names": ["phi", "kappa", "omega"],
    "scan_axis": 2,
}  # fmt: skip


def panel():
    fast, slow = rotation((1, 2, 3), 4) @ (1, 0, 0), rotation((1, 2, 3), 4) @ (0, -1, 0)
    origin = np.array([0, 0, -100.0]) - 16 * 0.5 * 2.5 * (fast + slow)
    return {
        "name": "p", "fast_axis": fast.tolist(), "slow_axis": slow.tolist(), "origin": origin.tolist(), "image_size": [100, 100],
        "pixel_size": [0.4, 0.4],
    }  # fmt: skip


def expt(crystals, goniometer=None, uses=None, **more):
    content = {
        "__id__": "ExperimentList",
        "experiment": [
            {"beam": 0, "detector": 0, "crystal": n, **({} if goniometer is None else {"goniometer": 0})}
            for n in (uses or range(len(crystals)))
        ],
        "beam": [BEAM], "detector": [{"panels": [panel()]}], "crystal": crystals,
        "goniometer": [] if goniometer is None else [goniometer], **more,
    }  # fmt: skip
    Path("refined.expt").write_text(json.dumps(content))


def dials_crystal(axes, **more):
    return {"__id__": "crystal", **dict(zip(("real_space_a", "real_space_b", "real_space_c"), axes.tolist())), **more}


def distance_from_integer_indices(pixels, axes):
    """Median distance of the brightest pixels' h, k and l from integers, for rows a, b, c of the crystal as rotated in the
    beam."""
    slow, fast = np.unravel_index(np.argsort(pixels.ravel())[::-1][:60], pixels.shape)
    p = panel()
    places = np.array(p["origin"]) + 0.4 * (np.outer(fast + 0.5, p["fast_axis"]) + np.outer(slow + 0.5, p["slow_axis"]))
    directions = places / np.linalg.norm(places, axis=1)[:, None]
    beam = -np.array(BEAM["direction"]) / np.linalg.norm(BEAM["direction"])
    h = (directions - beam) / BEAM["wavelength"] @ axes.T
    return np.median(np.abs(h - np.round(h)), axis=0)


def rendered(**fields):
    settings = dict(default_F=100, Na=25, Nb=25, Nc=25, oversample=1, dump=None)
    (pixels,) = nbkernel.simulate(Experiment(panels="refined.expt", **{**settings, **fields}))
    return np.asarray(pixels)


def goniometers():
    setting, fixed = rotation((1, 1, 0), 30), rotation((0, 1, 2), -50)
    single = {
        "rotation_axis": [1, 0.02, -0.01],
        "fixed_rotation": fixed.ravel().tolist(),
        "setting_rotation": setting.ravel().tolist(),
    }
    yield "none", None, lambda phi: rotation((1, 0, 0), phi)
    yield "single", single, lambda phi: setting @ rotation(single["rotation_axis"], phi) @ fixed
    for scan_axis in range(3):
        gonio = {**MULTI_AXIS, "scan_axis": scan_axis}

        def rotation_at(phi, gonio=gonio):
            angles = list(gonio["angles"])
            angles[gonio["scan_axis"]] = phi
            total = np.eye(3)
            for axis, angle in zip(gonio["axes"], angles, strict=True):
                total = rotation(axis, angle) @ total
            return total

        yield f"multi {scan_axis}", gonio, rotation_at


@pytest.mark.parametrize("phi", [0.0, 35.0])
@pytest.mark.parametrize("case", list(goniometers()), ids=lambda case: case[0])
def test_spots_of_a_dials_experiment_are_where_its_models_predict(case, phi):
    _, goniometer, rotation_at = case
    axes = rotated_axes(5)
    expt([dials_crystal(axes)], goniometer)
    axes_in_beam = axes @ rotation_at(phi).T
    assert (distance_from_integer_indices(rendered(phi=phi), axes_in_beam) < 0.06).all()
    # another orientation would be noticed
    assert distance_from_integer_indices(rendered(phi=phi), axes @ rotation((3, 1, 2), 20).T).max() > 0.1


def test_another_spindle_axis_keeps_the_crystal_in_the_frame_of_its_panels():
    axes = rotated_axes(5)
    expt([dials_crystal(axes)])
    assert (distance_from_integer_indices(rendered(spindle_axis=(0, 1, 0)), axes) < 0.06).all()


@pytest.mark.parametrize("convention", CONVENTIONS)
def test_without_its_panels_the_crystal_is_rotated_into_the_runs_frame(convention):
    axes = rotated_axes(6)
    goniometer = {"rotation_axis": [0.2, 1, 0]}
    expt([dials_crystal(axes)], goniometer)
    found, prepared = rendered_axes(mat="refined.expt", convention=convention)
    d = prepared.detector
    beam = -np.array(BEAM["direction"])
    np.testing.assert_allclose(
        found @ beam_frame(d.beam_vector, d.spindle_vector).T,
        axes @ beam_frame(beam, goniometer["rotation_axis"]).T,
        atol=1e-8,
    )


def test_flags_override_the_experiments_crystal():
    expt([dials_crystal(rotated_axes(5))])
    found, _ = rendered_axes(panels="refined.expt", cell=(50, 60, 70))
    assert cell_of_axes(found) == pytest.approx((50, 60, 70, 90, 90, 90))
    Path("a.mat").write_text("0.02 0 0 0 0.03 0 0 0 0.04")
    found, _ = rendered_axes(panels="refined.expt", mat="a.mat", wavelength=1.0)
    assert cell_of_axes(found)[:3] == pytest.approx((50, 33.333333, 25))


def test_a_cell_that_replaces_a_crystal_is_a_warning():
    expt([dials_crystal(rotated_axes(5))])
    command = "--panels refined.expt -default_F 100 -N 5 -oversample 1 -noprogress -nopgm -nonoise -cell"
    (line,) = [line for line in remarks_of(simulate(f"{command} 50 60 70")) if "--fix" not in line]
    assert line == (
        "-cell 50 60 70 A, 90 90 90 deg: is used, in the standard orientation; the crystal in --panels refined.expt, "
        "with a cell of 60 70 85 A, 80 95 105 deg, is ignored"
    )
    assert [line for line in remarks_of(simulate(f"{command} 60 70 85 80 95 105")) if "--fix" not in line] == []
    expt([])
    assert remarks_of(simulate(f"{command} 50 60 70")) == []


@pytest.mark.parametrize("cell", [None, (50, 60, 70)])
def test_a_series_reads_its_dials_experiment_once(cell):
    expt([dials_crystal(rotated_axes(5))])
    experiment = Experiment(panels="refined.expt", cell=cell, default_F=100, Na=5, Nb=5, Nc=5, oversample=1, dump=None)
    with nbkernel.Simulator(experiment, device="cpu") as simulator:
        (first,) = simulator.simulate()
        Path("refined.expt").unlink()
        (second,) = simulator.simulate()
    assert first.any() and np.array_equal(first, second)
    assert first.run.remarks == second.run.remarks


def test_the_first_of_several_crystals_and_the_start_of_a_varying_one_are_used():
    axes, other, start = (rotated_axes(seed) for seed in (5, 6, 7))
    expt([dials_crystal(other), dials_crystal(axes)], uses=[1, 0])
    run = simulate("--panels refined.expt -default_F 100 -N 5 -oversample 1 -noprogress -nopgm -nonoise")
    assert (run.status, remarks_of(run)) == (0, ["--panels refined.expt: has 2 crystals; the first is rendered"])
    assert (distance_from_integer_indices(rendered(), axes) < 0.06).all()
    scan = [np.linalg.inv(start).ravel().tolist(), np.linalg.inv(other).ravel().tolist()]
    expt([dials_crystal(axes, A_at_scan_points=scan)])
    assert (distance_from_integer_indices(rendered(), start) < 0.06).all()
    run = simulate("--panels refined.expt -default_F 100 -N 5 -oversample 1 -noprogress -nopgm -nonoise")
    assert remarks_of(run) == ["--panels refined.expt: its crystal varies along the scan; it is rendered as at the start"]


@pytest.mark.parametrize(
    "crystals, words",
    [
        ([], "has no crystal; need a DIALS experiment with one"),
        ([{"real_space_a": [1, 0, 0], "real_space_b": [0, 1, 0]}], "has no crystal[0].real_space_c"),
        ([dials_crystal(np.ones((3, 3)))], "crystal[0]: its axes a, b, c lie in a plane"),
        (
            [dials_crystal(np.eye(3), A_at_scan_points=[[1, 2]])],
            "crystal[0].A_at_scan_points[0] is [1, 2]; need a list of 9 numbers",
        ),
    ],
)
def test_an_unusable_crystal_is_named(crystals, words):
    expt(crystals)
    run = simulate(f"{RUN} -mat refined.expt")
    assert (run.status, len(run.errors)) == (2, 1) and words in run.errors[0]


def test_a_saved_configuration_gives_the_same_image():
    expt([dials_crystal(rotated_axes(5))])
    command = "-default_F 100 -N 5 -oversample 1 -noprogress -nopgm -nonoise"
    assert simulate(f"--panels refined.expt {command} -floatfile a.bin --save-config a.toml").status == 0
    assert 'mat = "refined.expt"' in Path("a.toml").read_text()
    assert simulate("--config a.toml -noprogress -nopgm -nonoise -floatfile b.bin").status == 0
    assert Path("a.bin").read_bytes() == Path("b.bin").read_bytes()


def test_a_scan_with_another_start_is_a_warning_unless_an_angle_is_given():
    command = "-default_F 100 -N 5 -oversample 1 -noprogress -nopgm -nonoise"
    expt(
        [dials_crystal(rotated_axes(5))],
        {"rotation_axis": [1, 0, 0]},
        scan=[{"image_range": [1, 2], "oscillation": [30.0, 0.5]}],
    )
    content = json.loads(Path("refined.expt").read_text())
    content["experiment"][0]["scan"] = 0
    Path("refined.expt").write_text(json.dumps(content))
    told = "its first image starts at a spindle angle of 30 deg, this run at 0; -phi 30 -osc 0.5 is the file's first image"
    assert remarks_of(simulate(f"--panels refined.expt {command}")) == [f"--panels refined.expt: {told}"]
    assert remarks_of(simulate(f"--panels refined.expt {command} -phi 0")) == []
    for kind in ("old", "new"):
        Path("XPARM.XDS").write_text(xparm(kind, rotated_axes()).replace("0.0000    0.1000", "30.000    0.5000"))
        assert remarks_of(simulate(f"{RUN} -lambda 1 -mat XPARM.XDS")) == [f"-mat XPARM.XDS: {told}"]


def test_a_files_other_wavelength_is_a_warning_unless_one_is_given():
    expt([dials_crystal(rotated_axes(5))], {"rotation_axis": [1, 0, 0]})
    wavelength = json.loads(Path("refined.expt").read_text())["beam"][0]["wavelength"]
    for name, theirs in (("refined.expt", wavelength), ("XPARM.XDS", 0.97949)):
        for kind in ("old", "new") if name == "XPARM.XDS" else ("",):
            if kind:
                Path(name).write_text(xparm(kind, rotated_axes()))
            told = f"-mat {name}: its wavelength is {theirs:g} A, that of this run 1 A; -lambda {theirs:g} is the file's"
            assert remarks_of(simulate(f"{RUN} -mat {name}")) == [told]
            assert remarks_of(simulate(f"{RUN} -mat {name} -lambda {theirs}")) == []
            assert remarks_of(simulate(f"{RUN} -mat {name} -lambda 1")) == []
    with_panels = simulate("--panels refined.expt -default_F 1 -N 5 -oversample 1 -nonoise -nopgm")
    assert with_panels.status == 0 and remarks_of(with_panels) == []


# a matrix from Python


def test_a_matrix_from_python_gives_the_same_image_as_from_a_file():
    matrix = np.linalg.inv(rotated_axes(8)) * 1.1
    Path("a.mat").write_text("\n".join(" ".join(map(repr, row)) for row in matrix.tolist()))
    common = dict(
        default_F=100, Na=5, Nb=5, Nc=5, wavelength=1.1, detpixels_f=20, detpixels_s=20, pixel=4, oversample=1, dump=None
    )
    of_file = nbkernel.simulate(Experiment(mat="a.mat", **common))
    of_array = nbkernel.simulate(Experiment(mat=matrix, **common))
    assert of_file.max() > 0 and of_file.tobytes() == of_array.tobytes()
    of_array.run.experiment.to_toml("a.toml")
    assert Experiment.from_toml("a.toml").mat == of_array.run.experiment.mat
    nbkernel.write_hdf5("a.h5", of_array)
    assert nbkernel.simulate(Experiment.from_toml("a.h5")).tobytes() == of_file.tobytes()


@pytest.mark.parametrize("value", [np.eye(2), np.ones(9), [1, 2, 3], np.full((3, 3), "a")])
def test_a_matrix_is_three_rows_of_three_numbers(value):
    with pytest.raises(nbkernel.InputError, match="^mat: needs 3 rows of 3 numbers or "):
        Experiment(mat=value)


@pytest.mark.parametrize("value", [np.zeros((3, 3)), np.full((3, 3), np.nan)])
def test_a_matrix_must_span_a_cell(value):
    with pytest.raises(nbkernel.InputError, match="mat: "):
        nbkernel.simulate(Experiment(mat=value, default_F=100))


# contradictions


def matrix_file(axes, wavelength, name="a.mat", more=""):
    rows = (np.linalg.inv(axes) * wavelength).tolist()
    Path(name).write_text("\n".join(" ".join(f"{x:.9f}" for x in row) for row in rows) + "\n" + more)


def test_a_mosflm_matrix_made_with_another_wavelength_is_a_warning_that_states_it():
    axes = rotated_axes()
    unit = "  1.0 0.0 0.0\n 0.0 1.0 0.0\n 0.0 0.0 1.0\n"
    matrix_file(axes, 1.2, more=f" 0.000 0.000 0.000\n{unit} {' '.join(map(str, CELL))}\n 0.0 0.0 0.0\n")
    assert remarks_of(simulate(f"{RUN} -mat a.mat -lambda 1.2")) == []
    (line,) = remarks_of(simulate(f"{RUN} -mat a.mat -lambda 1"))
    assert line.startswith(
        "-mat a.mat: gives a cell of 50 58.333 70.833 A, 80 95 105 deg at 1 A, but the file states 60 70 85 A, 80 95 105 deg"
    )
    assert line.endswith("probably 1.2 A")


@pytest.mark.parametrize(
    "axes, warned",
    [
        (np.diag([1.9, 30, 40]), True),
        (np.diag([2.1, 30, 40]), False),
        (np.diag([3, 30, 1000]), True),
        (np.diag([2e5, 1e4, 1e4]), True),
    ],
)
def test_a_matrix_with_an_impossible_cell_is_a_warning(axes, warned):
    matrix_file(axes.astype(float), 1.0)
    lines = remarks_of(simulate(f"{RUN} -mat a.mat -lambda 1"))
    assert [("which no crystal has" in line) for line in lines] == [True] * warned


@pytest.mark.parametrize(
    "mirror", [np.diag([1.0, 1, -1]), np.eye(3)[[1, 0, 2]], -np.eye(3)], ids=["sign", "swapped", "inverted"]
)
def test_a_left_handed_matrix_is_a_warning(mirror):
    axes = direct_axes((50, 60, 70, 90, 90, 90))
    matrix_file(mirror @ axes, 1.0)
    (line,) = remarks_of(simulate(f"{RUN} -mat a.mat -lambda 1"))
    assert line.startswith("-mat a.mat: its axes are left-handed (volume -210000 A^3)")
    matrix_file(np.diag([1.0, -1, -1]) @ axes, 1.0)
    assert remarks_of(simulate(f"{RUN} -mat a.mat -lambda 1")) == []


@pytest.mark.parametrize(
    "cell, warned",
    [("61 70 85 80 95 105", 0), ("61.3 70 85 80 95 105", 1), ("60 70 85 82 95 105", 1), ("70 60 85 95 80 105", 1)],
)
def test_a_cell_that_differs_from_the_matrix_is_a_warning(cell, warned):
    matrix_file(rotated_axes(), 1.0)
    lines = remarks_of(simulate(f"{RUN} -mat a.mat -lambda 1 -cell {cell}"))
    lines = [line for line in lines if "--fix cell" not in line]
    assert len(lines) == warned
    assert all(line.startswith("-cell ") and "60 70 85 A, 80 95 105 deg" in line for line in lines)


@pytest.mark.parametrize("by", ["-cell", "-mat"])
def test_structure_factors_in_another_setting_are_a_warning(by):
    pytest.importorskip("gemmi", reason="the extra sf (gemmi) is not installed")
    from unique_reflections import write_mtz

    write_mtz("a.mtz", "P 21 21 21", (30, 40, 50, 90, 90, 90), np.array([[1, 2, 3], [3, 2, 1]]), {"F": ("F", [50.0, 60.0])})

    def lines(cell):
        matrix_file(direct_axes((*cell, 90, 90, 90)), 1.0)
        given = "-mat a.mat" if by == "-mat" else f"-cell {' '.join(map(str, cell))}"
        return remarks_of(simulate(f"{RUN} -lambda 1 -hkl a.mtz {given}"))

    (line,) = lines((50, 30, 40))
    assert (
        line.startswith(f"{by}")
        and "gives a cell of 50 30 40 A, 90 90 90 deg, but -hkl a.mtz has one of 30 40 50 A, 90 90 90 deg" in line
    )
    assert lines((30.5, 40, 49.5)) == []


def test_a_given_cell_is_compared_with_the_space_group():
    pytest.importorskip("gemmi", reason="the extra sf (gemmi) is not installed")
    from unique_reflections import write_mtz

    for cell in ((30, 30, 50, 90, 90, 90), (1, 1, 1, 90, 90, 90)):  # the second: none
        write_mtz("a.mtz", "P 43 21 2", cell, np.array([[1, 2, 3], [3, 2, 1]]), {"F": ("F", [50.0, 60.0])})
        assert remarks_of(simulate(f"{RUN} -lambda 1 -hkl a.mtz -cell 30.1 30.1 50 90 90 90")) == []
        assert remarks_of(simulate(f"{RUN} -lambda 1 -hkl a.mtz -cell 30.5 29.9 50 90 90 90")) == [
            (
                "-cell: a cell of 30.5 29.9 50 A, 90 90 90 deg does not have the symmetry of P 43 21 2; the nearest that "
                "has is 30.201 30.201 "
                "50 A, 90 90 90 deg"
            )
        ]


@pytest.mark.parametrize(
    "arguments, words",
    [
        ("-lambda 1e-10", "-lambda, -energy: a wavelength of 1e-10 A is not one of X-rays"),
        ("-energy 12.4", "-lambda, -energy: a wavelength of 999.8"),
        ("-lambda 1 -sourcefile bad.src", "-sourcefile bad.src: source 2 has a wavelength of 1.01 m, that is 1.01e+10 A"),
        ("-lambda 1e-10 -sourcefile plain.src", "-lambda, -energy: a wavelength of 1e-10 A"),
        ("-lambda 1 -sourcefile good.src", None),
        ("-lambda 1 -sourcefile plain.src", None),
        ("-lambda 1", None),
        ("-energy 12400", None),
        ("-lambda 0.02", None),
        ("-lambda 45", None),
    ],
)
def test_a_wavelength_in_another_unit_is_a_warning(arguments, words):
    Path("bad.src").write_text("-10 0 0 1 1e-10\n-10 0 0 1 1.01\n")
    Path("good.src").write_text("-10 0 0 1 1e-10\n-10 0 0 1 1.01e-10\n")
    Path("plain.src").write_text("-10 0 0 1\n")
    run = simulate(f"{RUN} -cell 50 60 70 {arguments}")
    assert run.status == 0
    assert [line.startswith(words) for line in remarks_of(run)] == ([True] if words else [])


# compressed


def test_compressed_inputs_are_read_under_any_name():
    write_hkl("table.hkl", np.random.default_rng(1).uniform(0, 100, (5, 7, 9)), (-2, -3, -4))
    matrix_file(rotated_axes(), 1.0)
    Path("a.src").write_text("-10 0 0.1 1 1e-10\n-10 0 0 1 1.01e-10\n")
    expt([dials_crystal(rotated_axes(5))])
    Path("XPARM.XDS").write_text(xparm("new", rotated_axes()))
    command = f"{RUN} -lambda 1 -hkl {{}} -sourcefile {{}} -mat {{}}"
    plain = {mat: image(command.format("table.hkl", "a.src", mat)) for mat in ("a.mat", "refined.expt", "XPARM.XDS")}
    for name in ("table.hkl", "a.src", "a.mat", "refined.expt", "XPARM.XDS"):
        Path(name).write_bytes(gzip.compress(Path(name).read_bytes()))
    for mat, pixels in plain.items():
        assert pixels.max() > 0
        np.testing.assert_array_equal(image(command.format("table.hkl", "a.src", mat)), pixels)
