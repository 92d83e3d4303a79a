"""The background of amorphous materials: against slow sums and nonBragg.c's rules, in every way to state it, and bad input."""

import math
from pathlib import Path

import numpy as np
import pytest

import nbkernel
from nbkernel.kernels.physics.constants import AVOGADRO, R_E_SQR
from nbkernel.kernels.response.background import Scatter, piece_of, polynomial_of, value_of
from nbkernel.setup.background import sum_of_squares
from nbkernel.setup.beam import one_direction
from nbkernel.setup.prepare import prepare_panels

from running import command, remarks_of, simulate

WATER = [[0.0, 2.57], [0.1, 2.6], [0.2, 3.1], [0.4, 1.5], [0.8, 0.5]]
AIR = [[0.0, 7.0], [0.05, 6.5], [0.3, 3.0], [0.9, 0.1]]
MATERIALS = [
    nbkernel.Material(WATER, thickness=0.3, density=1.1, MW=20.0),
    nbkernel.Material([[4 * math.pi * stol, F] for stol, F in AIR], volume=2.0, density=0.001, MW=29.0, variable="Q"),
]
CRYSTAL = {"cell": (50, 60, 70), "default_F": 20.0, "wavelength": 1.0, "oversample": 1, "flux": 1e12, "exposure": 0.5}
FLAT = {**CRYSTAL, "distance": 30.0, "detpixels_f": 9, "detpixels_s": 7, "pixel": 4.0}
SOURCES = {"hdivrange": 4.0, "hdivsteps": 2, "dispersion": 2.0, "dispsteps": 3}
PANELS = [
    nbkernel.Panel((0.03, -0.01, 0.02), (0.0, 1.0, 0.2), (0.3, 0.0, -1.0), 5, 6, 3.0),
    nbkernel.Panel((0.02, 0.03, 0.02), (0.2, 1.0, 0.0), (0.0, 0.0, -1.0), 4, 3, 5.0, 300.0, 450.0, 1),
]


def simulated(experiment, **options):
    images = nbkernel.simulate(experiment, device="cpu", **options)
    return [np.asarray(image) for image in (images if isinstance(images, list) else [images])]


def lagrange(points, x):
    """The polynomial through points, at x."""
    return sum(y * math.prod((x - other) / (own - other) for other, _ in points if other != own) for own, y in points)


def slow_F(table, stol):
    """nonBragg.c's interpolation, its far points infinitely far away; constant beyond the table."""
    if stol <= table[0][0]:
        return table[0][1]
    if stol >= table[-1][0]:
        return table[-1][1]
    left = max(i for i, (own, _) in enumerate(table) if own <= stol)
    return lagrange(table[max(left - 1, 0) : left + 3], stol)


def slow_background(prepared, materials):
    """(slow, fast) photons of (table, molecules), one pixel, source and material after another; a vector's numbers are
    worked out here, not taken from the kernels."""
    plan, detector = prepared.plan, prepared.detector
    fdet, sdet, odet, pix0, axis = (
        np.array(getattr(detector, name))
        for name in ("fdet_vector", "sdet_vector", "odet_vector", "pix0_vector", "polar_vector")
    )
    found = np.zeros(prepared.wanted.shape)
    for spixel, fpixel in np.ndindex(found.shape):
        position = pix0 + detector.pixel_size * ((fpixel + 0.5) * fdet + (spixel + 0.5) * sdet)
        if detector.curved:
            flat, beam = position, np.array(detector.beam_vector) * detector.distance
            turned = turn(beam, sdet, flat[1] / detector.distance)
            position = turn(turned, fdet, flat[2] / detector.distance)
        airpath = np.linalg.norm(position)
        direction = position / airpath
        omega = 1 / airpath**2 if detector.point_pixel else detector.pixel_size**2 * detector.close_distance / airpath**3
        share = 1.0
        if plan.detector_thick > 0.0:
            share = 1 - math.exp(-plan.detector_thick * plan.detector_mu / (direction @ odet))
        for incident, wavelength, weight in zip(plan.source_incident, plan.source_lambda, plan.source_weight, strict=True):
            incident = incident / np.linalg.norm(incident)
            stol = np.linalg.norm(direction - incident) / wavelength / 2 / 1e10
            cos2theta = direction @ incident
            polar = 1.0
            if not plan.nopolar:
                magnetic = np.cross(axis, incident)
                magnetic /= np.linalg.norm(magnetic)
                psi = math.atan2(direction @ magnetic, direction @ np.cross(incident, magnetic))
                polar = (1 + cos2theta**2 - plan.polarization * math.cos(2 * psi) * (1 - cos2theta**2)) / 2
            scattered = sum(molecules * slow_F(table, stol) ** 2 for table, molecules in materials)
            found[spixel, fpixel] += (
                scattered * R_E_SQR * plan.fluence * polar * omega * share * weight / len(plan.source_weight)
            )
    return found


