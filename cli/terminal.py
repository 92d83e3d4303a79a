"""What the commands print: lines in which nothing can act on a terminal, whatever names and files hold."""

import sys

from nbkernel.printable import printable


def say(line):
    """A line of standard output, at once."""
    print(printable(line), flush=True)


def say_all(lines):
    """Lines of standard output."""
    print("\n".join(map(printable, lines)))


def note(line):
    """A line of standard error. Where that takes none, the work goes on: there is nobody to tell."""
    try:
        print(f"nbkernel: {printable(line)}", file=sys.stderr, flush=True)
    except (OSError, ValueError):
        pass


def warn(line):
    note(f"warning: {line}")
