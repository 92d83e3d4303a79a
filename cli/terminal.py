"""The output of the commands: lines that cannot control a terminal, whatever names and files contain; and the standard
streams."""

import math
import os
import sys

from nbkernel.support.printable import printable, shortened

# characters of a line on standard error: names and arguments may have any length
LONGEST = 1000


def say(line):
    """Prints a line on standard output at once."""
    print(printable(line), flush=True)


def say_all(lines):
    """Prints lines on standard output."""
    print("\n".join(map(printable, lines)))


def note(line):
    """Prints a line on standard error; errors of that stream are ignored, as they could not be reported."""
    try:
        print(f"nbkernel: {shortened(printable(line), LONGEST)}", file=sys.stderr, flush=True)
    except (OSError, ValueError):
        pass


def warn(line):
    note(f"warning: {line}")


def as_json(value):
    """`value` for json.dumps: nan becomes None, the infinities the strings inf and -inf."""
    if isinstance(value, dict):
        return {key: as_json(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [as_json(item) for item in value]
    if isinstance(value, float) and not math.isfinite(value):
        return None if math.isnan(value) else str(value)
    return value


def open_streams():
    """Connects closed standard streams to the null device, so that no other file becomes number 0, 1 or 2, and lets standard
    output accept any character."""
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
