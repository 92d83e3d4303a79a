"""Opening the user's files and writing numbers as C's printf does."""

import math
import os

from nbkernel.errors import InputError


def read_bytes(flag, path):
    """Contents of a file that must be there and not be empty. Raises InputError, naming the flag, where it is not."""
    try:
        with open(path, "rb") as file:
            content = file.read()
    except FileNotFoundError:
        raise InputError(f"{flag}: there is no file {path}") from None
    except IsADirectoryError:
        raise InputError(f"{flag}: {path} is a directory, not a file") from None
    except (OSError, ValueError) as error:
        raise InputError(f"{flag}: cannot read {path}: {getattr(error, 'strerror', None) or error}") from None
    if not content:
        raise InputError(f"{flag}: {path} is empty")
    return content


def read_text(flag, path):
    """Contents of a text file. Raises InputError where it is not there or not text."""
    content = read_bytes(flag, path)
    try:
        return content.decode("ascii" if b"\0" in content else "utf-8")
    except UnicodeDecodeError:
        raise InputError(f"{flag}: {os.fspath(path)} is not a text file") from None


def c_format(template, *values):
    """`template % values`, with nan's sign as C prints it."""
    negative_nan = any(isinstance(v, float) and math.isnan(v) and math.copysign(1.0, v) < 0 for v in values)
    if not negative_nan:
        return template % values
    marker = -1.2345e-301  # no result has this value
    shown = tuple(marker if isinstance(v, float) and math.isnan(v) and math.copysign(1.0, v) < 0 else v for v in values)
    text = template % shown
    return text.replace("%g" % marker, "-nan")
