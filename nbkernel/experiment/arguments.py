"""From an argument list to settings, by nanoBragg.c's rules for its flags.

A missing or non-numeric value, with which the program would continue, is an error here; an accidental substring match
(-misset_seed is also -misset) is read as in the program and never an error.
"""

import math
import re
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial

from nbkernel.errors import InputError
from nbkernel.support.suggestion import suggestion

from .flags import FLAGS, best_match, matched_flags

FLOAT = re.compile(r"[-+]?(\d+\.?\d*|\.\d+)([eE][-+]?\d+)?")
INTEGER = re.compile(r"\s*[-+]?\d+")


@dataclass
class Arguments:
    """settings: values by the names in the flag table; warnings: for the user."""

    settings: dict = field(default_factory=dict)
    warnings: list = field(default_factory=list)


def parse_flags(argv, fixes=frozenset(), table=FLAGS):
    """Arguments of the flags in `argv`, nanoBragg.c's or those of another table. Raises InputError for a missing or unusable
    value."""
    arguments = Arguments()
    # positions of values of the flags that the user meant, and of the arguments after an unknown flag
    claimed = set()
    for position, argument in enumerate(argv):
        if not argument.startswith("-"):
            if position not in claimed:
                arguments.warnings.append(f"{argument} is ignored: it does not belong to a flag")
            continue
        found = matched_flags(argument, fixes, table)
        if not found:
            if position not in claimed and not FLOAT.fullmatch(argument):
                arguments.warnings.append(f"unknown flag {argument} is ignored{suggestion(argument, spellings(table))}")
                claimed.update(following_values(argv, position))
            continue
        meant = best_match(argument, found)
        for entry in found:
            values = argv[position + 1 : position + 1 + entry.value_count]
            reader = READERS.get(entry.kind, read_numbers)
            try:
                used = reader(arguments, entry, argument, values, is_last=position == len(argv) - 1)
            except InputError:
                if entry is meant:
                    raise
                apply_accidental(arguments, entry, values)
                continue
            if entry is meant:
                claimed.update(range(position + 1, position + 1 + used))
    return arguments


def spellings(table):
    return [spelling for entry in table for spelling in entry.spellings]


def following_values(argv, position):
    taken = []
    for after in range(position + 1, len(argv)):
        if argv[after].startswith("-") and not FLOAT.fullmatch(argv[after]):
            break
        taken.append(after)
    return taken


def apply(arguments, entry, value):
    for name in entry.sets:
        arguments.settings[name] = value
    arguments.settings.update(entry.also)


def apply_accidental(arguments, entry, values):
    """Sets the values of an accidental match, as read by C's atof and atoi; nothing if values are missing."""
    if len(values) < entry.value_count or entry.kind not in ("float", "int", "misset"):
        return
    convert = c_atoi if entry.kind == "int" else c_atof
    numbers = tuple(convert(value) for value in values)
    apply(arguments, entry, numbers if entry.value_count > 1 else numbers[0])


def c_atof(text):
    match = re.match(rf"{FLOAT.pattern}|[-+]?(inf|nan)", text.lstrip(), re.IGNORECASE)
    return float(match.group()) if match else 0.0


def c_atoi(text):
    match = INTEGER.match(text)
    return int(match.group()) if match else 0


def number(argument, text):
    """The finite number in a text. Raises InputError, naming the flag, for any other text."""
    if FLOAT.fullmatch(text) and math.isfinite(float(text)):
        return float(text)
    raise InputError(f"{argument}: needs a number, not {text!r}")


def require_count(argument, entry, values):
    if len(values) < entry.value_count:
        needed = "a value" if entry.value_count == 1 else f"{entry.value_count} values"
        raise InputError(
            f"{argument}: needs {needed}{f' ({entry.unit})' if entry.unit else ''}, got {len(values) or 'none'}"
        )


