"""nanoBragg's text tables of structure factors: `h k l F` on each line."""

import math
import os
import re

import numpy as np

from nbkernel.errors import InputError
from nbkernel.io.files.text import decoded_text, odd_word
from nbkernel.kernels.hkl_table import read_hkl_rows

from .reflections import BAD_INDEX, LARGEST_INDEX, IsModel, Reflections, empty_grid, value_remarks

SHORTEST_LINE = len("0 0 0 0\n")
SPARSE = 16  # table entries per given one from which the table is better built from the given ones
LONGEST_LINE = 1000  # in which an error is looked for
MOST_ALONE = 0.1  # fraction of a table
# Fortran leaves no blank before a sign when a column is full
GLUED = re.compile(rb"(?<=[\d.])(?=[-+])")

PDB = re.compile(rb"^(?:ATOM  |HETATM)[ \d]{5} ", re.MULTILINE)


def table_reflections(content, path, default_F):
    """Reflections in a table's bytes; absent ones are default_F, and the last of several values counts.

    Numbers are read as C's fscanf reads them, so a sign may follow a digit without a blank. Unlike the program, which
    silently stops reading, raises InputError, naming the line, for a line that is not four finite numbers, the first three
    of them integers.
    """
    return reflections_of_rows(*parse_table(content, path), path, default_F)


def reflections_of_rows(indices, F, path, default_F):
    """Reflections of a table of P1: indices (3, n) int32 and amplitudes (n,) float64; absent ones are default_F."""
    lowest, highest = indices.min(axis=1), indices.max(axis=1)
    shape = [int(last) - int(first) + 1 for first, last in zip(lowest, highest, strict=True)]
    sparse = default_F == 0.0 and math.prod(shape) > SPARSE * F.size
    # nan marks what is not given
    grid = empty_grid(path, lowest, highest, 0.0 if sparse else np.nan, F.size)
    at = tuple(indices - lowest[:, None])
    grid[at] = F
    if sparse:
        given = np.unique(np.ravel_multi_index(at, grid.shape))
        entries, alone = given.size, without_mate_of_few(given, grid.shape, lowest)
        nonzero = given[grid.reshape(-1)[given] != 0.0]
    else:
        given = ~np.isnan(grid)
        grid[~given] = default_F
        entries, alone, nonzero = int(np.count_nonzero(given)), without_mate(given, lowest), None
    remarks = (*value_remarks(f"-hkl {os.fspath(path)}", F), *half_remarks(path, alone, entries, default_F))
    return Reflections(grid, *lowest.tolist(), F.size, float(F[-1]), nonzero=nonzero, remarks=remarks)


def without_mate(given, lowest):
    """How many entries of an (h, k, l) bool array whose first index is `lowest` have no entry at -h -k -l."""
    reach = [min(-int(first), int(first) + n - 1) for first, n in zip(lowest, given.shape, strict=True)]
    if min(reach) < 0:
        return int(np.count_nonzero(given))
    middle = given[tuple(slice(-int(first) - r, -int(first) + r + 1) for first, r in zip(lowest, reach, strict=True))]
    return int(np.count_nonzero(given)) - int(np.count_nonzero(middle & middle[::-1, ::-1, ::-1]))


def without_mate_of_few(given, shape, lowest):
    """The same for sorted positions in the flattened array."""
    mates = -2 * lowest[:, None].astype(np.int64) - np.array(np.unravel_index(given, shape))
    inside = ((mates >= 0) & (mates < np.array(shape)[:, None])).all(axis=0)
    return given.size - int(np.isin(np.ravel_multi_index(tuple(mates[:, inside]), shape), given).sum())


def half_remarks(path, alone, entries, default_F):
    """A remark if many entries lack their Friedel mate, as in files of programs that list half of reciprocal space."""
    if alone <= MOST_ALONE * entries:
        return ()
    return (
        (
            f"-hkl {os.fspath(path)}: {alone} of {entries} entries have no entry for their Friedel mate -h -k -l, which "
            f"gets F = {default_F:g}; a text table must list all of P1"
        ),
    )


def parse_table(content, path):
    """Indices (3, n) int32 and amplitudes (n,) float64 in a table's bytes."""
    most = len(content) // SHORTEST_LINE + 1
    indices, F = np.empty((3, most), np.int32), np.empty(most)
    doubtful, counts = np.empty((most, 3), np.int64), np.zeros(2, np.int64)
    bad_line = read_hkl_rows(np.frombuffer(content, np.uint8), LARGEST_INDEX, indices, F, doubtful, counts)
    rows, doubts = counts.tolist()
    for row, start, stop in doubtful[:doubts].tolist():
        F[row] = float(content[start:stop])
        if np.isinf(F[row]):
            raise bad_table(content, path, len(content[:start].splitlines()))
    if bad_line:
        raise bad_table(content, path, bad_line)
    if not rows:
        raise InputError(f"-hkl {path}: has no reflection in it")
    return indices[:, :rows], F[:rows]


def bad_table(content, path, number):
    """The error that names a line, or says that the file is not text at all."""
    decoded_text("-hkl", path, content)
    if PDB.search(content):
        return IsModel(path)
    line = content.splitlines()[number - 1]
    words = GLUED.sub(b" ", line[:LONGEST_LINE]).decode(errors="replace").split()
    return InputError(f"-hkl {path}: line {number} {fault(line)}{odd_word(words)}")


def fault(line):
    """What is wrong with a line."""
    words = GLUED.sub(b" ", line).split()
    try:
        values = [float(word) for word in words]
    except ValueError:
        return "is not 'h k l F'"
    if len(values) != 4:
        return f"has {len(values)} columns instead of 'h k l F'"
    if not np.isfinite(values).all():
        return "has a value that is not a finite number"
    if any(value != np.floor(value) or abs(value) > LARGEST_INDEX for value in values[:3]):
        return BAD_INDEX
    return "is not 'h k l F'"
