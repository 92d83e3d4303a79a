"""Files that a configuration names: none is written, and those outside its folder are named before they are read."""

import logging
import os
import subprocess
import sys
import typing
from pathlib import Path

import h5py
import numpy as np
import pytest

import nbkernel
from nbkernel.experiment.experiment import Experiment
from nbkernel.experiment.input_files import FIELDS, LISTS
from nbkernel.geometry.panels import Panel
from nbkernel.io.nexus import reader
from nbkernel.support.validation import field_kinds

from running import simulate, write_hkl

RUN = "-detpixels 8 -N 2 -seed 1 -nopgm -noprogress -nointerpolate -fluence 1e33"
CELL = "cell = [50, 60, 70, 90, 90, 90]\n"
OUTSIDE = "reads files outside its folder: "
VICTIM = b"what somebody needs"


@pytest.fixture(autouse=True)
def folder(tmp_path, monkeypatch):
    """A folder to run in, with a configuration's folder inside and somebody else's beside it."""
    for name in ("run/theirs", "elsewhere"):
        (tmp_path / name).mkdir(parents=True)
    monkeypatch.chdir(tmp_path / "run")
    (tmp_path / "elsewhere/victim").write_bytes(VICTIM)
    write_hkl("theirs/x.hkl", np.full((3, 3, 3), 7.0), (-1, -1, -1))
    write_hkl(tmp_path / "elsewhere/x.hkl", np.full((3, 3, 3), 7.0), (-1, -1, -1))
    return tmp_path


def test_fields_has_every_field_that_names_a_file():
    """FIELDS decides which files outputs must not replace and which are checked to be in the configuration's folder."""
    texts = {name for name, kind in field_kinds(Experiment).items() if str in (kind, *typing.get_args(kind))}
    assert texts - set(FIELDS) == {
        "misset",
        "xtal_shape",
        "spot_metric",
        "column",
        "convention",
        "pivot",
        "fix",
        "anomalous",
    }
    lists = {name for name, kind in field_kinds(Experiment).items() if tuple[str, ...] in (kind, *typing.get_args(kind))}
    assert lists - {"anomalous"} == set(LISTS)
    assert {name for name, kind in field_kinds(Panel).items() if str in (kind, *typing.get_args(kind))} == {
        "name",
        "material",
    }


def config(kind, dump, more=""):
    """A configuration with a dump, as a TOML file or as the record of an HDF5 file."""
    text = f'[crystal]\n{CELL}{more}dump = "{dump}"\n'
    if kind == "TOML":
        Path("theirs/a.toml").write_text(text)
        return "theirs/a.toml"
    return hdf5_with_record("theirs/a.h5", text)


def hdf5_with_record(path, text, inputs="{}"):
    """An HDF5 file whose record of the experiment is replaced."""
    experiment = Experiment(cell=(50,), default_F=7, Na=2, Nb=2, Nc=2, detpixels_f=8, detpixels_s=8, oversample=1, dump=None)
    nbkernel.write_hdf5(path, nbkernel.simulate(experiment))
    with h5py.File(path, "r+") as file:
        record = file["entry/simulation/provenance"]
        for name, content in (("config", text), ("inputs", inputs)):
            holder = record if name in record else record.attrs
            del holder[name]
            holder[name] = content
    return path


@pytest.mark.parametrize("kind", ["TOML", "HDF5"])
@pytest.mark.parametrize("dump", ["../../elsewhere/victim", "../../elsewhere/new", "link", "beside", "absolute"])
def test_a_configuration_cannot_choose_the_dump_written(kind, dump, folder):
    if dump == "link":
        Path("theirs/link").symlink_to("../../elsewhere/victim")
    if dump == "absolute":
        dump = str(folder / "elsewhere/victim")
    path = config(kind, dump, 'hkl = "x.hkl"\n')
    before = {file: file.read_bytes() for file in folder.rglob("*") if file.is_file()}
    command = f"--config {path} {RUN}"
    run = simulate(command)
    assert run.status == 0 and any("no dump file is written there" in line and "-dump" in line for line in run.warnings)
    new = {file.relative_to(folder).as_posix() for file in folder.rglob("*") if file.is_file()}
    new -= {file.relative_to(folder).as_posix() for file in before}
    assert new == {f"run/{name}" for name in ("floatimage.bin", "intimage.img", "noiseimage.img")}
    assert {path: path.read_bytes() for path in before} == before
    # the same if the user names the table, or the dump
    run = simulate(f"{command} -hkl theirs/x.hkl")
    assert run.status == 0 and {path: path.read_bytes() for path in before} == before
    run = simulate(f"{command} -dump mine.bin")
    assert run.status == 0 and not any("dump" in line for line in run.warnings)
    assert Path("mine.bin").stat().st_size > 100 and {path: path.read_bytes() for path in before} == before


