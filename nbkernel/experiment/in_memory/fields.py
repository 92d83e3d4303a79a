"""The fields of an Experiment that may be in memory: what is accepted, and what it becomes."""

import os
import typing

from nbkernel.errors import InputError
from nbkernel.support.field_types import File
from nbkernel.support.validation import short_text

from .arrays import MosaicBlocks, PixelMask, SourceTable, Spectrum
from .content import InMemory
from .per_energy import FactorsPerEnergy
from .structure_factors import StructureFactors

# {field: class}
CLASSES: dict[str, type[InMemory]] = {
    "hkl": StructureFactors,
    "hkl_per_energy": FactorsPerEnergy,
    "sources": SourceTable,
    "spectrum": Spectrum,
    "mosaic_blocks": MosaicBlocks,
    "mask": PixelMask,
}

if typing.TYPE_CHECKING:
    from collections.abc import Sequence

    import numpy as np

    class GemmiMtz(typing.Protocol):
        """A gemmi.Mtz."""

        def write_to_bytes(self) -> bytes: ...

    class GemmiGrid(typing.Protocol):
        """A gemmi.ReciprocalFloatGrid or ReciprocalComplexGrid."""

        @property
        def half_l(self) -> bool: ...

    Rows = Sequence[Sequence[float]] | np.ndarray
    Factors = File | StructureFactors | tuple[Rows, Sequence[float] | np.ndarray] | GemmiMtz | GemmiGrid
    PerEnergy = FactorsPerEnergy | Sequence[Factors]
    Sources = SourceTable | Rows | tuple[Rows, Sequence[float] | np.ndarray | float, Sequence[float] | np.ndarray | float]
    Weights = File | Spectrum | Rows | tuple[Sequence[float] | np.ndarray, Sequence[float] | np.ndarray]
    Blocks = File | MosaicBlocks | Sequence[Rows] | np.ndarray
    Mask = File | PixelMask | np.ndarray | Sequence[Sequence[bool]]
else:
    Factors = StructureFactors | File
    PerEnergy = FactorsPerEnergy | tuple[File, ...]
    Sources = SourceTable
    Weights = Spectrum | File
    Blocks = MosaicBlocks | File
    Mask = PixelMask | File


def held(field, value):
    """The value of a field as an InMemory object; a path or None as it is. Raises InputError, naming the field, for a value
    of another kind."""
    if field == "hkl_per_energy":
        return held_per_energy(value)
    if value is None:
        return None
    if isinstance(value, (str, os.PathLike)):
        if field == "sources":
            raise InputError(f"sources: needs an array, not {short_text(value)}; the path of a file belongs in sourcefile")
        return value
    kind = CLASSES[field]
    if isinstance(value, kind):
        return value
    if isinstance(value, InMemory):
        raise InputError(f"{field}: needs a {kind.__name__}, not a {type(value).__name__}")
    if kind is not StructureFactors:
        return kind(value)
    if isinstance(value, (tuple, list)) and len(value) == 2:
        return StructureFactors.from_arrays(*value)
    if type(value).__module__.partition(".")[0] == "gemmi":
        return StructureFactors.from_gemmi(value)
    raise InputError(
        f"hkl: needs a path, StructureFactors, a pair of Miller indices (n, 3) and amplitudes (n,), or a gemmi.Mtz or "
        f"reciprocal grid, not {short_text(value)}"
    )


def held_per_energy(value):
    """The value of hkl_per_energy: a tuple of paths, or FactorsPerEnergy if any is in memory. Raises InputError for other
    values."""
    if value is None or isinstance(value, FactorsPerEnergy):
        return value
    if not isinstance(value, (list, tuple)) or not value:
        raise InputError(
            f"hkl_per_energy: needs a list of paths or StructureFactors, one for each wavelength, not {short_text(value)}"
        )
    if all(isinstance(path, (str, os.PathLike)) for path in value):
        return tuple(map(os.fspath, value))
    return FactorsPerEnergy(
        StructureFactors.read(table) if isinstance(table, (str, os.PathLike)) else held("hkl", table) for table in value
    )


def held_inputs(experiment):
    """{field: InMemory} of an Experiment."""
    found = {field: getattr(experiment, field) for field in CLASSES}
    return {field: value for field, value in found.items() if isinstance(value, InMemory)}