def turn(vector, axis, angle):
    """Rodrigues' formula."""
    return (
        vector * math.cos(angle) + np.cross(axis, vector) * math.sin(angle) + axis * (axis @ vector) * (1 - math.cos(angle))
    )


RUNS = {
    "one source": FLAT,
    "polarised sources": {**FLAT, **SOURCES, "polarization": 0.9},
    "no polarisation, point pixels": {**FLAT, "nopolar": True, "point_pixel": True},
    "sensor": {**FLAT, "detector_abs": 250.0, "detector_thick": 320.0, "detector_thicksteps": 2, "fix": "thickness"},
    "curved": {**FLAT, "curved_detector": True, "polarization": 0.5},
    "panels": {**CRYSTAL, **SOURCES, "panels": PANELS, "polarization": -0.7},
}


@pytest.mark.parametrize("pixels_of_a_piece", [one_direction.PIXELS_OF_A_PIECE, 0], ids=["sources apart", "one a direction"])
@pytest.mark.parametrize("fields", RUNS.values(), ids=RUNS)
def test_the_background_is_the_sum_over_materials_and_sources(fields, pixels_of_a_piece, monkeypatch):
    monkeypatch.setattr(one_direction, "PIXELS_OF_A_PIECE", pixels_of_a_piece)
    experiment = nbkernel.Experiment(**fields, background=MATERIALS)
    beam = 0.1e-3**2 * 0.3e-3 * 1.1e6 * AVOGADRO / 20.0
    molecules = [(WATER, beam), (AIR, 2e-9 * 1e3 * AVOGADRO / 29.0)]
    without = simulated(nbkernel.Experiment(**fields))
    images = simulated(experiment)
    for image, bragg, prepared in zip(images, without, prepare_panels(experiment, 1), strict=True):
        expected = slow_background(prepared, molecules)
        assert expected.min() > 0.0
        assert image == pytest.approx(bragg + expected, rel=2e-7)