def test_without_a_given_dump_the_default_is_written(folder):
    Path("theirs/a.toml").write_text(f'[crystal]\n{CELL}hkl = "x.hkl"\n')
    assert simulate(f"--config theirs/a.toml {RUN}").status == 0
    assert Path("Fdump.bin").exists() and not Path("theirs/Fdump.bin").exists()


@pytest.mark.parametrize("how", ["above", "absolute", "link", "folder's link"])
@pytest.mark.parametrize("kind", ["TOML", "HDF5"])
def test_files_outside_the_folder_are_named_before_they_are_read(kind, how, folder):
    outside = str(folder / "elsewhere/x.hkl")
    Path("theirs/file").symlink_to(outside)
    Path("theirs/deep").symlink_to(folder / "elsewhere")
    name = {"above": "../../elsewhere/x.hkl", "absolute": outside, "link": "file", "folder's link": "deep/x.hkl"}[how]
    text = f'[crystal]\n{CELL}hkl = "{name}"\n'
    path = "theirs/a.toml"
    if kind == "HDF5":
        path = hdf5_with_record("theirs/a.h5", text)
    else:
        Path(path).write_text(text)
    run = simulate(f"--config {path} {RUN}")
    assert run.status == 0
    assert run.err.splitlines()[0] == f"nbkernel: --config {path}: {OUTSIDE}hkl {outside}"
    # an unreadable file is named as well
    Path(outside).write_bytes(b"\0")
    run = simulate(f"--config {path} {RUN}")
    assert run.status == 2 and run.err.splitlines()[0].endswith(f"hkl {outside}")
    # a file that the user names makes no warning
    assert OUTSIDE not in simulate(f"--config {path} {RUN} -hkl theirs/x.hkl").err


def test_files_inside_the_folder_make_no_warning(folder, caplog):
    Path("theirs/deep").mkdir()
    Path("theirs/deep/x.hkl").write_bytes(Path("theirs/x.hkl").read_bytes())
    Path("theirs/deep/link").symlink_to("../x.hkl")
    for name in ("x.hkl", "deep/x.hkl", "deep/../x.hkl", "deep/link", str(Path("theirs/x.hkl").resolve())):
        Path("theirs/a.toml").write_text(f'[crystal]\n{CELL}hkl = "{name}"\n')
        run = simulate(f"--config theirs/a.toml {RUN}")
        assert run.status == 0 and run.err == ""
        Experiment.from_toml("theirs/a.toml")
        assert simulate("--config a.toml", RUN.split(maxsplit=1)[0]).status == 2  # relative to the file's folder
    assert not caplog.records


def test_only_files_that_are_read_are_digested(folder, monkeypatch):
    """The record of an HDF5 file can name any file, with a digest."""
    seen = []
    monkeypatch.setattr("nbkernel.experiment.config.input_warnings.sha256_of", seen.append)
    victim = str(folder / "elsewhere/victim")
    inputs = f'{{"mat": {{"path": "{victim}", "sha256": "0"}}, "hkl": {{"path": "{victim}", "sha256": "0"}}}}'
    hdf5_with_record("theirs/a.h5", f'[crystal]\n{CELL}hkl = "x.hkl"\n', inputs)
    assert simulate(f"--config theirs/a.h5 {RUN}").status == 0
    assert seen == [os.path.abspath("theirs/x.hkl")]


