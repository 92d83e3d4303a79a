"""MOSFLM orientation matrices: three rows x, y, z of a_star, b_star, c_star, times the wavelength."""

import math
import re

from nbkernel.errors import InputError

from .text import read_text

# Fortran leaves no blank before a minus sign when a column is full
NUMBER = re.compile(r"\s*[-+]?(\d+\.?\d*|\.\d+)([eE][-+]?\d+)?")


def read_matrix(path):
    """The first nine numbers of the file, row by row. Raises InputError where there are fewer."""
    text, position, values = read_text("-mat", path), 0, []
    while len(values) < 9 and (match := NUMBER.match(text, position)):
        values.append(float(match.group()))
        position = match.end()
    if len(values) < 9 or not all(math.isfinite(value) for value in values):
        raise InputError(f"-mat {path}: needs nine numbers, three reciprocal cell vectors; found {len(values)}")
    return tuple(values)
