"""What users of the Python API give, checked and converted: the fields of a frozen dataclass, by their annotations, and
numbers. Each function raises InputError, naming the field or argument, for anything else."""

import dataclasses
import functools
import numbers
import os
import types
import typing

from nbkernel.errors import InputError

from .printable import shortened

WORDS = {float: "a number", int: "a whole number", bool: "true or false", str: "a text"}


def with_unit(default: typing.Any, unit: str) -> typing.Any:
    """A dataclass's field of a number, or several, in a unit, which `unit_of` gives."""
    return dataclasses.field(default=default, metadata={"unit": unit})


def unit_of(cls, name):
    """The unit of a dataclass's field, empty where it has none."""
    return cls.__dataclass_fields__[name].metadata.get("unit", "")


def convert_fields(instance):
    """Replaces each field's value by that of its annotated type: numpy's numbers by Python's, lists by tuples. Raises
    InputError, naming the field, for a value of another kind."""
    for name, kind in field_kinds(instance.__class__).items():
        value = getattr(instance, name)
        try:
            converted = converted_value(value, kind)
        except ValueError:
            raise InputError(f"{name}: needs {words(kind)}, not {shown(value)}") from None
        if converted is not value:
            object.__setattr__(instance, name, converted)


def shown(value):
    """A wrong value in a few words."""
    if getattr(value, "ndim", 0):
        return f"an array of {' x '.join(map(str, value.shape))}"
    return shortened(repr(value), 80)


@functools.cache
def field_kinds(cls):
    hints = typing.get_type_hints(cls)
    return {field.name: hints[field.name] for field in dataclasses.fields(cls)}


def converted_value(value, kind):
    """`value` as the annotation `kind` says. Raises ValueError where it cannot be."""
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
        return frozenset(converted_value(part, item) for part in sequence(value))
    if getattr(value, "ndim", 1) == 0 and hasattr(value, "item"):
        value = value.item()  # numpy's
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
    parts = sequence(value)
    if len(kinds) == 2 and kinds[1] is Ellipsis:
        kinds = kinds[:1] * len(parts)
    if len(parts) != len(kinds):
        raise ValueError
    converted = tuple(converted_value(part, kind) for part, kind in zip(parts, kinds, strict=True))
    same = isinstance(value, tuple) and all(a is b for a, b in zip(converted, value, strict=True))
    return value if same else converted


def sequence(value):
    if isinstance(value, (str, bytes, dict)):
        raise ValueError
    try:
        return tuple(value)
    except TypeError:
        raise ValueError from None


def words(kind):
    """What an annotation asks for, in words."""
    if isinstance(kind, types.UnionType):
        return " or ".join(words(choice) for choice in typing.get_args(kind) if choice is not types.NoneType)
    origin, parts = typing.get_origin(kind), typing.get_args(kind)
    if origin is tuple and parts[-1] is not Ellipsis:
        return f"{len(parts)} {plural(parts[0])}"
    if origin in (tuple, frozenset):
        return f"a list of {plural(parts[0])}"
    return WORDS.get(kind, f"a {kind.__name__}")


def plural(kind):
    if isinstance(kind, types.UnionType):
        kind = typing.get_args(kind)[0]
    if typing.get_origin(kind) is tuple:
        return f"rows of {words(kind)}"
    return {float: "numbers", int: "whole numbers", str: "texts"}.get(kind, f"{kind.__name__}s")


def check_choice(name, value, choices):
    """Raises InputError unless `value` is one of the `choices`, of which there are two or more."""
    if value not in choices:
        *others, last = map(str, choices)
        raise InputError(f"{name}: needs {', '.join(others)} or {last}, not {shown(value)}")


def whole_number(name, value):
    try:
        return value.__index__()
    except AttributeError:
        raise InputError(f"{name}: needs a whole number, not {value!r}") from None


def number(name, value):
    """A finite float."""
    try:
        value = float(value)
        if value - value == 0.0:
            return value
    except (TypeError, ValueError, OverflowError):
        pass
    raise InputError(f"{name}: needs a finite number, not {value!r}")


def check_threads(threads):
    if threads is not None and whole_number("threads", threads) < 1:
        raise InputError(f"threads: needs a whole number of at least 1, not {threads!r}")
