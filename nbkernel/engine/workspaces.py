"""Working memory of threads that render rows in precision `double` or `mixed`."""

import numpy as np

from nbkernel.kernels.fast.geometry import WORK
from nbkernel.kernels.fast.interpolation import BLOCK, INTERPOLATION_WORK, LANES
from nbkernel.kernels.fast.phases import OFFSET_WORK, PHASE_WORK
from nbkernel.kernels.plan import Workspace

# pixels of one row that are processed together: complete vectors, and few enough for the first-level cache
VECTOR, SEGMENT = 32, 512
CACHE_LINE = 64  # bytes


class Workspaces:
    """Workspaces that the threads of one image take, and that successive tiles and images reuse, because new memory would
    have to be loaded into the cache."""

    def __init__(self, free=None):
        """free: {size: [tuples of Workspaces]} that other images have finished with, and get back."""
        self.free, self.taken = {} if free is None else free, []

    def take(self, width):
        """Three Workspaces for rows of `width` pixels, as of `new_workspaces`, for the calling thread only."""
        size = segment_size(width, SEGMENT)
        try:
            three = self.free[size].pop()
        except LookupError:
            three = new_workspaces(width, SEGMENT)
        self.taken.append((size, three))
        return three

    def take_back(self):
        """Makes all Workspaces available again; to be called after all threads have finished."""
        for size, three in self.taken:
            self.free.setdefault(size, []).append(three)
        self.taken = []


def new_workspaces(width, largest):
    """Three Workspaces for rows of `width` pixels, the second and the third for those pixels that a block of sources and a
    group of orientations may add something to."""
    size = segment_size(width, largest)
    return workspace_of_size(size), workspace_of_size(size), workspace_of_size(size)


def segment_size(width, largest):
    """Pixels of each of the equal segments, at most `largest` long, of a row of `width` that leave few lanes idle."""
    segments = -(-width // largest)
    return -(-width // (segments * VECTOR)) * VECTOR


def workspace_of_size(size):
    return Workspace(
        work=filled((WORK, size), np.float64, 1.0),
        omegas=filled(size, np.float64, 0.0),
        phases=filled((PHASE_WORK, size), np.int32, 0),
        offsets=filled((OFFSET_WORK, size), np.float32, 0.0),
        sums=filled(size, np.float32, 0.0),
        nearest=filled(size, np.float32, 1.0),
        interpolation=filled((INTERPOLATION_WORK, BLOCK + LANES), np.float64, 0.0),
        corner=filled(BLOCK, np.int32, 0),
    )


def filled(shape, dtype, value):
    """An array that begins at a cache line, as do its rows: a vector load that crosses into the next line takes twice as
    long."""
    size = int(np.prod(shape)) * np.dtype(dtype).itemsize
    memory = np.empty(size + CACHE_LINE, np.uint8)
    start = -memory.ctypes.data % CACHE_LINE
    array = memory[start : start + size].view(dtype).reshape(shape)
    array[...] = value
    return array
