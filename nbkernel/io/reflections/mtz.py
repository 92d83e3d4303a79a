"""MTZ files: header records of 80 characters, and a table of float32 with a column for each item.

https://www.ccp4.ac.uk/html/mtzformat.html. Only what amplitudes need is read; everything that the header
states is first compared with the file's length.
"""

import math
import os
import struct
from dataclasses import dataclass
from typing import Any

import numpy as np

from nbkernel.errors import InputError

RECORD = 80  # characters
WORD = 4  # bytes
DATA_START = 80  # bytes
MOST_COLUMNS = 10_000


@dataclass
class Mtz:
    """A file's content. columns: (label, type, data set) in order; data: (reflections, columns) float32, missing values as
    `missing`; cells: of data sets; group: (name or None, number or None)."""

    columns: list
    data: np.ndarray
    missing: float
    cell: tuple | None
    cells: dict
    operations: list
    group: tuple
    batches: int

    def values(self, label):
        """(n,) float64 of a column, nan where a value is missing."""
        found = self.numbers(self.labels().index(label))
        with np.errstate(over="ignore"):
            found[found == np.float32(self.missing)] = np.nan
        return found

    def numbers(self, columns):
        """Columns as they are, as float64."""
        # a signalling nan becomes a quiet one
        with np.errstate(invalid="ignore"):
            return self.data[:, columns].astype(np.float64)

    def labels(self):
        return [label for label, _, _ in self.columns]

    def cell_of(self, label):
        """a b c (Angstrom) alpha beta gamma (degrees) of the column's data set, else of the file; None if there is
        none."""
        dataset = self.columns[self.labels().index(label)][2]
        return self.cells.get(dataset) or self.cell


def parse_mtz(path, content):
    """The Mtz in a file's bytes. Raises InputError if it is damaged, or shorter than it states."""
    try:
        return parsed(path, content)
    except (ValueError, IndexError, OverflowError, struct.error) as error:
        raise broken(path, f"its header cannot be read ({error})") from None


def broken(path, why):
    return InputError(f"-hkl {os.fspath(path)}: is not a complete MTZ file: {why}")


def parsed(path, content):
    if len(content) < DATA_START:
        raise broken(path, f"it has {len(content)} bytes")
    order = ">" if content[9] >> 4 == 1 else "<"
    (place,) = struct.unpack_from(f"{order}i", content, 4)
    if place == -1:
        (place,) = struct.unpack_from(f"{order}q", content, 12)
    header = (place - 1) * WORD
    if not DATA_START <= header < len(content):
        raise broken(path, f"its header would stand at byte {header} of {len(content)}")
    found: dict[str, Any] = {"COLUMN": [], "SYMM": [], "DCELL": {}}
    for keyword, rest in header_records(content, header):
        read_record(found, keyword, rest)
    if "END" not in found:
        raise broken(path, "its header has no end")
    if "NCOL" not in found:
        raise broken(path, "its header does not say how many columns it has")
    count, reflections, batches = found["NCOL"]
    if not (3 <= count <= MOST_COLUMNS and reflections >= 0) or DATA_START + WORD * count * reflections > header:
        raise broken(path, f"{reflections} reflections of {count} columns do not fit into its {header} bytes of data")
    if count != len(found["COLUMN"]):
        raise broken(path, f"it names {len(found['COLUMN'])} of {count} columns")
    data = np.frombuffer(content, f"{order}f4", count * reflections, DATA_START).reshape(reflections, count)
    return Mtz(
        found["COLUMN"], data, found.get("VALM", math.nan), found.get("CELL"), found["DCELL"], found["SYMM"],
        found.get("SYMINF", (None, None)), batches,
    )  # fmt: skip


def header_records(content, start):
    """(keyword, rest) of each record from byte `start` up to and including END."""
    for place in range(start, len(content) - RECORD + 1, RECORD):
        line = content[place : place + RECORD].decode("latin-1")
        keyword, _, rest = line.partition(" ")
        yield keyword.strip("\0"), rest
        if keyword == "END":
            return


def read_record(found, keyword, rest):
    words = rest.split()
    if keyword == "END":
        found["END"] = True
    elif keyword == "NCOL":
        found["NCOL"] = int(words[0]), int(words[1]), int(words[2]) if len(words) > 2 else 0
    elif keyword == "COLUMN":
        # label, type, smallest, largest; data set, which old files omit
        found["COLUMN"].append((words[0], words[1], int(words[4]) if len(words) > 4 else 0))
    elif keyword == "CELL":
        found["CELL"] = six_numbers(words)
    elif keyword == "DCELL":
        cell = six_numbers(words[1:])
        if cell is not None:
            found["DCELL"][int(words[0])] = cell
    elif keyword == "SYMM":
        found["SYMM"].append(rest.strip())
    elif keyword == "SYMINF":
        found["SYMINF"] = group_of(rest)
    elif keyword == "VALM":
        found["VALM"] = math.nan if words[0].upper().startswith("N") else float(words[0])


def six_numbers(words):
    """A cell, None for one that was never set."""
    cell = tuple(float(word) for word in words[:6])
    return cell if len(cell) == 6 and min(cell) > 0.0 and cell[:3] != (1.0, 1.0, 1.0) else None


def group_of(rest):
    """Name and number in a SYMINF record: operations, primitive ones, lattice, number, 'name', 'point group'."""
    before, *quoted = rest.replace('"', "'").split("'")
    words = before.split()
    number = int(words[3]) if len(words) > 3 else None
    return (quoted[0].strip() or None) if quoted else None, number or None
