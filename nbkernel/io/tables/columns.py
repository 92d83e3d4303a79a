"""Text tables with free delimiters: source files."""

import math
import os
import re

from nbkernel.errors import InputError
from nbkernel.io.files.text import odd_word, read_text
from nbkernel.support.memory import require_memory

BYTES_PER_LINE = 300  # of the text and of a row of Python's numbers
DELIMITERS = re.compile(r"[ \t,;:!]+")


def read_columns(flag, path, columns):
    """Rows of up to `columns` numbers; None for what a line omits, or 0 in a last line without a newline.

    Blank lines are skipped. Raises InputError for anything that is not a finite number.
    """
    rows, text = [], read_text(flag, path)
    require_memory(BYTES_PER_LINE * text.count("\n"), f"{flag} {os.fspath(path)}", "its lines as numbers")
    for number, line in enumerate(text.replace("\r\n", "\n").splitlines(keepends=True), 1):
        words = [word for word in DELIMITERS.split(line.rstrip("\n")) if word][:columns]
        if not words:
            continue
        try:
            row = [float(word) for word in words]
        except ValueError:
            raise InputError(f"{flag} {path}: line {number} is not made of numbers{odd_word(words)}") from None
        if not all(map(math.isfinite, row)):
            raise InputError(f"{flag} {path}: line {number} has a value that is not a finite number")
        missing = None if line.endswith("\n") else 0.0
        rows.append([*row, *[missing] * (columns - len(row))])
    if not rows:
        raise InputError(f"{flag} {path}: has no numbers in it")
    return rows
