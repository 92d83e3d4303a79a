"""Space groups stated in several ways and checked against each other and the cell; files with several blocks."""

import re
import struct
from pathlib import Path

import numpy as np
import pytest

from nbkernel.errors import InputError
from nbkernel.io.reflections.mtz import parse_mtz
from nbkernel.io.reflections.space_group import nearest_cell
from nbkernel.io.reflections.structure_factors import read_structure_factors

from running import BASE, CRYSTAL, image_and_run, remarks_of, simulate
from unique_reflections import CELLS, GROUPS, Molecule, unique_indices, write_cif, write_mtz

gemmi = pytest.importorskip("gemmi", reason="the extra sf (gemmi) is not installed")

SCATTERING = np.array([6, 7, 8, 16], complex)
RUN = BASE.replace(CRYSTAL, "") + " -N 4 -detpixels 24 -pixel 1.5"


@pytest.fixture(autouse=True)
def folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    return tmp_path


def molecule_and_unique(group, largest=4):
    molecule = Molecule(group, SCATTERING)
    return molecule, unique_indices(molecule, largest)


def write_unique(format, group):
    molecule, unique = molecule_and_unique(group)
    columns = {"F": ("F", molecule.amplitudes(unique))}
    (write_mtz if format == "mtz" else write_cif)("a", group, molecule.cell, unique, columns)
    return read_structure_factors("a", 0.0)


def change_mtz_records(change):
    """Changes the header records of the file `a`: change(list of records) must not return more of them."""
    content = Path("a").read_bytes()
    start = (struct.unpack_from("<i", content, 4)[0] - 1) * 4
    header = content[start:].decode()
    records = change([header[n : n + 80].rstrip() for n in range(0, len(header), 80)])
    Path("a").write_bytes(content[:start] + "".join(record.ljust(80) for record in records).encode())


def set_cif_symmetry(lines):
    """Replaces the space group in the file `a` by other lines."""
    text = Path("a").read_text()
    assert "_symmetry.space_group_name_H-M" in text
    Path("a").write_text(re.sub(r"_symmetry\.space_group_name_H-M.*\n", lines + "\n", text))


def loop_of(item, group):
    return f"loop_\n{item}\n" + "\n".join(f"'{operation}'" for operation in GROUPS[group].split())


NUMBERS = {"P 43 21 2": 96, "P 21 21 21": 19, "P 61": 169, "C 1 2 1": 5, "P 1 21/c 1": 14}
HALL = {"P 43 21 2": "P 4nw 2abw", "P 21 21 21": "P 2ac 2ab", "P 61": "P 61", "C 1 2 1": "C 2y", "P 1 21/c 1": "-P 2ybc"}


@pytest.mark.parametrize("group", GROUPS)
@pytest.mark.parametrize(
    "lines",
    [
        lambda group: f"_symmetry.Int_Tables_number {NUMBERS[group]}",
        lambda group: f"_space_group.IT_number {NUMBERS[group]}",
        lambda group: f"_symmetry.space_group_name_Hall '{HALL[group]}'",
        lambda group: loop_of("_symmetry_equiv.pos_as_xyz", group),
        lambda group: loop_of("_space_group_symop.operation_xyz", group),
        lambda group: f"_symmetry.space_group_name_H-M 'P 99'\n{loop_of('_symmetry_equiv.pos_as_xyz', group)}",
        lambda group: f"_symmetry.space_group_name_H-M ?\n_symmetry.Int_Tables_number {NUMBERS[group]}",
    ],
)
def test_a_group_may_be_given_by_number_hall_symbol_or_operations_alone(group, lines):
    by_name = write_unique("cif", group)
    set_cif_symmetry(lines(group))
    table = read_structure_factors("a", 0.0)
    assert table.F.tobytes() == by_name.F.tobytes()
    assert (table.file.space_group, table.remarks) == (group, ())


