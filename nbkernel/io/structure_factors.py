"""Structure factors: nanoBragg's text tables (h k l F) and its binary dump file."""

import io
import os
import re
from dataclasses import dataclass

import numpy as np

from nbkernel.errors import InputError
from nbkernel.memory import require_memory

from .text import read_bytes, read_text

# six limits as text, newline, form feed, then doubles
DUMP_HEADER = re.compile(rb"\s*(-?\d+)\s+(-?\d+)\s+(-?\d+)\s+(-?\d+)\s+(-?\d+)\s+(-?\d+)\n\f")
MOST_ENTRIES = 2_000_000_000
LARGEST_INDEX = 1_000_000


@dataclass(frozen=True)
class Reflections:
    """F: (h, k, l) float64 (electrons), whose first element is at h_min, k_min, l_min; `count` entries were given, the
    last one read from a text table has last_F."""

    F: np.ndarray
    h_min: int
    k_min: int
    l_min: int
    count: int
    last_F: float = 0.0


NO_REFLECTIONS = Reflections(np.zeros((0, 0, 0)), 0, 0, 0, 0)


def read_hkl(path, default_F):
    """Reflections of a text file with `h k l F` on each line; absent ones are default_F, the last of several counts.

    Raises InputError, naming the line, for anything else.
    """
    text = read_text("-hkl", path)
    if not text.strip():
        raise InputError(f"-hkl {path}: {first_bad_line(text)}")
    try:
        table = np.loadtxt(io.StringIO(text), dtype=np.float64, comments=None, ndmin=2)
    except ValueError:
        table = None
    if table is None or table.shape[1:] != (4,) or not np.isfinite(table).all():
        raise InputError(f"-hkl {path}: {first_bad_line(text)}")
    indices = table[:, :3]
    if (indices != np.floor(indices)).any() or np.abs(indices).max() > LARGEST_INDEX:
        raise InputError(f"-hkl {path}: {first_bad_line(text)}")
    lowest, highest = indices.min(axis=0).astype(int), indices.max(axis=0).astype(int)
    shape = highest - lowest + 1
    if np.prod(shape.astype(float)) > MOST_ENTRIES:
        raise InputError(f"-hkl {path}: indices from {lowest} to {highest} make a table too large for memory")
    # the table, its squares with a border, one more on the way
    require_memory(24 * int(np.prod(shape.astype(float))), "-hkl", f"the table of {path}, indices {lowest} to {highest},")
    F = np.full(shape, default_F)
    rows = (indices - lowest).astype(np.int64)
    F[rows[:, 0], rows[:, 1], rows[:, 2]] = table[:, 3]
    return Reflections(F, *(int(x) for x in lowest), len(table), float(table[-1, 3]))


def first_bad_line(text):
    """What is wrong with a text table, by line."""
    filled = 0
    for number, line in enumerate(text.splitlines(), 1):
        words = line.split()
        if not words:
            continue
        filled += 1
        shown = line.strip()[:60]
        try:
            values = [float(word) for word in words]
        except ValueError:
            return f"line {number} is not 'h k l F': {shown!r}"
        if len(values) != 4:
            return f"line {number} has {len(values)} columns instead of 'h k l F': {shown!r}"
        if not np.isfinite(values).all():
            return f"line {number} has a value that is not a finite number: {shown!r}"
        if any(value != int(value) or abs(value) > LARGEST_INDEX for value in values[:3]):
            return f"line {number} has an index that is no usable whole number: {shown!r}"
    return "has no reflection in it" if not filled else "is not a table of 'h k l F'"


def read_dump(path):
    """Reflections of a dump file. Raises InputError where its header and its length disagree."""
    content = read_bytes("-dump", path)
    header = DUMP_HEADER.match(content)
    if not header:
        raise InputError(f"-dump {path}: not a dump file of structure factors (delete it, or give -hkl)")
    h_min, h_max, k_min, k_max, l_min, l_max = (int(limit) for limit in header.groups())
    shape = (h_max - h_min + 1, k_max - k_min + 1, l_max - l_min + 1)
    # one spare element per axis
    spare = tuple(n + 1 for n in shape)
    needed = header.end() + 8 * spare[0] * spare[1] * spare[2]
    if min(shape) < 1 or len(content) != needed:
        raise InputError(
            f"-dump {path}: its header asks for {needed} bytes but it has {len(content)} (delete it, or give -hkl)"
        )
    F = np.frombuffer(content, np.float64, offset=header.end()).reshape(spare)[:-1, :-1, :-1]
    return Reflections(np.ascontiguousarray(F), h_min, k_min, l_min, F.size)


def dump_pieces(reflections):
    """The bytes of the dump file that nanoBragg.c and `read_dump` read, piece by piece."""
    F = reflections.F
    limits = []
    for first, length in zip((reflections.h_min, reflections.k_min, reflections.l_min), F.shape, strict=True):
        limits += [first, first + length - 1]
    yield (" ".join(str(limit) for limit in limits) + "\n\f").encode()
    for h in range(F.shape[0]):
        yield np.pad(F[h], ((0, 1), (0, 1))).tobytes()
    yield bytes(8 * (F.shape[1] + 1) * (F.shape[2] + 1))


def find_reflections(experiment):
    """Reflections of an Experiment: its hkl file, else a dump file that is there, else none where default_F is set.

    Raises InputError where there is nothing to take structure factors from.
    """
    if experiment.hkl is not None:
        return read_hkl(experiment.hkl, experiment.default_F)
    if os.path.exists(experiment.dump):
        return read_dump(experiment.dump)
    if experiment.default_F == 0.0:
        raise InputError(f"no structure factors: give -hkl FILE or -default_F, or a dump file {experiment.dump}")
    return NO_REFLECTIONS
