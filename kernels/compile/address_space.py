"""How much address space a limit (ulimit -v) leaves. Libraries that reach the limit end the process in their own ways."""

import resource

MIB = 1 << 20


class TooLittle(MemoryError):
    """The message says what needs how much, and how much is left."""


def require_address_space(needed, what):
    """Raises TooLittle if the limit leaves less than `needed` bytes."""
    left = address_space_left()
    if left is not None and left < needed:
        raise TooLittle(
            f"{what} needs {needed // MIB} MiB of address space, its limit leaves {max(left, 0) // MIB} (ulimit -v raises "
            "it)"
        )


def address_space_left():
    """Bytes; None if there is no limit, or the system does not report it."""
    limit = resource.getrlimit(resource.RLIMIT_AS)[0]
    if limit == resource.RLIM_INFINITY:
        return None
    try:
        with open("/proc/self/statm") as file:
            return limit - int(file.read().split()[0]) * resource.getpagesize()
    except (OSError, ValueError):
        return None
