"""Kernels: loaded from the cache without numba, and compiled again if a file there is damaged or has another key."""

import os
import platform
import subprocess
import sys

import numpy as np
import pytest

from nbkernel.kernels.compile.environment import environment
from nbkernel.kernels.compile.kernel import Kernel
from nbkernel.kernels.compile.object_cache import CACHE
from nbkernel.kernels.plan import Tile

from running import BASE
from small_kernel import call, only_object, weighted_sum

OTHER_KEY = "another kernel, machine or version"


def test_an_object_is_compiled_once(compilations):
    assert call() == call() == call(0.5) == 5.0
    assert compilations == ["weighted_sum"]


def test_other_types_have_another_object(compilations, tmp_path):
    call()
    out = np.zeros(1)
    assert Kernel(weighted_sum)(np.arange(5, dtype=np.float32), 0.5, out) == 5 and out[0] == 5.0
    assert Kernel(weighted_sum)(np.arange(5.0), 2, out) == 5 and out[0] == 20.0
    assert len(compilations) == len(list(tmp_path.glob("*.o"))) == 3


DAMAGE = {
    "cut short": lambda content: content[:-100],
    "empty": lambda content: b"",
    "one bit": lambda content: content[:-50] + bytes([content[-50] ^ 1]) + content[-49:],
    "one bit of the key": lambda content: content[:90] + bytes([content[90] ^ 1]) + content[91:],
    "another file": lambda content: b"\x7fELF" + content,
    "not text": lambda content: bytes(range(256)) * 10,
}


@pytest.mark.parametrize("damage", DAMAGE)
def test_a_damaged_object_is_compiled_anew(damage, compilations, tmp_path):
    call()
    path = only_object(tmp_path)
    intact = path.read_bytes()
    path.write_bytes(DAMAGE[damage](intact))
    assert call() == 5.0
    assert len(compilations) == 2
    assert call() == 5.0 and len(compilations) == 2, "the new object is intact"


def test_an_object_with_another_key_is_not_used(compilations, tmp_path):
    call()
    path = only_object(tmp_path)
    symbol, code = CACHE.read(path, f"weighted_sum (f81ff81)\n{environment()}") or (None, None)
    assert symbol is not None, "the object was written with another key"
    CACHE.write(path, OTHER_KEY, symbol, code)
    assert CACHE.read(path, OTHER_KEY) == (symbol, code)
    assert call() == 5.0 and len(compilations) == 2


@pytest.mark.parametrize("what", ["NUMBA_CPU_NAME", "NUMBA_CPU_FEATURES"])
def test_another_processor_has_other_objects(what, monkeypatch):
    before = environment()
    monkeypatch.setenv(what, "other")
    assert environment.__wrapped__() != before


def test_without_a_folder_every_call_compiles_and_the_first_reports_it(compilations, monkeypatch):
    lines = []
    monkeypatch.setattr(CACHE, "folder", None)
    monkeypatch.setattr(CACHE, "say", lines.append)
    assert call() == call() == 5.0
    assert len(compilations) == 2
    assert len(lines) == 1 and "every run" in lines[0]


def test_a_folder_that_cannot_be_written_to(compilations, tmp_path, monkeypatch):
    monkeypatch.setattr(CACHE, "folder", tmp_path / "gone")
    assert call() == 5.0


def test_the_first_compilation_is_announced_once(compilations, monkeypatch):
    lines = []
    monkeypatch.setattr(CACHE, "say", lines.append)
    call()
    Kernel(weighted_sum)(np.arange(5.0), 1, np.zeros(1))
    call()
    assert lines == ["compiling, which only the first run does"]


def test_unsupported_arguments_are_refused():
    with pytest.raises(TypeError):
        Kernel(weighted_sum)(np.zeros((4, 4))[:, 1], 0.5, np.zeros(1))
    with pytest.raises(TypeError):
        Kernel(weighted_sum)("text", 0.5, np.zeros(1))


def test_arguments_arrive_unchanged(compilations):
    """Numbers, booleans, arrays of several types and dimensions, and the fields of NamedTuples in order."""

    def seen(tile, flags, grid, small, out):
        out[0] = tile.slow_start * 1000 + tile.fast_stop
        out[1] = tile.pixel_size
        out[2] = 1.0 if tile.curved_detector and not tile.point_pixel else 0.0
        out[3] = tile.pix0[2]
        out[4] = grid[1, 2] + grid.shape[1] * 100
        out[5] = small[1]
        out[6] = 1.0 if flags[0] and not flags[1] else 0.0

    vector = np.array([1.0, 2.0, 3.0])
    tile = Tile(0, 7, 8, 9, 10, vector, vector, vector, -vector, vector, 0.125, 1.0, 1.0, True, False)
    out = np.zeros(7)
    Kernel(seen)(tile, np.array([True, False]), np.arange(12.0).reshape(3, 4), np.array([5, -6], np.int32), out)
    assert out.tolist() == [7010.0, 0.125, 1.0, -3.0, 406.0, -6.0, 1.0]


def test_a_run_with_cached_kernels_does_not_import_the_compilers(tmp_path):
    """The second run, in a new process, neither imports numba (or LLVM, where its loader is not needed) nor reports
    compiling."""
    compilers = {"numba", "llvmlite"} if sys.platform == "linux" and platform.machine() == "x86_64" else {"numba"}
    program = (
        "import sys; from nbkernel.cli.main import main; status = main(sys.argv[1:]); "
        f"assert not {compilers} & set(sys.modules), 'numba was imported'; sys.exit(status)"
    )
    command = [sys.executable, "-c", program, "simulate", *f"{BASE} -detpixels 32".split()]
    first = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, env=os.environ)
    again = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, env=os.environ)
    assert "numba was imported" in first.stderr or first.returncode == 0, first.stderr
    assert again.returncode == 0, again.stderr
    assert "compiling" not in again.stderr
