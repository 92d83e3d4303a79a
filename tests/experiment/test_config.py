"""TOML files of experiments: what is read, what is written, what is refused."""

import dataclasses
import math
import os
import subprocess
import sys
import tomllib
from pathlib import Path

import numpy as np
import pytest

from nbkernel.errors import InputError
from nbkernel.experiment.config.tables import FIRST_FIELDS, TOP_LEVEL, tables
from nbkernel.experiment.config.writing import config_text
from nbkernel.experiment.experiment import Experiment
from nbkernel.experiment.input_files import FIELDS as PATHS
from nbkernel.geometry.panels import Panel

from golden import load_cases
from running import BASE, simulate, smv_bytes, write_hkl

PANEL = Panel((0.1, 0.0, -0.02), (0, 0, 1), (0, -1, 0), 30, 20, detector_abs=math.inf, name='left "A" \\ \x7f é')


def test_each_field_has_its_table_or_is_at_the_top():
    names = [name for own in tables().values() for name in own]
    assert sorted([*names, *TOP_LEVEL]) == sorted(field.name for field in dataclasses.fields(Experiment))
    assert list(tables()) == list(FIRST_FIELDS.values())
    assert set(PATHS) <= {*names, "panels"}


@pytest.mark.parametrize("case", load_cases()[::11], ids=lambda case: case.id)
def test_what_is_written_is_read_back(case, tmp_path):
    experiment = Experiment.from_command_line(case.command(), fix="all")
    experiment.to_toml(tmp_path / "case.toml")
    read = Experiment.from_toml(tmp_path / "case.toml")
    paths = [name for name in PATHS if isinstance(getattr(experiment, name), str) and name != "dump"]
    for name in paths:
        assert Path(getattr(read, name)).resolve() == Path(getattr(experiment, name)).resolve()
    assert dataclasses.replace(read, **{name: getattr(experiment, name) for name in paths}) == experiment


def test_panels_are_written_and_read(tmp_path):
    experiment = Experiment(cell=(50, 60, 70), fluence=1e28, panels=[PANEL, PANEL])
    experiment.to_toml(tmp_path / "panels.toml")
    assert Experiment.from_toml(tmp_path / "panels.toml") == experiment


def test_the_text_states_units_and_omits_defaults():
    text = config_text(Experiment(cell=(50, 60, 70), wavelength=0.9, Na=5), "x.toml")
    assert "wavelength = 0.9  # Angstrom\n" in text and "cell = [50.0, 60.0, 70.0]  # Angstrom, degrees\n" in text
    assert tomllib.loads(text) == {"beam": {"wavelength": 0.9}, "crystal": {"cell": [50, 60, 70], "Na": 5}}


def test_cells_are_whole_numbers_or_not():
    crystal = {"Na": 5, "Nb": 5.25, "xtal_shape": "gauss_star", "spot_metric": "hkl"}
    text = config_text(Experiment(**crystal), "x.toml")
    assert "Na = 5\n" in text and tomllib.loads(text) == {"crystal": crystal}


