"""Refusing what cannot fit before it is tried."""

import os

from nbkernel.errors import InputError


def available_memory():
    """Bytes that a process may still take, as the system sees it."""
    try:
        with open("/proc/meminfo") as file:
            for line in file:
                if line.startswith("MemAvailable:"):
                    return int(line.split()[1]) * 1024
    except (OSError, ValueError):
        pass
    return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")


def require_memory(needed, flag, what):
    """Raises InputError where `needed` bytes are more than the machine has."""
    available = available_memory()
    if needed > available:
        raise InputError(f"{flag}: {what} needs {needed / 2**30:.3g} GiB of memory, {available / 2**30:.3g} GiB are there")
