"""What the commands print: lines in which nothing can act on a terminal, whatever names and files hold."""

import contextlib
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
    handler.emit = lambda record: warn(record.getMessage())
    LOG.addHandler(handler)
    try:
        yield
    finally:
        LOG.removeHandler(handler)
