"""MTZ and mmCIF files of structure factors against sums over atoms and text tables expanded to P1."""

import gzip
import re
from pathlib import Path

import numpy as np
import pytest

from nbkernel.cli.main import main
from nbkernel.errors import InputError
from nbkernel.io.reflections.amplitude_columns import choose_columns
from nbkernel.io.reflections.structure_factors import read_structure_factors

from running import BASE, CRYSTAL, image, image_and_run, simulate
from unique_reflections import (
    GROUPS,
    NEGATIVE,
    POSITIVE,
    Molecule,
    all_indices,
    unique_indices,
    write_cif,
    write_mtz,
    write_table,
)

gemmi = pytest.importorskip("gemmi", reason="the extra sf (gemmi) is not installed")

LARGEST = 4
NORMAL = np.array([6, 7, 8, 16], complex)
ANOMALOUS = NORMAL + np.array([0, 0, 0.5 + 3j, -4 + 6j])
WRITERS = {"mtz": write_mtz, "cif": write_cif}
RUN = BASE.replace(CRYSTAL, "") + " -N 4 -detpixels 24 -pixel 1.5 -misset 10 20 30"


@pytest.fixture(autouse=True)
def folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    return tmp_path


def write(format, molecule, indices, columns, name="a"):
    """Writes the file `name`; columns: {label: (type, values)}."""
    WRITERS[format](name, molecule.group, molecule.cell, indices, columns)


def amplitude_columns(molecule, indices):
    return {"F": ("F", molecule.amplitudes(indices))}


def pair_columns(molecule, indices):
    return {POSITIVE: ("G", molecule.amplitudes(indices)), NEGATIVE: ("G", molecule.amplitudes(-indices))}


def values_at(table, indices):
    return table.F[tuple((indices - (table.h_min, table.k_min, table.l_min)).T)]


def copies_and_mates(molecule, indices):
    """Unique indices expanded to P1, with Friedel mates: (n, 3)."""
    copies = np.array(sorted(set().union(*(molecule.copies(index) for index in indices.tolist()))))
    return np.unique(np.concatenate([copies, -copies]), axis=0)


def is_centric(molecule, index):
    return tuple(-x for x in index) in molecule.copies(index)


# expansion to P1, against sums over atoms


@pytest.mark.parametrize("format", WRITERS)
@pytest.mark.parametrize("group", GROUPS)
def test_every_copy_and_friedel_mate_has_the_amplitude_of_a_sum_over_atoms(group, format):
    molecule = Molecule(group, NORMAL)
    unique = unique_indices(molecule, LARGEST)
    write(format, molecule, unique, amplitude_columns(molecule, unique))
    table = read_structure_factors("a", 0.0)
    every = copies_and_mates(molecule, unique)
    assert len(every) > 0.6 * len(all_indices(LARGEST))
    np.testing.assert_allclose(values_at(table, every), molecule.amplitudes(every), rtol=1e-6, atol=1e-5)


@pytest.mark.parametrize("format", WRITERS)
@pytest.mark.parametrize("group", GROUPS)
def test_each_value_of_a_friedel_pair_goes_to_its_own_copies(group, format):
    molecule = Molecule(group, ANOMALOUS)
    unique = unique_indices(molecule, LARGEST)
    columns = pair_columns(molecule, unique)
    differences = np.abs(columns[POSITIVE][1] - columns[NEGATIVE][1])
    assert (differences.max() > 5) == (group != "P 1 21/c 1"), "the test would see a swap"
    # either value of a centric reflection is enough
    for n, index in enumerate(unique.tolist()):
        if is_centric(molecule, index) and n % 3:
            columns[(POSITIVE, NEGATIVE)[n % 3 - 1]][1][n] = np.nan
    write(format, molecule, unique, columns)
    table = read_structure_factors("a", 0.0)
    every = copies_and_mates(molecule, unique)
    np.testing.assert_allclose(values_at(table, every), molecule.amplitudes(every), rtol=1e-6, atol=1e-5)
    assert table.file.unpaired == 0


