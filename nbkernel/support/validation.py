"""Checks and converts values from users of the Python API: the fields of a frozen dataclass, by their annotations, and
numbers. The functions raise InputError, naming the field or argument, for unsuitable values."""

import dataclasses
import functools
import numbers
import os
import types
import typing

from nbkernel.errors import InputError

from .printable import shortened

KIND_TEXTS = {float: "a number", int: "a whole number", bool: "true or false", str: "a string"}


def with_unit(default: typing.Any, unit: str) -> typing.Any:
    """A dataclass field of one or several numbers in `unit`, see `unit_of`."""
    return dataclasses.field(default=default, metadata={"unit": unit})


def unit_of(cls, name):
    """The unit of a dataclass field, empty if it has none."""
    return cls.__dataclass_fields__[name].metadata.get("unit", "")


def convert_fields(instance, names=None):
    """Converts the value of each field, or of those called `names`, to its annotated type: numpy's numbers to Python's,
    lists to tuples. Raises InputError, naming the field, for a value of another kind."""
    known = conversions(instance.__class__)
    for name in known if names is None else names:
        kind, default, unchanged = known[name]
        value = getattr(instance, name)
        if value is default or type(value) in unchanged:
            continue
        try:
            converted = converted_value(value, kind)
        except ValueError:
            raise InputError(f"{name}: needs {kind_text(kind)}, not {short_text(value)}") from None
        if converted is not value:
            object.__setattr__(instance, name, converted)


def short_text(value):
    """A short description of a wrong value."""
    if getattr(value, "ndim", 0):
        return f"an array of {' x '.join(map(str, value.shape))}"
    return shortened(repr(value), 80)


@functools.cache
def field_kinds(cls):
    hints = typing.get_type_hints(cls)
    return {field.name: hints[field.name] for field in dataclasses.fields(cls)}


@functools.cache
def conversions(cls):
    """{field: (its annotation, its default, types)}: the default and values of these types need no conversion."""
    kinds = field_kinds(cls)
    return {
        field.name: (kinds[field.name], field.default, unchanged_types(kinds[field.name]))
        for field in dataclasses.fields(cls)
    }


def unchanged_types(kind):
    """Types whose values `converted_value` returns as they are for the annotation `kind`."""
    choices = typing.get_args(kind) if isinstance(kind, types.UnionType) else (kind,)
    found = {choice for choice in choices if choice in (float, int, bool, str, types.NoneType)}
    # a whole number becomes a float where both are possible
    return found - {int} if float in found else found


def converted_value(value, kind):
    """`value` as the type of the annotation `kind`. Raises ValueError if it cannot be converted."""
    if isinstance(kind, types.UnionType):
        for choice in typing.get_args(kind):
            try:
                return converted_value(value, choice)
            except ValueError:
                pass
        raise ValueError
    origin = typing.get_origin(kind)
    if origin is tuple:
        return converted_tuple(value, typing.get_args(kind))
    if origin is frozenset:
        (item,) = typing.get_args(kind)
        return frozenset(converted_value(part, item) for part in as_tuple(value))
    if getattr(value, "ndim", 1) == 0 and hasattr(value, "item"):
        value = value.item()  # a numpy scalar
    if isinstance(value, kind) and (kind is bool or not isinstance(value, bool)):
        return value
    if kind is float and isinstance(value, numbers.Real) and not isinstance(value, bool):
        try:
            return float(value)
        except OverflowError:
            raise ValueError from None
    if kind is str and isinstance(value, os.PathLike):
        return os.fspath(value)
    raise ValueError


def converted_tuple(value, kinds):
    parts = as_tuple(value)
    if len(kinds) == 2 and kinds[1] is Ellipsis:
        kinds = kinds[:1] * len(parts)
    if len(parts) != len(kinds):
        raise ValueError
    converted = tuple(converted_value(part, kind) for part, kind in zip(parts, kinds, strict=True))
    same = isinstance(value, tuple) and all(a is b for a, b in zip(converted, value, strict=True))
    return value if same else converted


def as_tuple(value):
    if isinstance(value, (str, bytes, dict)):
        raise ValueError
    try:
        return tuple(value)
    except TypeError:
        raise ValueError from None


def kind_text(kind):
    """The type that an annotation requires, as text."""
    if isinstance(kind, types.UnionType):
        if {int, float} <= {*typing.get_args(kind)}:
            return KIND_TEXTS[float]
        return " or ".join(kind_text(choice) for choice in typing.get_args(kind) if choice is not types.NoneType)
    origin, parts = typing.get_origin(kind), typing.get_args(kind)
    if origin is tuple and parts[-1] is not Ellipsis:
        return f"{len(parts)} {plural(parts[0])}"
    if origin in (tuple, frozenset):
        return f"a list of {plural(parts[0])}"
    return KIND_TEXTS.get(kind, f"a {kind.__name__}")


def plural(kind):
    if isinstance(kind, types.UnionType):
        kind = typing.get_args(kind)[0]
    if typing.get_origin(kind) is tuple:
        return f"rows of {kind_text(kind)}"
    return {float: "numbers", int: "whole numbers", str: "strings"}.get(kind, f"{kind.__name__}s")


def check_choice(name, value, choices):
    """Raises InputError unless `value` is one of the `choices`."""
    if value not in choices:
        *others, last = map(str, choices)
        needed = f"{', '.join(others)} or {last}" if others else last
        raise InputError(f"{name}: needs {needed}, not {short_text(value)}")


def integer(name, value):
    try:
        return value.__index__()
    except AttributeError:
        raise InputError(f"{name}: needs a whole number, not {value!r}") from None


def number(name, value):
    """`value` as a finite float."""
    try:
        value = float(value)
        if value - value == 0.0:
            return value
    except (TypeError, ValueError, OverflowError):
        pass
    raise InputError(f"{name}: needs a finite number, not {value!r}")


def check_threads(threads):
    if threads is not None and integer("threads", threads) < 1:
        raise InputError(f"threads: needs a whole number of at least 1, not {threads!r}")
