"""Headers of SMV images, of ADSC, Rigaku (d*TREK) and nanoBragg: size, type and position of the pixels.

A header begins with a brace and HEADER_BYTES, has KEYWORD=value; with blanks anywhere, values of several words or lines or
in braces of their own, and ends with a line that begins with the closing brace.
"""

import math
import re
from typing import NamedTuple

import numpy as np

from nbkernel.errors import InputError

SMV = re.compile(rb"\{\s*HEADER_BYTES\s*=")
START = 64  # bytes that contain this
NUMBER = re.compile(r"\s*[-+]?(\d+\.?\d*([eE][-+]?\d+)?|\.\d+([eE][-+]?\d+)?|inf|nan)", re.IGNORECASE)
TOKEN = re.compile(r"=\s*\{|[};\n]\s*")
BLANKS = re.compile(r"\s*")
NEW_KEYWORD = re.compile(r"[A-Za-z_][\w.]*[ \t]*=")
PRINTABLE = re.compile(rb"[\t\n\r\f\x20-\x7e]*")
BEYOND = 4096  # how much longer a header may be than it states
LARGEST_HEADER = 1 << 24
LARGEST_SIZE = 1 << 31
LARGEST_RATIO = 1 << 16  # products with it fit into int32

# d*TREK's and ADSC's words, without underscores and in lower case
TYPES = {
    "unsigned short int": "u2", "unsigned short": "u2", "mad": "u2", "short int": "i2", "signed short": "i2", "short": "i2",
    "signed short int": "i2", "unsigned char": "u1", "signed char": "i1", "char": "i1",
    "long int": "i4", "signed long": "i4", "long": "i4", "signed long int": "i4", "int": "i4",
    "unsigned long int": "u4", "unsigned long": "u4", "unsigned int": "u4",
    "float ieee": "f4", "float": "f4",
}  # fmt: skip
ACCEPTED = (
    "Data_type unsigned short int, short int, unsigned char, signed char, long int, unsigned long int or float IEEE, "
    "or TYPE unsigned_short, signed_short or mad"
)
NOT_COMPRESSED = ("", "none", "no", "0")
BYTE_ORDERS = {"little endian": "<", "big endian": ">"}


class SMVHeader(NamedTuple):
    """text: HEADER_BYTES of the file, which nanoBragg.c searches; keywords: {NAME in capitals: value (str)}, the last of
    each; width, height: in pixels; stated, start: bytes before the pixels, by the header and in fact; kind: numpy dtype of
    a pixel; ratio: RAXIS_COMPRESSION_RATIO."""

    text: str
    keywords: dict
    width: int
    height: int
    stated: int
    start: int
    kind: np.dtype
    ratio: int


def is_smv(start):
    """Whether a file with these first bytes is an SMV image."""
    return SMV.match(start) is not None


def parse_header(flag, path, content):
    """The SMVHeader in a file's bytes. Raises InputError if the file is not an SMV image, contradicts itself, is of a kind
    that cannot be read, or has fewer pixels than it states."""
    lead = f"{flag}: {path}"
    if not is_smv(content[:START]):
        raise InputError(f"{lead} is not an SMV image (its header must begin with HEADER_BYTES)")
    stated = header_bytes(lead, content)
    keywords, end = keywords_and_end(content, stated)
    width, height = sizes(keywords)
    if width <= 0 or height <= 0:
        raise InputError(f"{lead} gives no size; its header needs SIZE1 and SIZE2 greater than 0")
    if "SIZE3" in keywords and whole(keywords["SIZE3"]) != 1:
        raise InputError(f"{lead} holds several images (SIZE3={shown(keywords['SIZE3'])}); need a file of one")
    kind = pixel_type(lead, keywords)
    needed = width * height * kind.itemsize
    start = first_pixel(content, stated, end, needed)
    if len(content) < start + needed:
        raise InputError(
            f"{lead} is truncated: {len(content)} bytes, {width} x {height} pixels of {8 * kind.itemsize} bits need "
            f"{start + needed}"
        )
    if kind.itemsize == 2 and len(content) == start + 2 * needed:
        raise InputError(
            f"{lead} has 4 bytes for each of its {width} x {height} pixels, but its header says 16 bits; need "
            "Data_type=long int or float IEEE there"
        )
    return SMVHeader(
        header_text(content[:stated]), keywords, width, height, stated, start, kind, raxis_ratio(lead, keywords)
    )


def first_pixel(content, stated, end, needed):
    """Where `needed` bytes of pixels begin: after the stated bytes of the header, or right after its end, since
    nanoBragg.c's headers may be longer than the 512 bytes they state."""
    if end <= stated or len(content) == stated + needed:
        return stated
    # a single form feed, after a brace that is the last stated byte, may belong to a pixel
    return end if end > stated + 1 or len(content) == end + needed else stated


def header_bytes(lead, content):
    text = header_text(content[:START]).partition("=")[2]
    match = NUMBER.match(text)
    value = float(match.group()) if match else math.nan
    if not math.isfinite(value) or value != int(value) or value < 1:
        raise InputError(
            f"{lead}: HEADER_BYTES must be a whole number of bytes greater than 0, not {shown(text.partition(';')[0])}"
        )
    if value > LARGEST_HEADER:
        raise InputError(f"{lead}: HEADER_BYTES={value:.12g} is too large; need at most {LARGEST_HEADER}")
    if value > len(content):
        raise InputError(f"{lead} is truncated: its header of {int(value)} bytes is not whole")
    return int(value)


