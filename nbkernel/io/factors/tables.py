"""Tables of other programs: CrystFEL's and SHELX's .hkl, SHELX's .fcf, XDS_ASCII.HKL, and text with any columns.

Formats: CrystFEL's reflection lists 2.0, HKLF 4 (3I4, 2F8) and LIST of SHELXL, https://xds.mr.mpg.de/html_doc/xds_files.html.
"""

import itertools
import math
import os
import re
from typing import NamedTuple

import numpy as np

from nbkernel.errors import InputError
from nbkernel.io.files.text import decoded_text
from nbkernel.io.reflections.expansion import merge
from nbkernel.io.reflections.reflections import BAD_INDEX, LARGEST_INDEX
from nbkernel.io.reflections.refln_cif import stated_cell, stated_group
from nbkernel.io.reflections.space_group import find_space_group
from nbkernel.support.printable import shortened

from .unique import Unique

CRYSTFEL, XDS = "CrystFEL reflection list", "!FORMAT=XDS_ASCII"
FCF = re.compile(r"^\s*_refln_index_h\b", re.MULTILINE)
FIXED = (0, 4, 8, 12, 20)  # columns of HKLF 4: h k l I
INTENSITY = re.compile(r"I|IOBS|IMEAN|I-obs|.*squared.*|.*intensity.*", re.IGNORECASE)


class Rows(NamedTuple):
    """hkl: (n, 3) int32; values: (n,) float64; name: of their column; squared: whether it holds intensities, None if
    the file does not tell; cell: six numbers or None; group: gemmi.SpaceGroup or None."""

    hkl: np.ndarray
    values: np.ndarray
    name: str
    squared: bool | None = None
    cell: tuple | None = None
    group: object = None


def table_factors(gemmi, path, content, column=None, intensities=False, cell=None, group=None):
    """The Unique amplitudes in a table's bytes.

    column: name or number from 1, None for the usual one; intensities: whether it holds them; cell: a b c (Angstrom) alpha
    beta gamma (degrees) and group: Hermann-Mauguin symbol, instead of those of the file. Copies and Friedel mates are
    averaged, before the square root of intensities. Raises InputError for a table that cannot be used.
    """
    lead = os.fspath(path)
    rows = read_rows(gemmi, path, decoded_text("structure-factors", path, content), column)
    if rows.squared is not None and rows.squared != intensities:
        raise InputError(
            f"{lead}: {rows.name} holds intensities; give --intensities to take their square root, or --column NAME"
            if rows.squared
            else f"--intensities: {rows.name} of {lead} holds amplitudes; leave it out, or give --column NAME"
        )
    cell = rows.cell if cell is None else cell
    if cell is None:
        raise InputError(f"{lead}: states no unit cell; give --cell a b c alpha beta gamma")
    unit = gemmi.UnitCell(*cell)
    if not (unit.is_crystal() and unit.volume > 1.0 and math.isfinite(unit.volume)):
        raise InputError(f"--cell: {' '.join(f'{x:g}' for x in cell)} is no unit cell; need a b c alpha beta gamma")
    found = rows.group if group is None else gemmi.find_spacegroup_by_name(group, cell[3], cell[5])
    if found is None:
        what = f"--space-group: {group!r} is not known" if group is not None else f"{lead}: states no space group"
        raise InputError(f"{what}; give --space-group with a symbol such as 'P 21 21 21'")
    hkl, values, remarks = usable(lead, rows, found)
    rotations = np.array([op.rot for op in found.operations().sym_ops]) // gemmi.Op.DEN
    # mates are averaged, too
    merged = merge(path, hkl, values, np.zeros(len(hkl), int), np.concatenate([rotations, -rotations]))
    F, negative = merged.F, int(np.count_nonzero(merged.F < 0.0))
    if negative:
        what = "intensities are" if intensities else "amplitudes are"
        remarks.append(f"{lead}: {negative} of {len(F)} {what} negative; they count as 0")
    F = np.maximum(F, 0.0)
    F = np.sqrt(F) if intensities else F
    root = "the square root of " if intensities else ""
    report = (f"{lead}: {root}{rows.name}, {len(F)} unique reflections of {len(hkl)} in {found.xhm()}",)
    return Unique(merged.indices.astype(np.int32), F, unit, found, tuple(remarks), report)


