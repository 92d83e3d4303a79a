"""Inputs in memory: the images of files with the same numbers; equality, pickling, TOML and HDF5; what is refused."""

import json
import pickle
import tomllib
from dataclasses import replace
from pathlib import Path

import h5py
import numpy as np
import pytest

import nbkernel
from nbkernel.engine.options import PRECISIONS
from nbkernel.errors import InputError
from nbkernel.experiment.input_files import sha256_of

from api_runs import experiment
from running import simulate, smv_bytes, write_hkl

DRAW = np.random.default_rng(5)
F = DRAW.uniform(50, 150, (9, 11, 7)) * (DRAW.random((9, 11, 7)) < 0.7)
MILLER = np.argwhere(np.isfinite(F)) - (4, 5, 3)
AMPLITUDES = F.ravel()
ROWS = np.array([[-10, 0, 0, 1, 1e-10], [-10, 0.1, 0, 2, 1.02e-10], [-10, 0, 0.123456789, 0.5, 0.99e-10]])
MASK = np.ones((18, 24), bool)
MASK[4:7, 5:20] = False
MATRIX = np.array([[0.01, 0.002, 0.001], [-0.001, 0.012, 0.003], [0.002, -0.001, 0.015]])
HELD = dict(hkl=(MILLER, AMPLITUDES), sources=ROWS, mask=MASK)


@pytest.fixture(autouse=True)
def folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    write_hkl("a.hkl", F, (-4, -5, -3))
    np.savetxt("a.src", ROWS, "%.17g")
    Path("mask.img").write_bytes(smv_bytes(MASK.astype(float), ""))
    np.savetxt("a.mat", MATRIX, "%.17g")
    return tmp_path


def base(**fields):
    return experiment(
        **{"hkl": "a.hkl", "default_F": 0.0, "pixel": 1.5, "dump": "Fdump.bin", "misset": (1.0, 2.0, 3.0), **fields}
    )


def same_image(one, other, **settings):
    """Whether two Experiments have images of the same bits, which are not 0 everywhere."""
    found, expected = (nbkernel.simulate(each, device="cpu", **settings) for each in (one, other))
    assert expected.any() and found.statistics == expected.statistics
    return found.tobytes() == expected.tobytes()


def mtz(group="P 21 21 21", dmin=4.0):
    gemmi = pytest.importorskip("gemmi")
    found = gemmi.Mtz(with_base=True)
    found.spacegroup, cell = gemmi.SpaceGroup(group), gemmi.UnitCell(50, 60, 70, 90, 90, 90)
    found.set_cell_for_all(cell)
    found.add_dataset("made")
    for label, kind in (("FC", "F"), ("FP", "F")):
        found.add_column(label, kind)
    indices = gemmi.make_miller_array(cell, found.spacegroup, dmin)
    amplitudes = np.random.default_rng(1).uniform(10, 90, (len(indices), 2))
    found.set_data(np.column_stack([indices, amplitudes]).astype(np.float32))
    return found


@pytest.mark.parametrize("default_F", [0.0, 20.0])
@pytest.mark.parametrize("hkl", [
    (MILLER, AMPLITUDES),
    [MILLER.tolist(), AMPLITUDES.tolist()],
    (MILLER.astype(np.float64), AMPLITUDES[:, None][:, 0]),
])  # fmt: skip
def test_miller_indices_and_amplitudes_are_a_text_table(hkl, default_F):
    assert same_image(base(hkl=hkl, default_F=default_F), base(default_F=default_F))


def test_of_several_amplitudes_the_last_counts():
    twice = np.concatenate([MILLER, MILLER]), np.concatenate([AMPLITUDES[::-1], AMPLITUDES])
    assert same_image(base(hkl=twice), base())


def test_a_table_of_numpy_is_a_text_table():
    rows = np.column_stack([MILLER, AMPLITUDES])
    np.save("a.npy", rows)
    np.save("b.npy", np.asfortranarray(rows))
    assert same_image(base(hkl="a.npy"), base()) and same_image(base(hkl="b.npy"), base())


