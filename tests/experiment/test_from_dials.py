"""Experiment.from_dials: one experiment of a DIALS file with all its models."""

import json
import logging
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

import nbkernel
from nbkernel.errors import InputError
from nbkernel.geometry.cell_axes import cell_of_axes
from nbkernel.setup.prepare import prepare

BEAM = {"direction": [0.01, -0.02, 1.0], "wavelength": 1.2, "polarization_normal": [0, 1, 0], "polarization_fraction": 0.9}
PANEL = {
    "name": "p", "fast_axis": [1, 0, 0], "slow_axis": [0, -1, 0], "origin": [-8, 9, -100], "image_size": [20, 24],
    "pixel_size": [0.8, 0.8], "thickness": 0.3, "mu": 4.0,
}  # fmt: skip
GONIOMETER = {"rotation_axis": [1, 0.01, 0], "fixed_rotation": [1, 0, 0, 0, 0, -1, 0, 1, 0]}
SCAN = {"image_range": [1, 3], "oscillation": [30.0, 0.5]}
CRYSTAL = {"real_space_a": [40, 20, 0], "real_space_b": [-20, 50, 10], "real_space_c": [1, 2, 60]}
OTHER = {"real_space_a": [0, 60, 0], "real_space_b": [-50, 0, 0], "real_space_c": [0, 0, 70]}
NAMES = ("beam", "detector", "goniometer", "scan", "crystal")
MODELS = dict(zip(NAMES, (BEAM, {"panels": [PANEL]}, GONIOMETER, SCAN, CRYSTAL), strict=True))
SETTINGS = dict(default_F=100, Na=5, Nb=5, Nc=5, oversample=1, phisteps=1, fluence=1e28, dump=None)


@pytest.fixture(autouse=True)
def folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    return tmp_path


def write(*experiments, path="refined.expt"):
    """Writes a file of experiments, each with the given models; None for none."""
    content = {"__id__": "ExperimentList", "experiment": [], **{name: [] for name in NAMES}}
    for own in experiments or ({},):
        use = {}
        for name, value in {**MODELS, **own}.items():
            if value is not None:
                use[name] = len(content[name])
                content[name].append(value)
        content["experiment"].append(use)
    Path(path).write_text(json.dumps(content))


def from_dials(*arguments, **changes):
    return nbkernel.Experiment.from_dials("refined.expt", *arguments, **{**SETTINGS, **changes})


def test_all_models_are_taken():
    write()
    found = from_dials()
    assert (found.wavelength, found.phi, found.osc, found.convention) == (1.2, 30.0, 0.5, "custom")
    assert found.polarization == pytest.approx(0.8) and len(found.panels) == 1
    direction = np.array(BEAM["direction"])
    assert np.allclose(found.beam_vector, -direction / np.linalg.norm(direction))
    assert np.allclose(found.spindle_axis, np.array([1, 0.01, 0]) / np.hypot(1, 0.01))
    # the crystal is carried by the fixed rotation; rows a, b, c in the laboratory are the inverse of A
    axes = np.array([*CRYSTAL.values()]) @ np.reshape(GONIOMETER["fixed_rotation"], (3, 3)).T
    assert np.allclose(np.array(found.mat) / 1.2 @ axes, np.eye(3))
    assert found.panels[0].detector_thick == 300.0 and found.panels[0].detector_abs == 250.0


def test_the_image_is_that_of_the_file_s_panels_and_crystal():
    write()
    named = nbkernel.Experiment(panels="refined.expt", phi=30, osc=0.5, **SETTINGS)
    (expected,) = nbkernel.simulate(replace(named, polarization=from_dials().polarization), device="cpu")
    (found,) = nbkernel.simulate(from_dials(), device="cpu")
    assert expected.any() and found.tobytes() == expected.tobytes()
    from_dials().to_toml("a.toml")
    assert nbkernel.Experiment.from_toml("a.toml") == from_dials()


def test_one_of_several_experiments():
    second = dict(
        beam={**BEAM, "wavelength": 0.9}, detector={"panels": [{**PANEL, "image_size": [8, 9]}]}, crystal=OTHER,
        scan={"image_range": [1, 1], "oscillation": [5, 1]}, goniometer={"rotation_axis": [0, 1, 0]},
    )  # fmt: skip
    write(second)
    expected = from_dials()
    write({}, second)
    assert from_dials(1) == from_dials(index=np.int64(1)) == expected != from_dials(0)
    with pytest.raises(InputError, match="^from_dials refined.expt: has 2 experiments; choose one by index, 0 to 1$"):
        from_dials()
    for index in (2, -1):
        with pytest.raises(InputError, match=f"has 2 experiments; index {index} is not one of 0 to 1$"):
            from_dials(index)
    with pytest.raises(InputError, match="^index: needs a whole number, not 'a'"):
        from_dials("a")