def test_f_is_interpolated_as_by_nonbragg(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    np.savetxt("water.stol", WATER)
    geometry = (
        "-lambda 1 -distance 60 -detpixels 20 -pixel 2 -polar 0.9 -flux 1e12 -Xbeam 20 -Ybeam 30 -hdivrange 3 -hdivsteps 3 "
        "-fdet_vector 0 0 1 -nonoise"
    )
    status, _, _ = command(*f"background -stol water.stol -thick 0.3 -MW 20 {geometry} -floatfile a.bin".split())
    assert status == 0
    run = simulate(
        f"-cell 50 60 70 90 90 90 -default_F 1e-30 -N 1 {geometry} -oversample 1 -nopgm -floatfile b.bin --precision double "
        "--background water.stol,thickness=0.3,MW=20"
    )
    assert run.status == 0, run.err
    assert not remarks_of(run)
    theirs, ours = (np.fromfile(name, np.float32) for name in ("a.bin", "b.bin"))
    assert theirs.min() > 0.0
    assert ours == pytest.approx(theirs, rel=1e-6)


def test_pieces_meet_and_continue_the_ends():
    edges, pieces = sum_of_squares([(np.array([1.0, 2.0, 4.0, 5.0]), np.array([3.0, 1.0, -2.0, 4.0]))], [2.0])
    rows = pieces.reshape(len(edges), -1)
    at_start, at_end = (rows[:, 2:] @ np.power(side, np.arange(7)) for side in (-1.0, 1.0))
    assert at_start[1:-1] == pytest.approx([18.0, 2.0, 8.0])
    assert at_end[1:-1] == pytest.approx([2.0, 8.0, 32.0])
    assert [rows[0, 2], rows[-1, 2]] == pytest.approx([18.0, 32.0])
    assert not rows[[0, -1], 3:].any()


def random_scatter(directions, wavelengths):
    """A Scatter of two tables, and of sources in order of their directions."""
    random = np.random.default_rng(3)
    tables = [(np.sort(random.uniform(low, 0.8e10, n)), random.uniform(1.0, 9.0, n)) for low, n in ((0.0, 40), (1e9, 7))]
    incident = random.normal(size=(directions, 3))
    incident /= np.linalg.norm(incident, axis=1)[:, None]
    weight = random.uniform(0.1, 1.0, wavelengths)
    weight = np.outer(random.uniform(0.5, 1.0, directions), weight).ravel()
    wavelength = np.tile(np.linspace(0.95e-10, 1.05e-10, wavelengths), directions)
    return Scatter(
        *sum_of_squares(tables, [2.0, 3.0]), np.repeat(incident, wavelengths, axis=0), wavelength, weight, np.zeros(3), 0.0,
        True, 0.0,
    )  # fmt: skip


def value_at(scatter, source, sine):
    """What a source adds at sin(theta)."""
    stol = sine / scatter.wavelength[source]
    return scatter.weight[source] * value_of(polynomial_of(scatter.pieces, piece_of(scatter.edges, stol, 0)), stol)


@pytest.mark.parametrize(("directions", "wavelengths"), [(1, 2), (1, 30), (3, 10)])
def test_sources_of_one_direction_are_their_sum(directions, wavelengths):
    apart = random_scatter(directions, wavelengths)
    found = one_direction.with_one_source_per_direction(apart, 10**9)
    assert len(found.weight) == directions
    sines = np.concatenate([[0.0, 1.0], np.random.default_rng(4).uniform(0.0, 0.9, 300)])
    for source in range(directions):
        own = np.flatnonzero((apart.incident == found.incident[source]).all(axis=1))
        expected = [sum(value_at(apart, i, sine) for i in own) for sine in sines]
        np.testing.assert_allclose([value_at(found, source, sine) for sine in sines], expected, rtol=1e-12)


def test_sources_stay_apart_where_they_differ_or_pixels_are_few():
    merge = one_direction.with_one_source_per_direction
    many, scatter = 10**9, random_scatter(2, 5)
    assert merge(scatter, many) is not scatter
    assert merge(scatter, 1000) is scatter
    assert merge(random_scatter(4, 1), many).wavelength.size == 4
    for name in ("wavelength", "weight"):
        changed = getattr(scatter, name).copy()
        changed[7] *= 1.01
        other = scatter._replace(**{name: changed})
        assert merge(other, many) is other
    none = scatter._replace(weight=np.zeros(10))
    assert merge(none, many) is none


def test_a_piece_is_found_from_near_and_far():
    random = np.random.default_rng(5)
    edges = np.append(np.sort(random.uniform(0.0, 1.0, 300)), np.inf)
    values = np.concatenate([random.uniform(-0.1, 1.1, 300), edges[:20]])
    for value, start in zip(values, random.integers(0, 301, len(values)), strict=True):
        assert piece_of(edges, value, start) == np.searchsorted(edges, value, side="right")
    assert 0 <= piece_of(edges, np.nan, 17) <= 300


def test_threads_tiles_and_regions_do_not_change_a_bit():
    fields = {**FLAT, **SOURCES, "background": MATERIALS, "detpixels_f": 600, "pixel": 0.06}
    (whole,) = simulated(nbkernel.Experiment(**fields), threads=1)
    for options in ({"threads": 3}, {"threads": 2, "tile": (2, 100)}):
        (image,) = simulated(nbkernel.Experiment(**fields), **options)
        assert image.tobytes() == whole.tobytes()
    mask = np.ones(whole.shape, bool)
    mask[3, 5:9] = False
    (part,) = simulated(nbkernel.Experiment(**fields, roi=(2, 590, 1, 5), mask=mask))
    inside = np.zeros(whole.shape, bool)
    inside[1:6, 2:591] = mask[1:6, 2:591]
    np.testing.assert_array_equal(part, np.where(inside, whole, 0))


def test_files_say_what_the_background_is(tmp_path):
    np.savetxt(tmp_path / "water.stol", WATER)
    in_file = nbkernel.Material(tmp_path / "water.stol", thickness=0.3)
    experiment = nbkernel.Experiment(**FLAT, background=(in_file, MATERIALS[1]))
    experiment.to_toml(tmp_path / "a.toml")
    assert 'table = "water.stol"' in (tmp_path / "a.toml").read_text()
    assert nbkernel.Experiment.from_toml(tmp_path / "a.toml").background[1] == MATERIALS[1]
    image = nbkernel.simulate(experiment, device="cpu")
    nbkernel.write_hdf5(tmp_path / "a.h5", image)
    (tmp_path / "elsewhere").mkdir()
    moved = (tmp_path / "a.h5").rename(tmp_path / "elsewhere" / "a.h5")
    for path in (tmp_path / "a.toml", moved):
        again = nbkernel.simulate(nbkernel.Experiment.from_toml(path), device="cpu")
        assert np.asarray(again).tobytes() == np.asarray(image).tobytes()
    with pytest.raises(nbkernel.InputError, match=r"water.stol"):
        nbkernel.write_hdf5(tmp_path / "water.stol", image)


def test_the_trace_ends_with_the_pixel_of_the_image(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    np.savetxt("water.stol", WATER)
    line = (
        "-cell 50 60 70 90 90 90 -default_F 10 -N 1 -oversample 1 -lambda 1 -distance 30 -detpixels 8 -pixel 4 -flux 1e12 "
        "-dispersion 2 -dispsteps 2 -polar 0.9 --background water.stol,thickness=2"
    )
    status, out, _ = command(*f"trace {line} --pixel 6 1 --all-steps".split())
    assert status == 0
    traced = [words[1:] for words in map(str.split, out) if words[0].startswith("background_photons_per_sr")]
    ends = {words[0]: float(words[1]) for words in map(str.split, out[-3:])}
    omega = next(float(line.split()[1]) for line in out if line.startswith("background_omega_captured_sr"))
    assert len(traced) == 2
    assert ends["background_photons"] == pytest.approx(omega * sum(float(value) for (value,) in traced), rel=1e-12)
    run = simulate(f"{line} -nopgm -nonoise -floatfile a.bin -trace_pixel 1 6 -printout -printout_pixel 6 1")
    assert run.status == 0, run.err
    assert np.fromfile("a.bin", np.float32).reshape(8, 8)[1, 6] == np.float32(ends["photons_with_background"])
    assert out[-1] in run.out.splitlines()


# the farthest corner: two thirds of the distance along each edge from the direct beam
CORNER_STOL = math.sin(math.atan(math.sqrt(2) * 2 / 3) / 2)
CORNERED = {**CRYSTAL, "distance": 30.0, "detpixels_f": 10, "detpixels_s": 10, "pixel": 4.0, "convention": "xds"}


@pytest.mark.parametrize(
    ("end", "variable", "changes", "warns"),
    [
        (0.99 * CORNER_STOL, "stol", {}, True),
        (1.01 * CORNER_STOL, "stol", {}, False),
        (0.99 * CORNER_STOL * 4 * math.pi, "Q", {}, True),
        (1.01 * CORNER_STOL * 4 * math.pi, "Q", {}, False),
        (0.99 * CORNER_STOL, "stol", {"roi": (1, 8, 1, 8)}, False),
        (0.99 * CORNER_STOL, "stol", {"wavelength": 1.02}, False),
    ],
)
def test_a_table_that_ends_before_the_last_pixel_gives_a_warning(end, variable, changes, warns):
    material = nbkernel.Material([[0.0, 2.0], [end, 1.5]], variable=variable)
    centred = {**CORNERED, "ORGX": 5.5, "ORGY": 5.5, **changes, "background": [nbkernel.Material(WATER), material]}
    lines = prepare_panels(nbkernel.Experiment(**centred), 1)[0].remarks
    expected = (
        f"background: material 1: its table ends at sin(theta)/lambda = {0.99 * CORNER_STOL:.4g} 1/Angstrom, but pixels "
        f"reach {CORNER_STOL:.4g}; F is 1.5 from there on"
    )
    assert lines == ((expected,) if warns else ())


def test_the_warning_names_the_file(tmp_path):
    np.savetxt(tmp_path / "water.stol", WATER[:3])
    material = nbkernel.Material(tmp_path / "water.stol")
    (line,) = prepare_panels(nbkernel.Experiment(**CORNERED, background=material), 1)[0].remarks
    assert line.startswith(f"--background {tmp_path}/water.stol: its table ends at sin(theta)/lambda = 0.2 1/Angstrom, but ")


def test_stol_has_no_effect_and_names_the_option_that_has(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    np.savetxt("water.stol", WATER)
    run = simulate("-cell 50 60 70 90 90 90 -default_F 1 -N 1 -lambda 1 -distance 30 -detpixels 8 -stol water.stol -nopgm")
    assert run.status == 0
    assert (
        "-stol water.stol: has no effect, as in nanoBragg.c; --background water.stol adds what it scatters" in run.warnings
    )


@pytest.mark.parametrize(
    ("table", "settings", "expected"),
    [
        ("0 1\n0.2 2\n0.1 3\n", "", "bad.stol: is not sorted, 0.1 comes after 0.2; need increasing sin(theta)/lambda"),
        ("0 one\n", "", "bad.stol: line 1 is not made of numbers"),
        ("0 1\n0.1\n0.2 3\n", "", "bad.stol: row 2 has one number, 0.1; need two columns"),
        ("0 nan\n", "", "bad.stol: line 1 has a value that is not a finite number"),
        ("", "", "bad.stol is empty"),
        ("0 1\n", ",density=-1", "bad.stol: density: needs a number of at least 0, not -1"),
        ("0 1\n", ",MW=0", "bad.stol: MW: needs g/mol greater than 0, not 0"),
        ("0 1\n", ",thickness=thin", "bad.stol: thickness: needs a number, not 'thin'"),
        ("0 1\n", ",thicknes=1", "bad.stol: has no thicknes; did you mean thickness?"),
        ("0 1\n", ",variable=2theta", "bad.stol: variable: needs stol, 4stol or Q, not '2theta'"),
        ("0 1\n", ",thickness=1e300", "--background: F^2 times the molecules and the fluence is too large to compute with"),
        ("0 1\n0.1 1e200\n", "", "--background: F^2 times the molecules and the fluence is too large to compute with"),
        ("0 1\n", " -beamsize 0", "-beamsize: the beam of 0 mm has no area, which the background needs"),
    ],
)
def test_bad_input_is_one_line_and_nothing_is_written(table, settings, expected, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    Path("bad.stol").write_text(table)
    run = simulate(f"-cell 50 60 70 -default_F 1 -N 1 -lambda 1 -distance 30 -detpixels 8 --background bad.stol{settings}")
    assert run.status == 2
    assert len(run.errors) == 1
    assert expected in run.errors[0]
    assert [path.name for path in tmp_path.iterdir()] == ["bad.stol"]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("background = 3", "background must be [[background]] tables"),
        ("[[background]]\nthickness = 1", "[[background]] 0 lacks table"),
        ("[[background]]\ntable = [[0, 1]]\nMw = 1", "[[background]] 0 has no Mw; did you mean MW?"),
        ("[[background]]\ntable = [[1, 1], [0, 1]]", "[[background]] 0 table: is not sorted, 0 comes after 1"),
        ("[[background]]\ntable = []", "[[background]] 0 table: has no rows"),
    ],
)
def test_bad_tables_of_a_file_are_refused(text, expected, tmp_path):
    (tmp_path / "a.toml").write_text(text)
    with pytest.raises(nbkernel.InputError) as caught:
        nbkernel.Experiment.from_toml(tmp_path / "a.toml")
    assert expected in str(caught.value)


def test_a_series_adds_it_once_to_each_image():
    content = {
        "series": {"images": 4, "counts": False, "images_per_file": 2},
        "vary": {"crystals": {"values": [0, 1, 3, 2]}, "orientation": "uniform"},
    }
    experiment = nbkernel.Experiment(**FLAT, background=MATERIALS)
    with nbkernel.Series(content, experiment) as series, nbkernel.Series(content, nbkernel.Experiment(**FLAT)) as bragg:
        for image in range(4):
            with_background, without = (np.asarray(of.photons(image), np.float64) for of in (series, bragg))
            added = with_background - without
            if image == 0:
                assert not without.any()
                alone = added
            assert added == pytest.approx(alone, rel=1e-5)
        with nbkernel.Series(content, experiment, threads=1) as other:
            assert np.asarray(other.photons(2)).tobytes() == np.asarray(series.photons(2)).tobytes()