@pytest.mark.parametrize("group", GROUPS)
@pytest.mark.parametrize("stated", ["SYMM", "name", "number"])
def test_an_mtz_file_may_state_its_group_in_one_way_only(group, stated):
    by_all = write_unique("mtz", group)

    def change(records):
        kept = [record for record in records if stated == "SYMM" or not record.startswith("SYMM ")]
        name = f"'{group}'" if stated == "name" else "''"
        number = NUMBERS[group] if stated == "number" else 0
        return [f"SYMINF 0 0 P {number} {name} PG1" if record.startswith("SYMINF") else record for record in kept]

    change_mtz_records(change)
    table = read_structure_factors("a", 0.0)
    assert table.F.tobytes() == by_all.F.tobytes()
    assert (table.file.space_group, table.remarks) == (group, ())


def test_a_setting_without_a_name_is_identified_by_its_operations():
    """P 21 21 21 with its origin on a twofold axis; P 1 1 2 in a cell doubled along a."""
    table = write_unique("cif", "P 21 21 21")
    named = Path("a").read_text()
    set_cif_symmetry("loop_\n_symmetry_equiv.pos_as_xyz\nx,y,z\n'-x,-y+1/2,z+1/2'\n'-x+1/2,y+1/2,-z'\n'x+1/2,-y,-z+1/2'")
    assert read_structure_factors("a", 0.0).F.tobytes() == table.F.tobytes()
    Path("a").write_text(named)
    set_cif_symmetry("loop_\n_symmetry_equiv.pos_as_xyz\nx,y,z\nx+1/2,y,z\n-x,-y,z\n-x+1/2,-y,z")
    doubled = read_structure_factors("a", 5.0)
    assert doubled.file.space_group == "4 operations"
    assert set(doubled.F[(np.arange(doubled.F.shape[0]) + doubled.h_min) % 2 != 0].ravel()) == {0.0}


def test_operations_override_name_and_number_with_a_warning():
    right = write_unique("mtz", "P 43 21 2")
    change_mtz_records(
        lambda records: [record.replace("'P 43 21 2'", "'P 4 2 2'").replace(" 96 ", " 89 ") for record in records]
    )
    table = read_structure_factors("a", 0.0)
    assert table.F.tobytes() == right.F.tobytes() and table.file.space_group == "P 43 21 2"
    assert table.remarks == (
        (
            "-hkl a: its symmetry operations (P 43 21 2) and its space group name (P 4 2 2) are of different space groups; "
            "the symmetry "
            "operations are taken"
        ),
        (
            "-hkl a: its symmetry operations (P 43 21 2) and its space group number (P 4 2 2) are of different space "
            "groups; the symmetry "
            "operations are taken"
        ),
    )
    run = simulate(f"{RUN} -hkl a")
    assert remarks_of(run) == list(table.remarks)


def test_groups_with_the_same_amplitudes_give_no_warning():
    write_unique("mtz", "P 43 21 2")
    change_mtz_records(
        lambda records: [record.replace("'P 43 21 2'", "'P 41 21 2'").replace(" 96 ", " 92 ") for record in records]
    )
    assert read_structure_factors("a", 0.0).remarks == ()


@pytest.mark.parametrize(
    "operations, words",
    [
        (["x,y,z", "x,y"], "cannot be used: "),
        (["x,y,z", "-x,y,-z", "-y,x,z"], "do not make a group"),
        (["x,y,z", "2*x,y,z"], "do not make a group"),
        (["x,y,z", "1/2*x,y,z"], "cannot be used: "),
        (["x,y,z"] * 193, "there are 193, more than any space group has"),
    ],
)
def test_unusable_operations(operations, words):
    write_unique("cif", "P 21 21 21")
    loop = "loop_\n_symmetry_equiv.pos_as_xyz\n" + "\n".join(f"'{operation}'" for operation in operations)
    named = Path("a").read_text()
    set_cif_symmetry(f"_symmetry.space_group_name_H-M 'P 21 21 21'\n{loop}")
    table = read_structure_factors("a", 0.0)
    assert table.file.space_group == "P 21 21 21" and len(table.remarks) == 1 and words in table.remarks[0]
    Path("a").write_text(named)
    set_cif_symmetry(loop)
    with pytest.raises(InputError, match=f"-hkl a: its symmetry operations .*{re.escape(words)}"):
        read_structure_factors("a", 0.0)


# the cell


