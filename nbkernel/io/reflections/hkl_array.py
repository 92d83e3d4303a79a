"""Tables of structure factors as an array, h k l F in each row: from a .npy file of NumPy, or from a user's arrays."""

import os

import numpy as np

from nbkernel.errors import InputError
from nbkernel.io.files.npy import read_npy

from .hkl_text import reflections_of_rows
from .reflections import BAD_INDEX
from .symmetric_files import whole_indices


def npy_reflections(content, path, default_F):
    """Reflections in a .npy file's bytes, as `table_reflections` makes them of a text table with the same numbers. Raises
    InputError for a file that is damaged, or whose rows are not h k l F."""
    lead = f"-hkl {os.fspath(path)}"
    rows = read_npy(lead, content)
    if rows.ndim != 2 or rows.shape[1] != 4 or rows.dtype.kind not in "iuf":
        raise InputError(
            f"{lead}: has {rows.dtype} of shape {' x '.join(map(str, rows.shape))}; need an array of 4 columns, h k l F"
        )
    rows = rows.astype(np.float64)
    indices = whole_indices(path, rows[:, :3])
    check_amplitudes(lead, rows[:, 3])
    return reflections_of_rows(np.ascontiguousarray(indices.T), rows[:, 3].copy(), path, default_F)


def check_amplitudes(lead, F):
    """Raises InputError, starting with `lead`, if one of the amplitudes is not a finite number."""
    bad = np.flatnonzero(~np.isfinite(F))
    if bad.size:
        raise InputError(f"{lead}: amplitude {bad[0]} is {F[bad[0]]}; need finite numbers")


def rows_of_arrays(lead, miller, amplitudes):
    """(n, 4) float64, h k l F, of Miller indices (n, 3) and amplitudes (n,). Raises InputError, starting with `lead`, for
    anything else."""
    indices, F = as_numbers(lead, "Miller indices", miller), as_numbers(lead, "amplitudes", amplitudes)
    if indices.ndim != 2 or indices.shape[1] != 3:
        raise InputError(f"{lead}: needs Miller indices as an array of n x 3, not {shape_text(indices)}")
    if F.shape != (len(indices),):
        raise InputError(f"{lead}: needs one amplitude for each of the {len(indices)} Miller indices, not {shape_text(F)}")
    if not len(indices):
        raise InputError(f"{lead}: has no reflection in it")
    try:
        indices = whole_indices("", indices.astype(np.float64))
    except InputError:
        raise InputError(f"{lead}: {BAD_INDEX}") from None
    F = F.astype(np.float64)
    check_amplitudes(lead, F)
    return np.column_stack([indices, F])


def as_numbers(lead, what, values):
    """An array of real numbers."""
    try:
        found = np.asarray(values)
    except ValueError:
        raise InputError(f"{lead}: {what} are not an array of numbers; their rows differ in length") from None
    if found.dtype.kind not in "iuf":
        hint = "; take their absolute values" if found.dtype.kind == "c" else ""
        raise InputError(f"{lead}: needs real numbers as {what}, not {found.dtype}{hint}")
    return found


def shape_text(array):
    return "a single number" if array.ndim == 0 else f"an array of {' x '.join(map(str, array.shape))}"
