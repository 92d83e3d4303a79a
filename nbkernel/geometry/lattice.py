"""Lattice: one of several crystals in an exposure."""

import dataclasses
import math
import re
from dataclasses import dataclass

from nbkernel.errors import InputError
from nbkernel.support.field_types import Matrix, Numbers, Vector
from nbkernel.support.validation import convert_fields, short_text, with_unit

TERM = re.compile(r"([+-]?)(\d*)(?:/(\d+))?\*?([hkl])")
# what is not a field of an Experiment
OWN = ("fraction", "rotation", "twin")


@dataclass(frozen=True)
class Lattice:
    """One of several lattices of an Experiment: a further crystal, a part of a split one, or a twin domain.

    It is the Experiment's crystal with the values that are given here, then turned: by `twin`, and then by `rotation`.
    Photons are `fraction` times those that it would scatter alone. cell, mat, misset, Na, Nb, Nc, mosaic_spread,
    mosaic_domains, mosaic_seed, mosaic_sigma and cell_spread are what they are of an Experiment; None takes its own. Raises
    InputError, naming the field, for unusable values.
    """

    fraction: float = 1.0  # of the photons of a crystal alone
    # turns the crystal, after its missetting and before the spindle; rows of a matrix in the frame of the laboratory
    rotation: Matrix | None = None
    twin: str | None = None  # a rotation of the lattice: which h,k,l of the crystal those of this lattice coincide with
    cell: Numbers | None = with_unit(None, "Angstrom, degrees")
    mat: Matrix | None = None
    misset: Vector | None = with_unit(None, "degrees")
    Na: int | float | None = None
    Nb: int | float | None = None
    Nc: int | float | None = None
    mosaic_spread: float | None = with_unit(None, "degrees")
    mosaic_domains: int | None = None
    mosaic_seed: int | None = None
    mosaic_sigma: float | Vector | None = with_unit(None, "degrees")
    cell_spread: Numbers | None = with_unit(None, "%, degrees")

    def __post_init__(self):
        convert_fields(self)
        if not 0.0 < self.fraction < math.inf:
            raise InputError(f"fraction: needs a number greater than 0, not {self.fraction:g}")
        if self.twin is not None:
            twin_matrix(self.twin)
        if self.rotation is not None:
            import numpy as np

            from .rotations import are_rotations

            if not are_rotations(np.array([self.rotation])).all():
                raise InputError(
                    "rotation: is not a rotation: its rows need length 1 and right angles, its determinant must be 1"
                )

    def changes(self):
        """{field of Experiment: value} of the crystal that this lattice is of."""
        given = {field.name: getattr(self, field.name) for field in dataclasses.fields(self) if field.name not in OWN}
        return {name: value for name, value in given.items() if value is not None}


def twin_matrix(operator):
    """Three rows of three numbers: what each index of an operator such as "-h,-k,l" is of h, k and l. Raises InputError for
    anything that is not a rotation of a lattice."""
    parts = operator.replace(" ", "").lower().split(",")
    if len(parts) != 3:
        raise InputError(f'twin: needs three indices with commas, such as "-h,-k,l", not {short_text(operator)}')
    rows = []
    for part in parts:
        terms, row = list(TERM.finditer(part)), [0.0, 0.0, 0.0]
        if not part or "".join(term[0] for term in terms) != part or any(term[3] == "0" for term in terms):
            raise InputError(f'twin: needs sums of h, k and l, such as "-h-k" or "1/2h", not {short_text(part)}')
        for number, (sign, times, over, index) in enumerate(term.groups() for term in terms):
            if number and not sign:
                raise InputError(f"twin: lacks a sign between the indices of {short_text(part)}")
            row["hkl".index(index)] += (-1.0 if sign == "-" else 1.0) * float(times or 1) / float(over or 1)
        rows.append(tuple(row))
    (a, b, c), (d, e, f), (g, h, i) = rows
    determinant = a * (e * i - f * h) - b * (d * i - f * g) + c * (d * h - e * g)
    if abs(determinant - 1.0) > 1e-9:
        raise InputError(
            f"twin: {operator} has the determinant {determinant:g}; need 1, that of a rotation (without anomalous "
            "scattering -h,-k,-l makes no difference)"
        )
    return tuple(rows)
