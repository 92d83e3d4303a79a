"""Values of a JSON file that know their place in it, so that an error can name the key."""

import contextlib
import json
import math
from dataclasses import dataclass
from typing import Any

from nbkernel.errors import InputError

from .text import decoded_text

SHOWN = 60  # characters of a wrong value


@dataclass(frozen=True)
class Value:
    """A value as Python's json gives it; where: flag and file; key: its place in the file, such as detector[0].panels.

    All methods raise InputError, which names the key, for a value of another kind. A null counts as a missing key.
    """

    value: Any
    where: str
    key: str = ""

    def error(self, need):
        """The InputError that says what is needed here."""
        return InputError(f"{self.where}: {self.key or 'the file'} is {shown(self.value)}; need {need}")

    def has(self, key):
        return isinstance(self.value, dict) and self.value.get(key) is not None

    def at(self, key):
        if not isinstance(self.value, dict):
            raise self.error(f"an object with the key {key}")
        inner = f"{self.key}.{key}" if self.key else key
        if not self.has(key):
            raise InputError(f"{self.where}: has no {inner}")
        return Value(self.value[key], self.where, inner)

    def is_list(self):
        return isinstance(self.value, list)

    def items(self):
        if not self.is_list():
            raise self.error("a list")
        return [Value(value, self.where, f"{self.key}[{number}]") for number, value in enumerate(self.value)]

    def item(self, reference):
        """The item of a non-empty list whose number is the Value `reference`."""
        if not self.is_list() or not self.value:
            raise self.error("a list that is not empty")
        number = reference.number_below(len(self.value))
        return Value(self.value[number], self.where, f"{self.key}[{number}]")

    def number(self):
        if isinstance(self.value, (int, float)) and not isinstance(self.value, bool):
            with contextlib.suppress(OverflowError):
                number = float(self.value)
                if math.isfinite(number):
                    return number
        raise self.error("a finite number")

    def numbers(self, count):
        """Tuple of `count` finite numbers."""
        if not self.is_list() or len(self.value) != count:
            raise self.error(f"a list of {count} numbers")
        return tuple(item.number() for item in self.items())

    def number_below(self, count):
        """An integer from 0 to count - 1."""
        if isinstance(self.value, int) and not isinstance(self.value, bool) and 0 <= self.value < count:
            return self.value
        raise self.error(f"a whole number from 0 to {count - 1}")

    def text(self):
        if isinstance(self.value, str):
            return self.value
        raise self.error("a text")


def parse_json(flag, path, content):
    """The Value of a JSON file's bytes. Raises InputError, naming the flag, for anything else."""
    where = f"{flag} {path}"
    text = decoded_text(flag, path, content).removeprefix("\ufeff")
    try:
        return Value(json.loads(text), where)
    except RecursionError:
        raise InputError(f"{where}: is nested too deep for a JSON file") from None
    except ValueError as error:
        raise InputError(f"{where}: is not a complete JSON file ({error})") from None


def shown(value):
    """A wrong value in a few characters."""
    if isinstance(value, dict):
        return "an object"
    if isinstance(value, list) and any(isinstance(item, (list, dict)) for item in value):
        return f"a list of {len(value)} lists or objects"
    text = json.dumps(value)
    return text if len(text) <= SHOWN else f"{text[:SHOWN]}..."
