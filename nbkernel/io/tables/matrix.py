"""The orientation of a crystal from a file: nine numbers as MOSFLM writes them, XDS' XPARM.XDS, or a DIALS experiment.
The content tells which."""

import math
import os
import re
from typing import NamedTuple

from nbkernel.errors import InputError
from nbkernel.io.files.opening import read_bytes
from nbkernel.io.files.text import decoded_text

# Fortran leaves no blank before a minus sign when a column is full
NUMBER = re.compile(r"\s*([-+]?(?:\d+\.?\d*|\.\d+)(?:[eE][-+]?\d+)?)")
# MOSFLM's: A, three angles, U, cell, three angles, which some leave out
MOSFLM_NUMBERS, MOSFLM_U, MOSFLM_CELL = (27, 30), (12, 15, 18), slice(21, 27)
UNIT = 1e-3


class Orientation(NamedTuple):
    """numbers: rows x, y, z of a_star, b_star, c_star, times the wavelength, in the run's frame; or None.

    axes: rows a, b, c (Angstrom) in a frame of which `beam` (its direction) and `spindle` are known. in_panels_frame:
    whether that is the frame of panels from such a file. cell: a b c (Angstrom) alpha beta gamma (degrees) that the
    file has, or None. start: spindle angle (degrees) at which the file's first image begins, and its range.
    wavelength: the file's (Angstrom), or None. remarks: lines about it.
    """

    numbers: tuple | None
    axes: tuple | None = None
    beam: tuple | None = None
    spindle: tuple | None = None
    in_panels_frame: bool = False
    cell: tuple | None = None
    start: tuple = (0.0, 0.0)
    wavelength: float | None = None
    remarks: tuple = ()


def read_orientation(path):
    """The Orientation of a file. Raises InputError for one of another kind."""
    from nbkernel.io.files.json_values import JSON, parse_json

    from .xparm import is_xparm, read_xparm

    content = read_bytes("-mat", path)
    if JSON.match(content):
        from nbkernel.io.dxtbx.crystal import crystal_orientation

        return crystal_orientation(parse_json("-mat", path, content))
    text = decoded_text("-mat", path, content)
    if is_xparm(text):
        return read_xparm(path, text)
    return Orientation(nine_numbers(path, text), cell=mosflm_cell(text))


def nine_numbers(path, text):
    """The first nine numbers of a text. Raises InputError where there are fewer."""
    values = leading_numbers(text, 9)
    if len(values) < 9 or not all(math.isfinite(value) for value in values):
        raise InputError(
            f"-mat {os.fspath(path)}: needs nine numbers, three reciprocal cell vectors; found {len(values)} (or "
            "XPARM.XDS, or a DIALS .expt file with a crystal)"
        )
    return tuple(values)


def leading_numbers(text, most):
    """Up to `most` numbers that a text begins with."""
    position, values = 0, []
    while len(values) < most and (match := NUMBER.match(text, position)):
        values.append(float(match[1]))
        position = match.end()
    return values


def mosflm_cell(text):
    """The cell in a matrix file as MOSFLM writes it; None in any other."""
    numbers = leading_numbers(text, max(MOSFLM_NUMBERS) + 1)
    if len(numbers) not in MOSFLM_NUMBERS or not all(map(math.isfinite, numbers)):
        return None
    cell = tuple(numbers[MOSFLM_CELL])
    is_rotation = all(abs(math.hypot(*numbers[row : row + 3]) - 1.0) < UNIT for row in MOSFLM_U)
    return cell if is_rotation and min(cell) > 0.0 else None