@pytest.mark.parametrize(
    "scan, phi, osc",
    [
        ({"properties": {"oscillation": [30.0, 30.5, 31.0]}}, 30.0, 0.5),
        ({"properties": {"oscillation": [12.0], "oscillation_width": [0.25]}}, 12.0, 0.25),
        ({"properties": {"oscillation": [12.0]}}, 12.0, 0.0),
        ({"properties": {"time_of_flight": [1.0]}}, None, None),
        ({"image_range": [1, 1]}, None, None),
        (None, None, None),
    ],
)
def test_scans_of_all_versions(scan, phi, osc):
    write({"scan": scan})
    found = from_dials()
    assert (found.phi, found.osc) == (phi, osc)


def test_what_a_file_lacks_is_dxtbx_s():
    write({"beam": {"direction": [0, 0, 1], "wavelength": 1.0}, "goniometer": None, "scan": None})
    found = from_dials()
    assert found.polarization == pytest.approx(0.998)
    assert (found.beam_vector, found.spindle_axis) == ((0, 0, -1), (1, 0, 0))


def test_changes_replace_the_file_s_own():
    write()
    assert from_dials(cell=(50, 60, 70)).mat is None and from_dials(mat=np.eye(3)).mat == ((1, 0, 0), (0, 1, 0), (0, 0, 1))
    assert (from_dials(phi=1).phi, from_dials(polarization=0.5).polarization) == (1.0, 0.5)
    for wavelength in (1.2, 0.8):
        crystal = prepare(from_dials(wavelength=wavelength), 1).crystal
        cell = cell_of_axes(np.array([crystal.a, crystal.b, crystal.c]) * 1e10)
        assert cell == pytest.approx(cell_of_axes([*CRYSTAL.values()]))
    write({"crystal": None})
    assert from_dials().mat is None and from_dials(cell=(50, 60, 70)).cell == (50.0, 60.0, 70.0)


def test_a_varying_crystal_is_taken_at_the_start(caplog):
    start = np.array([*OTHER.values()])
    write({"crystal": {**CRYSTAL, "A_at_scan_points": [np.linalg.inv(start).ravel().tolist()] * 2}, "goniometer": None})
    with caplog.at_level(logging.WARNING, logger="nbkernel"):
        found = from_dials()
    assert np.allclose(np.array(found.mat) / 1.2 @ start, np.eye(3))
    assert [record.message for record in caplog.records] == [
        "from_dials refined.expt: its crystal varies along the scan; it is rendered as at the start"
    ]


@pytest.mark.parametrize(
    "own, message",
    [
        ({"beam": {"direction": [0, 0, 1]}}, "has no wavelength, which the matrix needs; give one"),
        ({"beam": {**BEAM, "polarization_fraction": 2}}, "beam[0].polarization_fraction is 2; need a number from 0 to 1"),
        ({"crystal": {**CRYSTAL, "real_space_a": [1, 2]}}, "crystal[0].real_space_a is [1, 2]; need a list of 3 numbers"),
        ({"scan": {"properties": {"oscillation": []}}}, "scan[0].properties.oscillation is []; need at least one angle"),
        ({"scan": {"oscillation": [1]}}, "scan[0].oscillation is [1]; need a list of 2 numbers"),
        ({"detector": {"panels": []}}, "need at least one panel"),
    ],
)
def test_unusable_models_are_named(own, message):
    write(own)
    with pytest.raises(InputError) as error:
        from_dials()
    assert str(error.value).startswith("from_dials refined.expt: ") and message in str(error.value)


@pytest.mark.parametrize(
    "text, message",
    [
        (json.dumps({"panels": [PANEL]}), "from_dials refined.expt: is not a DIALS experiment (.expt); the field panels"),
        ('{"experiment": [], "detector": []}', "from_dials refined.expt: has no experiment in it"),
        ("[]", "from_dials refined.expt: "),
        ("3", "from_dials refined.expt: "),
        ("{", "from_dials refined.expt: is not a complete JSON file"),
        (None, "from_dials: there is no file refined.expt"),
    ],
)
def test_files_of_another_kind(text, message):
    if text is not None:
        Path("refined.expt").write_text(text)
    with pytest.raises(InputError) as error:
        from_dials()
    assert str(error.value).startswith(message) and "\n" not in str(error.value)


def test_values_of_another_kind_are_named():
    write()
    with pytest.raises(InputError, match="^mosaic_domains: needs a whole number, not 2.5"):
        from_dials(mosaic_domains=2.5)
    with pytest.raises(TypeError, match="wavelenght"):
        from_dials(wavelenght=1.0)
