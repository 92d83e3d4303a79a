"""Memory: refuses computations that do not fit before they start, and arrays of which little is used."""

import contextlib
import math
import os
import sys

from nbkernel.errors import InputError

LARGE = 1 << 24  # bytes
SMALL = 1 << 25  # bytes that need no look at the available memory, which takes 0.1 ms
NORESERVE = 0x4000  # MAP_NORESERVE of Linux, which Python's mmap names from 3.13 on


def available_memory():
    """Bytes of memory that the system can still give to a process."""
    try:
        with open("/proc/meminfo") as file:
            for line in file:
                if line.startswith("MemAvailable:"):
                    return int(line.split()[1]) * 1024
    except (OSError, ValueError):
        pass
    return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")


def require_memory(needed, flag, what):
    """Raises InputError if `needed` bytes are more than the machine has available."""
    if needed <= SMALL:
        return
    available = available_memory()
    if needed > available:
        raise InputError(
            f"{flag}: {what} needs {needed / 2**30:.3g} GiB of memory, {available / 2**30:.3g} GiB are available"
        )


def panel_zeros(shape, dtype, roi):
    """Zeros (slow, fast) that will be written only in the region `roi` (fast first, fast last, slow first, slow last), and
    take memory only there. Raises MemoryError if there are not even addresses for them."""
    import numpy as np  # the command line checks its arguments without it

    size = math.prod(shape) * np.dtype(dtype).itemsize
    if sys.platform != "linux" or size < LARGE or 2 * (roi[1] - roi[0] + 1) * (roi[3] - roi[2] + 1) > math.prod(shape):
        return np.zeros(shape, dtype)
    import mmap

    try:
        # no promise of memory for what stays empty
        memory = mmap.mmap(-1, size, flags=mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS | NORESERVE)
    except (OSError, OverflowError) as error:
        raise MemoryError(f"an array of {shape[0]} x {shape[1]} pixels: {error}") from error
    with contextlib.suppress(OSError):  # a kernel without huge pages
        # they would fill the space between a narrow region's rows
        memory.madvise(mmap.MADV_NOHUGEPAGE)
    return np.frombuffer(memory, dtype).reshape(shape)
