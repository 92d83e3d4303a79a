"""Object files loaded without LLVM: the same results as with LLVM's loader, which takes what is not supported."""

import math
import platform
import sys
from pathlib import Path

import numpy as np
import pytest

from nbkernel.kernels.compile import machine_code
from nbkernel.kernels.compile.jit import compile_kernel
from nbkernel.kernels.compile.kernel import flatten
from nbkernel.kernels.compile.llvm import load_by_llvm
from nbkernel.kernels.compile.machine_code import (
    NATIVE,
    UnsupportedObject,
    load,
    load_elf,
    read_relocations,
    read_sections,
)

pytestmark = pytest.mark.skipif(
    sys.platform != "linux" or platform.machine() != "x86_64", reason="LLVM loads all object files on this system"
)
X = np.linspace(0.0, 40.0, 101)
TABLE = (0.5, -1.25, 3.0, 7.0, 0.1, -2.0, 1e300, 5.0)


def functions_of(values, out):
    """Calls of the C library, constants, and a table."""
    for i in range(values.shape[0]):
        x = values[i]
        out[0, i] = math.sin(x) + math.exp(-x) + math.atan2(x, 0.3)
        out[1, i] = TABLE[int(x) % 8] * 0.7
        out[2, i] = math.log1p(x)
    return values.shape[0]


@pytest.fixture(scope="module")
def compiled():
    """(symbol, bytes of the object file)."""
    return compile_kernel(functions_of, (X, np.zeros((3, X.size))))


def results(address, _owner):
    native = NATIVE(address)
    out, words, result = np.zeros((3, X.size)), [], np.zeros(2, np.int64)
    flatten((X, out), words, [])
    words = np.array(words, np.int64)
    assert native(result.ctypes.data, result.ctypes.data + 8, words.ctypes.data) == 0
    assert result[0] == X.size
    return out


def test_both_loaders_give_the_same_function(compiled):
    found = results(*load_elf(*compiled))
    assert found.tobytes() == results(*load_by_llvm(*compiled)).tobytes()
    assert found[1].tolist() == [TABLE[int(x) % 8] * 0.7 for x in X]
    assert np.allclose(found[0], np.sin(X) + np.exp(-X) + np.arctan2(X, 0.3), rtol=1e-14)


def test_the_code_cannot_be_overwritten(compiled):
    address, _owner = load_elf(*compiled)
    lines = Path("/proc/self/maps").read_text().splitlines()
    (rights,) = (line.split()[1] for line in lines if is_within(address, *line.split()[0].split("-")))
    assert rights[:3] == "r-x"


def is_within(address, start, stop):
    return int(start, 16) <= address < int(stop, 16)


CHANGES = {
    "another processor": lambda code: code[:18] + b"\xb7" + code[19:],
    "not an ELF file": lambda code: b"MZ" + code[2:],
    "an unknown relocation": lambda code: with_relocation(code, 9),
    "an unknown function": lambda code: code.replace(b"\0atan2\0", b"\0atanX\0"),
}


def with_relocation(code, kind):
    """The object file with another type in its first relocation."""
    section = next(section for section in read_sections(code) if section.type == machine_code.RELA)
    assert next(read_relocations(code, section))[1] in (machine_code.ABSOLUTE, machine_code.RELATIVE, machine_code.CALL)
    place = section.offset + 8
    return code[:place] + bytes([kind]) + code[place + 1 :]


@pytest.mark.parametrize("change", CHANGES)
def test_what_is_not_supported_is_refused(change, compiled):
    symbol, code = compiled
    assert CHANGES[change](code) != code
    with pytest.raises(UnsupportedObject):
        load_elf(symbol, CHANGES[change](code))


@pytest.mark.parametrize("error", [UnsupportedObject, OSError])
def test_llvm_loads_the_rest(error, compiled, monkeypatch):
    def refuse(symbol, code):
        raise error

    monkeypatch.setattr(machine_code, "load_elf", refuse)
    address, owner = load(*compiled)
    assert type(owner).__name__ == "ExecutionEngine"
    assert results(address, owner)[1, 0] == TABLE[0] * 0.7
