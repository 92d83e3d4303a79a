"""Kernels: functions whose machine code is kept in the user's cache and called without importing numba.

A kernel's arguments (numbers, arrays, NamedTuples of them) are passed as one array of 8-byte words. An object file is used
only with the kernel sources, package versions, processor and argument types that it was compiled for (`environment`,
`object_cache`); otherwise the kernel is compiled again.
"""

import ctypes
import functools
import struct
import threading

import numpy as np

from .address_space import MIB, require_address_space
from .environment import environment
from .machine_code import load_object
from .object_cache import CACHE

COMPILER = 400 * MIB  # of address space; LLVM ends the process if it has too little
LOCK = threading.Lock()
DOUBLE, WORD = struct.Struct("d"), struct.Struct("q")


class Kernel:
    """A function that runs as machine code; `function` is the same in plain Python. It returns an integer or None.

    Arrays must be C-contiguous. Calls release Python's lock, so threads run in parallel.
    """

    def __init__(self, function):
        self.function = function
        self.name = function.__name__
        self.native = {}  # by signature
        self.__doc__ = function.__doc__

    def __call__(self, *arguments):
        native, words = self.native_call(arguments)
        return self.run(native, words)

    def over_rows(self, *arguments):
        """function(slow_start, slow_stop) that calls the kernel with `arguments` and these two: for many calls that
        differ only in the rows. One thread at a time may call it. Its `address` and `words`: see `parallel`."""
        native, words = self.native_call((*arguments, 0, 0))

        def call(slow_start, slow_stop):
            words[-2], words[-1] = slow_start, slow_stop
            return self.run(native, words)

        call.arguments = arguments  # keeps the arrays alive
        call.address, call.words = ctypes.cast(native, ctypes.c_void_p).value, words
        call.name = self.name
        return call

    def native_call(self, arguments):
        """The machine code for these arguments, and their words."""
        words, letters = [], []
        flatten(arguments, words, letters)
        signature = "".join(letters)
        native = self.native.get(signature)
        if native is None:
            with LOCK:
                native = self.native.get(signature)
                if native is None:
                    native = self.native[signature] = native_function(self, arguments, signature)
        return native, np.array(words, np.int64)

    def run(self, native, words):
        result = ctypes.c_int64(0)
        failure = ctypes.c_void_p()
        if native(ctypes.addressof(result), ctypes.addressof(failure), words.ctypes.data) != 0:
            raise ArithmeticError(f"{self.name} failed")
        return result.value


def flatten(value, words, letters):
    """Appends the 8-byte words of an argument and the letters of its type."""
    if isinstance(value, (float, np.floating)):
        words += WORD.unpack(DOUBLE.pack(value))
        letters.append("f")
    elif isinstance(value, np.ndarray):
        if not value.flags.c_contiguous:
            raise TypeError("a kernel takes C-contiguous arrays")
        words += (0, 0, value.size, value.itemsize, address_of(value), *value.shape, *value.strides)
        letters.append(array_letters(value.dtype, value.ndim))
    elif isinstance(value, tuple):
        letters.append("(")
        for field in value:
            flatten(field, words, letters)
        letters.append(")")
    elif isinstance(value, (bool, np.bool_)):
        words.append(int(value))
        letters.append("b")
    elif isinstance(value, (int, np.integer)):
        words.append(int(value))
        letters.append("i")
    else:
        raise TypeError(f"a kernel cannot take a {type(value).__name__}")


def address_of(array):
    """The same as array.ctypes.data, in a quarter of its time unless the array is empty or read-only."""
    try:
        return ctypes.addressof(ctypes.c_char.from_buffer(array))
    except (TypeError, ValueError):
        return array.ctypes.data


@functools.cache
def array_letters(dtype, ndim):
    return f"{dtype.str[1:]}{ndim}"


def native_function(kernel, arguments, signature):
    """The callable machine code of a kernel for these argument types: from the cache, or else compiled."""
    key = f"{kernel.name} {signature}\n{environment()}"
    path = CACHE.path_of(kernel.name, key)
    found = None if path is None else CACHE.read(path, key)
    if found is not None:
        return load_object(*found)
    CACHE.announce_once()
    require_address_space(COMPILER, "compiling")
    from .jit import compile_kernel

    symbol, code = compile_kernel(kernel.function, arguments)
    if path is not None:
        CACHE.write(path, key, symbol, code)
    return load_object(symbol, code)