def test_friedel_mates_with_their_own_entries_keep_their_values():
    """As some programs write anomalous data: one column, with entries for both h k l and -h -k -l."""
    molecule = Molecule("P 21 21 21", ANOMALOUS)
    unique = unique_indices(molecule, LARGEST)
    both = np.unique(np.concatenate([unique, -unique]), axis=0)
    write("mtz", molecule, both, amplitude_columns(molecule, both))
    table = read_structure_factors("a", 0.0)
    np.testing.assert_allclose(values_at(table, both), molecule.amplitudes(both), rtol=1e-6, atol=1e-5)
    every = copies_and_mates(molecule, unique)
    np.testing.assert_allclose(values_at(table, every), molecule.amplitudes(every), rtol=1e-6, atol=1e-5)


@pytest.mark.parametrize("lacking", [POSITIVE, NEGATIVE])
def test_a_mate_without_a_value_gets_that_of_the_other(lacking):
    molecule = Molecule("P 43 21 2", ANOMALOUS)
    columns = {POSITIVE: ("G", [50.0, 30.0]), NEGATIVE: ("G", [60.0, 40.0])}
    columns[lacking][1][0] = np.nan
    write("mtz", molecule, np.array([[1, 2, 3], [2, 3, 1]]), columns)
    table = read_structure_factors("a", 0.0)
    given = 60.0 if lacking == POSITIVE else 50.0
    assert values_at(table, np.array([[1, 2, 3], [-1, -2, -3], [2, 3, 1], [-2, -3, -1]])).tolist() == [given, given, 30, 40]
    assert table.file.unpaired == 1


def test_several_values_of_one_reflection_are_averaged():
    molecule = Molecule("P 43 21 2", NORMAL)
    write("mtz", molecule, np.array([[1, 2, 3], [2, 1, -3], [1, 2, 4]]), {"F": ("F", [10, 20, 5])})
    table = read_structure_factors("a", 0.0)
    assert values_at(table, np.array([[1, 2, 3], [-1, -2, 3], [-2, 1, 3], [1, 2, 4]])).tolist() == [15, 15, 15, 5]
    assert table.file.unique == 2


@pytest.mark.parametrize("format", WRITERS)
def test_a_missing_value_leaves_all_its_copies_at_default_F(format):
    molecule = Molecule("P 43 21 2", NORMAL)
    write(format, molecule, np.array([[1, 2, 3], [1, 2, 4]]), {"F": ("F", [np.nan, 8.0])})
    table = read_structure_factors("a", 3.0)
    missing, given = (copies_and_mates(molecule, np.array([index])) for index in ([1, 2, 3], [1, 2, 4]))
    assert set(values_at(table, missing)) == {3.0}
    assert set(values_at(table, given)) == {8.0}
    assert (table.count, table.file.unique) == (len(given), 1)


def test_the_missing_number_of_an_mtz_file_is_not_a_value():
    molecule = Molecule("P 43 21 2", NORMAL)
    write("mtz", molecule, np.array([[1, 2, 3], [1, 2, 4]]), {"F": ("F", [-999.0, 8.0])})
    content = Path("a").read_bytes()
    assert content.count(b"VALM NAN".ljust(80)) == 1
    Path("a").write_bytes(content.replace(b"VALM NAN".ljust(80), b"VALM -999.0".ljust(80)))
    assert read_structure_factors("a", 0.0).file.unique == 1


def test_an_old_mtz_file_without_data_sets():
    molecule = Molecule("P 43 21 2", NORMAL)
    write("mtz", molecule, np.array([[1, 2, 3], [1, 2, 4]]), {"F": ("F", [3.0, 8.0])})
    table = read_structure_factors("a", 0.0)
    lines = re.findall(rb"COLUMN .{73}", content := Path("a").read_bytes())
    for line in lines:
        content = content.replace(line, line.rsplit(None, 1)[0].ljust(80))
    assert len(lines) == 4 and content != Path("a").read_bytes()
    Path("a").write_bytes(content)
    old = read_structure_factors("a", 0.0)
    assert old.F.tobytes() == table.F.tobytes() and old.file.cell == table.file.cell


@pytest.mark.parametrize("group", GROUPS)
def test_systematic_absences_are_0_whether_listed_or_not(group):
    molecule = Molecule(group, NORMAL)
    every = all_indices(LARGEST)
    absent = (molecule.amplitudes(every) < 1e-9) & every.any(axis=1)
    assert absent.any() and not absent.all()
    listed = np.array([[1, 1, LARGEST], [LARGEST, LARGEST, 1], *every[absent][::2]])
    write("mtz", molecule, listed, {"F": ("F", np.full(len(listed), 9.0))})
    table = read_structure_factors("a", 7.0)
    np.testing.assert_array_equal(values_at(table, every[absent]), 0.0)
    assert set(values_at(table, every[~absent])) == {7.0, 9.0}
    assert table.file.absent == len(every[absent][::2])


