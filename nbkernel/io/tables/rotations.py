"""Rotation matrices: of a user's mosaic domains, from text or NumPy's .npy files."""

import os

import numpy as np

from nbkernel.errors import InputError
from nbkernel.io.files.npy import NPY, read_npy
from nbkernel.io.files.opening import read_bytes

from .columns import read_columns

TOLERANCE = 1e-6  # of a matrix written with seven digits
NUMBERS = 9
START = 8  # bytes that tell a .npy file


def read_rotations(flag, path):
    """(n, 3, 3) float64 rotations in a file: an array of (n, 3, 3) or (n, 9) in a .npy file, or text with nine numbers in
    each line, row by row. Raises InputError for anything else."""
    lead = f"{flag} {os.fspath(path)}"
    if NPY.match(read_bytes(flag, path, most=START)):
        return checked_rotations(lead, read_npy(lead, read_bytes(flag, path)))
    rows = read_columns(flag, path, NUMBERS + 1)
    for number, row in enumerate(rows, 1):
        # a last line without a newline is filled with zeros
        if None in row[:NUMBERS] or row[NUMBERS]:
            raise InputError(f"{lead}: matrix {number} needs nine numbers in a line, the rows of a rotation matrix")
    return checked_rotations(lead, np.array([row[:NUMBERS] for row in rows]))


def checked_rotations(lead, matrices):
    """(n, 3, 3) float64 of an array of rotations, (n, 3, 3) or (n, 9). Raises InputError, beginning with `lead`, for
    anything else."""
    matrices = np.asarray(matrices)
    shape = matrices.shape
    if matrices.dtype.kind not in "iuf" or shape[1:] not in ((3, 3), (NUMBERS,)) or not len(matrices):
        raise InputError(
            f"{lead}: has {matrices.dtype} of shape {' x '.join(map(str, shape)) or 'a single number'}; need rotation "
            "matrices, numbers of n x 3 x 3 or n x 9"
        )
    matrices = matrices.astype(np.float64).reshape(-1, 3, 3)
    with np.errstate(all="ignore"):
        error = np.abs(matrices @ matrices.transpose(0, 2, 1) - np.eye(3)).max(axis=(1, 2))
        wrong = np.flatnonzero(~(error < TOLERANCE) | ~(np.linalg.det(matrices) > 0.0))
    if wrong.size:
        raise InputError(
            f"{lead}: matrix {wrong[0] + 1} is not a rotation: its rows need length 1 and right angles, its determinant "
            "must be 1"
        )
    return matrices
