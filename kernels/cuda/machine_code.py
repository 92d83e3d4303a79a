"""A CUDA kernel's machine code: from the user's cache, or compiled by numba-cuda, which needs no device.

The code in the cache is used only with the kernel sources, package versions, compute capability and argument types that it
was compiled for.
"""

import threading
from typing import NamedTuple

from nbkernel.kernels.compile.environment import cuda_environment
from nbkernel.kernels.compile.object_cache import CACHE

from .launch import SIMULATED, kernel_name

ENDING = ".cubin"
LOCK = threading.Lock()


class MachineCode(NamedTuple):
    """What the CUDA driver loads."""

    symbol: str  # the kernel's name in it
    image: bytes  # linked for one compute capability


CODES: dict[tuple, MachineCode] = {}


def machine_code(key, arguments, signature, compute_capability):
    """The MachineCode of a kernel. key: a KernelKind, or the name of a kernel that is the same for all runs; arguments: of a
    launch, with their signature, see `arguments.pack`; compute_capability: (major, minor)."""
    place = key, signature, compute_capability
    with LOCK:
        if place not in CODES:
            CODES[place] = found_or_compiled(key, arguments, signature, compute_capability)
        return CODES[place]


def found_or_compiled(key, arguments, signature, compute_capability):
    if SIMULATED:
        from .simulation import simulated_code

        return MachineCode(*simulated_code(key, arguments))
    text = f"{kernel_name(key)} {signature}\n{target(compute_capability)}"
    path = CACHE.path_of(kernel_name(key), text, ENDING)
    found = None if path is None else CACHE.read(path, text)
    if found is None:
        CACHE.announce_once()
        from .jit import compile_kernel

        found = compile_kernel(key, arguments, compute_capability)
        if path is not None:
            CACHE.write(path, text, *found)
    return MachineCode(*found)


def target(compute_capability):
    """What machine code depends on besides the kernel and the types of its arguments, as lines of text."""
    return "sm_{}{}\n".format(*compute_capability) + cuda_environment()


def is_kept(key, compute_capability):
    """Whether a kernel's machine code for this target need not be compiled, whatever its arguments."""
    loaded = any(place[0] == key and place[2] == compute_capability for place in list(CODES))
    return loaded or CACHE.holds(kernel_name(key), target(compute_capability), ENDING)