def test_a_space_group_that_makes_many_strong_reflections_absent_is_a_warning():
    """A primitive crystal's data under the name of a centred group: every second reflection is strong but absent."""
    molecule = Molecule("P 21 21 21", NORMAL)
    indices = unique_indices(molecule, LARGEST)
    amplitudes = molecule.amplitudes(indices)
    write_mtz("a", "I 21 21 21", molecule.cell, indices, {"F": ("F", amplitudes)})
    absent = indices.sum(axis=1) % 2 == 1
    (line,) = read_structure_factors("a", 0.0).remarks
    assert line == (
        f"-hkl a: {absent.sum()} of {len(indices)} values are for reflections that the space group I 21 21 21 makes 0, on average "
        f"{amplitudes[absent].mean():.3g}, the others {amplitudes[~absent].mean():.3g}; is it the right group?"
    )


def test_weak_values_of_true_absences_give_no_warning():
    molecule = Molecule("C 1 2 1", NORMAL)
    indices = all_indices(LARGEST)
    amplitudes = molecule.amplitudes(indices)
    absent = amplitudes < 1e-9
    assert absent.sum() > len(indices) / 3
    write_mtz("a", "C 1 2 1", molecule.cell, indices, {"F": ("F", np.where(absent, 0.1 * amplitudes.mean(), amplitudes))})
    table = read_structure_factors("a", 0.0)
    assert table.file.absent == absent.sum() and table.remarks == ()


def test_the_first_of_columns_with_one_name_is_taken_with_a_warning():
    """Two data sets, each with a column F."""
    mtz = gemmi.Mtz(with_base=True)
    mtz.spacegroup = gemmi.SpaceGroup("P 1")
    mtz.set_cell_for_all(gemmi.UnitCell(30, 40, 50, 80, 90, 100))
    for name in ("native", "derivative"):
        mtz.add_dataset(name)
        mtz.add_column("F", "F")
    mtz.set_data(np.array([[1, 2, 3, 5.0, 7.0]], np.float32))
    mtz.write_to_file("a")
    table = read_structure_factors("a", 0.0)
    assert table.remarks == ("-hkl a: has several columns F; the first is taken",)
    assert values_at(table, np.array([[1, 2, 3]])) == [5.0]


def test_F000_counts_where_it_is_listed():
    molecule = Molecule("P 43 21 2", NORMAL)
    write("mtz", molecule, np.array([[0, 0, 0], [1, 2, 3]]), {"F": ("F", [500.0, 8.0])})
    table = read_structure_factors("a", 0.0)
    assert values_at(table, np.array([[0, 0, 0]])) == [500.0]
    assert table.count == 1 + 16


# choice of columns


@pytest.mark.parametrize(
    "types, chosen",
    [
        ({"FREE": "I", "FP": "F", "SIGFP": "Q", "FC": "F", "PHIC": "P", "FC_ALL": "F", "FWT": "F", "PHWT": "P"}, "FC_ALL"),
        ({"F-obs": "F", "F-obs-filtered": "F", "F-model": "F", "2FOFCWT": "F"}, "F-model"),
        ({"F-obs(+)": "G", "F-obs(-)": "G", "F-model(+)": "G", "F-model(-)": "G"}, "F-model(+),F-model(-)"),
        ({"F-obs": "F", "F-obs-filtered": "F", "2FOFCWT": "F"}, "F-obs-filtered"),
        ({"I": "J", "F(+)": "G", "SIGF(+)": "L", "F(-)": "G", "F": "F", "SIGF": "Q", "DANO": "D"}, "F"),
        ({"I": "J", "F(-)": "G", "SIGF(-)": "L", "F(+)": "G", "SIGF(+)": "L"}, "F(+),F(-)"),
        ({"FWT": "F", "DELFWT": "F", "FOO": "F"}, "FOO"),
        ({"pdbx_F_plus": "G", "pdbx_F_minus": "G", "intensity_meas": "J"}, "pdbx_F_plus,pdbx_F_minus"),
        ({"F_meas_au": "F", "F_calc": "F", "F_meas_sigma_au": "Q"}, "F_calc"),
        ({"FOO": "F", "BAR(+)": "G", "BAR(-)": "G"}, "BAR(+),BAR(-)"),
    ],
)  # fmt: skip
def test_the_default_column(types, chosen):
    assert choose_columns("a.mtz", types, None) == tuple(chosen.split(","))