@pytest.mark.parametrize("group", GROUPS)
def test_a_cell_that_has_the_symmetry_is_its_own_nearest_cell(group):
    rotations = np.array([W for W, _ in Molecule(group, SCATTERING).operations()])
    np.testing.assert_allclose(nearest_cell(CELLS[group], rotations), CELLS[group], rtol=1e-12)


@pytest.mark.parametrize(
    "group, cell, nearest",
    [
        ("P 43 21 2", (30, 31, 37, 90, 90, 90), (np.sqrt((30**2 + 31**2) / 2),) * 2 + (37, 90, 90, 90)),
        ("P 21 21 21", (25, 31, 36, 90, 95, 90), (25, 31, 36, 90, 90, 90)),
        ("P 61", (28, 28, 41, 90, 90, 90), (28, 28, 41, 90, 90, 120)),
        ("C 1 2 1", (33, 22, 27, 90, 90, 104), (33, 22, 27, 90, 90, 90)),
    ],
)
@pytest.mark.parametrize("format", ["mtz", "cif"])
def test_a_warning_names_the_nearest_cell_with_the_symmetry(format, group, cell, nearest):
    molecule, unique = molecule_and_unique(group)
    write = write_mtz if format == "mtz" else write_cif
    write("a", group, cell, unique, {"F": ("F", molecule.amplitudes(unique))})
    (line,) = read_structure_factors("a", 0.0).remarks
    assert line.startswith("-hkl a: a cell of ") and f"does not have the symmetry of {group}" in line
    numbers = [float(number) for number in re.findall(r"[\d.]+", line.rpartition("nearest that has is")[2])]
    if group == "P 61":
        # the mean of the metric tensor with gamma = 90 degrees and its copies
        assert numbers[0] == numbers[1] and numbers[5] == pytest.approx(120)
    else:
        assert numbers == pytest.approx(nearest, rel=1e-4)


def test_a_slightly_distorted_cell_gives_no_warning():
    molecule, unique = molecule_and_unique("P 43 21 2")
    write_mtz("a", "P 43 21 2", (30.0, 30.1, 37, 90, 90.3, 90), unique, {"F": ("F", molecule.amplitudes(unique))})
    assert read_structure_factors("a", 0.0).remarks == ()


@pytest.mark.parametrize("cell, setting", [((40, 40, 40, 80, 80, 80), "R 3:R"), ((40, 40, 60, 90, 90, 120), "R 3:H")])
def test_a_rhombohedral_group_has_the_setting_of_the_cell(cell, setting):
    write_cif("a", "R 3", cell, np.array([[1, 1, 1], [3, 0, 0]]), {"F": ("F", np.array([5.0, 6.0]))})
    table = read_structure_factors("a", 0.0)
    assert (table.file.space_group, table.remarks) == (setting, ())
    set_cif_symmetry("_symmetry.Int_Tables_number 146")
    again = read_structure_factors("a", 0.0)
    assert (again.file.space_group, again.remarks) == (setting, ()) and again.F.tobytes() == table.F.tobytes()


# several blocks


def block(name, item, values, cell=True):
    text = f"data_{name}\n"
    if cell:
        text += "".join(
            f"_cell.{key} {value}\n"
            for key, value in zip(
                ("length_a", "length_b", "length_c", "angle_alpha", "angle_beta", "angle_gamma"), (25, 31, 36, 90, 90, 90)
            )
        )
        text += "_symmetry.space_group_name_H-M 'P 21 21 21'\n"
    return (
        text
        + f"loop_\n_refln.index_h\n_refln.index_k\n_refln.index_l\n_refln.{item}\n1 2 3 {values[0]}\n1 2 4 {values[1]}\n"
    )


@pytest.mark.parametrize("order", [0, 1])
def test_amplitudes_take_cell_and_group_from_another_block(order):
    blocks = [block("rsf", "intensity_meas", (100, 200)), block("rAsf", "F_meas_au", (5, 6), cell=False)]
    Path("a").write_text("".join(blocks if order == 0 else blocks[::-1]))
    table = read_structure_factors("a", 0.0)
    assert (table.file.block, table.file.columns, table.file.space_group) == ("rAsf", ("F_meas_au",), "P 21 21 21")
    assert table.file.cell == (25, 31, 36, 90, 90, 90) and set(table.F.ravel()) == {0.0, 5.0, 6.0}
    run = image_and_run(f"{RUN} -hkl a")[1]
    assert "reflections: F_meas_au of a (block rAsf), 2 unique in P 21 21 21" in run.out


