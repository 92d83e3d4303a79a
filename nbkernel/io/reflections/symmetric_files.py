"""MTZ and mmCIF files of reflections, which symmetry expands to P1."""

import os
from collections import Counter
from collections.abc import Callable
from typing import NamedTuple

import numpy as np

from nbkernel.errors import InputError

from .mtz import parse_mtz
from .reflections import BAD_INDEX, LARGEST_INDEX
from .space_group import SpaceGroup, StatedGroup, find_space_group


class SymmetricData(NamedTuple):
    """Reflections as they are in a file.

    values(label): (n,) float64, nan where a value is missing; cell(label): a b c (Angstrom) alpha beta gamma (degrees)
    of the column's data set, None if it has none.
    """

    path: str
    types: dict  # column type, see `amplitude_columns`, by label, in the file's order
    indices: np.ndarray  # (n, 3) int32
    values: Callable
    cell: Callable
    group: SpaceGroup
    block: str = ""  # of several in an mmCIF file
    repeated: frozenset = frozenset()  # labels that several columns have; the first column counts


def read_mtz(path, content):
    """SymmetricData in a merged MTZ file's bytes. Raises InputError for any other file."""
    import_gemmi(path, "an MTZ")
    mtz = parse_mtz(path, content)
    types = {}
    for label, kind, _ in mtz.columns:
        types.setdefault(label, kind)
    if list(types.values())[:3] != ["H"] * 3:
        raise InputError(f"-hkl {os.fspath(path)}: its first three columns are not the indices H K L")
    if mtz.batches:
        raise InputError(f"-hkl {os.fspath(path)}: holds unmerged observations; merge them first (aimless, dials.merge)")
    name, number = mtz.group
    stated = StatedGroup(tuple(mtz.operations), (name,) if name else (), None, number)
    indices = whole_indices(path, mtz.numbers(slice(3)))
    repeated = frozenset(label for label, count in Counter(mtz.labels()).items() if count > 1)
    group = find_space_group(path, stated, mtz.cell)
    return SymmetricData(path, types, indices, mtz.values, mtz.cell_of, group, repeated=repeated)


def import_gemmi(path, kind):
    try:
        import gemmi
    except ImportError:
        raise InputError(
            f"-hkl {os.fspath(path)}: is {kind} file, which takes gemmi to read: pip install 'nbkernel[sf]'"
        ) from None
    return gemmi


def whole_indices(path, indices):
    if not len(indices):
        raise InputError(f"-hkl {os.fspath(path)}: has no reflection in it")
    # also false for nan
    if not ((np.abs(indices) <= LARGEST_INDEX) & (indices == np.floor(indices))).all():
        raise InputError(f"-hkl {os.fspath(path)}: {BAD_INDEX}")
    return np.ascontiguousarray(indices, np.int32)
