"""Unique structure factors, as an MTZ file, as a text table of all of P1, or as NumPy's array of it."""

import os
from typing import Any, NamedTuple

import numpy as np

from nbkernel.errors import InputError
from nbkernel.io.files.npy import npy_bytes
from nbkernel.io.reflections.structure_factors import reflections_of
from nbkernel.support.memory import require_memory

LABEL, MATES = "FC", ("F(+)", "F(-)")
ROW = 150  # bytes of memory that a row of the table takes on its way to a file
EDGE = 1e-6  # relative, in 1/d^2: above the rounding of a reflection at the limit


class Unique(NamedTuple):
    """Amplitudes of one reflection of each set of symmetry copies and Friedel mates.

    indices: (n, 3) int32; F: (n,) float64, electrons; cell: gemmi.UnitCell; group: gemmi.SpaceGroup; remarks: lines
    about what the user may not have meant; report: lines about what was computed."""

    indices: np.ndarray
    F: np.ndarray
    cell: Any
    group: Any
    remarks: tuple = ()
    report: tuple = ()

    def changed(self, scale, B):
        """The same times scale * exp(-B / (4 d^2)); B: Angstrom^2, added to that of the atoms."""
        # what overflows is refused when it is written
        with np.errstate(over="ignore", invalid="ignore"):
            return self._replace(F=self.F * (scale * np.exp(-0.25 * B * self.cell.calculate_1_d2_array(self.indices))))


def file_bytes(unique, path):
    """The content of a file with the Unique amplitudes; the ending of its name (.mtz, .hkl or .npy) decides which kind.

    Raises InputError for amplitudes that no such file can hold.
    """
    if not (np.abs(unique.F) <= np.finfo(np.float32).max).all():
        raise InputError(
            f"--output {path}: amplitudes of up to {np.max(np.abs(unique.F)):g} are too large; see --scale and --B"
        )
    content = mtz_of(unique)
    if ending(path) == ".mtz":
        return content
    require_memory(ROW * len(unique.F) * 2 * len(unique.group.operations().sym_ops), f"--output {path}", "its table")
    indices, F = rows_of_P1(unique, content, path)
    if ending(path) == ".npy":
        return npy_bytes(np.column_stack([indices, F]))
    rows = zip(indices.tolist(), F.tolist(), strict=True)
    return "".join(f"{h} {k} {l} {value:.7g}\n" for (h, k, l), value in rows).encode()


def ending(path):
    return os.path.splitext(os.fspath(path))[1].lower()


def mtz_of(unique):
    """A merged MTZ file, bytes, with Unique amplitudes in a column FC."""
    return mtz_bytes(unique.group, unique.cell, unique.indices, {LABEL: unique.F}, "F")


def mtz_bytes(group, cell, indices, columns, kind):
    """A merged MTZ file. group, cell: gemmi's SpaceGroup and UnitCell; columns: {label: values}, all of MTZ's type
    `kind`."""
    import gemmi

    mtz = gemmi.Mtz(with_base=True)
    mtz.spacegroup = group
    mtz.set_cell_for_all(cell)
    mtz.add_dataset("nbkernel")
    for label in columns:
        mtz.add_column(label, kind)
    mtz.set_data(np.column_stack([indices, *columns.values()]).astype(np.float32))
    return mtz.write_to_bytes()


def rows_of_P1(unique, content, path):
    """Indices (n, 3) and amplitudes (n,) of all symmetry copies and mates, systematic absences up to the same
    resolution among them."""
    table = reflections_of(content, path, np.nan, LABEL)
    at = np.argwhere(~np.isnan(table.F))
    indices = (at + (table.h_min, table.k_min, table.l_min)).astype(np.int32)
    largest = unique.cell.calculate_1_d2_array(unique.indices).max()
    inside = unique.cell.calculate_1_d2_array(indices) <= largest * (1.0 + EDGE)
    return indices[inside], table.F[tuple(at[inside].T)]
