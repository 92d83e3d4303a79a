"""The tables [[background]] of a TOML file: amorphous materials."""

import dataclasses
import os

from nbkernel.errors import InputError
from nbkernel.geometry.background import Material
from nbkernel.support.printable import shortened
from nbkernel.support.suggestion import suggestion

TABLE = "background"
KNOWN = [field.name for field in dataclasses.fields(Material)]


def read_materials(value, lead, folder, moved):
    """The Materials of the tables in a TOML file in `folder`. moved: {number of a material, as text: path of its file}, for
    files that are not there. Raises InputError, starting with `lead`."""
    if not isinstance(value, list) or not all(isinstance(own, dict) for own in value):
        raise InputError(f"{lead}: {TABLE} must be [[{TABLE}]] tables")
    return tuple(read_material(own, f"{lead}: [[{TABLE}]] {n}", folder, moved.get(str(n))) for n, own in enumerate(value))


def read_material(stated, lead, folder, moved):
    for name in stated:
        if name not in KNOWN:
            raise InputError(f"{lead} has no {shortened(name, 80)}{suggestion(name, KNOWN)}")
    table = stated.get("table")
    if table is None:
        raise InputError(f"{lead} lacks table, the name of a file or rows of sin(theta)/lambda and F")
    if isinstance(table, str) and table:
        table = os.path.join(folder, table)
        table = moved if moved is not None and not os.path.exists(table) else table
    try:
        return Material(**{**stated, "table": table})
    except InputError as error:
        raise InputError(f"{lead} {error}") from None


def material_tables(experiment, folder):
    """[(header, Material with a path relative to `folder`)] of an Experiment."""
    return [(f"[[{TABLE}]]", relative(material, folder)) for material in experiment.background]


def relative(material, folder):
    if not isinstance(material.table, str):
        return material
    return dataclasses.replace(material, table=os.path.relpath(os.path.realpath(material.table), folder))