@pytest.mark.parametrize(
    "types, words",
    [
        ({"IMEAN": "J", "I(+)": "K", "I(-)": "K"}, ("IMEAN, I(+), I(-)", "French")),
        ({"FWT": "F", "PHWT": "P"}, ("only for maps (FWT)", "--column")),
        ({"PHIC": "P"}, ("columns are PHIC",)),
        ({"F(+)": "G"}, ("columns are F(+)",)),
    ],
)
def test_without_amplitudes_the_error_names_the_columns(types, words):
    with pytest.raises(InputError, match="-hkl a.mtz: ") as error:
        choose_columns("a.mtz", types, None)
    assert all(word in str(error.value) for word in words)


TYPES = {"F": "F", "F(+)": "G", "F(-)": "G", "IMEAN": "J", "I(+)": "K", "SIGF": "Q", "PHIC": "P", "FOM": "R", "E": "E"}


@pytest.mark.parametrize("column", ["FOM", "E", "F", "F(+)", "F(-)", "F(+),F(-)", "F(-),F(+)", " F(+), F(-) "])
def test_the_requested_column(column):
    assert choose_columns("a.mtz", TYPES, column) == tuple(label.strip() for label in column.split(","))


@pytest.mark.parametrize(
    "column, words",
    [
        ("FC", "no column FC; amplitudes are F, F(+),F(-)"),
        ("f", "no column f"),
        ("IMEAN", "IMEAN of a.mtz holds intensities"),
        ("F(+),I(+)", "I(+) of a.mtz holds intensities"),
        ("SIGF", "holds standard deviations"),
        ("PHIC", "holds phases"),
        ("F,", "needs one label, or two"),
        ("F(+),F(-),F", "needs one label, or two"),
    ],
)
def test_a_column_without_amplitudes_is_refused(column, words):
    with pytest.raises(InputError) as error:
        choose_columns("a.mtz", TYPES, column)
    assert str(error.value).startswith("--column: ") and words in str(error.value)


def test_types_of_mmcif_items_follow_from_their_names():
    molecule = Molecule("P 21 21 21", NORMAL)
    unique = unique_indices(molecule, 2)
    write("cif", molecule, unique, {"SIGF": ("Q", np.ones(len(unique))), "F": ("F", np.full(len(unique), 3.0))})
    assert read_structure_factors("a", 0.0).file.columns == ("F_meas_au",)
    assert read_structure_factors("a", 0.0, "_refln.F_meas_au").file.columns == ("F_meas_au",)
    with pytest.raises(InputError, match="F_meas_sigma_au of a holds standard deviations"):
        read_structure_factors("a", 0.0, "F_meas_sigma_au")
    Path("a").write_text(Path("a").read_text().replace("F_meas_au", "intensity_meas"))
    with pytest.raises(InputError, match="-hkl a: has intensities"):
        read_structure_factors("a", 0.0)


# runs


def expanded(molecule, unique, columns):
    """Expansion to P1 by the test's own symmetry, F rounded to float32 as in a file: indices (n, 3) and F (n,)."""
    F = {}
    for label, sign in ((POSITIVE, 1), (NEGATIVE, -1)):
        _, values = columns[label]
        for index, value in zip((sign * unique).tolist(), values, strict=True):
            F.update({copy: float(np.float32(value)) for copy in molecule.copies(index)})
    return np.array(list(F)), list(F.values())