def test_flags_override_the_file(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    Path("sub").mkdir()
    write_hkl("sub/x.hkl", np.full((3, 3, 3), 7.0), (-1, -1, -1))
    Path("sub/a.toml").write_text(
        'fix = ["all"]\n[beam]\nwavelength = 1.5\nfluence = 1e28\n[crystal]\ncell = [50, 60, 70, 90, 90, 90]\nhkl = "x.hkl"\n'
        "Na = 3\nNb = 3\nNc = 3\n[detector]\ndetpixels_f = 20\ndetpixels_s = 20\n[sampling]\noversample = 1\n"
    )
    run = simulate("--config sub/a.toml -lambda 1 -distance 90 -seed 1 --fix phi0 --save-config b.toml -floatfile a.bin")
    assert run.status == 0, run.err
    saved = tomllib.loads(Path("b.toml").read_text())
    assert saved["beam"]["wavelength"] == 1.0 and saved["detector"]["distance"] == 90.0
    assert saved["fix"] == ["phi0"] and saved["crystal"]["hkl"] == "sub/x.hkl" and saved["crystal"]["Na"] == 3
    assert simulate("--config b.toml -seed 1 -floatfile b.bin").status == 0
    assert Path("a.bin").read_bytes() == Path("b.bin").read_bytes() and any(Path("a.bin").read_bytes())


def test_values_from_headers_and_random_seeds_are_saved(tmp_path, monkeypatch):
    """The saved experiment gives the same image without the header's file, even with a random orientation."""
    monkeypatch.chdir(tmp_path)
    header = "PIXEL_SIZE=0.3;\nDISTANCE=80;\nWAVELENGTH=1.1;\nBEAM_CENTER_X=3.1;\nBEAM_CENTER_Y=2.9;\nPHI=5;\nOSC_RANGE=1;\n"
    Path("old.img").write_bytes(smv_bytes(np.ones((20, 22)), header))
    mask = np.ones((20, 22))
    mask[:, 7] = 0
    Path("mask.img").write_bytes(smv_bytes(mask, header))
    crystal = "-cell 50 60 70 90 90 90 -default_F 100 -N 4 -misset random -oversample 1 -fluence 1e28 -seed 1"
    run = simulate(f"{crystal} -img old.img -mask mask.img --save-config a.toml -floatfile a.bin")
    assert run.status == 0, run.err
    Path("old.img").unlink()
    saved = Experiment.from_toml("a.toml")
    assert saved.img is None and saved.wavelength == 1.1 and saved.osc == 1.0 and saved.misset_seed is not None
    assert simulate("--config a.toml -seed 1 -floatfile b.bin").status == 0
    assert Path("a.bin").read_bytes() == Path("b.bin").read_bytes() and any(Path("a.bin").read_bytes())


WRONG = {
    "[beam\n": "is not a TOML file",
    "\xff": "is not a TOML file",
    "[bean]\nwavelength = 1": "there is no [bean]; did you mean beam?",
    "wavelength = 1": "there is no [wavelength]; it belongs in [beam]",
    "[beam]\nwavelenght = 1": "[beam] has no wavelenght; did you mean wavelength?",
    "[beam]\ncell = [1]": "[beam] has no cell; it belongs in [crystal]",
    "beam = 3": "[beam] must be a table",
    "[beam]\nwavelength = 'red'": "wavelength: needs a number, not 'red'",
    "[crystal]\nNa = 'five'": "Na: needs a number, not 'five'",
    "[crystal]\nmosaic_domains = 2.5": "mosaic_domains: needs a whole number, not 2.5",
    "[crystal]\nspot_metric = 'Q'": "spot_metric: needs reciprocal or hkl, not 'Q'",
    "[crystal]\nmisset = 'rnd'": "misset: needs 3 numbers",
    "fix = ['phi']": "there is no fix 'phi'",
    "fix = 'phi'": "there is no fix 'phi'",
    "[crystal]\nN = 3": "[crystal] has no N; the cells along each edge are Na, Nb and Nc",
    "[crystal]\ncell = [1, 2, 3, 4, 5, 6, 7]": "cell: needs 1 to 6 numbers",
    "[crystal]\nhkl = ''": "hkl: needs a file name",
    f"[beam]\nwavelength = {10**400}": "wavelength: needs a number",
    "fix = 3": "fix: needs a list of strings, not 3",
    "panels = 3": "panels must be [[panels]] tables",
    "[[panels]]\nfdet_vector = [0, 0, 1]": "panel 0 lacks pix0_vector",
    "[[panels]]\norigin = [0, 0, 1]": "panel 0 has no origin",
    "[[panels]]\npix0_vector = [0, 1]\nfdet_vector=[0,0,1]\nsdet_vector=[0,1,0]\ndetpixels_f=5\ndetpixels_s=5": "panel 0: pix0_vector: needs 3",
}


@pytest.mark.parametrize("text", WRONG)
def test_errors_name_what_is_wrong(text, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    Path("a.toml").write_bytes(text.encode("latin-1"))
    run = simulate(f"{BASE} --config a.toml")
    assert run.status == 2 and run.err.count("\n") == 1
    assert run.err.startswith("nbkernel: --config a.toml: ") and WRONG[text] in run.err
    assert [path.name for path in tmp_path.iterdir()] == ["a.toml"]
    with pytest.raises(InputError, match="^from_toml a.toml: "):
        Experiment.from_toml("a.toml")


@pytest.mark.parametrize(
    "command, message",
    [
        ("--config none.toml", "--config: there is no file none.toml"),
        ("--config a.toml --save-config a.toml", "--save-config: a.toml is an input of this run; give another name"),
        ("--save-config nowhere/a.toml", "--save-config: cannot write nowhere/a.toml"),
        ("--config a.toml -detpixels 5", "detpixels_f (-detpixels_f): the panels have their own"),
        ("--config a.toml -roi 0 1 0 1", "-roi: refers to the pixels of one panel, the detector has 2"),
        ("--config a.toml -mask m.img", "-mask"),
    ],
)
def test_unusable_command_lines(command, message, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    Experiment(panels=[PANEL, PANEL]).to_toml("a.toml")
    before = Path("a.toml").read_bytes()
    run = simulate(f"-cell 50 60 70 90 90 90 -default_F 100 -seed 1 {command}")
    assert run.status == 2 and run.err.startswith(f"nbkernel: {message}") and run.err.count("\n") == 1
    assert [path.name for path in tmp_path.iterdir()] == ["a.toml"] and Path("a.toml").read_bytes() == before


def saved_fields(toml, flags, *names):
    """Fields of the experiment given by a TOML file and flags, as saved."""
    Path("in.toml").write_text(toml)
    run = simulate(
        f"-cell 50 60 70 90 90 90 -default_F 100 -N 2 -detpixels 8 -seed 1 --config in.toml {flags} --save-config out.toml"
    )
    assert run.status == 0, run.err
    experiment = Experiment.from_toml("out.toml")
    return tuple(getattr(experiment, name) for name in names)


@pytest.mark.parametrize(
    "toml, flags, names, expected",
    [
        ("[beam]\nflux = 1e12", "-fluence 1e25", ("fluence", "flux"), (1e25, 0.0)),
        ("[beam]\nflux = 1e12", "", ("flux",), (1e12,)),
        ("[detector]\nclose_distance = 150", "-distance 200", ("distance", "close_distance"), (200.0, None)),
        ("[detector]\nORGX = 3\nORGY = 4", "-Xbeam 3 -Ybeam 3", ("Xbeam", "ORGX", "ORGY"), (3.0, None, None)),
        ("[detector]\nXbeam = 3\nYbeam = 4", "-Xbeam 5", ("Xbeam", "Ybeam"), (5.0, 4.0)),
        ("[spindle]\nosc = 1\nphisteps = 4", "-phistep 0.5", ("osc", "phisteps", "phistep"), (1.0, None, 0.5)),
        ("[crystal]\nsample_x = 0.001", "", ("Na", "sample_x"), (2, 0.0)),
    ],
)
def test_a_flag_overrides_all_fields_for_the_same_quantity(toml, flags, names, expected, tmp_path, monkeypatch):
    """Fields that would override the flag's own are removed."""
    monkeypatch.chdir(tmp_path)
    assert saved_fields(toml, flags, *names) == expected


def test_a_single_fix_may_be_a_string(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert saved_fields('fix = "phi0"', "", "fix") == (frozenset({"phi0"}),)


def test_paths_through_links(tmp_path, monkeypatch):
    """`..` after a link is the parent of the link's target, as the system resolves it."""
    monkeypatch.chdir(tmp_path)
    Path("real/deep").mkdir(parents=True)
    Path("link").symlink_to("real/deep")
    write_hkl("real/up.hkl", np.full((3, 3, 3), 7.0), (-1, -1, -1))
    Path("link/a.toml").write_text('[crystal]\ncell = [50]\nhkl = "../up.hkl"\n')
    command = "-detpixels 8 -N 2 -seed 1 -nopgm -noprogress"
    assert simulate(f"--config link/a.toml {command} --save-config b.toml").status == 0
    assert simulate(f"--config b.toml {command}").status == 0
    assert tomllib.loads(Path("b.toml").read_text())["crystal"]["hkl"] == "real/up.hkl"


def test_a_pipe_can_be_the_file(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    Path("a.toml").write_text("[crystal]\ncell = [50]\ndefault_F = 7\n")
    words = f"{sys.executable} -m nbkernel simulate --config <(cat a.toml) -N 2 -detpixels 8 -floatfile f.bin"
    assert subprocess.run(["bash", "-c", words], capture_output=True).returncode == 0
    assert any(Path("f.bin").read_bytes())


def test_a_named_pipe_is_refused(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    os.mkfifo("a.toml")
    words = [sys.executable, "-m", "nbkernel", "simulate", "--config", "a.toml"]
    run = subprocess.run(words, capture_output=True, text=True, timeout=60)
    assert run.returncode == 2 and run.stderr.startswith("nbkernel: --config: a.toml is a pipe, not a file")


def test_a_name_that_is_not_unicode_is_refused_before_rendering(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    write_hkl("x\udce9.hkl", np.full((3, 3, 3), 7.0), (-1, -1, -1))
    run = simulate("-cell 50 -N 2 -detpixels 8 --save-config b.toml -hkl", "x\udce9.hkl")
    assert run.status == 2 and "is not Unicode" in run.err and run.out == ""
