"""mmCIF files of reflections, with one or more blocks; read by gemmi."""

import contextlib
import os
import re

import numpy as np

from nbkernel.errors import InputError
from nbkernel.io.files.text import decoded_text
from nbkernel.support.memory import require_memory
from nbkernel.support.printable import shortened

from .amplitude_columns import choose_columns
from .reflections import IsModel
from .space_group import StatedGroup, find_space_group
from .symmetric_files import SymmetricData, import_gemmi, whole_indices

# MTZ's types of mmCIF's items in _refln, by the first of these that the name contains
CIF_TYPES = (
    ("sigma", "Q"), ("phase", "P"), ("fom", "W"), ("anom_diff", "D"), ("squared", "J"), ("intensity", "J"),
    ("pdbx_I_", "K"), ("pdbx_F_plus", "G"), ("pdbx_F_minus", "G"), ("F_", "F"), ("FWT", "F"), ("index_", "H"),
)  # fmt: skip
CELL_ITEMS = ("length_a", "length_b", "length_c", "angle_alpha", "angle_beta", "angle_gamma")
OPERATION_ITEMS = (
    "_symmetry_equiv.pos_as_xyz", "_symmetry_equiv_pos_as_xyz",
    "_space_group_symop.operation_xyz", "_space_group_symop_operation_xyz",
)  # fmt: skip
SYMBOL_ITEMS = (
    "_symmetry.space_group_name_H-M", "_symmetry_space_group_name_H-M",
    "_space_group.name_H-M_alt", "_space_group_name_H-M_alt", "_space_group.name_H-M_full",
)  # fmt: skip
HALL_ITEMS = (
    "_symmetry.space_group_name_Hall", "_symmetry_space_group_name_Hall",
    "_space_group.name_Hall", "_space_group_name_Hall",
)  # fmt: skip
NUMBER_ITEMS = (
    "_symmetry.Int_Tables_number", "_symmetry_Int_Tables_number", "_space_group.IT_number", "_space_group_IT_number",
)  # fmt: skip
MEMORY_PER_BYTE = 32  # that gemmi takes for many short values


def read_cif(path, content, wanted):
    """SymmetricData of an mmCIF file's bytes, and the labels of the amplitudes: from the first block with amplitudes of
    merged reflections. If it lacks cell or space group, these are from a block before it, else from the next that has them.

    wanted: as for `choose_columns`, or with the block's name and a colon in front. Raises InputError if there are no
    amplitudes.
    """
    gemmi = import_gemmi(path, "an mmCIF")
    decoded_text("-hkl", path, content)
    require_memory(MEMORY_PER_BYTE * len(content), f"-hkl {os.fspath(path)}", "its content")
    with whole_file(path):
        document = gemmi.cif.read_string(content)
        # the next call clears them
        stated = [(block.name, stated_cell(block), stated_group(gemmi, block)) for block in document]
        has_atoms = any(len(block.find_values("_atom_site.Cartn_x")) for block in document)
        blocks = [block for block in gemmi.as_refln_blocks(document) if block]
    merged = [block for block in blocks if block.is_merged()]
    if has_atoms and not blocks:
        raise IsModel(path)
    if not merged:
        lacking = "only unmerged reflections" if blocks else "no reflections"
        raise InputError(f"-hkl {os.fspath(path)}: has {lacking}; need a loop of _refln. items")
    name, label = wanted_block(merged, wanted)
    if name is not None:
        merged = [block for block in merged if block.block.name == name]
    block, columns = first_with_amplitudes(path, merged, label)
    with whole_file(path):
        indices = whole_indices(path, block.make_miller_array())
    place = [name for name, _, _ in stated].index(block.block.name)
    # those before it, the nearest first, then those after it
    _, cells, groups = zip(stated[place], *reversed(stated[:place]), *stated[place + 1 :], strict=True)
    cell, group = next(filter(None, cells), None), next(filter(any, groups), StatedGroup())

    def values(label):
        found = np.array(block.make_float_array(label))
        texts = block.block.find_values(f"_refln.{label}")
        for row in np.flatnonzero(np.isnan(found)):
            if not gemmi.cif.is_null(texts[row]) and texts[row].lower() != "nan":
                value = f"_refln.{label} of reflection {row + 1}"
                raise InputError(f"-hkl {os.fspath(path)}: {value} is not a number: {shortened(texts[row], 30)}")
        return found

    data = SymmetricData(
        path, types_of(path, block), indices, values, lambda label: cell, find_space_group(path, group, cell),
        block.block.name if len(blocks) > 1 else "",
    )  # fmt: skip
    return data, columns


def wanted_block(blocks, wanted):
    """Block name and column label in BLOCK:LABEL; None if no block has that name."""
    if wanted is not None and ":" in wanted:
        name, _, label = wanted.partition(":")
        if any(block.block.name == name.strip() for block in blocks):
            return name.strip(), label
    return None, wanted


def first_with_amplitudes(path, blocks, wanted):
    """The first block that has the wanted columns (or the usual ones), and their labels. If none has, raises InputError
    about the first block."""
    first_error = None
    for block in blocks:
        try:
            return block, choose_columns(path, types_of(path, block), wanted)
        except InputError as error:
            first_error = first_error or error
    if len(blocks) > 1:
        names = ", ".join(block.block.name for block in blocks[:10])
        raise InputError(f"{first_error} (blocks with reflections: {names})")
    raise first_error  # type: ignore[misc]  # of the only block


def types_of(path, block):
    try:
        return {label: cif_type(label) for label in block.column_labels()}
    except IndexError:
        raise InputError(
            f"-hkl {os.fspath(path)}: the loop of reflections has a column whose name does not begin with _refln"
        ) from None


def cif_type(label):
    return next((kind for part, kind in CIF_TYPES if part in label), "")


def stated_cell(block):
    """The cell in a block as numbers, None if there is none."""
    texts = [block.find_value(f"_cell.{item}") or block.find_value(f"_cell_{item}") for item in CELL_ITEMS]
    try:
        # a standard uncertainty may follow in parentheses
        return tuple(float(text.strip("'\"").partition("(")[0]) for text in texts)
    except (AttributeError, ValueError):
        return None


def stated_group(gemmi, block):
    """The StatedGroup in a block."""

    def texts(items):
        found = (list(block.find_values(item)) for item in items)
        return [gemmi.cif.as_string(text) for texts in found for text in texts if not gemmi.cif.is_null(text)]

    operations = next(filter(None, ([*texts([item])] for item in OPERATION_ITEMS)), [])
    hall, number = texts(HALL_ITEMS), texts(NUMBER_ITEMS)
    return StatedGroup(
        tuple(operations), tuple(dict.fromkeys(texts(SYMBOL_ITEMS))), hall[0] if hall else None,
        int(number[0]) if number and re.fullmatch(r"\d{1,5}", number[0], re.ASCII) else None,
    )  # fmt: skip


@contextlib.contextmanager
def whole_file(path):
    """Turns what gemmi raises for a damaged file into an InputError."""
    try:
        yield
    except (RuntimeError, ValueError, IndexError, OverflowError) as error:
        first_line = (str(error).splitlines() or ["damaged"])[0]
        raise InputError(
            f"-hkl {os.fspath(path)}: is not a complete mmCIF file: {first_line.removesuffix(f': {path}')}"
        ) from None
