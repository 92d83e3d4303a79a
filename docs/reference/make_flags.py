"""Writes docs/reference/flags.md from the tables that the commands themselves read.

python docs/reference/make_flags.py
"""

import re
from dataclasses import fields
from pathlib import Path

from nbkernel.cli.arguments.options import options_of, unit_of_option
from nbkernel.engine.options import PRECISIONS
from nbkernel.experiment.experiment import Experiment
from nbkernel.experiment.flags import FLAGS, GROUPS
from nbkernel.experiment.outputs import NOISE_RNGS, SMV_STYLES, Outputs
from nbkernel.experiment.quirks import QUIRKS
from nbkernel.run.siblings import background_flags as background
from nbkernel.run.siblings import noisify_flags as noisify

PAGE = Path(__file__).with_name("flags.md")

HEAD = """\
# Flags and options

Written by `python docs/reference/make_flags.py` from the tables that the commands read (`nbkernel/experiment/flags.py`, `cli/arguments/options.py`
and others): change those, not this page. `nbkernel simulate -h` prints a short version.

* [nanoBragg.c's flags](#nanobraggcs-flags): one dash, for `simulate`, `trace` and (the geometry) `show`
* [Our own options](#our-own-options): two dashes, by command
* [noisify.c's flags](#noisifycs-flags): for `noisify`
* [nonBragg.c's flags](#nonbraggcs-flags): for `background`
"""

FLAGS_HEAD = """\
## nanoBragg.c's flags

As in nanoBragg.c, an argument that begins with a dash is searched for the name of each flag, in the order of
`nbkernel/experiment/flags.py`:

* **whole**: the argument must be exactly the name, like `-phi`.
* **part**: the name may be anywhere in the argument. So `-matrix` is `-mat`, `-wavelength` is `-wave`, and one argument can
  match several flags: `-misset_seed` is also `-misset`.
* **part, last**: the same, and no later flag is tried on the argument.

Of several flags that set the same thing the last counts, and flags override the header of `-img` or `-mask`. An unknown flag is
a warning; a missing or unusable value is an error. Integers are read as C's `atoi` reads them (`5.7` is 5, with a warning).

*Sets* names the field of `Experiment` (or of `Outputs`) that gets the value, in the unit given here, and whatever else the flag
sets. With the conventions `mosflm`, `denzo`, `adxv`, `xds` and `dials` the pivot is always the convention's own; only with
vectors (`custom`) does the last flag that sets it decide.
"""

OPTIONS_HEAD = """\
## Our own options

`--option value` and `--option=value` are the same. Options may be anywhere among the flags. *Sets* names the field of
`Experiment` (or of the class given) that gets the value.
"""

NOISIFY_HEAD = """\
## noisify.c's flags

For `nbkernel noisify` ([response](../response.md)), matched in the same way. An argument that contains `floatimage.bin`, and is not
the value of a flag, is the float file. *Sets* names the field of `Noisify`.
"""

BACKGROUND_HEAD = """\
## nonBragg.c's flags

For `nbkernel background` ([background](../files/background.md)), matched in the same way. *Sets* names the field of `Background`.
"""

# what the readers of nbkernel.experiment.arguments do besides, by kind
READERS_DO = {
    "cell": "angles (and what an earlier `-cell` gave) may be left out",
    "misset": "`-misset random` draws an orientation, see [quirks](../quirks.md#misset)",
    "energy": "`wavelength` = 12398.42 / energy",
    "absorption": "`inf` or 0 also sets `detector_thick = 0`, so give the thickness after it",
}
VALUES = {
    "none": "", "curved": "", "float": "number", "int": "whole", "text": "FILE", "cell": "a b c al be ga", "misset": "x y z",
    "truncated": "whole", "psf": "`gauss` or `fiber`", "pivot": "`sample` or `beam`", "energy": "number", "absorption": "number", "pix0": "x y z",
}  # fmt: skip
# settings that are not fields: what they do to one
SWITCHES = {
    ("write_pgm", True): "`Outputs.pgmfile`",
    ("write_pgm", False): "`Outputs.pgmfile = None`",
    ("calculate_noise", True): "`Outputs.noisefile`",
    ("calculate_noise", False): "`Outputs.noisefile = None`",
    ("progress", True): "",
    ("progress", False): "",
}


def field_name(setting):
    """The field that a setting goes to. Raises KeyError if there is none."""
    for kind, shown in ((Experiment, setting), (Outputs, f"Outputs.{setting}")):
        if setting in {field.name for field in fields(kind)}:
            return shown
    raise KeyError(setting)


def sets(flag):
    parts = [f"`{field_name(setting)}`" for setting in flag.sets]
    for setting, value in flag.also.items():
        part = SWITCHES[setting, value] if (setting, value) in SWITCHES else f"`{field_name(setting)} = {value}`"
        if part and part not in parts:
            parts.append(part)
    return ", ".join(parts)


