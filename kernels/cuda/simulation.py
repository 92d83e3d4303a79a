"""CUDA kernels in numba's simulator, launched as a driver launches machine code: by the bytes of their parameters."""

import ctypes
import struct

import numpy as np
from numba import cuda

from .arguments import DeviceArray, parameters
from .functions import kernel_function
from .launch import kernel_name

PROGRAMS: list[tuple] = []  # (simulated kernel, arguments as it takes them); its "machine code" is its number


def simulated_code(key, arguments):
    """(symbol, image) of a kernel for arguments of these types; `run` takes the image."""
    PROGRAMS.append((cuda.jit(kernel_function(key)), arguments))
    return kernel_name(key), str(len(PROGRAMS) - 1).encode()


def run(image, grid, threads, content):
    """Runs a kernel. content: bytes of its parameters, whose addresses are those of the host's memory."""
    kernel, like = PROGRAMS[int(image)]
    letters, _, _ = parameters(like)
    values = iter(struct.unpack(f"@{letters}", content))
    kernel[grid, threads](*(unpack(argument, values) for argument in like))


def unpack(like, values):
    """An argument from the next of its parameters. like: one of the same types."""
    if isinstance(like, DeviceArray):
        return unpack_array(like, values)
    if isinstance(like, tuple):
        fields = [unpack(field, values) for field in like]
        return type(like)(*fields) if hasattr(like, "_fields") else tuple(fields)
    return type(like)(next(values))


def unpack_array(like, values):
    _, _, size, itemsize, address = (next(values) for _ in range(5))
    shape = [next(values) for _ in like.shape]
    strides = [next(values) for _ in like.shape]
    memory = (ctypes.c_char * (size * itemsize)).from_address(address)
    array = np.frombuffer(memory, like.dtype).reshape(shape)
    if size and list(array.strides) != strides:
        raise ValueError(f"strides of {strides} bytes for an array of {shape}")
    return array
