"""How large an input file may be once unpacked: a small file can be crafted to take all memory."""

import os
import re

from nbkernel.errors import InputError
from nbkernel.support.memory import available_memory

VARIABLE = "NBKERNEL_INPUT_LIMIT"
DEFAULT = 1 << 30
# detector files and text rarely shrink to less than a tenth
RATIO = 16
HARMLESS = 1 << 20  # not worth checking
SUFFIXES = {"": 0, "k": 10, "m": 20, "g": 30, "t": 40}
WRITTEN = re.compile(r"(\d{1,18}(?:\.\d*)?) *([kmgt]?)(?:i?b)?", re.ASCII)


def check_size(flag, path, size, what="its content", length=None):
    """Raises InputError, starting with `flag`, if `size` bytes are more than may be unpacked from a file, or more than the
    machine has.

    what: what has this size, for the message; length: bytes of the file, looked up if None.
    """
    if size <= HARMLESS:
        return
    most = largest_size(path, length)
    if size > most:
        raise InputError(
            f"{flag}: {os.fspath(path)}: {what} would take {in_words(size)} unpacked, more than the {in_words(most)} "
            f"that is read from such a file; if that is right, set {VARIABLE} (such as {VARIABLE}={enough(size)})"
        )
    available = available_memory()
    if size > available:
        raise InputError(
            f"{flag}: {os.fspath(path)}: {what} would need {in_words(size)} of memory, {in_words(available)} are available"
        )


def largest_size(path, length=None):
    """Bytes that may be unpacked from a file: the environment variable NBKERNEL_INPUT_LIMIT, else 1 GiB; in any case
    16 times the file's length. Raises InputError if the variable is not a size."""
    if length is None:
        try:
            length = os.stat(path).st_size
        except (OSError, ValueError):
            length = 0
    return max(stated_limit(), RATIO * length)


def stated_limit():
    text = os.environ.get(VARIABLE, "").strip().lower()
    if not text:
        return DEFAULT
    match = WRITTEN.fullmatch(text)
    if match is None:
        raise InputError(f"{VARIABLE}={text!r} is not a size; need bytes, or a number with k, M, G or T such as 8G")
    return int(float(match[1]) * 2 ** SUFFIXES[match[2]])


def in_words(size):
    for name, power in (("GiB", 30), ("MiB", 20), ("KiB", 10)):
        if size >= 1 << power:
            return f"{size / (1 << power):.3g} {name}"
    return f"{size} bytes"


def enough(size):
    """The next integer number of GiB, in the notation of the variable."""
    return f"{(int(size) >> 30) + 1}G"
