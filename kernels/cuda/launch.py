"""What the host has to know of the CUDA kernels to launch them, without importing numba."""

import os
from typing import NamedTuple

SIMULATOR = "NUMBA_ENABLE_CUDASIM"


def is_simulated():
    """Whether numba's simulator runs the kernels."""
    return os.environ.get(SIMULATOR, "0") not in ("", "0")


SIMULATED = is_simulated()  # by Python, which knows no alignment
THREADS = 2 if SIMULATED else 128  # per block: pixels of one row
# kernels that are the same for all runs
MARK_UNRESOLVED, ADD_BACKGROUND, DRAW_NOISE, SUM_NOISE = "mark_unresolved", "add_background", "draw_noise", "sum_noise"
COUNT_PHOTONS, READ_OUT, SUM_READ_OUT = RESPONSE = "count_photons", "read_out", "sum_read_out"


class Share(NamedTuple):
    """The pixels of a launch, by their position in the panel's file, and those left to the program's own operations."""

    first: int
    stop: int
    fpixels: int
    first_pixel: int  # see plan.History
    latch_pixel: int


def kernel_name(key):
    """The name of a kernel. key: a KernelKind, or the name itself."""
    return key if isinstance(key, str) else key.name


def blocks_of(key, compute_capability):
    """Blocks for which an SM shall have registers: without a bound the compiler uses more registers, for no gain. If it
    would spill, it gets more. None for kernels without a bound, which take photons that are rendered."""
    if key in (ADD_BACKGROUND, DRAW_NOISE, SUM_NOISE, *RESPONSE):
        return None
    if key != MARK_UNRESOLVED and (key.steps.interpolate or key.steps.running):
        return 2
    return 4 if compute_capability >= (9, 0) else 3 if compute_capability >= (8, 0) else 2
