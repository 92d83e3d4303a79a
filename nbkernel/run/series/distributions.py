"""How a value varies from image to image: distributions and columns, as a specification states them."""

import csv
import math
import os
from statistics import NormalDist
from typing import Any, NamedTuple

from nbkernel.errors import InputError
from nbkernel.io.files.text import read_text
from nbkernel.support.suggestion import suggestion
from nbkernel.support.validation import number, short_text

# kind: what its numbers are, how many of them; None: any number of values
KINDS = {
    "normal": ("mean and standard deviation", 2),
    "lognormal": ("median and standard deviation of the logarithm", 2),
    "uniform": ("lowest and highest value", 2),
    "poisson": ("mean", 1),
    "choice": ("values of the same probability", None),
    "values": ("a value for each image, or a CSV file with a column of them", None),
}
LARGEST_POISSON = 500.0  # a mean whose exponential is far from underflow


class Distribution(NamedTuple):
    """kind: of KINDS; numbers: as KINDS explains, or values of any other type; whole: whether the value is rounded to a
    whole number."""

    kind: str
    numbers: tuple
    whole: bool = False

    def value(self, uniform, image):
        """The value that a uniform deviate, between 0 and 1, gives for image number `image`."""
        found = self.real_value(uniform, image)
        return round(found) if self.whole else found

    def real_value(self, uniform, image):
        numbers = self.numbers
        if self.kind == "values":
            return numbers[image]
        if self.kind == "choice":
            return numbers[int(uniform * len(numbers))]
        if self.kind == "poisson":
            return poisson_count(numbers[0], uniform)
        first, second = numbers
        if self.kind == "uniform":
            # the ends of whole numbers are as probable as the others
            return math.floor(first + (second + 1 - first) * uniform) if self.whole else first + (second - first) * uniform
        deviate = NormalDist().inv_cdf(uniform)
        return first + second * deviate if self.kind == "normal" else first * math.exp(second * deviate)

    def typical(self):
        """Values that must all be possible: those listed, the ends of a range, the middle of a peak."""
        return self.numbers if self.kind in ("uniform", "choice", "values") else self.numbers[:1]


def poisson_count(mean, uniform):
    """The smallest count whose cumulative probability exceeds the uniform deviate."""
    count, probability = 0, math.exp(-mean)
    rest = uniform - probability
    while rest > 0.0 and (count < mean or probability > 0.0):
        count += 1
        probability *= mean / count
        rest -= probability
    return count


def read_distribution(lead, name, stated, kind, images, folder):
    """The Distribution that a specification states for the field `name`.

    stated: a table such as {"normal": [1.0, 0.1]}; kind: the field's type, float, int, bool or str; images: their number;
    folder: of the specification, to which a CSV file's path is relative. Raises InputError, beginning with `lead`.
    """
    if not isinstance(stated, dict):
        raise InputError(
            f"{lead}: needs a distribution such as {{ normal = [1.0, 0.1] }}, not {short_text(stated)}; "
            "a value that does not vary belongs in its own table"
        )
    kinds = [key for key in stated if key != "column"]
    for key in kinds:
        if key not in KINDS:
            near = suggestion(key, KINDS)
            raise InputError(f"{lead}: there is no distribution {key!r}{near}; there are {', '.join(KINDS)}")
    if len(kinds) != 1:
        raise InputError(f"{lead}: needs one of {', '.join(KINDS)}, not {' and '.join(kinds) or 'none'}")
    (way,) = kinds
    values = stated[way]
    if way == "values" and isinstance(values, (str, os.PathLike)):
        path = os.path.join(folder, values)
        values = read_column(lead, path, stated.get("column", name), "column" in stated)
    elif "column" in stated:
        raise InputError(f'{lead}: column names one of a CSV file; need values = "FILE.csv" beside it')
    numbers = as_list(lead, way, values)
    if way in ("choice", "values"):
        found = tuple(listed_value(lead, value, kind) for value in numbers)
    elif kind not in (int, float):
        raise InputError(f"{lead}: is not a number, so that only choice and values suit it, not {way}")
    else:
        found = tuple(number(f"{lead}: {way}", value) for value in numbers)
    distribution = Distribution(way, found, kind is int and way != "poisson")
    check(lead, distribution, images)
    return distribution