@pytest.mark.parametrize("precision", ["exact", "mixed"])
@pytest.mark.parametrize("format", WRITERS)
def test_the_image_is_that_of_the_table_expanded_to_P1(format, precision):
    molecule = Molecule("P 43 21 2", ANOMALOUS)
    unique = unique_indices(molecule, 6)
    unique = unique[molecule.amplitudes(unique) > 1e-9]
    columns = pair_columns(molecule, unique)
    # equal by symmetry except for rounding
    centric = [is_centric(molecule, index) for index in unique.tolist()]
    columns[NEGATIVE][1][centric] = columns[POSITIVE][1][centric]
    write(format, molecule, unique, columns)
    write_table("table.hkl", *expanded(molecule, unique, columns))
    cell = " ".join(map(str, molecule.cell))
    from_file, run = image_and_run(f"{RUN} -hkl a -dump a.bin --precision {precision}")
    from_table, table_run = image_and_run(f"{RUN} -hkl table.hkl -dump table.bin --precision {precision} -cell {cell}")
    assert from_file.max() > 0
    assert from_file.tobytes() == from_table.tobytes()
    assert Path("a.bin").read_bytes() == Path("table.bin").read_bytes()
    # the runs print the same except for the lines on the file
    lines, table_lines = run.out.splitlines(), table_run.out.splitlines()
    assert [line for line in lines if line not in table_lines] == lines_on_the_file(lines)
    assert [line for line in table_lines if line not in lines] == []


@pytest.mark.parametrize("format", WRITERS)
def test_compressed_files_are_read_whatever_their_names(format, pair_file):
    molecule, unique = pair_file
    write(format, molecule, unique, amplitude_columns(molecule, unique))
    plain = read_structure_factors("a", 0.0)
    for name in ("a", "b.ent.gz", "b.mtz"):
        Path(name).write_bytes(gzip.compress(Path("a").read_bytes()) if name != "a" else Path("a").read_bytes())
        assert read_structure_factors(name, 0.0).F.tobytes() == plain.F.tobytes()


def lines_on_the_file(lines):
    return [line for line in lines if line.startswith(("reflections:", "cell of"))]


@pytest.fixture
def pair_file():
    """Writes `a`, with F and a Friedel pair; returns its molecule and unique indices."""
    molecule = Molecule("P 21 21 21", ANOMALOUS)
    unique = unique_indices(molecule, LARGEST)
    write("mtz", molecule, unique, {**amplitude_columns(molecule, unique), **pair_columns(molecule, unique)})
    return molecule, unique


def test_the_report(pair_file):
    molecule, unique = pair_file
    absent = int(np.count_nonzero(molecule.amplitudes(unique) < 1e-9))
    present = copies_and_mates(molecule, unique[molecule.amplitudes(unique) > 1e-9])
    spacings = 1 / np.linalg.norm(present / np.array(molecule.cell[:3]), axis=1)
    first, second = lines_on_the_file(image_and_run(f"{RUN} -hkl a")[1].out.splitlines())
    assert first == (
        f"reflections: F of a, {len(unique) - absent} unique in P 21 21 21, {len(present)} in P1, "
        f"{spacings.max():.4g} to {spacings.min():.4g} A, {absent} systematic absences set to 0"
    )
    assert second == "cell of a: 25.13 31.4 36.77 A, 90 90 90 deg"


@pytest.mark.parametrize("group", GROUPS)
def test_the_resolution_counts_only_reflections_with_values(group):
    molecule = Molecule(group, NORMAL)
    unique = unique_indices(molecule, LARGEST)
    columns = amplitude_columns(molecule, unique)
    d = gemmi.UnitCell(*molecule.cell).calculate_d_array(unique)
    columns["F"][1][d < 8] = np.nan
    write("mtz", molecule, unique, columns)
    d = d[(d >= 8) & (columns["F"][1] > 1e-9)]
    assert read_structure_factors("a", 0.0).file.resolution == pytest.approx((d.max(), d.min()), rel=1e-9)


def test_column_selects(pair_file):
    usual = image(f"{RUN} -hkl a")
    pair, run = image_and_run(f"{RUN} -hkl a --column F(+),F(-)")
    swapped = image(f"{RUN} -hkl a --column F(-),F(+)")
    assert "reflections: F(+),F(-) of a" in run.out
    assert not np.array_equal(usual, pair) and not np.array_equal(pair, swapped)
    np.testing.assert_array_equal(image(f"{RUN} -hkl a --column F"), usual)


def test_the_cell_of_the_file_is_used_without_cell_or_mat(pair_file):
    own = image(f"{RUN} -hkl a")
    np.testing.assert_array_equal(image(f"{RUN} -hkl a -cell 25.13 31.4 36.77 90 90 90"), own)
    other, run = image_and_run(f"{RUN} -hkl a -cell 26 32 37 90 90 90")
    assert "not used: there is -cell" in run.out
    assert not np.array_equal(other, own)
    Path("a.mat").write_text("0.02 0 0 0 0.03 0 0 0 0.04")
    by_matrix, run = image_and_run(f"{RUN} -hkl a -mat a.mat")
    assert "not used: there is -mat" in run.out
    write_table("table.hkl", all_indices(1), np.ones(27))
    assert by_matrix.shape == own.shape and not np.array_equal(by_matrix, own)


