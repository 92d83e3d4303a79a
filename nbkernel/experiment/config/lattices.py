"""The tables [[lattices]] of a TOML file: several crystals in an exposure."""

import dataclasses

from nbkernel.errors import InputError
from nbkernel.geometry.lattice import Lattice
from nbkernel.support.printable import shortened
from nbkernel.support.suggestion import suggestion

TABLE = "lattices"
KNOWN = [field.name for field in dataclasses.fields(Lattice)]


def read_lattices(value, lead):
    """The Lattices of the tables in a TOML file. Raises InputError, starting with `lead`."""
    if not isinstance(value, list) or not all(isinstance(own, dict) for own in value):
        raise InputError(f"{lead}: {TABLE} must be [[{TABLE}]] tables")
    return tuple(read_lattice(own, f"{lead}: [[{TABLE}]] {n}") for n, own in enumerate(value))


def read_lattice(stated, lead):
    for name in stated:
        if name not in KNOWN:
            raise InputError(f"{lead} has no {shortened(name, 80)}{suggestion(name, KNOWN)}")
    try:
        return Lattice(**stated)
    except InputError as error:
        raise InputError(f"{lead} {error}") from None


def lattice_tables(experiment):
    """[(header, Lattice)] of an Experiment."""
    return [(f"[[{TABLE}]]", lattice) for lattice in experiment.lattices]
