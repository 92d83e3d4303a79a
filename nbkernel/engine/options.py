"""Options for computing a run."""

from dataclasses import dataclass

from nbkernel.support.validation import with_unit

# name: its promise for every pixel, compared with nanoBragg.c's
PRECISIONS = {
    "exact": "nanoBragg.c's files, byte for byte",
    "double": "within 1 float32 ulp, or 1e-9 of the largest of the 5 x 5 neighbours",
    "mixed": "within max(2e-6, 2e-7 N) of the largest of the 5 x 5 neighbours, N cells along an edge",
}
DEFAULT_PRECISION = "double"
# whose threads render rows on the CPU
PARALLEL = {
    "threads": "nbkernel's own threads",
    "prange": "numba's, by @njit(parallel=True)",
}


@dataclass(frozen=True)
class Engine:
    """How a run is computed.

    precision: a name of PRECISIONS; threads: None for all cores; tile_shape: (slow, fast) pixels, None for a suitable one;
    devices: numbers of CUDA devices, empty for the CPU; falls_back: to the CPU if they fail; parallel: a name of
    PARALLEL, None for the one that suits the cache of kernels; reason: why these devices, see `devices.Choice`.
    """

    precision: str = DEFAULT_PRECISION
    threads: int | None = None
    tile_shape: tuple | None = with_unit(None, "pixels")
    devices: tuple = ()
    falls_back: bool = False
    parallel: str | None = None
    reason: str = ""