def test_a_block_can_be_chosen():
    Path("a").write_text(
        block("one", "F_meas_au", (5, 6)) + block("two", "F_meas_au", (7, 8)) + block("three", "F_calc", (9, 10))
    )
    for column, values in {None: {5, 6}, "two:F_meas_au": {7, 8}, "three:_refln.F_calc": {9, 10}, "F_calc": {9, 10}}.items():
        assert set(read_structure_factors("a", 0.0, column).F.ravel()) == {0.0, *values}
    with pytest.raises(InputError, match="has no column F_calc_au.*blocks with reflections: one, two, three"):
        read_structure_factors("a", 0.0, "F_calc_au")
    with pytest.raises(InputError, match="has no column four:F_calc"):
        read_structure_factors("a", 0.0, "four:F_calc")


def test_no_block_with_amplitudes():
    Path("a").write_text(block("rsf", "intensity_meas", (100, 200)) + block("rAsf", "pdbx_I_plus", (5, 6)))
    with pytest.raises(InputError, match=r"has intensities \(intensity_meas\).*\(blocks with reflections: rsf, rAsf\)"):
        read_structure_factors("a", 0.0)


# several values of a reflection, and invalid values


def test_a_warning_counts_unmerged_observations_and_their_spread():
    values = np.array([[90.0, 110.0], [50.0, 50.0], [30.0, 36.0]])
    lines = [f"{h} 2 3 {F}" for h, pair in enumerate(values, 1) for F in pair]
    head = block("x", "F_meas_au", (0, 0)).rsplit("1 2 3", 1)[0]
    Path("a").write_text(head + "\n".join(lines) + "\n-1 -2 3 90\n")
    table = read_structure_factors("a", 0.0)
    (line,) = table.remarks
    assert "4 of 7 values (of 3 unique reflections) are unmerged observations" in line
    # 20 / (290 / 3) and 6 / 33
    assert f"{100 * np.median([20 / (290 / 3), 6 / 33]):.3g} % apart in the median, 21 % at most" in line
    assert table.file.further == 4
    assert "4 repeated values averaged" in image_and_run(f"{RUN} -hkl a")[1].out


def test_a_repeated_value_gives_no_warning():
    molecule = Molecule("P 43 21 2", SCATTERING)
    write_mtz("a", "P 43 21 2", molecule.cell, np.array([[1, 2, 3], [2, 1, -3]]), {"F": ("F", [10, 10.001])})
    table = read_structure_factors("a", 0.0)
    assert table.remarks == () and table.file.further == 1


def test_infinite_and_negative_amplitudes_of_an_mtz_file():
    cell = CELLS["P 21 21 21"]
    write_mtz("a", "P 21 21 21", cell, np.array([[1, 2, 3], [1, 2, 4], [1, 2, 5]]), {"F": ("F", [np.inf, -8.0, 3e38])})
    run = simulate(f"{RUN} -hkl a -misset 10 20 30")
    assert run.status == 0 and run.errors == []
    assert remarks_of(run)[:2] == [
        "-hkl a: a value of F is infinite and counts as missing",
        "-hkl a: a value of F is negative, which no amplitude is; the sign is left out",
    ]
    assert set(read_structure_factors("a", 0.0).F.ravel()) == {0.0, 8.0, float(np.float32(3e38))}


def test_signalling_nans_are_missing_values():
    cell = CELLS["P 21 21 21"]
    write_mtz("a", "P 21 21 21", cell, np.array([[1, 2, 3], [1, 2, 4]]), {"F": ("F", [77.0, 8.0])})
    content = Path("a").read_bytes()
    assert content.count(np.float32(77.0).tobytes()) == 1
    content = content.replace(np.float32(77.0).tobytes(), bytes([1, 0, 0xA0, 0x7F])).replace(b"VALM NAN  ", b"VALM 1e300")
    Path("a").write_bytes(content)
    run = simulate(f"{RUN} -hkl a")
    assert (run.status, run.errors) == (0, [])
    assert read_structure_factors("a", 0.0).file.unique == 1