def as_list(lead, way, values):
    what, count = KINDS[way]
    if way == "poisson" and not isinstance(values, (list, tuple)):
        values = [values]
    if hasattr(values, "tolist"):
        values = values.tolist()
    if not isinstance(values, (list, tuple)) or (count is not None and len(values) != count):
        wanted = "a list" if count is None else f"{count} numbers" if count > 1 else "1 number"
        raise InputError(f"{lead}: {way} needs {wanted}, {what}, not {short_text(values)}")
    if not values:
        raise InputError(f"{lead}: {way} needs at least one value")
    return values


def listed_value(lead, value, kind):
    """A value of a list, as the field's type; the text of a CSV file is converted."""
    if kind in (int, float):
        value = number(lead, value)
        if kind is int and value != round(value):
            raise InputError(f"{lead}: needs whole numbers, not {value:g}")
        return round(value) if kind is int else value
    if kind is bool and isinstance(value, str) and value in ("true", "false"):
        return value == "true"
    if not isinstance(value, kind):
        raise InputError(f"{lead}: needs {'true or false' if kind is bool else 'strings'}, not {short_text(value)}")
    return value


def check(lead, distribution, images):
    """Raises InputError for numbers with which there is no such distribution, or too few values."""
    kind, numbers = distribution.kind, distribution.numbers
    if kind in ("normal", "lognormal") and numbers[1] < 0.0:
        raise InputError(f"{lead}: {kind} needs a standard deviation of at least 0, not {numbers[1]:g}")
    if kind == "lognormal" and not numbers[0] > 0.0:
        raise InputError(f"{lead}: lognormal needs a median greater than 0, not {numbers[0]:g}")
    if kind == "uniform" and numbers[0] > numbers[1]:
        raise InputError(f"{lead}: uniform needs the lowest value first, not {numbers[0]:g}, {numbers[1]:g}")
    if kind == "uniform" and distribution.whole and any(value != round(value) for value in numbers):
        raise InputError(f"{lead}: needs whole numbers, not {numbers[0]:g} to {numbers[1]:g}")
    if kind == "poisson" and not 0.0 <= numbers[0] <= LARGEST_POISSON:
        raise InputError(f"{lead}: poisson needs a mean from 0 to {LARGEST_POISSON:g}, not {numbers[0]:g}")
    if kind == "values":
        check_count(lead, len(numbers), images)


def check_count(lead, count, images):
    if count < images:
        raise InputError(f"{lead}: has {count} values, but there are {images} images; each needs one")


def read_column(lead, path, column, named):
    """Texts of the column of a CSV file whose first row has names. named: whether the user names the column; otherwise a
    file's only column is taken, whatever its name."""
    rows = [row for row in csv.reader(read_text(lead, path).splitlines()) if row]
    names = [name.strip() for name in rows[0]] if rows else []
    if not named and len(names) == 1:
        column = names[0]
    if not isinstance(column, str) or column not in names:
        raise InputError(f"{lead}: {os.fspath(path)} has no column {column!r}; its first row names {', '.join(names)}")
    place, found = names.index(column), []
    for line, row in enumerate(rows[1:], 2):
        if len(row) != len(names):
            raise InputError(f"{lead}: row {line} of {os.fspath(path)} has {len(row)} values, the first row {len(names)}")
        found.append(row[place].strip())
    return found


def toml_of(distribution, toml_value):
    """The Distribution as TOML; toml_value: a function that writes a value."""
    numbers: Any = distribution.numbers[0] if distribution.kind == "poisson" else list(distribution.numbers)
    return f"{{ {distribution.kind} = {toml_value(numbers)} }}"
