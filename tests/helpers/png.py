"""A decoder of simple PNG files, independent of nbkernel's encoder."""

import struct
import zlib

import numpy as np


def decode_png(content):
    """Levels (rows, columns) uint8 of an 8-bit PNG without row filters, and its palette (256, 3) uint8, a grey ramp if it
    has none; checks the order of the chunks and every checksum."""
    assert content[:8] == b"\x89PNG\r\n\x1a\n"
    position, chunks = 8, []
    while position < len(content):
        (length,) = struct.unpack(">I", content[position : position + 4])
        kind, body = content[position + 4 : position + 8], content[position + 8 : position + 8 + length]
        (checksum,) = struct.unpack(">I", content[position + 8 + length : position + 12 + length])
        assert zlib.crc32(kind + body) == checksum
        chunks.append((kind, body))
        position += 12 + length
    kinds = [kind for kind, _ in chunks]
    columns, rows, depth, colour, *rest = struct.unpack(">IIBBBBB", chunks[0][1])
    assert kinds == [b"IHDR", *([b"PLTE"] if colour == 3 else []), b"IDAT", b"IEND"]
    assert depth == 8 and colour in (0, 3) and rest == [0, 0, 0] and chunks[-1][1] == b""
    lines = np.frombuffer(zlib.decompress(dict(chunks)[b"IDAT"]), np.uint8).reshape(rows, columns + 1)
    assert not lines[:, 0].any()
    ramp = bytes(level for level in range(256) for _ in range(3))
    palette = dict(chunks).get(b"PLTE", ramp)
    return lines[:, 1:], np.frombuffer(palette, np.uint8).reshape(256, 3)


def coloured(content):
    """Masks (rows, columns) of the blue pixels (rings and labels) and of the red ones (the beam's mark)."""
    levels, palette = decode_png(content)
    red, green, blue = (palette[levels][..., i].astype(int) for i in range(3))
    return (blue > red + 100) & (blue > green + 100), (red > green + 100) & (red > blue + 100)
