"""Text tables with free delimiters: source files."""

import re

from nbkernel.errors import InputError

from .text import read_text

DELIMITERS = re.compile(r"[ \t,;:!]+")


def read_columns(flag, path, columns):
    """Rows of up to `columns` numbers; None for what a line leaves out, 0 if it is a last line without its newline.

    Blank lines are skipped. Raises InputError for anything that is not a number.
    """
    rows = []
    for number, line in enumerate(read_text(flag, path).replace("\r\n", "\n").splitlines(keepends=True), 1):
        words = [word for word in DELIMITERS.split(line.rstrip("\n")) if word][:columns]
        if not words:
            continue
        try:
            row = [float(word) for word in words]
        except ValueError:
            raise InputError(f"{flag} {path}: line {number} is not made of numbers: {line.strip()[:60]!r}") from None
        missing = None if line.endswith("\n") else 0.0
        rows.append(row + [missing] * (columns - len(row)))
    if not rows:
        raise InputError(f"{flag} {path}: has no numbers in it")
    return rows
