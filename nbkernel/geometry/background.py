"""Material: what scatters beside the crystal."""

import math
from dataclasses import dataclass

from nbkernel.errors import InputError
from nbkernel.support.field_types import File, PairRows
from nbkernel.support.validation import check_choice, convert_fields, with_unit

# what the first column of a table may be, as a multiple of stol = sin(theta)/lambda
VARIABLES = {"stol": 1.0, "4stol": 4.0, "Q": 4.0 * math.pi}


@dataclass(frozen=True)
class Material:
    """An amorphous material in the beam: water, air, a window.

    Photons of a pixel are F^2 r_e^2 fluence molecules, times polarisation, solid angle and the fraction that the sensor
    absorbs, summed over the sources by their weights, at the pixel's centre. F (electrons of a molecule) is interpolated
    between the points of the table as nonBragg.c and simtbx do it, by a polynomial through the four nearest; beyond the
    first and the last point it stays as it is there. molecules = volume density Avogadro / MW. Raises InputError, naming the
    field, for unusable values.
    """

    table: File | PairRows  # a file of two columns, or rows, of increasing `variable` and F (electrons)
    thickness: float = with_unit(0.1, "mm")  # along the beam, across which it fills the square of beamsize
    volume: float | None = with_unit(None, "mm3")  # in the beam, instead of thickness and beamsize
    density: float = with_unit(1.0, "g/cm3")
    MW: float = with_unit(18.0, "g/mol")  # molecular weight
    variable: str = "stol"  # of the table: stol = sin(theta)/lambda, 4stol, or Q = 4 pi stol (1/Angstrom)

    def __post_init__(self):
        convert_fields(self)
        check_table(self.table)
        check_choice("variable", self.variable, VARIABLES)
        for name in ("thickness", "volume", "density"):
            value = getattr(self, name)
            if value is not None and not 0.0 <= value < math.inf:
                raise InputError(f"{name}: needs a number of at least 0, not {value:g}")
        if not 0.0 < self.MW < math.inf:
            raise InputError(f"MW: needs g/mol greater than 0, not {self.MW:g}")


def check_table(table):
    """Raises InputError unless `table` is a path, or rows of finite numbers with increasing first ones."""
    if isinstance(table, str):
        if not table:
            raise InputError("table: needs a file name, or rows of numbers, not an empty string")
        return
    problem = table_problem(table)
    if problem is not None:
        raise InputError(f"table: {problem}")


def table_problem(rows):
    """What is wrong with rows of two numbers, whose first must increase; None if nothing is."""
    if not rows:
        return "has no rows; needs sin(theta)/lambda and F"
    for number, row in enumerate(rows):
        if not all(map(math.isfinite, row)):
            return f"row {number + 1} has a value that is not a finite number"
        if number and not row[0] > rows[number - 1][0]:
            return f"is not sorted, {row[0]:g} comes after {rows[number - 1][0]:g}; need increasing sin(theta)/lambda"
    return None
