"""Standard input, output and error of a process, whatever it was started with."""

import os
import sys


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
            setattr(sys, name, open(number, "r" if number == 0 else "w", closefd=False))
    if sys.stdout.errors == "strict":
        sys.stdout.reconfigure(errors="backslashreplace")
