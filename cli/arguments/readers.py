"""Converts the texts of an option's values. Each function takes the option's name and its texts, and raises InputError,
naming the option, for an unusable text."""

import dataclasses
import math
import os
import re
from typing import Any

from nbkernel.errors import InputError
from nbkernel.experiment.arguments import number
from nbkernel.support.suggestion import suggestion
from nbkernel.support.validation import check_choice

MOST_DIGITS = 18  # within 64 bits


def switch(name):
    return True


def any_text(name, text):
    return text


def build_choice_reader(*words):
    def read(name, text):
        check_choice(name, text, words)
        return text

    return read


def build_tuple_reader(read_one):
    """The reader of several values into a tuple, each by `read_one`."""

    def read(name, *texts):
        return tuple(read_one(name, text) for text in texts)

    return read


def integer(name, text):
    if not text.isascii() or not text.isdigit():
        raise InputError(f"{name}: needs a whole number of at least 0, not {text!r}")
    if len(text) > MOST_DIGITS:
        raise InputError(f"{name}: {text} is too large; need at most {MOST_DIGITS} digits")
    return int(text)


def positive_integer(name, text):
    count = integer(name, text)
    if count < 1:
        raise InputError(f"{name}: needs a whole number of at least 1, not {text!r}")
    return count


def not_negative(name, text):
    try:
        value = number(name, text)
    except InputError:
        value = math.nan
    if not value >= 0.0:
        raise InputError(f"{name}: needs a number of at least 0, not {text!r}")
    return value


def positive(name, text):
    value = not_negative(name, text)
    if value == 0.0:
        raise InputError(f"{name}: needs a number greater than 0, not {text!r}")
    return value


def device(name, text):
    """(name, numbers) of the devices, see `parse_device`."""
    from nbkernel.engine.devices import parse_device

    return parse_device(text, name)


def fixes(name, text):
    """Set of the fixes named in NAME[,NAME] or all."""
    from nbkernel.experiment.quirks import parse_fixes

    return parse_fixes(name, text)


def tile_shape(name, text):
    """(slow, fast) pixels from SLOWxFAST."""
    sizes = text.split("x")
    if len(sizes) != 2 or not all(re.fullmatch("0*[1-9][0-9]*", size) for size in sizes):
        raise InputError(f"{name}: needs SLOWxFAST pixels such as 64x512, not {text!r}")
    return tuple(positive_integer(name, size) for size in sizes)


def paths(name, text):
    """Paths of files with commas between."""
    found = tuple(text.split(","))
    if not all(found):
        raise InputError(f"{name}: needs names of files with commas between, not {text!r}")
    return found


def elements(name, text):
    """Symbols of elements with commas between."""
    found = tuple(text.split(","))
    if not all(re.fullmatch("[A-Za-z]{1,2}", symbol) for symbol in found):
        raise InputError(f"{name}: needs symbols of elements with commas between, such as Fe,S, not {text!r}")
    return found


def material(name, text):
    """The Material of FILE[,NAME=VALUE...]; a comma may be part of the file's name if no = follows."""
    from nbkernel.geometry.background import Material

    path, *settings = re.split(r",(?=[^,=]*=)", text)
    known = [field.name for field in dataclasses.fields(Material) if field.name != "table"]
    stated: dict[str, Any] = {}
    for setting in settings:
        key, _, value = setting.partition("=")
        if key not in known:
            raise InputError(f"{name} {path}: has no {key}{suggestion(key, known)}; it has {', '.join(known)}")
        stated[key] = value if key == "variable" else number(f"{name} {path}: {key}", value)
    try:
        return Material(path, **stated)
    except InputError as error:
        raise InputError(f"{name} {path}: {error}") from None


def lattices(name, text):
    """The Lattices of a TOML file with nothing else."""
    from nbkernel.experiment.config.lattices import TABLE, read_lattices
    from nbkernel.experiment.config.reading import read_content

    content, _ = read_content(name, text)
    if {*content} != {TABLE}:
        raise InputError(f"{name} {text}: needs [[{TABLE}]] tables, and nothing else")
    return read_lattices(content[TABLE], f"{name} {text}")


def numbers(name, text):
    """The numbers of a list with commas."""
    return tuple(number(name, part) for part in text.split(","))


def one_or_three(name, text):
    """A number, or three with commas."""
    found = numbers(name, text)
    if len(found) not in (1, 3):
        raise InputError(f"{name}: needs one number or three with commas, not {text!r}")
    return found[0] if len(found) == 1 else found


def percentiles(name, *texts):
    low, high = (number(name, text) for text in texts)
    if not 0.0 <= low < high <= 100.0:
        raise InputError(f"{name}: needs percentiles 0 <= LOW < HIGH <= 100, not {' '.join(texts)}")
    return low, high


def zoom(name, text):
    """(picture pixels, detector pixels) along an edge, one of them 1."""
    match = re.fullmatch(r"(1/)?([1-9]\d{0,3})", text)
    if not match:
        raise InputError(f"{name}: needs N or 1/N with a whole number N from 1 to 9999, not {text!r}")
    return (1, int(match.group(2))) if match.group(1) else (int(match.group(2)), 1)


def rings(name, text):
    """Spacings (Angstrom), or the word auto."""
    if text == "auto":
        return text
    spacings = tuple(number(name, part) for part in text.split(","))
    if min(spacings) <= 0.0:
        raise InputError(f"{name}: needs spacings in Angstrom greater than 0, or auto, not {text!r}")
    return spacings


def shard(name, text):
    """(number from 1, count) from I/N, or of this task of a Slurm array or step."""
    from nbkernel.run.series.folder import shard_of

    return slurm_shard(name) if text == "slurm" else shard_of(name, text)


def slurm_shard(name):
    """The same by the variables of a Slurm array, of a step, or of a step within an array."""
    from nbkernel.run.series.folder import shard_of

    number, count = 0, 1
    if "SLURM_ARRAY_TASK_ID" in os.environ:
        own = slurm_number(name, "SLURM_ARRAY_TASK_ID")
        count = slurm_number(name, "SLURM_ARRAY_TASK_COUNT")
        first, step = (slurm_number(name, f"SLURM_ARRAY_TASK_{end}", least) for end, least in (("MIN", 0), ("STEP", 1)))
        number, rest = divmod(own - first, max(step, 1))
        if rest or not 0 <= number < count:
            raise InputError(
                f"{name}: SLURM_ARRAY_TASK_ID {own} is not one of {count} from {first} in steps of {step}; need an array "
                "without gaps, or I/N"
            )
        tasks = "SLURM_STEP_NUM_TASKS"
    else:
        tasks = "SLURM_NTASKS"
        if not {tasks, "SLURM_PROCID"} <= {*os.environ}:
            raise InputError(
                f"{name}: slurm needs SLURM_ARRAY_TASK_ID and _COUNT, or SLURM_PROCID and SLURM_NTASKS; or give I/N"
            )
    if tasks in os.environ:
        # the tasks of a step share what is its element's of the array
        in_step = slurm_number(name, tasks)
        number, count = number * in_step + slurm_number(name, "SLURM_PROCID"), count * in_step
    return shard_of(name, (number + 1, count))


def slurm_number(name, variable, default=None):
    text = os.environ.get(variable, "" if default is None else str(default))
    if not (text.isascii() and text.isdigit() and len(text) <= MOST_DIGITS):
        raise InputError(f"{name}: {variable} is {text!r}; need a whole number, or I/N")
    return int(text)
