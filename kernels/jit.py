"""Makes the formula files known to numba, and compiles with this project's options.

`register_jitable` leaves a function as it is (bare Python calls it unchanged) and lets compiled code call it with the
caller's own flags, on the CPU and under CUDA.
"""

import hashlib
import os
from pathlib import Path

import numba
from numba import types
from numba.extending import intrinsic, overload, register_jitable

from . import (
    carried,
    certified,
    detector,
    exponential,
    lattice,
    pixel,
    polarization,
    random_deviates,
    scattering,
    sine,
    structure_factor,
    vectors,
)

FORMULA_FILES = (
    vectors,
    detector,
    scattering,
    lattice,
    polarization,
    structure_factor,
    random_deviates,
    sine,
    exponential,
    pixel,
    carried,
    certified,
)


def register_formulas():
    for module in FORMULA_FILES:
        for value in list(vars(module).values()):
            own = getattr(value, "__module__", None) == module.__name__ and hasattr(value, "__code__")
            if own and value is not sine.fma:
                # as a call, a plan's hundred fields would go over the stack for every pixel
                register_jitable(forceinline=True)(value)


@intrinsic
def fused_multiply_add(typing_context, a, b, c):
    def generate(context, builder, signature, arguments):
        return builder.fma(*arguments)

    return types.float64(types.float64, types.float64, types.float64), generate


@overload(sine.fma, jit_options={"forceinline": True})
def compiled_fma(a, b, c):
    return lambda a, b, c: fused_multiply_add(a, b, c)


def cache_folder():
    """Folder for compiled kernels, named by a hash of all that they depend on (numba's own check misses edits in
    another file); None where no folder can be written."""
    if os.environ.get("NUMBA_CACHE_DIR"):
        base = Path(os.environ["NUMBA_CACHE_DIR"])
    else:
        base = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "nbkernel"
    digest = hashlib.sha256(numba.__version__.encode())
    for source in sorted(Path(__file__).parent.glob("*.py")):
        digest.update(source.read_bytes())
    folder = base / digest.hexdigest()[:16]
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError:
        return None
    return str(folder) if os.access(folder, os.W_OK) else None


def compilation_ahead():
    """A line on the compilation that a run without kernels in the cache begins with; None where they are there."""
    if CACHE_FOLDER is None:
        return "compiling, as in every run: no folder for compiled kernels can be written (NUMBA_CACHE_DIR names one)"
    if not any(Path(CACHE_FOLDER).rglob("*.nbi")):
        return "compiling, which only the first run does"
    return None


def compiled(**options):
    """Decorator: numba's njit with C's floating-point errors (inf and nan, no exceptions) and the project's cache.

    No fastmath: the exact engine's bits depend on the order of operations.
    """

    def decorate(function):
        previous = numba.config.CACHE_DIR
        numba.config.CACHE_DIR = CACHE_FOLDER or ""
        try:
            return numba.njit(error_model="numpy", cache=CACHE_FOLDER is not None, **options)(function)
        finally:
            numba.config.CACHE_DIR = previous

    return decorate


CACHE_FOLDER = cache_folder()
register_formulas()