def test_structure_factors_are_read_once():
    kept = nbkernel.StructureFactors.read("a.hkl")
    expected = nbkernel.simulate(base(), device="cpu")
    Path("a.hkl").unlink()
    assert nbkernel.simulate(base(hkl=kept), device="cpu").tobytes() == expected.tobytes()
    first, second = (nbkernel.simulate(base(hkl=kept, phi=angle), device="cpu").run.reflections for angle in (0, 5))
    assert first is second


@pytest.mark.parametrize("column", [None, "FP"])
def test_an_mtz_is_the_file(column):
    made = mtz()
    made.write_to_file("a.mtz")
    fields = dict(cell=None, column=column)
    for hkl in (made, nbkernel.StructureFactors.from_gemmi(made), nbkernel.StructureFactors.read("a.mtz")):
        assert same_image(base(hkl=hkl, **fields), base(hkl="a.mtz", **fields))
    chosen = nbkernel.StructureFactors.from_gemmi(made, "FP")
    assert same_image(base(hkl=chosen, cell=None), base(hkl="a.mtz", cell=None, column="FP"))
    assert chosen != nbkernel.StructureFactors.from_gemmi(made)


@pytest.mark.parametrize("half_l", [False, True])
def test_a_reciprocal_grid_is_its_amplitudes(half_l):
    made = mtz()
    grid = made.get_f_phi_on_grid("FC", "FC", [40, 48, 56], half_l=half_l)
    made.write_to_file("a.mtz")
    fields = dict(cell=None)
    found, expected = (
        nbkernel.simulate(base(hkl=hkl, **fields), device="cpu").run for hkl in (grid, "a.mtz")
    )  # fmt: skip
    assert found.experiment.cell == expected.experiment.cell == (50.0, 60.0, 70.0, 90.0, 90.0, 90.0)
    ours, theirs = found.reflections, expected.reflections
    for h, k, l in np.argwhere(theirs.F > 0)[::97] + (theirs.h_min, theirs.k_min, theirs.l_min):
        one, other = (each.F[h - each.h_min, k - each.k_min, l - each.l_min] for each in (ours, theirs))
        assert one == pytest.approx(other, rel=1e-6)
    assert np.count_nonzero(ours.F) == np.count_nonzero(theirs.F)


@pytest.mark.parametrize("fix", [(), ("weights",)])
def test_sources_are_a_source_file(fix):
    assert same_image(base(sources=ROWS, fix=fix), base(sourcefile="a.src", fix=fix))
    parts = ROWS[:, :3], ROWS[:, 3], ROWS[:, 4]
    assert base(sources=parts) == base(sources=ROWS) == base(sources=ROWS.tolist())
    one = base(sources=(ROWS[:, :3], 1, 1e-10)).sources.array
    assert (one[:, 3] == 1).all() and (one[:, 4] == 1e-10).all() and (one[:, :3] == ROWS[:, :3]).all()


def test_a_mask_is_a_mask_image():
    assert same_image(base(mask=MASK), base(mask="mask.img"))
    image = nbkernel.simulate(base(mask=MASK, detpixels_f=None, detpixels_s=None), device="cpu")
    whole = nbkernel.simulate(base(), device="cpu")
    assert image.shape == (18, 24) and (image == np.where(MASK, whole, 0)).all() and (image != whole).any()


def test_a_matrix_is_a_matrix_file():
    assert same_image(base(mat=MATRIX, cell=None), base(mat="a.mat", cell=None))


@pytest.mark.parametrize("precision", PRECISIONS)
def test_all_of_them_in_every_precision_and_from_a_simulator(precision):
    held, named = base(**HELD), base(sourcefile="a.src", mask="mask.img")
    assert same_image(held, named, precision=precision)
    with nbkernel.Simulator(base(), device="cpu", precision=precision) as simulator:
        found = simulator.simulate(**HELD)
    assert found.tobytes() == nbkernel.simulate(named, device="cpu", precision=precision).tobytes()


def test_experiments_are_equal_by_content_and_do_not_change():
    miller, mask, sources = MILLER.copy(), MASK.copy(), ROWS.copy()
    made = base(hkl=(miller, AMPLITUDES), mask=mask, sources=sources)
    assert made == base(**HELD) and hash(made) == hash(base(**HELD))
    miller[0, 0], mask[0, 0], sources[0, 3] = 1, False, 9.0
    assert made == base(**HELD)
    for name in HELD:
        assert replace(made, **{name: getattr(base(), name)}) != made
    with pytest.raises(ValueError):
        made.mask.array[0, 0] = False
    assert (np.asarray(made.mask) == MASK).all() and (np.asarray(made.sources) == ROWS).all()
    assert base(hkl=(MILLER[::-1], AMPLITUDES[::-1])) != made
    assert replace(made, wavelength=1.1).hkl is made.hkl
    assert len(repr(made)) < 3000