def test_the_record_of_an_hdf5_file_is_read_once(folder, monkeypatch):
    read, seen = reader.read_provenance, []
    monkeypatch.setattr(reader, "read_provenance", lambda *arguments: seen.append(arguments[0]) or read(*arguments))
    inputs = f'{{"hkl": {{"path": "{folder}/theirs/x.hkl", "sha256": "0"}}}}'
    hdf5_with_record("theirs/a.h5", f'[crystal]\n{CELL}hkl = "x.hkl"\n', inputs)
    run = simulate(f"--config theirs/a.h5 {RUN}")
    assert run.status == 0 and "has changed since the image was computed from it" in run.err
    assert seen == ["theirs/a.h5"]


def test_the_line_comes_before_anything_is_opened(folder):
    """Python's audit event of opening the file comes after the line."""
    Path("theirs/a.toml").write_text(f'[crystal]\n{CELL}hkl = "../../elsewhere/x.hkl"\n')
    program = (
        "import os, sys\n"
        "def seen(event, arguments):\n"
        "    if event == 'open' and str(arguments[0]).endswith('elsewhere/x.hkl'): os.write(2, b'opened\\n')\n"
        "sys.addaudithook(seen)\n"
        f"from nbkernel.cli.main import main; sys.exit(main(['simulate', '--config', 'theirs/a.toml', *{RUN.split()!r}]))"
    )
    run = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True)
    assert run.returncode == 0
    lines = run.stderr.splitlines()
    assert OUTSIDE in lines[0] and "opened" in lines[1:]


def test_in_python_the_warning_is_logged(folder, caplog):
    Path("theirs/a.toml").write_text(f'[crystal]\n{CELL}hkl = "../../elsewhere/x.hkl"\n')
    with caplog.at_level(logging.WARNING, "nbkernel"):
        Experiment.from_toml("theirs/a.toml")
    assert [record.getMessage() for record in caplog.records] == [
        f"from_toml theirs/a.toml: {OUTSIDE}hkl {folder}/elsewhere/x.hkl"
    ]


def test_a_saved_configuration_still_gives_the_same_image(folder):
    command = f"-cell 50 60 70 90 90 90 -hkl ../elsewhere/x.hkl {RUN}"
    assert simulate(f"{command} -dump mine.bin -floatfile a.bin --save-config theirs/saved.toml").status == 0
    Path("mine.bin").unlink()
    run = simulate(f"--config theirs/saved.toml {RUN} -floatfile b.bin")
    assert run.status == 0 and run.err == f"nbkernel: --config theirs/saved.toml: {OUTSIDE}hkl {folder}/elsewhere/x.hkl\n"
    assert Path("a.bin").read_bytes() == Path("b.bin").read_bytes() and any(Path("a.bin").read_bytes())
    assert not Path("mine.bin").exists()


@pytest.mark.parametrize("text", ["dump = false", 'dump = ""'])
def test_a_file_can_turn_off_the_dump(text, folder):
    Path("a.toml").write_text(f"[crystal]\n{CELL}default_F = 7\n{text}\n")
    assert Experiment.from_toml("a.toml").dump is None
    Path("Fdump.bin").write_bytes(b"none")
    assert simulate(f"--config a.toml {RUN}").status == 0
    assert simulate(f"--config a.toml {RUN} -hkl theirs/x.hkl").status == 0
    assert Path("Fdump.bin").read_bytes() == b"none"


@pytest.mark.parametrize("hkl", [None, "theirs/x.hkl"])
def test_no_dump_is_written_and_read_back(hkl, folder):
    experiment = Experiment(
        cell=(50, 60, 70), default_F=7, hkl=hkl, Na=2, detpixels_f=8, detpixels_s=8, oversample=1, dump=None
    )
    experiment.to_toml("a.toml")
    read = Experiment.from_toml("a.toml")
    assert read.dump is None and (hkl is not None or read == experiment)
    image = nbkernel.simulate(experiment)
    nbkernel.write_hdf5("a.h5", image)
    assert Experiment.from_toml("a.h5").dump is None


def test_only_the_dump_has_none_beside_another_default():
    defaults = {name: getattr(Experiment(), name) for name in field_kinds(Experiment)}
    kinds = field_kinds(Experiment)
    assert [name for name in kinds if type(None) in typing.get_args(kinds[name]) and defaults[name] is not None] == ["dump"]
