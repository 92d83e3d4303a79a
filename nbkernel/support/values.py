"""Numbers that users of the Python API give. Each function raises InputError, naming the argument, for anything else."""

from nbkernel.errors import InputError


def whole_number(name, value):
    try:
        return value.__index__()
    except AttributeError:
        raise InputError(f"{name}: needs a whole number, not {value!r}") from None


def number(name, value):
    """A finite float."""
    try:
        value = float(value)
        if value - value == 0.0:
            return value
    except (TypeError, ValueError, OverflowError):
        pass
    raise InputError(f"{name}: needs a finite number, not {value!r}")


def check_threads(threads):
    if threads is not None and whole_number("threads", threads) < 1:
        raise InputError(f"threads: needs a whole number of at least 1, not {threads!r}")
