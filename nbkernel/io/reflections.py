"""Reflections: structure factors on a grid of whole indices, from whatever file they came."""

from dataclasses import dataclass

import numpy as np

from nbkernel.errors import InputError
from nbkernel.memory import require_memory

MOST_ENTRIES = 2_000_000_000
LARGEST_INDEX = 1_000_000


@dataclass(frozen=True)
class SymmetricFile:
    """What was taken from an MTZ or mmCIF file."""

    path: str
    columns: tuple  # label of the amplitudes, or those of F(+) and F(-)
    space_group: str  # Hermann-Mauguin symbol
    cell: tuple | None  # a b c (Angstrom) alpha beta gamma (degrees)
    unique: int  # reflections with a value, Friedel mates and symmetry copies counted once
    unpaired: int  # acentric ones of F(+) and F(-) with a value for one of the two only
    absent: int  # values given for systematic absences
    resolution: tuple | None  # largest and smallest spacing, Angstrom


@dataclass(frozen=True)
class Reflections:
    """F: (h, k, l) float64 (electrons), whose first element is at h_min, k_min, l_min; `count` entries were given, the
    last one read from a text table has last_F. file: what an MTZ or mmCIF file held, None for tables of P1."""

    F: np.ndarray
    h_min: int
    k_min: int
    l_min: int
    count: int
    last_F: float = 0.0
    file: SymmetricFile | None = None


NO_REFLECTIONS = Reflections(np.zeros((0, 0, 0)), 0, 0, 0, 0)


def empty_grid(path, lowest, highest, F):
    """(h, k, l) float64 array filled with F, for the indices from `lowest` to `highest` of the file `path`.

    Raises InputError where memory cannot hold it.
    """
    shape = tuple(int(last) - int(first) + 1 for first, last in zip(lowest, highest, strict=True))
    entries = shape[0] * shape[1] * shape[2]
    if entries > MOST_ENTRIES:
        raise InputError(f"-hkl {path}: indices from {lowest} to {highest} make a table too large for memory")
    # the table, its squares with a border, one more on the way
    require_memory(24 * entries, "-hkl", f"the table of {path}, indices {lowest} to {highest},")
    return np.full(shape, F, np.float64)
