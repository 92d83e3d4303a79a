"""Rotation matrices: of a user's mosaic domains, from text or NumPy's .npy files."""

import os

import numpy as np

from nbkernel.errors import InputError
from nbkernel.geometry.rotations import NUMBERS, checked_rotations
from nbkernel.io.files.npy import NPY, read_npy
from nbkernel.io.files.opening import read_bytes

from .columns import read_columns

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
