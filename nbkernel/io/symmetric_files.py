"""MTZ and mmCIF files of reflections, whose symmetry gives the rest of P1; read by gemmi."""

import contextlib
import os
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from nbkernel.errors import InputError

from .reflections import LARGEST_INDEX
from .text import decoded_text

# types, as an MTZ file has them, of mmCIF's items in _refln, by the first of these that is in the name
CIF_TYPES = (
    ("sigma", "Q"), ("phase", "P"), ("fom", "W"), ("anom_diff", "D"), ("squared", "J"), ("intensity", "J"),
    ("pdbx_I_", "K"), ("pdbx_F_plus", "G"), ("pdbx_F_minus", "G"), ("F_", "F"), ("FWT", "F"), ("index_", "H"),
)  # fmt: skip
SPACE_GROUP_ITEMS = ("_space_group.name_H-M_alt", "_space_group.name_H-M_full")


@dataclass(frozen=True)
class SymmetricData:
    """Reflections as a file has them.

    values(label): (n,) float64, nan where a value is missing; cell(label): a b c (Angstrom) alpha beta gamma (degrees)
    of the column's data set, None where none was set.
    """

    path: str
    types: dict  # column type, see `amplitude_columns`, by label, in the file's order
    indices: np.ndarray  # (n, 3) int32
    values: Callable
    cell: Callable
    space_group: object  # gemmi.SpaceGroup


def read_mtz(path):
    """SymmetricData of a merged MTZ file. Raises InputError for any other."""
    gemmi = import_gemmi(path, "an MTZ")
    with whole_file(path, "MTZ"):
        mtz = gemmi.read_mtz_file(os.fspath(path))
        types = {}
        for column in mtz.columns:
            types.setdefault(column.label, column.type)
        if list(types.values())[:3] != ["H"] * 3:
            raise InputError(f"-hkl {path}: its first three columns are not the indices H K L")
        if len(mtz.batches):
            raise InputError(f"-hkl {path}: holds unmerged observations; merge them first (aimless, dials.merge)")
        indices = whole_indices(path, np.array(mtz.array[:, :3], np.float64))

    def values(label):
        found = np.array(mtz.column_with_label(label).array, np.float64)
        found[found == np.float32(mtz.valm)] = np.nan
        return found

    def cell(label):
        return cell_of(mtz.get_cell(mtz.column_with_label(label).dataset_id))

    return SymmetricData(path, types, indices, values, cell, known_group(path, mtz.spacegroup))


def read_cif(path, content):
    """SymmetricData of the first block with merged reflections in an mmCIF file's bytes. Raises InputError for a file
    without."""
    gemmi = import_gemmi(path, "an mmCIF")
    decoded_text("-hkl", path, content)
    with whole_file(path, "mmCIF"):
        blocks = [block for block in gemmi.as_refln_blocks(gemmi.cif.read_string(content)) if block]
        block = next((block for block in blocks if block.is_merged()), None)
        if block is None:
            lacking = "only unmerged reflections" if blocks else "no reflections"
            raise InputError(f"-hkl {path}: has {lacking}; need a loop of _refln. items")
        indices = whole_indices(path, block.make_miller_array())
        types = {label: cif_type(label) for label in block.column_labels()}
        group = block.spacegroup or named_group(gemmi, block)

    def values(label):
        found = np.array(block.make_float_array(label))
        texts = block.block.find_values(f"_refln.{label}")
        for row in np.flatnonzero(np.isnan(found)):
            if not gemmi.cif.is_null(texts[row]) and texts[row].lower() != "nan":
                raise InputError(f"-hkl {path}: _refln.{label} of reflection {row + 1} is no number: {texts[row]}")
        return found

    return SymmetricData(path, types, indices, values, lambda label: cell_of(block.cell), known_group(path, group))


def import_gemmi(path, kind):
    try:
        import gemmi
    except ImportError:
        raise InputError(f"-hkl {path}: is {kind} file, which takes gemmi to read: pip install 'nbkernel[sf]'") from None
    return gemmi


@contextlib.contextmanager
def whole_file(path, kind):
    """Makes an InputError of what gemmi raises for a damaged file."""
    try:
        yield
    except (RuntimeError, ValueError, IndexError, OverflowError) as error:
        first_line = (str(error).splitlines() or ["damaged"])[0]
        raise InputError(f"-hkl {path}: is no whole {kind} file: {first_line.removesuffix(f': {path}')}") from None


def whole_indices(path, indices):
    if not len(indices):
        raise InputError(f"-hkl {path}: has no reflection in it")
    # also false for nan
    if not ((indices == np.floor(indices)) & (np.abs(indices) <= LARGEST_INDEX)).all():
        raise InputError(f"-hkl {path}: has an index that is no usable whole number")
    return np.ascontiguousarray(indices, np.int32)


def cell_of(cell):
    """Edges and angles of a gemmi.UnitCell, None for one that was never set."""
    return tuple(cell.parameters) if cell.is_crystal() else None


def cif_type(label):
    return next((kind for part, kind in CIF_TYPES if part in label), "")


def named_group(gemmi, block):
    """The gemmi.SpaceGroup of an item that gemmi itself does not look for, None where there is none."""
    names = [gemmi.cif.as_string(text) for item in SPACE_GROUP_ITEMS for text in block.block.find_values(item)]
    groups = (gemmi.find_spacegroup_by_name(name, block.cell.alpha, block.cell.gamma) for name in names)
    return next(filter(None, groups), None)


def known_group(path, space_group):
    if space_group is None:
        raise InputError(f"-hkl {path}: names no known space group; need its Hermann-Mauguin symbol, such as P 21 21 21")
    return space_group