def test_they_can_be_sent_to_other_processes():
    made = base(**HELD)
    sent = pickle.loads(pickle.dumps(made))
    assert sent == made and hash(sent) == hash(made)
    assert not sent.mask.array.flags.writeable and same_image(sent, made)


def test_toml_has_files_beside_it():
    made = base(**HELD)
    made.to_toml("sub.toml")
    text = tomllib.loads(Path("sub.toml").read_text())
    assert text["crystal"]["hkl"] == {"contents": "sub_hkl.npy", "sha256": made.hkl.digest}
    for name, value in (("hkl", made.hkl), ("sources", made.sources), ("mask", made.mask)):
        assert sha256_of(f"sub_{name}.npy") == value.digest
    assert (np.load("sub_mask.npy") == MASK).all()
    read = nbkernel.Experiment.from_toml("sub.toml")
    assert read == made and same_image(read, made)
    Path("moved").mkdir()
    for path in Path().glob("sub*"):
        path.rename(Path("moved", path.name))
    assert nbkernel.Experiment.from_toml("moved/sub.toml") == made


def test_toml_keeps_the_kind_of_file_and_the_column():
    made = base(hkl=nbkernel.StructureFactors.from_gemmi(mtz(), "FP"), cell=None)
    made.to_toml("a.toml")
    assert Path("a_hkl.mtz").read_bytes() == made.hkl.content
    assert nbkernel.Experiment.from_toml("a.toml") == made
    text = nbkernel.StructureFactors.read("a.hkl")
    base(hkl=text).to_toml("b.toml")
    assert Path("b_hkl.hkl").read_bytes() == Path("a.hkl").read_bytes()


def test_toml_may_list_sources():
    Path("a.toml").write_text(f"[beam]\nsources = {ROWS.tolist()}\n")
    assert nbkernel.Experiment.from_toml("a.toml") == nbkernel.Experiment(sources=ROWS)


def test_the_command_line_takes_such_files():
    made = base(**HELD)
    made.to_toml("a.toml")
    run = simulate("--config a.toml -floatfile a.bin --device cpu --save-config b.toml --hdf5 a.h5")
    assert run.status == 0 and "outside" not in run.err, run.err
    expected = nbkernel.simulate(made, device="cpu")
    assert np.fromfile("a.bin", np.float32).tobytes() == expected.tobytes()
    assert nbkernel.Experiment.from_toml("b.toml") == expected.run.experiment
    assert nbkernel.Experiment.from_toml("a.h5") == expected.run.experiment
    run = simulate("--config a.h5 -hkl a.hkl -sourcefile a.src -floatfile c.bin --device cpu")
    assert run.status == 0 and Path("c.bin").read_bytes() == Path("a.bin").read_bytes()
    before = Path("a_hkl.npy").read_bytes()
    run = simulate("--config a.toml --device cpu --save-config /dev/stdout")
    assert run.status == 2 and "--save-config: /dev/stdout is a pipe or a device" in run.err
    assert Path("a_hkl.npy").read_bytes() == before


def test_hdf5_files_contain_them():
    made = base(**HELD)
    nbkernel.write_hdf5("a.h5", nbkernel.simulate(made, device="cpu"))
    with h5py.File("a.h5") as file:
        record = file["entry/simulation/provenance"]
        inputs = json.loads(record["inputs"][()])
        assert record["contents_mask"][:].tobytes() == made.mask.content
    assert inputs == {name: {"path": None, "sha256": getattr(made, name).digest} for name in HELD}
    read = nbkernel.Experiment.from_toml("a.h5")
    assert read == made and same_image(read, made)