def usable(lead, rows, group):
    """Indices and values that count, and remarks about others."""
    if not len(rows.hkl):
        raise InputError(f"{lead}: has no reflection in it")
    there = np.isfinite(rows.values)
    absent = group.operations().systematic_absences(rows.hkl)
    if not (there & ~absent).any():
        raise InputError(f"{lead}: {rows.name} has no value but for systematic absences")
    remarks = []
    if not there.all():
        remarks.append(f"{lead}: {np.count_nonzero(~there)} values of {rows.name} are missing or not finite and left out")
    if absent.any():
        remarks.append(f"{lead}: {np.count_nonzero(absent)} values are of systematic absences of {group.xhm()}, which are 0")
    return rows.hkl[there & ~absent], rows.values[there & ~absent], remarks


def read_rows(gemmi, path, text, column):
    """The Rows of a table's text, whose kind its content tells."""
    lead = os.fspath(path)
    if text.startswith(CRYSTFEL):
        return crystfel_rows(lead, text, column)
    if text.startswith(XDS):
        return xds_rows(gemmi, lead, text, column)
    if FCF.search(text):
        return fcf_rows(gemmi, path, text, column)
    return text_rows(lead, text, column)


def crystfel_rows(lead, text, column):
    lines = list(enumerate(text.splitlines(), 1))
    start = next((n for n, (_, line) in enumerate(lines) if line.split()[:3] == ["h", "k", "l"]), None)
    end = next((n for n, (_, line) in enumerate(lines) if line.startswith("End of reflections")), None)
    if start is None or end is None:
        raise InputError(f"{lead}: is not a complete CrystFEL list; it needs a line 'h k l ...' and 'End of reflections'")
    names = lines[start][1].split()
    place = place_of(lead, names, column, "I")
    rows = [(number, line.split()) for number, line in lines[start + 1 : end]]
    return numbers(lead, rows, place, names[place], bool(INTENSITY.fullmatch(names[place])))


def xds_rows(gemmi, lead, text, column):
    head, items, rows = {}, {}, []
    for number, line in enumerate(text.splitlines(), 1):
        if not line.startswith("!"):
            rows.append((number, line.split()))
        elif match := re.match(r"!ITEM_(\S+)=\s*(\d+)", line):
            items[int(match.group(2)) - 1] = match.group(1)
        elif match := re.match(r"!(\w+)=\s*(.*)", line):
            head[match.group(1)] = match.group(2).split()
    if "!END_OF_DATA" not in text or sorted(items) != list(range(len(items))) or len(items) < 4:
        raise InputError(f"{lead}: is not a complete XDS_ASCII file; it needs !ITEM_ lines and !END_OF_DATA")
    names = [items[n] for n in range(len(items))]
    place = place_of(lead, names, column, "IOBS")
    sigma = f"SIGMA({names[place]})"
    if sigma in names:
        # XDS marks what it rejects by a negative standard deviation
        at = names.index(sigma)
        rows = [(number, words) for number, words in rows if len(words) <= at or not words[at].startswith("-")]
    try:
        cell = tuple(map(float, head["UNIT_CELL_CONSTANTS"]))
        group = gemmi.find_spacegroup_by_number(int(head["SPACE_GROUP_NUMBER"][0]))
    except (KeyError, ValueError, IndexError):
        cell, group = (), None
    found = numbers(lead, rows, place, names[place], bool(INTENSITY.fullmatch(names[place])))
    return found._replace(cell=cell if len(cell) == 6 else None, group=group)


