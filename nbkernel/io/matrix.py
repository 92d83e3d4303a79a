"""MOSFLM orientation matrices: three rows x, y, z of a_star, b_star, c_star, times the wavelength."""

import math

from nbkernel.errors import InputError

from .text import read_text


def read_matrix(path):
    """The first nine numbers of the file, row by row. Raises InputError where there are fewer."""
    values = []
    for word in read_text("-mat", path).split()[:9]:
        try:
            values.append(float(word))
        except ValueError:
            break
    if len(values) < 9 or not all(math.isfinite(value) for value in values):
        raise InputError(f"-mat {path}: needs nine numbers, three reciprocal cell vectors; found {len(values)}")
    return tuple(values)
