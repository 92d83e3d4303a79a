"""The orientation of a crystal from a file: nine numbers as MOSFLM writes them, XDS's XPARM.XDS, or a DIALS experiment,
recognised by its content."""

import math
import os

from nbkernel.errors import InputError
from nbkernel.io.files.opening import read_bytes
from nbkernel.io.files.text import decoded_text
from nbkernel.io.formats import JSON

from .orientation import Orientation, leading_numbers

# MOSFLM's: A, three angles, U, cell, three angles, which some omit
MOSFLM_NUMBERS, MOSFLM_U, MOSFLM_CELL = (27, 30), (12, 15, 18), slice(21, 27)
UNIT = 1e-3


def read_orientation(path, option="-mat"):
    """The Orientation in a file. Raises InputError, starting with `option`, for a file of another kind."""
    from nbkernel.io.files.json_values import parse_json

    from .xparm import is_xparm, read_xparm

    content = read_bytes(option, path)
    if JSON.match(content):
        from nbkernel.io.dxtbx.crystal import crystal_orientation

        return crystal_orientation(parse_json(option, path, content))
    text = decoded_text(option, path, content)
    if is_xparm(text):
        return read_xparm(path, text)
    return Orientation(nine_numbers(path, text), cell=mosflm_cell(text))


def nine_numbers(path, text):
    """The first nine numbers of a text. Raises InputError if there are fewer."""
    values = leading_numbers(text, 9)
    if len(values) < 9 or not all(math.isfinite(value) for value in values):
        raise InputError(
            f"-mat {os.fspath(path)}: needs nine numbers, three reciprocal cell vectors; found {len(values)} (or "
            "XPARM.XDS, or a DIALS .expt file with a crystal)"
        )
    return tuple(values)


def mosflm_cell(text):
    """The cell in a matrix file as MOSFLM writes it; None in any other."""
    numbers = leading_numbers(text, max(MOSFLM_NUMBERS) + 1)
    if len(numbers) not in MOSFLM_NUMBERS or not all(map(math.isfinite, numbers)):
        return None
    cell = tuple(numbers[MOSFLM_CELL])
    is_rotation = all(abs(math.hypot(*numbers[row : row + 3]) - 1.0) < UNIT for row in MOSFLM_U)
    return cell if is_rotation and min(cell) > 0.0 else None
