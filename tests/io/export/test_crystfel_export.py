"""Files for CrystFEL: pixels by its own formula are where the run had them, and its cell and list are those of the images."""

import re
from dataclasses import replace

import h5py
import numpy as np
import pytest

from nbkernel.io.export.crystfel import crystfel_files, lattice_of, mean_cell
from nbkernel.io.export.data_set import read_data_set

from nxmx_files import FLAT, PANELS, corners, mcstas_rotation, write
from running import command

TILTED = dict(FLAT, twotheta=7, detector_rotx=3, detector_rotz=-20, ORGX=4, ORGY=9)


@pytest.fixture(autouse=True)
def folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    return tmp_path


def geometry(text):
    """({key: text} of the whole file, {panel: {key: text}})."""
    top, panels = {}, {}
    for line in text.splitlines():
        key, equals, value = (part.strip() for part in line.partition(";")[0].partition("="))
        panel, slash, own = key.partition("/")
        if equals:
            (panels.setdefault(panel, {}) if slash else top)[own or key] = value
    return top, panels


def vector(text):
    return np.array([sum(float(number) for number in re.findall(rf"([-+][0-9.]+){axis}", text)) for axis in "xyz"])


def place(top, panel, fast, slow):
    """Where CrystFEL has a pixel, m: `fast`, `slow` from the panel's corner."""
    corner = np.array([float(panel["corner_x"]), float(panel["corner_y"]), 0.0])
    clen, metre = top["clen"].split()
    assert metre == "m"
    shift = (0.0, 0.0, float(clen) + float(panel["coffset"]))
    return (corner + fast * vector(panel["fs"]) + slow * vector(panel["ss"])) / float(panel["res"]) + shift


@pytest.mark.parametrize("fields", [FLAT, TILTED, dict(panels=PANELS)], ids=["flat", "tilted", "panels"])
def test_pixels_are_where_the_run_had_them(fields):
    runs, _, counts = write("image.h5", fields)
    top, panels = geometry(crystfel_files(read_data_set("x", "image.h5"), "image.h5")["image.geom"])
    assert len(panels) == len(runs)
    row, turn = 0, mcstas_rotation(runs[0].detector)
    for panel, run, own in zip(panels.values(), runs, counts, strict=True):
        slow, fast = run.wanted.shape
        expected = corners(run.detector) @ turn.T
        found = [place(top, panel, f, s) for f in (0, fast) for s in (0, slow)]
        np.testing.assert_allclose(found, expected, rtol=0, atol=1e-12)
        first_f, last_f, first_s, last_s = (int(panel[key]) for key in ("min_fs", "max_fs", "min_ss", "max_ss"))
        with h5py.File("image.h5") as file:
            pixels = file[top["data"]][0, first_s : last_s + 1, first_f : last_f + 1]
            assert file[top["mask0_data"]].shape == file[top["data"]].shape[1:]
        assert (pixels == own).all() and first_s == row
        row += slow
    assert top["wavelength"] == "1.2 A" and [top[f"dim{number}"] for number in range(3)] == ["%", "ss", "fs"]


def test_the_command_writes_beside_the_image_or_into_a_folder(folder):
    write("image.h5")
    status, out, err = command("export", "image.h5", "--to", "crystfel")
    assert (status, err) == (0, []) and out[:3] == ["image.geom", "image.cell", "image.lst"]
    assert (folder / "image.lst").read_text() == "image.h5 //0\n"
    assert any(line.split()[0] == "indexamajig" and "-p image.cell" in line for line in out)
    assert any("--polarisation=horiz50" in line for line in out)
    assert command("export", "image.h5", "--to", "crystfel", "--output", "a/b")[0] == 0
    assert (folder / "a/b/image.lst").read_text() == "../../image.h5 //0\n"
    for name in ("image.geom", "image.cell"):
        assert (folder / name).read_bytes() == (folder / "a/b" / name).read_bytes()


def test_programs_without_the_filter_are_told_where_it_is():
    pytest.importorskip("hdf5plugin")
    write("image.h5")
    _, out, _ = command("export", "image.h5", "--to", "crystfel")
    assert any(line.strip().startswith("export HDF5_PLUGIN_PATH=") for line in out)


