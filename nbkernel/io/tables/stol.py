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
    for before, (own, _) in pairwise(rows):
        if not own > before[0]:
            raise InputError(
                f"{flag} {path}: is not sorted, {own:g} comes after {before[0]:g}; need increasing sin(theta)/lambda"
            )
    given = [F for _, F in rows if F is not None]
    if not given:
        raise InputError(f"{flag} {path}: has one column; need sin(theta)/lambda and F")
    near, far = FAR
    stol = [-far, -near, *(own * scale for own, _ in rows), near, far]
    F = [given[0]] * 2 + [0.0 if own is None else own for _, own in rows] + [given[-1]] * 2
    return np.array(stol), np.array(F)
