"""XPARM.XDS and GXPARM.XDS: crystal, beam and spindle as XDS refined them, in its laboratory frame.

https://xds.mr.mpg.de/html_doc/xds_files.html#XPARM.XDS. Since 2010 the file begins with its name; older
files have numbers only, in another order.
"""

import math
import os

import numpy as np

from nbkernel.errors import InputError
from nbkernel.geometry.cell_axes import (
    CELL_DIFFERENCE,
    cell_difference,
    cell_of_axes,
    cell_text,
    check_axes,
    direct_axes,
    turned_as,
)

from .orientation import Orientation, leading_numbers

NAMES = ("XPARM.XDS", "GXPARM.XDS")
# numbers of the old kind: frame, angle and step, axis; wavelength, beam; size and pixel; distance and origin; three unit
# vectors; group and cell; a, b, c
OLD_NUMBERS = 42
UNIT = 1e-3


def is_xparm(text):
    words = text.split(None, 1)
    if words and words[0] in NAMES:
        return True
    numbers = leading_numbers(text, OLD_NUMBERS + 1)
    return len(numbers) == OLD_NUMBERS and all(
        abs(math.hypot(*numbers[first : first + 3]) - 1.0) < UNIT for first in (3, 17, 20, 23)
    )


def read_xparm(path, text):
    """The Orientation, of the crystal at spindle angle 0. Raises InputError for a file that is damaged."""
    where = f"-mat {os.fspath(path)}"
    first, _, rest = text.lstrip().partition("\n")
    if first.split()[0] in NAMES:
        numbers, cell_at, axes_at, needed = leading_numbers(rest, 26), 11, 17, 26
    else:
        numbers, cell_at, axes_at, needed = leading_numbers(text, OLD_NUMBERS), 27, 33, OLD_NUMBERS
    if len(numbers) < needed or not all(map(math.isfinite, numbers)):
        raise InputError(
            f"{where}: is not a complete XPARM.XDS: it has {len(numbers)} of {needed} numbers up to the cell's axes"
        )
    spindle, beam = tuple(numbers[3:6]), tuple(numbers[7:10])
    cell = tuple(numbers[cell_at : cell_at + 6])
    axes = np.array(numbers[axes_at : axes_at + 9]).reshape(3, 3)
    for what, vector in (("rotation axis", spindle), ("beam", beam)):
        if not any(vector):
            raise InputError(f"{where}: its {what} is 0 0 0")
    if not min(cell) > 0.0:
        stated = " ".join(f"{number:g}" for number in cell)
        raise InputError(f"{where}: {stated} is not a cell; edges and angles must be greater than 0")
    check_axes(where, axes)
    if np.linalg.det(axes) < 0.0:
        raise InputError(f"{where}: its axes a, b, c are not those of a right-handed cell")
    try:
        direct_axes(cell)
    except InputError as error:
        raise InputError(f"{where}: {str(error).removeprefix('-cell: ')}") from None
    remarks: tuple[str, ...] = ()
    theirs = cell_of_axes(axes)
    if cell_difference(cell, theirs) > CELL_DIFFERENCE:
        remarks = (
            (
                f"{where}: its axes are those of a cell of {cell_text(theirs)}, but its cell is {cell_text(cell)}; the "
                "cell is taken, turned as its axes are"
            ),
        )
        axes = turned_as(cell, axes)
    rows = tuple(map(tuple, axes.tolist()))
    return Orientation(
        None, rows, beam, spindle, cell=cell, start=tuple(numbers[1:3]), wavelength=numbers[6], remarks=remarks
    )
