"""The CUDA kernels as functions, which numba compiles or simulates."""

from functools import cache

from .launch import ADD_BACKGROUND, COUNT_PHOTONS, DRAW_NOISE, MARK_UNRESOLVED, READ_OUT, SUM_NOISE, SUM_READ_OUT
from .noise import draw_noise, sum_noise
from .response import add_background, count_photons, read_out, sum_read_out
from .rows import build_tile_kernel, mark_unresolved

SAME_FOR_ALL = {
    MARK_UNRESOLVED: mark_unresolved, ADD_BACKGROUND: add_background, DRAW_NOISE: draw_noise, SUM_NOISE: sum_noise,
    COUNT_PHOTONS: count_photons, READ_OUT: read_out, SUM_READ_OUT: sum_read_out,
}  # fmt: skip


@cache
def kernel_function(key):
    """The function of a kernel. key: a KernelKind, or the name of a kernel that is the same for all runs."""
    return SAME_FOR_ALL[key] if isinstance(key, str) else build_tile_kernel(key)
