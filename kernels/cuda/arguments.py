"""The arguments of a CUDA kernel as its machine code takes them, in numba's layout but without numba.

A NamedTuple is passed as its fields. Each number is a parameter of its own; an array of n dimensions is 5 + 2 n of them: two
that only numba's own memory uses, the number of elements, the bytes of one, the address, the shape and the strides (bytes).
Parameters lie one after another, each aligned to its size.
"""

import struct
from dataclasses import dataclass
from math import prod

import numpy as np

# type: the letter of `struct` for it, and its name in a signature; a bool is an int and a numpy float64 a float, so they come first
NUMBERS = {
    bool: ("?", "b1"), np.bool_: ("?", "b1"), np.int32: ("i", "i4"), np.int64: ("q", "i8"), int: ("q", "i8"),
    np.float32: ("f", "f4"), np.float64: ("d", "f8"), float: ("d", "f8"),
}  # fmt: skip


@dataclass(frozen=True)
class DeviceArray:
    """A C-contiguous array in a device's memory. address: the device's."""

    address: int
    shape: tuple
    dtype: np.dtype

    @property
    def nbytes(self):
        return prod(self.shape) * self.dtype.itemsize


def pack(arguments):
    """(bytes of the parameters, signature): what a launch passes, and what the machine code was compiled for."""
    letters, values, names = parameters(arguments)
    return struct.pack(f"@{letters}", *values), names


def parameters(arguments):
    """(letters of `struct`, values, signature) of a kernel's parameters. Raises TypeError for any other argument."""
    letters, values, names = [], [], []

    def add(value):
        if isinstance(value, DeviceArray):
            strides = [prod(value.shape[axis + 1 :]) * value.dtype.itemsize for axis in range(len(value.shape))]
            values.extend((0, 0, prod(value.shape), value.dtype.itemsize, value.address, *value.shape, *strides))
            letters.append("q" * (5 + 2 * len(value.shape)))
            names.append(f"{value.dtype.str[1:]}[{len(value.shape)}]")
        elif isinstance(value, tuple):
            names.append("(")
            for field in value:
                add(field)
            names.append(")")
        else:
            kind = next((kind for kind in NUMBERS if isinstance(value, kind)), None)
            if kind is None:
                raise TypeError(f"a CUDA kernel cannot take a {type(value).__name__}")
            letter, name = NUMBERS[kind]
            values.append(value)
            letters.append(letter)
            names.append(name)

    for argument in arguments:
        add(argument)
    return "".join(letters), values, " ".join(names)