# false headers


def test_the_header_is_checked_against_the_file_length_before_anything_is_read():
    import tracemalloc

    write_unique("mtz", "P 21 21 21")
    content = Path("a").read_bytes()
    count = re.search(rb"NCOL +\d+ +(\d+)", content)
    many = content.replace(count[0], count[0].replace(count[1], b"9" * len(count[1])))
    behind = content[:4] + struct.pack("<i", 2**31 - 1) + content[8:]
    text = b"MTZ " + b"lorem ipsum dolor sit amet 1 2 3\n" * 150
    columns = content.replace(count[0][:12], b"NCOL   99999")
    for broken in (
        many,
        behind,
        text,
        columns,
        content[:100],
        content.replace(b"END ", b"EN  "),
        content.replace(b"VALM NAN", b"VALM xyz"),
    ):
        Path("b").write_bytes(broken)
        tracemalloc.start()
        with pytest.raises(InputError, match="^-hkl b: is not a complete MTZ file: "):
            read_structure_factors("b", 0.0)
        assert tracemalloc.get_traced_memory()[1] < 1 << 20
        tracemalloc.stop()


def test_big_endian_files_and_64_bit_header_positions():
    table = write_unique("mtz", "P 43 21 2")
    content = Path("a").read_bytes()
    (place,) = struct.unpack_from("<i", content, 4)
    data = np.frombuffer(content[80 : 4 * (place - 1)], "<f4")
    Path("b").write_bytes(
        b"MTZ "
        + struct.pack(">i", place)
        + b"\x11\x11\0\0"
        + bytes(68)
        + data.astype(">f4").tobytes()
        + content[4 * (place - 1) :]
    )
    Path("c").write_bytes(content[:4] + struct.pack("<i", -1) + content[8:12] + struct.pack("<q", place) + content[20:])
    for other in ("b", "c"):
        assert read_structure_factors(other, 0.0).F.tobytes() == table.F.tobytes()


def test_a_table_larger_than_the_input_limit_is_refused(monkeypatch):
    monkeypatch.setenv("NBKERNEL_INPUT_LIMIT", "64k")
    write_mtz("a", "P 1", (25, 31, 36, 90, 90, 90), np.array([[100, 100, 100]]), {"F": ("F", [5.0])})
    with pytest.raises(InputError, match="the table of its 1 entries, indices -100 -100 -100 to 100 100 100, would take"):
        read_structure_factors("a", 0.0)


def test_columns_cells_and_values_are_those_that_gemmi_reads():
    """nbkernel's parser of MTZ files against gemmi's reader."""
    mtz = gemmi.Mtz(with_base=True)
    mtz.spacegroup = gemmi.SpaceGroup("P 21 21 21")
    mtz.set_cell_for_all(gemmi.UnitCell(25, 31, 36, 90, 90, 90))
    for number, (label, kind) in enumerate({"F1": "F", "FREE": "I", "F2": "F", "F2(+)": "G", "PHI": "P"}.items()):
        mtz.add_dataset(f"set {number}").cell = gemmi.UnitCell(25 + number, 31, 36, 90, 90, 90)
        mtz.add_column(label, kind)
    draw = np.random.default_rng(1)
    rows = np.column_stack([draw.integers(-9, 9, (50, 3)), draw.uniform(1, 9, (50, 5))]).astype(np.float32)
    rows[::7, 3:] = np.nan
    mtz.set_data(rows)
    mtz.history = ["made by a test", "in two lines"]
    mtz.write_to_file("a.mtz")
    read, parsed = gemmi.read_mtz_file("a.mtz"), parse_mtz("a.mtz", Path("a.mtz").read_bytes())
    assert parsed.columns == [(column.label, column.type, column.dataset_id) for column in read.columns]
    for column in read.columns:
        np.testing.assert_array_equal(parsed.values(column.label), np.array(column.array, np.float64))
        assert parsed.cell_of(column.label) == read.get_cell(column.dataset_id).parameters
    assert (len(parsed.operations), parsed.group, parsed.batches) == (4, ("P 21 21 21", 19), 0)
