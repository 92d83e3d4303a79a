"""Units of NeXus fields and attributes."""

import math

from nbkernel.io.hdf5.links import Unusable
from nbkernel.support.printable import shortened

LENGTHS = {"m": 1.0, "cm": 1e-2, "mm": 1e-3, "um": 1e-6, "nm": 1e-9, "pm": 1e-12, "angstrom": 1e-10}
LENGTHS |= {"meter": 1.0, "metre": 1.0, "millimeter": 1e-3, "millimetre": 1e-3, "micron": 1e-6, "micrometer": 1e-6}
LENGTHS |= {"micrometre": 1e-6, "centimeter": 1e-2, "centimetre": 1e-2, "nanometer": 1e-9, "nanometre": 1e-9}
LENGTHS |= {"µm": 1e-6, "μm": 1e-6, "a": 1e-10, "å": 1e-10}  # two letters that look the same
ANGLES = {
    "deg": math.pi / 180.0,
    "degree": math.pi / 180.0,
    "°": math.pi / 180.0,
    "rad": 1.0,
    "radian": 1.0,
    "mrad": 1e-3,
}
ENERGIES = {"ev": 1.0, "kev": 1e3, "mev": 1e6, "j": 1.0 / 1.602176634e-19}


def unit(node, table, default, attribute="units", value=None):
    """The table's factor for a node's unit; if the file names none, that for `default`, with a warning unless the value is
    0. Raises Unusable for a unit that is not in the table."""
    name = node.text(attribute).strip().lower()
    if not name:
        if value is None or value != 0.0:
            node.source.warn(f"names no unit of {node.name}; taken as {default}")
        return table[default]
    factor = table.get(name, table.get(name.removesuffix("s") if len(name) > 2 else name))
    if factor is None:
        raise Unusable(
            f"has the unit {shortened(repr(node.text(attribute).strip()), 40)} in {node.name}; "
            f"need one of {', '.join(table)}"
        )
    return factor


def quantity(field, table, default):
    """The first value of a Field, in the table's units."""
    value = field.first()
    return value * unit(field, table, default, value=value)