def test_the_dump_is_that_of_the_last_file(pair_file):
    """-hkl takes precedence over an old dump, and a run without -hkl prints where its table comes from."""
    _molecule, _unique = pair_file
    cell = "-cell 25.13 31.4 36.77"
    first = image(f"{RUN} -hkl a")
    write_table("table.hkl", all_indices(3), np.arange(343.0))
    second, run = image_and_run(f"{RUN} -hkl table.hkl {cell}")
    assert not lines_on_the_file(run.out.splitlines()) and "Fdump.bin" not in run.out
    from_dump, run = image_and_run(f"{RUN} {cell}")
    assert "in a table of Fdump.bin" in run.out
    np.testing.assert_array_equal(from_dump, second)
    np.testing.assert_array_equal(image(f"{RUN} -hkl a"), first)
    np.testing.assert_array_equal(image(f"{RUN} {cell}"), first)


def test_trace_reads_the_same_file(pair_file, capsys):
    _molecule, _unique = pair_file
    pixels = image(f"{RUN} -hkl a --column F(+),F(-)")
    spixel, fpixel = np.unravel_index(pixels.argmax(), pixels.shape)
    trace = ["trace", *RUN.replace("-seed 1 -noprogress", "").split(), "-hkl", "a", "--column", "F(+),F(-)"]
    assert main([*trace, "--pixel", str(fpixel), str(spixel)]) == 0
    _name, value = capsys.readouterr().out.splitlines()[-1].split()
    assert np.float32(value) == pixels.max() > 0


# files that cannot be used


def mtz_bytes(**columns):
    """An MTZ file of two reflections."""
    write_mtz("made.mtz", "P 21 21 21", (25, 31, 36, 90, 90, 90), np.array([[1, 2, 3], [1, 2, 4]]), columns)
    content = Path("made.mtz").read_bytes()
    Path("made.mtz").unlink()
    return content


def cif_text(values=("5", "6"), item="F_meas_au", group="P 21 21 21", first="1 2 3"):
    cell = "".join(
        f"_cell.{name} {value}\n"
        for name, value in zip(
            ("length_a", "length_b", "length_c", "angle_alpha", "angle_beta", "angle_gamma"), (25, 31, 36, 90, 90, 90)
        )
    )
    return (
        f"data_x\n{cell}_symmetry.space_group_name_H-M '{group}'\nloop_\n_refln.index_h\n_refln.index_k\n_refln.index_l\n"
        f"_refln.{item}\n{first} {values[0]}\n1 2 4 {values[1]}\n"
    )


