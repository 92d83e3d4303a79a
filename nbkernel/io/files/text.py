"""Text of the user's files, and numbers written as C's printf does."""

import math
import os
import re

from nbkernel.errors import InputError

from .opening import read_bytes

LONGEST_WORD = 12  # letters of a file that an error quotes


def read_text(flag, path):
    """Contents of a text file. Raises InputError if it does not exist or is not text."""
    return decoded_text(flag, path, read_bytes(flag, path))


def decoded_text(flag, path, content):
    """The text of a file's bytes. Raises InputError if they are not text."""
    try:
        if b"\0" not in content:
            return content.decode("utf-8")
    except UnicodeDecodeError:
        pass
    raise InputError(f"{flag}: {os.fspath(path)} is not a text file")


def odd_word(words):
    """The first word of a bad line that is not a number, shortened, after a colon. Empty if the line does not begin with a
    number: it is from another kind of file, whose content must not be shown."""
    for count, word in enumerate(words):
        try:
            float(word)
        except ValueError:
            return f": {word[:LONGEST_WORD]!r}" if count else ""
    return ""


def c_format(template, *values):
    """`template % values`, with nan's sign as C prints it."""
    left = iter(values)

    def formatted(match):
        if match.group() == "%%":
            return "%"
        value = next(left)
        if isinstance(value, float) and math.isnan(value):
            return "-nan" if math.copysign(1.0, value) < 0 else "nan"
        return match.group() % value

    return re.sub(r"%%|%[-+ #0]*\d*(?:\.\d+)?[a-z]", formatted, template)