def fcf_rows(gemmi, path, text, column):
    lead = os.fspath(path)
    try:
        document = gemmi.cif.read_string(text)
        block = next(block for block in document if block.find_loop("_refln_index_h"))
    except (RuntimeError, ValueError, StopIteration) as error:
        raise InputError(
            f"{lead}: is not a complete .fcf file: {(str(error).splitlines() or ['no reflections'])[0]}"
        ) from None
    loop = block.find_loop("_refln_index_h").get_loop()
    names = [tag.removeprefix("_refln_") for tag in loop.tags]
    usual = next((name for name in ("F_calc", "F_squared_calc", "F_meas", "F_squared_meas") if name in names), None)
    place = place_of(lead, names, column, usual)
    # values such as 1.2(3) have a standard uncertainty
    order = [names.index(f"index_{axis}") if f"index_{axis}" in names else 0 for axis in "hkl"]
    width, values = loop.width(), loop.values
    words = [[values[n + at].partition("(")[0] for at in (*order, place)] for n in range(0, len(values), width)]
    found = numbers(lead, list(enumerate(words, 1)), 3, names[place], bool(INTENSITY.fullmatch(names[place])))
    cell, stated, group = stated_cell(block), stated_group(gemmi, block), None
    if any(stated):
        group = gemmi.find_spacegroup_by_ops(find_space_group(path, stated, cell).operations)
    return found._replace(cell=cell, group=group)


def text_rows(lead, text, column):
    lines = [(number, line) for number, line in enumerate(text.splitlines(), 1) if line.strip()]
    if lines and column is None and is_hklf4(lines[0][1]):
        rows = [(number, [line[a:b] for a, b in itertools.pairwise(FIXED)]) for number, line in lines]
        # what follows 0 0 0 are remarks of SHELXL's
        end = next((n for n, (_, words) in enumerate(rows) if [word.strip() for word in words[:3]] == ["0"] * 3), len(rows))
        return numbers(lead, rows[:end], 3, "the intensity of HKLF 4", True)
    names: list[str] = []
    if lines and not is_number(lines[0][1].lstrip("#! ").replace(",", " ").split()[:1]):
        names = lines.pop(0)[1].lstrip("#! ").replace(",", " ").split()
    rows = [(number, line.replace(",", " ").split()) for number, line in lines if not line.lstrip().startswith(("#", "!"))]
    names = names or [str(n + 1) for n in range(len(rows[0][1]) if rows else 0)]
    place = place_of(lead, names, column, names[3] if len(names) > 3 else None)
    shown = names[place] if not names[place].isdigit() else f"column {place + 1}"
    return numbers(lead, rows, place, shown, None)


def is_hklf4(line):
    """Whether a line has 3I4, 2F8.2 with a decimal point in both of the latter."""
    whole, real = [line[n : n + 4] for n in (0, 4, 8)], [line[12:20], line[20:28]]
    return all(re.fullmatch(r" *-?\d+", word) for word in whole) and all(
        re.fullmatch(r" *-?\d*\.\d*", word) for word in real
    )


def is_number(words):
    return bool(words) and re.fullmatch(r"[-+]?(\d+\.?\d*|\.\d+)([eE][-+]?\d+)?", words[0]) is not None


def place_of(lead, names, column, usual):
    """The place of a column, by its name or its number from 1."""
    column = usual if column is None else column
    if column in names:
        return names.index(column)
    if column is not None and column.isascii() and column.isdigit() and len(column) < 6 and 1 <= int(column) <= len(names):
        return int(column) - 1
    raise InputError(f"--column: {lead} has no column {column or 'of F'}; it has {', '.join(names[:20]) or 'none'}")


def numbers(lead, rows, place, name, squared):
    """The Rows of (line, words); a word ? or . or - is a missing value."""
    hkl, values = np.empty((len(rows), 3)), np.empty(len(rows))
    for n, (number, words) in enumerate(rows):
        try:
            hkl[n] = [float(word) for word in words[:3]]
            word = words[place].strip()
            values[n] = math.nan if word in ("?", ".", "-") else float(word)
        except (ValueError, IndexError):
            shown = shortened(" ".join(words), 60)
            raise InputError(f"{lead}: row {number} is not h k l with a number for {name}: {shown}") from None
    if not ((np.abs(hkl) <= LARGEST_INDEX) & (hkl == np.floor(hkl))).all():
        raise InputError(f"{lead}: {BAD_INDEX}")
    return Rows(np.ascontiguousarray(hkl, np.int32), values, name, squared)
