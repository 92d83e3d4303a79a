"""Reflections: structure factors on a grid of integer indices, from a file of any format."""

import math
import os
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from nbkernel.errors import InputError
from nbkernel.io.files.input_limit import check_size
from nbkernel.support.memory import require_memory

MOST_ENTRIES = 2_000_000_000
LARGEST_INDEX = 1_000_000
BAD_INDEX = f"has an index that is not a whole number from -{LARGEST_INDEX} to {LARGEST_INDEX}"
BYTES_PER_ENTRY = 24
MODEL = "is a model; calculate its structure factors first: nbkernel structure-factors MODEL --dmin D --output FILE.mtz"
LARGEST_F = 1e12  # electrons
FULL = 1000  # table entries per given one: a sphere in its box has two, and symmetry makes at most 192 out of one


class IsModel(InputError):
    """Structure factors were to be read from a model."""

    def __init__(self, path):
        super().__init__(f"-hkl {os.fspath(path)}: {MODEL}")


class SymmetricFile(NamedTuple):
    """What was read from an MTZ or mmCIF file."""

    path: str
    columns: tuple  # label of the amplitudes, or those of F(+) and F(-)
    space_group: str  # Hermann-Mauguin symbol
    cell: tuple | None  # a b c (Angstrom) alpha beta gamma (degrees)
    unique: int  # reflections with a value, Friedel mates and symmetry copies counted once
    unpaired: int  # acentric reflections with a value for only one of F(+) and F(-)
    absent: int  # values given for systematic absences
    resolution: tuple | None  # largest and smallest spacing, Angstrom
    further: int = 0  # values in a column after the first one of their reflection
    block: str = ""  # of an mmCIF file of several
    group: object = None  # its SpaceGroup, of which space_group is the name


@dataclass(frozen=True)
class Reflections:
    """F: (h, k, l) float64 (electrons), whose first element is at h_min, k_min, l_min; `count` entries were given, the
    last one in a text table has last_F.

    file: what an MTZ or mmCIF file contained, None for tables of P1. nonzero: sorted positions in the flattened F of all
    that is not 0, if these are few (then most of F has never been written to, and takes no memory); else None. remarks:
    lines about what the user may not have meant. Readers share one Reflections of an unchanged file, so F is read-only."""

    F: np.ndarray
    h_min: int
    k_min: int
    l_min: int
    count: int
    last_F: float = 0.0
    file: SymmetricFile | None = None
    nonzero: np.ndarray | None = None
    remarks: tuple = ()

    def __post_init__(self):
        for array in (self.F, self.nonzero):
            if array is not None:
                array.flags.writeable = False


NO_REFLECTIONS = Reflections(np.zeros((0, 0, 0)), 0, 0, 0, 0)


def empty_grid(path, lowest, highest, F, given):
    """(h, k, l) float64 array filled with F, for the indices from `lowest` to `highest` of the `given` entries of the
    file `path`.

    Raises InputError if memory cannot hold it, or if few entries make a table that is out of proportion.
    """
    shape = tuple(int(last) - int(first) + 1 for first, last in zip(lowest, highest, strict=True))
    entries = shape[0] * shape[1] * shape[2]
    lowest, highest = (" ".join(str(int(index)) for index in limits) for limits in (lowest, highest))
    if entries > MOST_ENTRIES:
        raise InputError(f"-hkl {os.fspath(path)}: indices from {lowest} to {highest} make a table too large for memory")
    # the table, its squares with a border, one more in between
    require_memory(BYTES_PER_ENTRY * entries, "-hkl", f"the table of {os.fspath(path)}, indices {lowest} to {highest},")
    if F == 0.0:
        # only writing anything but zeros takes memory
        return np.zeros(shape)
    if entries > FULL * given:
        check_size(
            "-hkl", path, BYTES_PER_ENTRY * entries, f"the table of its {given} entries, indices {lowest} to {highest},"
        )
    return np.full(shape, F)


def value_remarks(source, F):
    """Remarks about impossible structure factors in F, of any shape; source: flag and file."""
    if not F.size:
        return ()
    remarks = []
    largest = max(float(F.max()), -float(F.min()))
    if not math.isfinite(largest):
        finite = np.isfinite(F)
        count = F.size - int(np.count_nonzero(finite))
        remarks.append(f"{source}: {count} structure factor{' is' if count == 1 else 's are'} infinite or not a number")
        largest = float(np.max(np.abs(F), where=finite, initial=0.0))
    if largest > LARGEST_F:
        remarks.append(
            f"{source}: has structure factors of up to {largest:g} electrons, more than any crystal's; pixels may be "
            "infinite"
        )
    return tuple(remarks)
