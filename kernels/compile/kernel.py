"""Kernels compiled ahead: machine code kept in the user's cache and called without importing numba.

A kernel's arguments (numbers, arrays, NamedTuples of them) travel as one array of 8-byte words. An object file is used
only by the kernel sources, package versions, processor and argument types that it was made for, only if its checksum is
right, and only if nobody else can have written it (`cache_folder`); else the kernel is compiled anew.
"""

import ctypes
import hashlib
import os
import sys
import threading
from importlib.util import find_spec
from pathlib import Path

import llvmlite
import numpy as np
from llvmlite import binding

from .address_space import MIB, require_address_space
from .object_cache import Refused, cache_folder, read_private, write_private

COMPILER = 400 * MIB  # of address space; LLVM ends the process where it has too little
LOCK = threading.Lock()
NATIVE = ctypes.CFUNCTYPE(ctypes.c_int, ctypes.c_void_p, ctypes.c_void_p, ctypes.c_void_p)


class Kernel:
    """A function that runs as machine code; `function` is the same in bare Python. It returns a whole number or None.

    Arrays must be C-contiguous. Calls do not hold Python's lock, so threads run side by side.
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
        differ in nothing else. One thread at a time may call it."""
        native, words = self.native_call((*arguments, 0, 0))

        def call(slow_start, slow_stop):
            words[-2], words[-1] = slow_start, slow_stop
            return self.run(native, words)

        call.arguments = arguments  # keeps the arrays alive
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
    if isinstance(value, np.ndarray):
        if not value.flags.c_contiguous:
            raise TypeError("a kernel takes C-contiguous arrays")
        words += (0, 0, value.size, value.itemsize, value.ctypes.data, *value.shape, *value.strides)
        letters.append(f"{value.dtype.str[1:]}{value.ndim}")
    elif isinstance(value, tuple):
        letters.append("(")
        for field in value:
            flatten(field, words, letters)
        letters.append(")")
    elif isinstance(value, (bool, np.bool_)):
        words.append(int(value))
        letters.append("b")
    elif isinstance(value, (float, np.floating)):
        words.append(int(np.float64(value).view(np.int64)))
        letters.append("f")
    elif isinstance(value, (int, np.integer)):
        words.append(int(value))
        letters.append("i")
    else:
        raise TypeError(f"a kernel cannot take a {type(value).__name__}")


def native_function(kernel, arguments, signature):
    """The callable machine code of a kernel for these types of arguments: from the cache, else compiled."""
    key = f"{kernel.name} {signature}\n{environment()}"
    path = None
    if CACHE.folder is not None:
        path = CACHE.folder / f"{kernel.name}-{hashlib.sha256(key.encode()).hexdigest()[:16]}.o"
        found = read_object(path, key)
        if found is not None:
            return load_object(*found)
    CACHE.announce_once()
    require_address_space(COMPILER, "compiling")
    from .jit import compile_ahead

    symbol, code = compile_ahead(kernel.function, arguments)
    if path is not None:
        write_object(path, key, symbol, code)
    return load_object(symbol, code)


def load_object(symbol, code):
    """The function `symbol` of an object file's bytes."""
    start_llvm()
    machine = binding.Target.from_default_triple().create_target_machine(jit=True)
    engine = binding.create_mcjit_compiler(binding.parse_assembly(""), machine)
    engine.add_object_file(binding.ObjectFileRef.from_data(code))
    engine.finalize_object()
    function = NATIVE(engine.get_function_address(symbol))
    function.engine = engine  # owns the memory
    return function


def start_llvm():
    binding.initialize_native_target()
    binding.initialize_native_asmprinter()


def read_object(path, key):
    """(symbol, bytes) of a file that `write_object` made for the same key; None where there is none, no whole one, or one
    that may be the work of others."""
    try:
        content = read_private(path)
    except Refused as reason:
        CACHE.refused = str(reason)
        return None
    except OSError:
        return None
    digest, _, rest = content.partition(b"\n")
    if digest != hashlib.sha256(rest).hexdigest().encode():
        return None
    header, _, code = rest.partition(b"\0")
    symbol, _, for_key = header.decode().partition("\n")
    return (symbol, code) if for_key == key else None


def write_object(path, key, symbol, code):
    rest = f"{symbol}\n{key}".encode() + b"\0" + code
    try:
        write_private(path, hashlib.sha256(rest).hexdigest().encode() + b"\n" + rest)
    except (OSError, Refused):
        pass  # the next run compiles again


def environment():
    """What compiled code depends on besides the kernel and its types."""
    if CACHE.environment is None:
        digest = hashlib.sha256()
        for source in sorted(Path(__file__).parents[1].rglob("*.py")):
            digest.update(source.read_bytes())
        settings = [f"{name}={os.environ[name]}" for name in ("NUMBA_CPU_NAME", "NUMBA_CPU_FEATURES") if name in os.environ]
        CACHE.environment = "\n".join(
            [
                digest.hexdigest(),
                f"numba {numba_version()} llvmlite {llvmlite.__version__} {sys.platform}",
                f"{binding.get_host_cpu_name()} {binding.get_host_cpu_features().flatten()}",
                *settings,
            ]
        )
    return CACHE.environment


def numba_version():
    """Digest of numba's own record of its version, found without importing numba."""
    spec = find_spec("numba")
    if spec is None or spec.origin is None:
        return "missing"
    try:
        return hashlib.sha256(Path(spec.origin).with_name("_version.py").read_bytes()).hexdigest()[:16]
    except OSError:
        return spec.origin


class Cache:
    """The user's folder for compiled kernels, and what is said when something has to be compiled."""

    def __init__(self):
        self.environment = None
        self.say = None  # called with a line
        self.said = False
        # refused: why a folder or a file that is there is not used
        self.folder, self.refused = cache_folder()

    def announce_once(self):
        if self.say is None or self.said:
            return
        self.said = True
        if self.folder is None:
            why = self.refused or "no folder for compiled kernels can be written"
            self.say(f"compiling, as in every run: {why} (NUMBA_CACHE_DIR names another)")
        elif self.refused is not None:
            self.say(f"compiling anew: {self.refused}")
        else:
            self.say("compiling, which only the first run does")


CACHE = Cache()
