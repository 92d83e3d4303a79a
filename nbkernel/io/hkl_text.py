"""nanoBragg's text tables of structure factors: `h k l F` on each line."""

import re

import numpy as np

from nbkernel.errors import InputError
from nbkernel.kernels.hkl_table import read_hkl_rows

from .reflections import LARGEST_INDEX, Reflections, empty_grid
from .text import decoded_text

SHORTEST_LINE = len("0 0 0 0\n")
# Fortran leaves no blank before a sign when a column is full
GLUED = re.compile(rb"(?<=[\d.])(?=[-+])")


def table_reflections(content, path, default_F):
    """Reflections of a table's bytes; absent ones are default_F, the last of several counts.

    Numbers are read as C's fscanf reads them, so a sign may follow a digit without a blank between. Unlike the program,
    which stops reading in silence, raises InputError, naming the line, for a line that is not four finite numbers, of
    which the first three are whole.
    """
    indices, F = parse_table(content, path)
    lowest, highest = indices.min(axis=1), indices.max(axis=1)
    grid = empty_grid(path, lowest, highest, default_F)
    grid[tuple(indices - lowest[:, None])] = F
    return Reflections(grid, *lowest.tolist(), F.size, float(F[-1]))


def parse_table(content, path):
    """Indices (3, n) int32 and amplitudes (n,) float64 of a table's bytes."""
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
    """The error that names a line, or says that the file is no text at all."""
    decoded_text("-hkl", path, content)
    line = content.splitlines()[number - 1]
    return InputError(f"-hkl {path}: line {number} {fault(line)}: {line.strip()[:60].decode(errors='replace')!r}")


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
        return "has an index that is no usable whole number"
    return "is not 'h k l F'"