def test_the_cell_is_the_crystal_s():
    write("image.h5")
    data_set = read_data_set("x", "image.h5")
    # the program renders a triclinic cell with slightly other angles (docs/quirks.md)
    np.testing.assert_allclose(mean_cell(data_set.crystals), (50, 60, 70, 90, 95, 100), rtol=1e-5)
    lines = crystfel_files(data_set, "image.h5")["image.cell"].splitlines()
    assert lines[0] == "CrystFEL unit cell file version 1.0"
    assert {"lattice_type = triclinic", "centering = P", "a = 50.00000 A", "ga = 100.0000 deg"} <= set(lines)
    empty = data_set._replace(crystals=((),))
    assert list(crystfel_files(empty, "image.h5")) == ["image.geom", "image.lst"]


@pytest.mark.parametrize(
    "cell, lattice",
    [
        ((79.1, 79.1, 37.9, 90, 90, 90), ("tetragonal", "c")),
        ((37.9, 79.1, 79.1, 90, 90, 90), ("tetragonal", "a")),
        ((79.1, 37.9, 79.1, 90, 90, 90), ("tetragonal", "b")),
        ((50, 50, 50, 90, 90, 90), ("cubic", "")),
        ((50, 60, 70, 90, 90, 90), ("orthorhombic", "")),
        ((50, 60, 70, 90, 95, 90), ("monoclinic", "b")),
        ((50, 60, 70, 90, 90, 95), ("monoclinic", "c")),
        ((50, 50, 70, 90, 90, 120), ("hexagonal", "c")),
        ((50, 50, 50, 80, 80, 80), ("rhombohedral", "")),
        ((50, 60, 70, 80, 95, 100), ("triclinic", "")),
        ((79.1, 79.13, 37.9, 90.01, 90, 90), ("tetragonal", "c")),
    ],
)
def test_lattices(cell, lattice):
    assert lattice_of(cell) == lattice


def test_wavelengths_of_each_image_are_looked_up():
    write("image.h5")
    data_set = read_data_set("x", "image.h5")
    several = data_set._replace(frames=2, wavelengths=np.array([1.0, 1.1]), crystals=data_set.crystals * 2)
    files = crystfel_files(several, "image.h5")
    with h5py.File("image.h5") as file:
        path, unit = geometry(files["image.geom"])[0]["wavelength"].split()
        assert path in file and unit == "A"
    assert files["image.lst"] == "image.h5 //0\nimage.h5 //1\n"


def test_what_has_no_description_is_refused(folder):
    write("image.h5", dict(panels=(replace(PANELS[0], name="a/b; c"),)))
    (folder / "text.h5").write_text("text")
    with h5py.File("other.h5", "w") as file:
        file["data"] = 1
    with h5py.File("image.h5") as file, h5py.File("foreign.h5", "w") as other:
        file.copy("entry", other)
        del other["entry/nbkernel"]
    with h5py.File("image.h5") as file, h5py.File("no_wavelength.h5", "w") as other:
        file.copy("entry", other)
        del other["entry/instrument/beam/incident_wavelength"]
    before = sorted(path.name for path in folder.iterdir())
    for arguments, message in (
        (["text.h5", "--to", "crystfel"], "export: text.h5 is not an HDF5 file"),
        (["none.h5", "--to", "crystfel"], "export: there is no file none.h5"),
        (["other.h5", "--to", "crystfel"], "export: other.h5 is HDF5 but not NXmx"),
        (["foreign.h5", "--to", "crystfel"], "export: foreign.h5 is not from nbkernel"),
        (["no_wavelength.h5", "--to", "crystfel"], "export: no_wavelength.h5 has no wavelength"),
        (["image.h5", "--to", "mosflm"], "--to: needs"),
        (["image.h5"], "--to: name the program"),
        (["--to", "crystfel"], "export: needs the file"),
        (["image.h5", "--to", "crystfel", "--output", "text.h5"], "--output: cannot make the folder text.h5"),
    ):
        status, out, err = command("export", *arguments)
        assert status == 2 and out == [] and len(err) == 1 and message in err[0], (arguments, err)
        assert sorted(path.name for path in folder.iterdir()) == before
    assert command("export", "image.h5", "--to", "crystfel")[0] == 0
