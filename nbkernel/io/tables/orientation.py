"""The orientation of a crystal as files of several programs state it, and the numbers at their beginning."""

import re
from typing import NamedTuple

# Fortran leaves no blank before a minus sign when a column is full
NUMBER = re.compile(r"\s*([-+]?(?:\d+\.?\d*|\.\d+)(?:[eE][-+]?\d+)?)")


class Orientation(NamedTuple):
    """numbers: rows x, y, z of a_star, b_star, c_star, times the wavelength, in the run's frame; or None.

    axes: rows a, b, c (Angstrom) in a frame of which `beam` (its direction) and `spindle` are known. in_panels_frame:
    whether that is the frame of panels from such a file. cell: a b c (Angstrom) alpha beta gamma (degrees) in the file,
    or None. start: spindle angle (degrees) at which the file's first image begins, and its range. wavelength: the file's
    (Angstrom), or None. remarks: lines about it. name: its name in messages, option and file.
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
    name: str = "mat"


def leading_numbers(text, most):
    """Up to `most` numbers at the beginning of a text."""
    position, values = 0, []
    while len(values) < most and (match := NUMBER.match(text, position)):
        values.append(float(match[1]))
        position = match.end()
    return values
