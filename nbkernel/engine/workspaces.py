"""Memory that threads work in while they render rows in precision `double` or `mixed`."""

import numpy as np

from nbkernel.kernels.fast.geometry import WORK
from nbkernel.kernels.fast.interpolation import BLOCK, INTERPOLATION_WORK, LANES
from nbkernel.kernels.fast.phases import OFFSET_WORK, PHASE_WORK
from nbkernel.kernels.physics.plan import Workspace

# pixels of one row that are worked on side by side: whole vectors, and what is kept of them stays in the first cache
VECTOR, SEGMENT = 32, 512
CACHE_LINE = 64  # bytes


class Workspaces:
    """Workspaces for the threads of one tile after the other: new memory would have to be brought into the cache."""

    def __init__(self):
        self.free, self.taken = {}, []  # lists by width; (width, Workspace)

    def take(self, width):
        """A Workspace for rows of so many pixels, for the calling thread alone."""
        try:
            workspace = self.free[width].pop()
        except LookupError:
            workspace = new_workspace(width, SEGMENT)
        self.taken.append((width, workspace))
        return workspace

    def take_back(self):
        """Makes all free again, once no thread works any more."""
        for width, workspace in self.taken:
            self.free.setdefault(width, []).append(workspace)
        self.taken = []


def new_workspace(width, largest):
    """Workspace for rows of so many pixels: segments of equal size, not above the largest, that leave few lanes idle."""
    segments = -(-width // largest)
    size = -(-width // (segments * VECTOR)) * VECTOR
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
    """An array that begins at a cache line, as its rows do: a vector register's load that crosses into the next line counts
    double."""
    size = int(np.prod(shape)) * np.dtype(dtype).itemsize
    memory = np.empty(size + CACHE_LINE, np.uint8)
    start = -memory.ctypes.data % CACHE_LINE
    array = memory[start : start + size].view(dtype).reshape(shape)
    array[...] = value
    return array