def header_text(raw):
    return raw.split(b"\0", 1)[0].decode("latin-1")


def keywords_and_end(content, stated):
    """The keywords of a header of `stated` bytes, and where it ends: after its closing brace and form feed, 0 if there is
    none. Text beyond the stated bytes belongs to it up to the brace."""
    for length in (stated + BEYOND, stated):
        keywords, end = keywords_of(header_text(content[:length]))
        end += end > 0 and content[end : end + 1] == b"\f"
        if 0 < end <= stated or (end and PRINTABLE.fullmatch(content, stated, end)):
            break
    return keywords, end


def keywords_of(text):
    """{NAME in capitals: value} of a header's text, and the position after its closing brace, 0 if there is none."""
    found, end = statements(text, braces=True)
    if not end:
        # a value may begin with a brace that is not closed before the header is
        again, end = statements(text, braces=False)
        found = again if end or found is None else found
    keywords = {}
    for statement in found:
        name, equals, value = statement.partition("=")
        if equals:
            keywords[name.strip().upper()] = value.strip()
    return keywords, end


def statements(text, braces):
    """The texts between semicolons, or lines that begin with a keyword, up to a brace where a keyword or a line would begin;
    and the position after it. braces: a value that begins with a brace extends to the next one; None if there is no next
    one.

    The time is proportional to the length of any text.
    """
    start = line = BLANKS.match(text, text.find("{") + 1).end()  # type: ignore[union-attr]  # none is a match
    found, inside = [], False
    for token in TOKEN.finditer(text, start):
        mark, place, behind = token.group()[0], token.start(), token.end()
        if mark == "=":
            inside = inside or braces
            continue
        if inside and mark != "}":
            continue
        if mark == "}" and not inside and place in (start, line) and text[behind : behind + 1] != ";":
            return [*found, text[start:place]], place + 1
        inside = False
        new_line = "\n" in token.group()
        if mark == ";" or (new_line and NEW_KEYWORD.match(text, behind)):
            found.append(text[start : place + (mark == "}")])
            start = behind
        line = behind if new_line else line
    return (None, 0) if inside else ([*found, text[start:]], 0)


def sizes(keywords):
    """(width, height) in pixels, 0 if the header does not state them."""
    texts = [keywords.get("SIZE1"), keywords.get("SIZE2")]
    if texts == [None, None]:
        # d*TREK's, with the detector's name first; a single number stands for both
        dimensions = [value.split() for name, value in keywords.items() if name.endswith("DETECTOR_DIMENSIONS")]
        texts = (2 * dimensions[-1])[:2] if dimensions and dimensions[-1] else texts
    return tuple(whole(text) for text in texts)


def whole(text):
    """The integer in a text, 0 for anything else and for sizes that no image has."""
    match = NUMBER.fullmatch(text or "")
    value = float(match.group()) if match else math.nan
    return int(value) if abs(value) < LARGEST_SIZE and value == int(value) else 0


def pixel_type(lead, keywords):
    """numpy dtype of a pixel; unsigned 16 bits if the header does not state it. Raises InputError for other kinds."""
    compression = keywords.get("COMPRESSION", "")
    if compression.lower() not in NOT_COMPRESSED:
        raise InputError(f"{lead}: its pixels are compressed (COMPRESSION={shown(compression)}); need COMPRESSION=None")
    found = {name: keywords[name.upper()] for name in ("Data_type", "TYPE") if name.upper() in keywords}
    kinds = {name: TYPES.get(plain(value)) for name, value in found.items()}
    for name, kind in kinds.items():
        if kind is None:
            raise InputError(f"{lead}: {name}={shown(found[name])} is not a type of pixels that is read; need {ACCEPTED}")
    if len(set(kinds.values())) > 1:
        words = " but ".join(f"{name}={shown(value)}" for name, value in found.items())
        raise InputError(f"{lead} contradicts itself: {words}; need one of the two")
    return np.dtype(byte_order(lead, keywords) + next(iter(kinds.values()), "u2"))


def byte_order(lead, keywords):
    if "BYTE_ORDER" not in keywords:
        return "="
    order = BYTE_ORDERS.get(plain(keywords["BYTE_ORDER"]))
    if order is None:
        raise InputError(f"{lead}: BYTE_ORDER={shown(keywords['BYTE_ORDER'])} is unknown; need little_endian or big_endian")
    return order


def raxis_ratio(lead, keywords):
    """The factor of R-AXIS's pixels with the highest bit set."""
    text = keywords.get("RAXIS_COMPRESSION_RATIO", "1")
    if not 1 <= whole(text) <= LARGEST_RATIO:
        raise InputError(f"{lead}: RAXIS_COMPRESSION_RATIO={shown(text)} must be a whole number from 1 to {LARGEST_RATIO}")
    return whole(text)


def plain(value):
    return " ".join(value.replace("_", " ").lower().split())


def shown(value):
    """A header's value for printing: short, and without control characters."""
    return repr(value.strip()[:40])
