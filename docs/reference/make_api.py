"""Writes docs/reference/api.md from the public names' own signatures, docstrings and comments.

python docs/reference/make_api.py
"""

import inspect
import re
from dataclasses import MISSING, fields
from pathlib import Path

import nbkernel
from nbkernel.experiment.config.tables import TOP_LEVEL, tables
from nbkernel.experiment.fields import CHOICES
from nbkernel.experiment.flags import FLAGS
from nbkernel.support.validation import unit_of

PAGE = Path(__file__).with_name("api.md")
HEAD = """\
# Python API

Written by `python docs/reference/make_api.py` from the code: change that, not this page. [python](../python.md) shows how to use it.

All of this is in `nbkernel`. Other modules are for developers ([newcomers](../newcomers.md)) and may change.
"""
FUNCTIONS = (
    "simulate",
    "compiled_rows",
    "add_noise",
    "detect",
    "to_counts",
    "label",
    "write_hdf5",
    "write_float",
    "write_smv",
    "write_pgm",
    "write_labels",
    "write_preview",
)
CLASSES = ("PanelImage", "CompiledRows", "Statistics", "Labels", "PictureSettings", "InputError", "DeviceError")
METHODS = ("from_command_line", "from_dials", "from_toml", "to_toml")
# classes of which users call methods
METHODS_OF = {
    "Simulator": ("simulate", "close"),
    "Series": ("image", "photons", "draws", "run", "close"),
    "StructureFactors": ("read", "from_arrays", "from_gemmi", "from_model"),
}
EXPERIMENT_FIELDS = """\
Fields by table of a TOML file, with the flag of [flags](flags.md) that sets the field. Fields that are None are chosen as
nanoBragg.c chooses them. The detector's vectors and twotheta_axis are used only with `convention="custom"`, which their flags
set automatically; so are beam_vector, polar_vector and spindle_axis, which the other conventions fix. hkl, sources, spectrum and
mask take arrays ([python](../python.md#inputs-in-memory)), and become StructureFactors, a SourceTable, a Spectrum and a PixelMask.
"""


def signature(function):
    """The signature as text, with one argument per line if it is long."""
    shown = inspect.signature(function)
    text = f"{function.__name__}{shown.replace(return_annotation=inspect.Signature.empty)}"
    text = text.replace("(self, ", "(").replace("(self)", "()")
    text = re.sub(r": '([^']+)'", r": \1", text)  # annotations that are strings
    text = re.sub(r"\b(?:typing|os|collections\.abc|numpy|nbkernel(?:\.\w+)+)\.(?=[A-Z]|ndarray)", "", text)
    if len(text) < 100:
        return text
    name, arguments = text.split("(", 1)
    # commas within brackets belong to a type
    parts = re.split(r", (?![^\[\]]*\])", arguments[:-1])
    return f"{name}(\n" + "".join(f"    {part},\n" for part in parts) + ")"


def documented(heading, function):
    return f"{heading}\n\n```text\n{signature(function)}\n```\n\n{inspect.getdoc(function)}\n"


def comments(cls):
    """{field: comment after or above it} from a dataclass's source."""
    found, above = {}, ""
    for line in "".join(inspect.getsource(base) for base in cls.__mro__[-2::-1]).splitlines():
        match = re.match(r"    (\w+): [^#]*?(?:# (.*))?$", line)
        if match:
            found[match[1]] = match[2] or above
        above = line.strip()[2:] if re.match(r" *# \w+ ", line) else ""
    return found


def flag_of(field):
    """The flag that best sets a field: only this field, this field with others, or as a switch; None if there is none."""
    ways = (
        lambda flag: flag.sets == (field.name,),
        lambda flag: field.name in flag.sets,
        lambda flag: not flag.sets and flag.also.get(field.name) is True,
    )
    return next((flag for way in ways for flag in FLAGS if way(flag)), None)


