"""PNG pictures, without any library."""

import struct
import zlib

import numpy as np

GREY, PALETTE = 0, 3  # colour types
# the fastest: more effort hardly makes noise smaller
COMPRESSION = 1


def png_bytes(grey, colours=None):
    """PNG file of a (rows, columns) uint8 image. colours: {grey level: (red, green, blue)} for levels with a colour."""
    rows, columns = grey.shape
    # each row begins with its filter type, 0
    raw = np.zeros((rows, columns + 1), np.uint8)
    raw[:, 1:] = grey
    header = struct.pack(">IIBBBBB", columns, rows, 8, PALETTE if colours else GREY, 0, 0, 0)
    palette = b""
    if colours:
        levels = np.repeat(np.arange(256, dtype=np.uint8)[:, None], 3, axis=1)
        for level, colour in colours.items():
            levels[level] = colour
        palette = chunk(b"PLTE", levels.tobytes())
    data = chunk(b"IDAT", zlib.compress(raw.data, COMPRESSION))
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + palette + data + chunk(b"IEND", b"")


def chunk(kind, content):
    return struct.pack(">I", len(content)) + kind + content + struct.pack(">I", zlib.crc32(kind + content))
