"""Structure factors for each energy of the beam, in memory."""

from __future__ import annotations

import io
import tarfile
from collections.abc import Iterable

from nbkernel.errors import InputError

from .content import InMemory
from .structure_factors import StructureFactors


class FactorsPerEnergy(InMemory):
    """Structure factors for each energy, for `Experiment(hkl_per_energy=...)`: `tables` are StructureFactors.

    tables: one for each wavelength of the beam. Raises InputError for anything but StructureFactors.
    """

    ending = ".tar"

    def __init__(self, tables: Iterable[StructureFactors]) -> None:
        self.tables = tuple(tables)
        if not self.tables or not all(isinstance(table, StructureFactors) for table in self.tables):
            raise InputError("hkl_per_energy: needs structure factors for each wavelength, not none")
        self.expanded: tuple = (None, ())  # (default_F, column), Reflections
        packed = io.BytesIO()
        with tarfile.open(fileobj=packed, mode="w", format=tarfile.PAX_FORMAT) as file:
            for number, table in enumerate(self.tables):
                # without a time: the same tables have the same bytes
                entry = tarfile.TarInfo(f"{number}{'' if table.column is None else f' {table.column}'}")
                entry.size = len(table.content)
                file.addfile(entry, io.BytesIO(table.content))
        self.content = packed.getvalue()

    @classmethod
    def from_content(cls, content: bytes, name: str, column: str | None = None) -> FactorsPerEnergy:
        """The structure factors in the bytes of such an object. Raises InputError for others."""
        try:
            with tarfile.open(fileobj=io.BytesIO(content), mode="r:") as file:
                entries = [(entry, file.extractfile(entry)) for entry in file if entry.isreg()]
                parts = [(entry.name.partition(" ")[2] or None, part.read()) for entry, part in entries if part is not None]
        except (tarfile.TarError, ValueError, EOFError, OSError, RecursionError):
            raise InputError(
                f"hkl_per_energy: {name} is no archive of structure factors that nbkernel has written"
            ) from None
        return cls(StructureFactors.from_content(part, f"{name}, table {n}", own) for n, (own, part) in enumerate(parts))

    def reflections(self, default_F, column=None):
        """The Reflections of each table, see `StructureFactors.reflections`; a tuple, the same for the same arguments."""
        if self.expanded[0] != (default_F, column):
            self.expanded = (default_F, column), tuple(table.reflections(default_F, column) for table in self.tables)
        return self.expanded[1]

    def __reduce__(self):
        return type(self), (self.tables,)

    def __repr__(self) -> str:
        return f"<FactorsPerEnergy of {len(self.tables)} energies>"
