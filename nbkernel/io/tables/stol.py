"""Tables of an amorphous material's structure factor: sin(theta)/lambda and F (electrons of a molecule), line by line."""

from itertools import pairwise

import numpy as np

from nbkernel.errors import InputError

from .columns import read_columns

FAR = 1e98, 1e99  # 1/m, beyond every table


def read_stol(flag, path, scale):
    """(stol (1/m), F) float64, with two more points at either end that continue the first and the last F.

    scale: of the first column to 1/m. A missing F is 0. Raises InputError for what is not a table with increasing stol.
    """
    rows = read_columns(flag, path, 2)
    check_increasing(f"{flag} {path}", rows)
    given = [F for _, F in rows if F is not None]
    if not given:
        raise InputError(f"{flag} {path}: has one column; need sin(theta)/lambda and F")
    near, far = FAR
    stol = [-far, -near, *(own * scale for own, _ in rows), near, far]
    F = [given[0]] * 2 + [0.0 if own is None else own for _, own in rows] + [given[-1]] * 2
    return np.array(stol), np.array(F)


def read_pairs(flag, path):
    """(n, 2) float64: the rows of a file, in which both numbers have to be given. Raises InputError as `read_stol`."""
    rows = read_columns(flag, path, 2)
    check_increasing(f"{flag} {path}", rows)
    for number, (own, other) in enumerate(rows, 1):
        if other is None:
            raise InputError(f"{flag} {path}: row {number} has one number, {own:g}; need two columns")
    return np.array(rows, np.float64)


def check_increasing(lead, rows):
    """Raises InputError unless the first numbers of rows increase."""
    for before, own in pairwise(rows):
        if not own[0] > before[0]:
            raise InputError(
                f"{lead}: is not sorted, {own[0]:g} comes after {before[0]:g}; need increasing sin(theta)/lambda"
            )
