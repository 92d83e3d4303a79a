"""Refuses computations that do not fit into memory before they start."""

import os

from nbkernel.errors import InputError


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
    available = available_memory()
    if needed > available:
        raise InputError(
            f"{flag}: {what} needs {needed / 2**30:.3g} GiB of memory, {available / 2**30:.3g} GiB are available"
        )
