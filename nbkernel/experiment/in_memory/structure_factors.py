"""Structure factors that are read once, or made from arrays."""

from __future__ import annotations

import os
import threading
import typing

from nbkernel.errors import InputError
from nbkernel.experiment.argument_names import naming_arguments

from .content import InMemory

if typing.TYPE_CHECKING:
    from numpy.typing import ArrayLike

ENDINGS = {"NumPy": ".npy", "MTZ": ".mtz", "mmCIF": ".cif", "text": ".hkl"}


class StructureFactors(InMemory):
    """Structure factors in memory, for `Experiment(hkl=...)`: made by `read`, `from_arrays`, `from_gemmi` or
    `from_model`.

    They are immutable, and equal to others with the same content. Symmetry is expanded once, when they are made, and again
    only for an Experiment with another default_F, and in another process. Images have the bits that a file with the same
    content gives.
    """

    def __init__(self, content: bytes, column: str | None, name: str) -> None:
        if not isinstance(content, bytes):
            raise InputError("StructureFactors: are made by read, from_arrays or from_gemmi")
        self.content, self.column, self.name = content, column, name
        self.lock = threading.Lock()
        self.expanded: tuple = (None, None)  # (default_F, column), Reflections

    @classmethod
    @naming_arguments()
    def read(cls, path: str | os.PathLike, column: str | None = None) -> StructureFactors:
        """The structure factors in a file; a later change of the file has no effect.

        path: a file of any kind that `-hkl` takes (docs/files/structure-factors.md); column: amplitudes in an MTZ or mmCIF
        file, as for `Experiment`. Raises InputError for a file that cannot be used.
        """
        from nbkernel.io.files.opening import read_bytes

        return cls.from_content(read_bytes("-hkl", path), os.fspath(path), column)

    @classmethod
    def from_arrays(cls, miller: ArrayLike, amplitudes: ArrayLike) -> StructureFactors:
        """Structure factors of all of P1, Friedel mates and F000 too, like a text table.

        miller: indices h k l, (n, 3) whole numbers; amplitudes: (n,) real numbers (electrons). Of several for one
        reflection the last counts. Raises InputError for arrays of another kind.
        """
        from nbkernel.io.files.npy import npy_bytes
        from nbkernel.io.reflections.hkl_array import rows_of_arrays

        return cls.from_content(npy_bytes(rows_of_arrays("hkl", miller, amplitudes)), "arrays")

    @classmethod
    @naming_arguments()
    def from_gemmi(cls, source: typing.Any, column: str | None = None) -> StructureFactors:
        """The structure factors in an object of gemmi's, with their cell and space group.

        source: a merged gemmi.Mtz, or a gemmi.ReciprocalFloatGrid or ReciprocalComplexGrid, whose absolute values are the
        amplitudes (electrons); column: of the Mtz, as for `Experiment`. Raises InputError for anything else, or
        without amplitudes.
        """
        from nbkernel.io.reflections.gemmi_objects import mtz_bytes

        return cls.from_content(mtz_bytes("hkl", source), f"gemmi.{type(source).__name__}", column)

    @classmethod
    @naming_arguments()
    def from_model(cls, path: str | os.PathLike, dmin: float, *, ksol: float = 0.35, bsol: float = 46.0) -> StructureFactors:
        """The structure factors of the model in a file, PDB or mmCIF, with a flat bulk solvent and F000, in electrons
        (docs/files/models.md).

        path: the file; dmin: smallest spacing (Angstrom); ksol: density of the solvent (electrons/Angstrom^3), 0 for none;
        bsol: its B (Angstrom^2). Needs gemmi. Raises InputError for a file that is no model of a crystal, or an impossible
        number.
        """
        from nbkernel.io.factors.model import model_factors
        from nbkernel.io.factors.unique import LABEL, mtz_of
        from nbkernel.io.files.opening import read_bytes
        from nbkernel.support.validation import number

        dmin, ksol, bsol = number("dmin", dmin), number("ksol", ksol), number("bsol", bsol)
        for name, value, fits in (("dmin", dmin, dmin > 0.0), ("ksol", ksol, ksol >= 0.0), ("bsol", bsol, bsol >= 0.0)):
            if not fits:
                raise InputError(
                    f"{name}: needs {'a number greater than 0' if name == 'dmin' else 'at least 0'}, not {value:g}"
                )
        unique = model_factors(path, read_bytes("from_model", path), dmin, ksol, bsol)
        return cls.from_content(mtz_of(unique), os.fspath(path), LABEL)

    @classmethod
    def from_content(cls, content: bytes, name: str, column: str | None = None) -> StructureFactors:
        """The structure factors in a file's bytes.

        content: the bytes; name: of the file, in messages; column: as for `read`. Raises InputError like `read`.
        """
        made = cls(content, column, name)
        made.reflections(0.0)
        return made

    @property
    def ending(self) -> str:  # type: ignore[override]
        """The usual ending of the name of such a file."""
        from nbkernel.io.formats import REFLECTIONS, find_format

        found = find_format(REFLECTIONS, self.content)
        return ENDINGS[found.name]

    def reflections(self, default_F, column=None):
        """The Reflections in all of P1; the last ones are kept.

        default_F: of absent ones; column: of the file, where the StructureFactors were made without one. Raises InputError
        for another column than theirs.
        """
        from nbkernel.io.reflections.structure_factors import reflections_of

        if column is not None and self.column not in (None, column):
            raise InputError(f"--column: {column} is not {self.column}, with which the StructureFactors were made")
        key = default_F, self.column or column
        with self.lock:
            if self.expanded[0] != key:
                self.expanded = key, reflections_of(self.content, self.name, *key)
            return self.expanded[1]

    def __reduce__(self):
        return type(self), (self.content, self.column, self.name)

    def __repr__(self) -> str:
        return f"<StructureFactors of {self.name}{'' if self.column is None else f', {self.column}'}>"
