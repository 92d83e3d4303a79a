"""PGM images: 8-bit grey, with the scale in a comment; 16-bit ones are read too."""

import re

import numpy as np

from nbkernel.errors import InputError
from nbkernel.io.files.opening import read_bytes
from nbkernel.io.files.text import c_format

# width, height and largest value, after white space and comments; one more white space before the pixels
HEADER = re.compile(rb"P5" + 3 * rb"(?:\s|#[^\n]*\n)+(\d{1,9})" + rb"\s")


def pgm_header(fpixels, spixels, scale):
    return c_format("P5\n%d %d\n# pixels scaled by %g\n255\n", fpixels, spixels, scale).encode()


def read_pgm(command, path):
    """(slow, fast) uint8 or big-endian uint16 from a binary PGM file. Raises InputError if it is incomplete."""
    content = read_bytes(command, path)
    header = HEADER.match(content)
    width, height, largest = map(int, header.groups()) if header else (0, 0, 0)
    if header is None or width == 0 or height == 0 or not 0 < largest < 65536:
        raise InputError(
            f"{command}: {path} is not a PGM image: P5 must be followed by width, height and a largest value below 65536"
        )
    kind = np.dtype(">u2" if largest > 255 else np.uint8)
    needed = header.end() + width * height * kind.itemsize
    if len(content) < needed:
        raise InputError(f"{command}: {path} is truncated: {len(content)} bytes, {width} x {height} pixels need {needed}")
    return np.frombuffer(content, kind, width * height, offset=header.end()).reshape(height, width)


def read_pgm_image(command, path):
    """The Image in a PGM file. Raises InputError, starting with `command`, for a file that cannot be read."""
    from .image import Image

    return Image(path, "PGM", read_pgm(command, path).astype(np.float32), True, None, None)