def test_a_series_keeps_them_in_its_folder():
    base(**HELD).to_toml("spec.toml")
    with open("spec.toml", "a") as file:
        file.write("\n[series]\nimages = 2\n")
    with nbkernel.Series("spec.toml", device="cpu") as series:
        series.run("out")
        expected = series.photons(1)
    assert {f"series_{name}.npy" for name in HELD} <= {path.name for path in Path("out").iterdir()}
    with nbkernel.Series("out/series.toml", device="cpu") as again:
        assert again.photons(1).tobytes() == expected.tobytes()
    with nbkernel.Series("spec.toml", device="cpu") as series:
        series.run("out")  # goes on with the same series
    base(**HELD, default_F=7.0).to_toml("spec.toml")
    assert nbkernel.Experiment.from_toml("out/spec_master.h5").hkl == base(**HELD).hkl


def test_broken_files_beside_toml_are_one_line(tmp_path):
    made = base(**HELD)
    made.to_toml("a.toml")
    text = Path("a.toml").read_text()
    other = base(hkl=(MILLER[::-1], AMPLITUDES))
    other.to_toml("b.toml")

    def message(new=text):
        Path("a.toml").write_text(new)
        with pytest.raises(InputError) as error:
            nbkernel.Experiment.from_toml("a.toml")
        assert "\n" not in str(error.value) and str(error.value).startswith("from_toml a.toml: ")
        return str(error.value)

    assert "hkl: b_hkl.npy has changed since this file was written" in message(text.replace("a_hkl", "b_hkl"))
    assert "hkl: ../x.npy is not in the folder of this file" in message(text.replace("a_hkl", "../x"))
    assert "there is no file no_hkl.npy" in message(text.replace("a_hkl", "no_hkl"))
    assert "sources: needs a path, or a table of texts" in message(text.replace("contents", "content", 1))
    Path("link.npy").symlink_to(tmp_path.parent / "elsewhere.npy")
    assert "link.npy is not in the folder" in message(text.replace("a_hkl", "link"))
    assert "mask: b_hkl.npy" not in message(text.replace("a_mask", "b_hkl"))
    Path("a_sources.npy").write_bytes(Path("a_sources.npy").read_bytes()[:-1])
    assert "sources: a_sources.npy: its header asks for 248 bytes (3 x 5 numbers) but it has 247" in message()


def test_nothing_is_written_where_a_file_cannot_be():
    Path("a_mask.npy").mkdir()
    with pytest.raises(InputError, match=r"to_toml \(mask\): a_mask.npy is a directory"):
        base(**HELD).to_toml("a.toml")
    assert not Path("a.toml").exists() and not Path("a_hkl.npy").exists()
    with pytest.raises(InputError, match="to_toml: /dev/null is a pipe or a device; need a file name, for hkl"):
        base(hkl=(MILLER, AMPLITUDES)).to_toml("/dev/null")


NAN = np.where(np.arange(len(AMPLITUDES)) == 3, np.nan, AMPLITUDES)
HUGE = np.where(np.arange(len(MILLER)) == 3, 2**62, MILLER.T).T