def field_rows(cls, names):
    told = comments(cls)
    by_name = {field.name: field for field in fields(cls)}
    for name in names:
        field = by_name[name]
        flag = flag_of(field) if cls is nbkernel.Experiment else None
        default = "" if field.default is MISSING else f"`{field.default!r}`".replace("frozenset()", "()")
        unit, meaning = unit_of(cls, name), told.get(name) or ""
        if flag and len(flag.sets) <= 1 and name not in CHOICES:
            meaning = flag.help
        switches = [other for other in FLAGS if name in CHOICES and name in other.also and other.kind == "none"]
        shown = ", ".join(f"`{each.spellings[0]}`" for each in ([flag] if flag else switches))
        cells = (f"`{name}`", type_text(field.type), default, unit, meaning, shown)
        yield " | ".join(cell.replace("|", "\\|") for cell in cells)


def type_text(kind):
    text = kind.__name__ if isinstance(kind, type) else str(kind)
    text = re.sub(r"nbkernel\.[a-z_.]*", "", text).replace(" | None", "")
    return text.replace("tuple[float, float, float]", "(x, y, z)")


def table(head, rows):
    return "\n".join([f"| {' | '.join(head)} |", f"|{'---|' * len(head)}", *(f"| {row} |" for row in rows), ""])


def class_part(name):
    cls = getattr(nbkernel, name)
    # users make StructureFactors by its methods
    yield f"## {name}\n\n{inspect.getdoc(cls)}\n" if name == "StructureFactors" else documented(f"## {name}", cls)
    for method in METHODS_OF[name]:
        yield documented(f"### {name}.{method}", getattr(cls, method))


def experiment_part():
    cls = nbkernel.Experiment
    yield f"## Experiment\n\n{inspect.getdoc(cls)}\n"
    for method in METHODS:
        yield documented(f"### Experiment.{method}", getattr(cls, method))
    yield f"### Fields of Experiment\n\n{EXPERIMENT_FIELDS}"
    head = ("field", "type", "default", "unit", "meaning", "flag")
    for name, own in tables().items():
        yield f"**{name}**\n"
        yield table(head, field_rows(cls, own))
    yield "At the top:\n"
    yield table(head, field_rows(cls, TOP_LEVEL))


def panel_part():
    names = [field.name for field in fields(nbkernel.Panel)]
    yield f"## Panel\n\n{inspect.getdoc(nbkernel.Panel)}\n"
    yield table(("field", "type", "default", "unit", "meaning", ""), field_rows(nbkernel.Panel, names))


def response_part():
    names = [field.name for field in fields(nbkernel.Response)]
    yield f"## Response\n\n{inspect.getdoc(nbkernel.Response)}\n"
    yield table(("field", "type", "default", "unit", "meaning", ""), field_rows(nbkernel.Response, names))


def material_part():
    names = [field.name for field in fields(nbkernel.Material)]
    yield f"## Material\n\n{inspect.getdoc(nbkernel.Material)}\n"
    yield table(("field", "type", "default", "unit", "meaning", ""), field_rows(nbkernel.Material, names))
    names = [field.name for field in fields(nbkernel.Lattice)]
    yield f"## Lattice\n\n{inspect.getdoc(nbkernel.Lattice)}\n"
    yield table(("field", "type", "default", "unit", "meaning", ""), field_rows(nbkernel.Lattice, names))


def page():
    """The page's text."""
    parts = [HEAD, *(documented(f"## {name}", getattr(nbkernel, name)) for name in FUNCTIONS)]
    parts += [
        *class_part("Simulator"),
        *class_part("Series"),
        *experiment_part(),
        *panel_part(),
        *response_part(),
        *material_part(),
    ]
    parts += class_part("StructureFactors")
    parts += [f"## {name}\n\n{inspect.getdoc(getattr(nbkernel, name))}\n" for name in CLASSES]
    return "\n".join(parts).rstrip() + "\n"


if __name__ == "__main__":
    PAGE.write_text(page())
