"""Amplitudes in gemmi's objects, as an MTZ file in memory: a grid's are float32, as MTZ's are."""

import numpy as np

from nbkernel.errors import InputError

GRIDS = ("ReciprocalFloatGrid", "ReciprocalComplexGrid")
LABEL = "F"


def mtz_bytes(lead, source):
    """The MTZ file of a gemmi.Mtz, or of the absolute values of a reciprocal grid. Raises InputError, starting with `lead`,
    for anything else."""
    kind = type(source).__name__
    # gemmi is not imported for other objects, which may have no such package
    if type(source).__module__.partition(".")[0] != "gemmi" or kind not in ("Mtz", *GRIDS):
        raise InputError(f"{lead}: needs a gemmi.Mtz, {' or '.join(f'gemmi.{grid}' for grid in GRIDS)}, not a {kind}")
    return (source if kind == "Mtz" else mtz_of_grid(lead, source)).write_to_bytes()


def mtz_of_grid(lead, grid):
    """A gemmi.Mtz of a grid's absolute values: one reflection of each set of symmetry copies, F000 too."""
    import gemmi

    if grid.spacegroup is None or not grid.unit_cell.is_crystal():
        raise InputError(f"{lead}: the gemmi.{type(grid).__name__} has no space group or no cell; set both")
    unique = grid.prepare_asu_data(with_000=True)
    mtz = gemmi.Mtz(with_base=True)
    mtz.spacegroup = grid.spacegroup
    mtz.set_cell_for_all(grid.unit_cell)
    mtz.add_dataset("gemmi")
    mtz.add_column(LABEL, "F")
    mtz.set_data(np.column_stack([unique.miller_array, np.abs(unique.value_array)]).astype(np.float32))
    return mtz