@pytest.mark.parametrize(
    "fields, message",
    [
        (dict(hkl=MILLER), "hkl: needs a path, StructureFactors, a pair of Miller indices (n, 3) and amplitudes (n,), or a gemmi.Mtz"),
        (dict(hkl=3), "hkl: needs a path, StructureFactors"),
        (dict(hkl=(MILLER, AMPLITUDES[:-1])), f"hkl: needs one amplitude for each of the {len(MILLER)} Miller indices, not an array of {len(MILLER) - 1}"),
        (dict(hkl=(MILLER[:, :2], AMPLITUDES)), f"hkl: needs Miller indices as an array of n x 3, not an array of {len(MILLER)} x 2"),
        (dict(hkl=(MILLER + 0.5, AMPLITUDES)), "hkl: has an index that is not a whole number"),
        (dict(hkl=(HUGE, AMPLITUDES)), "hkl: has an index that is not a whole number"),
        (dict(hkl=(MILLER, NAN)), "hkl: amplitude 3 is nan; need finite numbers"),
        (dict(hkl=(MILLER, AMPLITUDES + 0j)), "hkl: needs real numbers as amplitudes, not complex128; take their absolute values"),
        (dict(hkl=([[1, 2, 3], [1, 2]], [1, 2])), "hkl: Miller indices are not an array of numbers; their rows differ in length"),
        (dict(hkl=("a.hkl", "b.hkl")), "hkl: needs real numbers as Miller indices, not <U5"),
        (dict(hkl=(np.zeros((0, 3)), [])), "hkl: has no reflection in it"),
        (dict(hkl=nbkernel.Experiment(mask=MASK).mask), "hkl: needs a StructureFactors, not a PixelMask"),
        (dict(sources="a.src"), "sources: needs an array, not 'a.src'; the path of a file belongs in sourcefile"),
        (dict(sources=ROWS[:, :4]), "sources: needs an array of n x 5 (x y z to the source, weight, wavelength in metres)"),
        (dict(sources=5), "sources: needs an array of n x 5"),
        (dict(sources=ROWS[:0]), "sources: needs an array of n x 5"),
        (dict(sources=ROWS * [1, 1, 1, np.nan, 1]), "sources: source 1 has a value that is not a finite number"),
        (dict(sources=ROWS * [[1], [0], [1]]), "sources: source 2 is at 0 0 0; need a direction x y z"),
        (dict(sources=ROWS * [1, 1, 1, 1, -1]), "sources: source 1 has a wavelength that is not greater than 0"),
        (dict(sources=(ROWS[:, :3], ROWS[:2, 3], 1e-10)), "sources: needs one number, or one for each of the 3 directions, as weights, not an array of 2"),
        (dict(sources=(ROWS[:, :2], 1, 1e-10)), "sources: needs directions as an array of n x 3, not an array of 3 x 2"),
        (dict(sources=[["a"] * 5]), "sources: needs an array of real numbers"),
        (dict(sources=ROWS, sourcefile="a.src"), "sources: there is also a sourcefile; give one of them"),
        (dict(sourcefile=ROWS), "sourcefile: needs the path of a file, not an array of 3 x 5; sources takes an array"),
        (dict(mask=MASK.astype(int)), "mask: needs a path, or a bool array (slow, fast) with True for the pixels to render, not int64, an array of 18 x 24"),
        (dict(mask=MASK[0]), "mask: needs a path, or a bool array"),
        (dict(mask=3), "mask: needs a path, or a bool array"),
        (dict(mat=MATRIX[:2]), "mat: needs 3 rows of 3 numbers or a string, not an array of 2 x 3"),
        (dict(mat=MATRIX * np.nan), "mat: needs nine finite numbers, three reciprocal cell vectors"),
    ],
)  # fmt: skip
def test_other_values_are_errors_of_one_line(fields, message):
    with pytest.raises(InputError) as error:
        base(**fields)
    assert str(error.value).startswith(message) and "\n" not in str(error.value)


def test_a_mask_has_the_detector_s_shape():
    with pytest.raises(InputError, match=r"mask: is an array of 18 x 24 pixels \(slow x fast\), the detector has 24 x 18"):
        nbkernel.simulate(base(mask=MASK, detpixels_f=18, detpixels_s=24), device="cpu")


def test_structure_factors_that_cannot_be_used():
    made = mtz()
    with pytest.raises(InputError, match="^column: gemmi.Mtz has no column FX|^column: .* has no column FX"):
        nbkernel.StructureFactors.from_gemmi(made, "FX")
    with pytest.raises(InputError, match="^hkl: there is no file none.mtz"):
        nbkernel.StructureFactors.read("none.mtz")
    with pytest.raises(InputError, match="^hkl: needs a gemmi.Mtz, gemmi.ReciprocalFloatGrid or .*, not a UnitCell"):
        nbkernel.StructureFactors.from_gemmi(made.cell)
    with pytest.raises(InputError, match="^hkl: the gemmi.ReciprocalFloatGrid has no space group or no cell"):
        import gemmi

        nbkernel.StructureFactors.from_gemmi(gemmi.ReciprocalFloatGrid(np.ones((3, 3, 3), np.float32)))
    chosen = nbkernel.StructureFactors.from_gemmi(made, "FP")
    with pytest.raises(InputError, match="^column: FC is not FP, with which the StructureFactors were made"):
        nbkernel.simulate(base(hkl=chosen, column="FC"), device="cpu")
    with pytest.raises(InputError, match="^StructureFactors: are made by read, from_arrays or from_gemmi"):
        nbkernel.StructureFactors(MILLER, None, "x")
