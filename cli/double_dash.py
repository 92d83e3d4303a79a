"""Double-dash options of the commands that take none of nanoBragg.c's flags: a table of names, values and readers."""

import math
from typing import NamedTuple

from nbkernel.errors import InputError
from nbkernel.experiment.arguments import suggestion

MOST_DIGITS = 18  # within 64 bits


class Option(NamedTuple):
    name: str
    values: tuple  # names of the values, empty for a switch
    read: object  # reader(option's name, text) of each value
    help: str


def parse(command, options, argv, files):
    """(file names, {option: value}) of an argument list. An option's value is a list where it takes several, True for a
    switch. Raises InputError for an unknown option, a missing or unusable value, or another number of files."""
    known = {option.name: option for option in options}
    names, chosen = [], {}
    arguments = list(argv)
    while arguments:
        argument = arguments.pop(0)
        if not argument.startswith("--"):
            names.append(argument)
            continue
        name, equals, text = argument.partition("=")
        if name not in known:
            raise InputError(f"{command}: there is no option {name}{suggestion(name, known)}")
        if equals and not known[name].values:
            raise InputError(f"{name}: takes no value, got {text!r}")
        if equals:
            arguments[:0] = text.split()
        chosen[name] = take_values(known[name], arguments)
    if len(names) != len(files):
        raise InputError(f"{command}: needs {' and '.join(files)}, got {len(names)} file names; see nbkernel {command} -h")
    return names, chosen


def take_values(option, arguments):
    if not option.values:
        return True
    count = len(option.values)
    if len(arguments) < count:
        raise InputError(f"{option.name}: needs {' '.join(option.values)}, got {' '.join(arguments) or 'nothing'}")
    values = [option.read(option.name, arguments.pop(0)) for _ in range(count)]
    return values if count > 1 else values[0]


def text(name, value):
    if value.startswith("--"):
        raise InputError(f"{name}: needs a value, got {value}")
    return value


def whole(name, value):
    if not value.isascii() or not value.isdigit():
        raise InputError(f"{name}: needs a whole number of at least 0, not {value!r}")
    if len(value) > MOST_DIGITS:
        raise InputError(f"{name}: {value} is too large; need at most {MOST_DIGITS} digits")
    return int(value)


def positive_whole(name, value):
    number = whole(name, value)
    if number < 1:
        raise InputError(f"{name}: needs a whole number of at least 1, not {value!r}")
    return number


def not_negative(name, value):
    try:
        number = float(value)
    except ValueError:
        number = math.nan
    if not 0.0 <= number < math.inf:
        raise InputError(f"{name}: needs a number of at least 0, not {value!r}")
    return number


def one_of(*words):
    def reader(name, value):
        if value not in words:
            raise InputError(f"{name}: needs {', '.join(words[:-1])} or {words[-1]}, not {value!r}")
        return value

    return reader


def help_text(options):
    return "\n".join(f"  {' '.join((option.name, *option.values)):<32} {option.help}" for option in options)


def as_json(value):
    """`value` for json.dumps: nan is None, the infinities are the texts inf and -inf."""
    if isinstance(value, dict):
        return {key: as_json(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [as_json(item) for item in value]
    if isinstance(value, float) and not math.isfinite(value):
        return None if math.isnan(value) else str(value)
    return value