def read_numbers(arguments, entry, argument, values, is_last):
    require_count(argument, entry, values)
    numbers = tuple(number(argument, value) for value in values)
    if entry.kind == "int":
        integers = tuple(c_atoi(value) for value in values)
        for value, exact, text in zip(integers, numbers, values, strict=True):
            if abs(exact) > 2147483647:
                raise InputError(f"{argument}: {text} does not fit into 32 bits; need at most 2147483647")
            if value != exact:
                arguments.warnings.append(f"{argument} {text} is read as {value}, as in nanoBragg.c")
        numbers = integers
    apply(arguments, entry, numbers if entry.value_count > 1 else numbers[0])
    return entry.value_count


def read_truncated(arguments, entry, argument, values, is_last):
    require_count(argument, entry, values)
    exact = number(argument, values[0])
    if abs(exact) > 2147483647:
        raise InputError(f"{argument}: {values[0]} does not fit into 32 bits; need at most 2147483647")
    apply(arguments, entry, int(exact))
    return 1


def read_text(arguments, entry, argument, values, is_last):
    require_count(argument, entry, values)
    if not values[0] or values[0].startswith("-"):
        raise InputError(f"{argument}: needs a file name, got {values[0]!r}")
    apply(arguments, entry, values[0])
    return 1


def read_nothing(arguments, entry, argument, values, is_last):
    apply(arguments, entry, None)
    return 0


def read_curved(arguments, entry, argument, values, is_last):
    if is_last:
        arguments.warnings.append("-curved_det is ignored as the last argument, as in nanoBragg.c; put it earlier")
        return 0
    return read_nothing(arguments, entry, argument, values, is_last)


def read_cell(arguments, entry, argument, values, is_last):
    given = []
    for value in values:
        if value.startswith("-"):
            break
        given.append(number(argument, value))
    if not given:
        shown = f", not {values[0]!r}" if values else ""
        raise InputError(f"{argument}: needs a b c (Angstrom) and alpha beta gamma (degrees){shown}")
    # numbers of an earlier -cell stay if this one omits them
    apply(arguments, entry, tuple(given) + arguments.settings.get("cell", ())[len(given) :])
    return len(given)


def read_misset(arguments, entry, argument, values, is_last):
    if values and "rand" in values[0]:
        apply(arguments, entry, "random")
        return 1
    if not values:
        raise InputError(f"{argument}: needs three angles (deg) or the word random")
    return read_numbers(arguments, entry, argument, values, is_last)


def read_word(words, arguments, entry, argument, values, is_last):
    """The first of the words that the value contains."""
    require_count(argument, entry, values)
    for word in words:
        if word in values[0]:
            apply(arguments, entry, word)
            return 1
    raise InputError(f"{argument}: needs {' or '.join(reversed(words))}, not {values[0]!r}")


def read_energy(arguments, entry, argument, values, is_last):
    from nbkernel.kernels.physics.constants import HC_EV_ANGSTROM

    require_count(argument, entry, values)
    energy = number(argument, values[0])
    if energy <= 0.0:
        raise InputError(f"{argument}: {values[0]} eV is not a photon energy; it must be greater than 0")
    apply(arguments, entry, HC_EV_ANGSTROM / energy)
    return 1


def read_absorption(arguments, entry, argument, values, is_last):
    require_count(argument, entry, values)
    depth = math.inf if "inf" in values[0] else number(argument, values[0])
    apply(arguments, entry, depth)
    if depth == 0.0 or depth == math.inf:
        # only a thickness given later is used
        arguments.settings["detector_thick"] = 0.0
    return 1


def read_pix0(arguments, entry, argument, values, is_last):
    used = read_numbers(arguments, entry, argument, values, is_last)
    if "_mm" in argument:
        arguments.settings["pix0_vector"] = tuple(x / 1000.0 for x in arguments.settings["pix0_vector"])
    return used


READERS: dict[str, Callable] = {
    "none": read_nothing,
    "truncated": read_truncated,
    "psf": partial(read_word, ("fiber", "gauss")),
    "text": read_text,
    "curved": read_curved,
    "cell": read_cell,
    "misset": read_misset,
    "pivot": partial(read_word, ("beam", "sample")),
    "energy": read_energy,
    "absorption": read_absorption,
    "pix0": read_pix0,
}