def values(flag):
    if flag.kind in ("float", "int") and flag.value_count > 1:
        return "x y z" if flag.value_count == 3 else f"{flag.value_count} {VALUES[flag.kind]}"
    return VALUES[flag.kind]


def unit(flag):
    return "" if flag.kind == "text" else flag.unit


def match(flag):
    return "whole" if flag.exact else "part, last" if flag.ends else "part"


def meaning(flag):
    notes = [READERS_DO[flag.kind]] if flag.kind in READERS_DO else []
    if flag.quirk:
        notes.append(f"with [`--fix {flag.quirk}`](../quirks.md#{flag.quirk}) only as the whole argument")
    return "; ".join([coded(flag.help), *notes])


def coded(text):
    """The text with its flags and options marked as code."""
    return re.sub(r"(?<![\w`-])(--fix \w+|--?[A-Za-z]\w*)", r"`\1`", text)


def table(head, rows):
    yield f"| {' | '.join(head)} |"
    yield f"|{'---|' * len(head)}"
    for row in rows:
        yield f"| {' | '.join(escaped(cell) for cell in row)} |"
    yield ""


def escaped(cell):
    return cell.replace("|", "\\|")


def flag_tables():
    for group in GROUPS:
        yield f"### {group}\n"
        rows = [
            (names(flag.spellings), values(flag), unit(flag), flag.default, meaning(flag), match(flag), sets(flag))
            for flag in FLAGS if flag.group == group
        ]  # fmt: skip
        yield from table(("flag", "values", "unit", "default", "meaning", "match", "sets"), rows)


def sibling_tables(program, module):
    for group in module.GROUPS:
        yield f"### {program}: {group}\n"
        rows = [
            (
                names(flag.spellings), values(flag), unit(flag), flag.default, coded(flag.help), match(flag),
                ", ".join([*(f"`{name}`" for name in flag.sets), *(f"`{name} = {also!r}`" for name, also in flag.also.items())]),
            )
            for flag in module.FLAGS if flag.group == group
        ]  # fmt: skip
        yield from table(("flag", "values", "unit", "default", "meaning", "match", "sets"), rows)


def names(spellings):
    return ", ".join(f"`{spelling}`" for spelling in spellings)


def option_rows(command):
    for option in options_of(command):
        shown = f"`{f'{option.name} {option.values}'.strip()}`"
        field = f"`{option.sets.removeprefix('Experiment.')}`" if option.sets else ""
        yield shown, unit_of_option(option), option.default, coded(option.help), field


def named_rows(told):
    return [(f"`{name}`", what) for name, what in told.items()]


def option_tables():
    for command, told in (
        ("simulate", "Takes nanoBragg.c's flags and:"),
        ("series", "`nbkernel series SPEC.toml`; see [series](../series.md):"),
        ("background", "Takes [nonBragg.c's flags](#nonbraggcs-flags) and:"),
        ("noisify", "Takes [noisify.c's flags](#noisifycs-flags) and:"),
        ("structure-factors", "`nbkernel structure-factors MODEL` or `TABLE`; see [models](../files/models.md):"),
        ("export", "`nbkernel export FILE.h5`; see [export](../files/export.md):"),
        ("trace", "Takes nanoBragg.c's flags and:"),
        ("show", "`nbkernel show FILE`, then nanoBragg.c's flags, of which only those of the geometry matter, and:"),
        ("compare", "`nbkernel compare A B`; A is the reference:"),
        ("compare-traces", "`nbkernel compare-traces A B`; A is the reference:"),
    ):
        yield f"### nbkernel {command}\n\n{told}\n"
        yield from table(("option", "unit", "default", "meaning", "sets"), option_rows(command))
    yield "### nbkernel info\n\nTakes no options.\n"
    yield "### Precisions\n\n`--precision`, with its promise for every pixel compared with nanoBragg.c's; see [precisions](../precisions.md).\n"
    yield from table(("name", "promise"), named_rows(PRECISIONS))
    yield "### Noise\n\n`--noise-rng`, both seeded by `-seed`; see [noise](../physics/noise.md).\n"
    yield from table(("name", "random numbers"), named_rows(NOISE_RNGS))
    yield "### SMV headers\n\n`--smv`; see [formats](../files/formats.md#smv).\n"
    yield from table(("name", "header"), named_rows(SMV_STYLES))
    yield "### Fixes\n\n`--fix`; see [quirks](../quirks.md).\n"
    fixes = ((f"[`{name}`](../quirks.md#{name})", coded(now), then) for name, (now, then) in QUIRKS.items())
    yield from table(("name", "nanoBragg.c", "corrected"), fixes)


def page():
    """The page's text."""
    parts = [HEAD, FLAGS_HEAD, *flag_tables(), OPTIONS_HEAD, *option_tables(), NOISIFY_HEAD]
    parts += [*sibling_tables("noisify", noisify), BACKGROUND_HEAD, *sibling_tables("background", background)]
    return "\n".join(parts).rstrip() + "\n"


if __name__ == "__main__":
    PAGE.write_text(page())
