"""What the commands print: lines in which nothing can act on a terminal, whatever names and files hold; and the streams that
they go to."""

import contextlib
import math
import os
import sys

from nbkernel.support.printable import printable, shortened

# characters of a line of standard error; names and words of a command line may be of any length
LONGEST = 1000


def say(line):
    """A line of standard output, at once."""
    print(printable(line), flush=True)


def say_all(lines):
    """Lines of standard output."""
    print("\n".join(map(printable, lines)))


def note(line):
    """A line of standard error. Where that takes none, the work goes on: there is nobody to tell."""
    try:
        print(f"nbkernel: {shortened(printable(line), LONGEST)}", file=sys.stderr, flush=True)
    except (OSError, ValueError):
        pass


def warn(line):
    note(f"warning: {line}")


@contextlib.contextmanager
def library_heard():
    """Warnings that the library gives to its logger, such as those of HDF5 files of others, appear as lines of ours."""
    import logging

    from nbkernel.support.logger import LOG

    handler = logging.Handler(logging.WARNING)
    handler.emit = lambda record: warn(record.getMessage())  # type: ignore[method-assign]
    LOG.addHandler(handler)
    try:
        yield
    finally:
        LOG.removeHandler(handler)


def as_json(value):
    """`value` for json.dumps: nan is None, the infinities are the texts inf and -inf."""
    if isinstance(value, dict):
        return {key: as_json(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [as_json(item) for item in value]
    if isinstance(value, float) and not math.isfinite(value):
        return None if math.isnan(value) else str(value)
    return value


def open_streams():
    """Connects closed ones to the null device, so that no other file becomes number 0, 1 or 2, and lets standard output take
    any letter."""
    for number, name in enumerate(("stdin", "stdout", "stderr")):
        stream = getattr(sys, name)
        if stream is None:
            null = os.open(os.devnull, os.O_RDWR)
            if null != number:
                os.dup2(null, number)
                os.close(null)
            setattr(sys, name, open(number, "r" if number == 0 else "w", closefd=False))  # noqa: SIM115  open to the end
    if sys.stdout.errors == "strict":
        sys.stdout.reconfigure(errors="backslashreplace")  # type: ignore[union-attr]