F = ("F", [5.0, 6.0])
UNUSABLE = {
    "cut short": (lambda: mtz_bytes(F=F)[:90], "", "-hkl broken: is not a complete MTZ file"),
    "magic only": (lambda: b"MTZ ", "", "-hkl broken: is not a complete MTZ file"),
    "no indices": (lambda: mtz_bytes(F=F).replace(b"COLUMN K                              H", b"COLUMN K                              I"), "", "indices H K L"),
    "no group": (lambda: mtz_bytes(F=F).replace(b"SYM", b"XYZ"), "", "no known space group"),
    "no cell": (lambda: mtz_bytes(F=F).replace(b"CELL", b"XELL"), "", "no unit cell: give -cell"),
    "intensities": (lambda: mtz_bytes(I=("J", [5.0, 6.0])), "", "-hkl broken: has intensities (I)"),
    "chosen intensities": (lambda: mtz_bytes(F=F, I=("J", [5.0, 6.0])), "--column I", "--column: I of broken holds intensities"),
    "wrong label": (lambda: mtz_bytes(F=F), "--column FP", "--column: broken has no column FP; amplitudes are F"),
    "empty label": (lambda: mtz_bytes(F=F), "--column ,", "--column: needs one label"),
    "no value": (lambda: mtz_bytes(F=("F", [np.nan, np.nan])), "", "F has no value"),
    "fraction": (lambda: mtz_bytes(F=F).replace(np.float32([1, 2, 4]).tobytes(), np.float32([1, 2.5, 4]).tobytes()), "", "an index that is not a whole number from -1000000 to 1000000"),
    "huge index": (lambda: mtz_bytes(F=F).replace(np.float32([1, 2, 4]).tobytes(), np.float32([1, 2e9, 4]).tobytes()), "", "an index that is not a whole number from -1000000 to 1000000"),
    "large grid": (lambda: mtz_bytes(F=F).replace(np.float32([1, 2, 4]).tobytes(), np.float32([9e5, 9e5, 9e5]).tobytes()), "", "too large for memory"),
    "cif cut short": (lambda: cif_text().rsplit(" ", 1)[0], "", "-hkl broken: is not a complete mmCIF file"),
    "cif without reflections": (lambda: "data_x\n_cell.length_a 5\n", "", "-hkl broken: has no reflections"),
    "coordinates": (lambda: "data_x\nloop_\n_atom_site.id\n1\n2\n", "", "-hkl broken: has no reflections"),
    "unmerged cif": (lambda: cif_text().replace("_refln.", "_diffrn_refln."), "", "only unmerged"),
    "cif intensities": (lambda: cif_text(item="intensity_meas"), "", "has intensities (intensity_meas)"),
    "cif no number": (lambda: cif_text(values=("5", "six")), "", "F_meas_au of reflection 2 is not a number: six"),
    "cif index": (lambda: cif_text(first="1 x 3"), "", "not an integer: x"),
    "cif group": (lambda: cif_text(group="P 4z"), "", "no known space group"),
    "cif cell": (lambda: cif_text().replace("_cell.length_a 25\n", ""), "", "no unit cell: give -cell"),
    "impossible cell": (lambda: cif_text().replace("alpha 90", "alpha 10").replace("beta 90", "beta 20"), "", "broken has no usable one"),
    "not text": (lambda: cif_text().encode() + b"\xff\xfe\n", "", "is not a text file"),
    "gzip": (lambda: b"\x1f\x8b\x08\0\0\0\0\0", "", "-hkl: broken is cut short: its gzip data do not end"),
    "a table": (lambda: "1 2 3 4\n", "--column F", "--column: -hkl broken is not an MTZ or mmCIF file"),
}  # fmt: skip


@pytest.mark.parametrize("case", UNUSABLE)
def test_unusable_files_give_one_line_and_nothing_is_written(case, folder):
    make, arguments, words = UNUSABLE[case]
    content = make()
    Path("broken").write_bytes(content.encode() if isinstance(content, str) else content)
    run = simulate(f"{RUN} -hkl broken", *arguments.split())
    assert run.status == 2
    assert len(run.errors) == 1 and run.errors[0].startswith("nbkernel: ")
    assert words in run.errors[0]
    assert [path.name for path in folder.iterdir()] == ["broken"]


def test_unmerged_mtz_files_are_refused():
    write_mtz("a", "P 1", (25, 31, 36, 90, 90, 90), np.array([[1, 2, 3]]), {"F": ("F", [5.0])})
    mtz = gemmi.read_mtz_file("a")
    mtz.batches.append(gemmi.Mtz.Batch())
    mtz.write_to_file("a")
    with pytest.raises(InputError, match="-hkl a: holds unmerged observations"):
        read_structure_factors("a", 0.0)


def test_column_without_a_file_is_refused():
    run = simulate(f"{BASE} --column F")
    assert run.status == 2 and "--column" in run.errors[0]


def test_a_file_without_a_usable_cell_can_be_read_with_cell():
    Path("a").write_text(cif_text().replace("_cell.length_a 25\n", ""))
    run = image_and_run(f"{RUN} -hkl a -cell 25 31 36")[1]
    assert lines_on_the_file(run.out.splitlines()) == ["reflections: F_meas_au of a, 2 unique in P 21 21 21, 16 in P1"]


def test_a_column_that_does_not_belong_to_the_reflections_is_refused():
    names = "_refln.index_h\n_refln.index_k\n_refln.index_l\n_refln.F_meas_au\n_re2\n"
    Path("a").write_text(f"data_x\n_cell.length_a 20\n_cell.length_b 20\n_cell.length_c 20\nloop_\n{names}1 0 0 5 1\n")
    with pytest.raises(
        InputError, match="-hkl a: the loop of reflections has a column whose name does not begin with _refln"
    ):
        read_structure_factors("a", 0.0)
