"""A grey PNG picture to look at, without any library."""

import struct
import zlib

import numpy as np


def png_bytes(grey):
    """PNG file of a (rows, columns) uint8 image."""
    rows, columns = grey.shape
    # each row is led by its filter type, 0
    raw = np.zeros((rows, columns + 1), np.uint8)
    raw[:, 1:] = grey
    header = struct.pack(">IIBBBBB", columns, rows, 8, 0, 0, 0, 0)
    return (
        b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(raw.tobytes(), 6)) + chunk(b"IEND", b"")
    )


def chunk(kind, content):
    return struct.pack(">I", len(content)) + kind + content + struct.pack(">I", zlib.crc32(kind + content))


def preview_bytes(image, low=80.0, high=99.95):
    """(slow, fast) uint8 of a float image: dark is strong, on a logarithmic scale between two percentiles of the
    positive pixels. The lower one is high: what lies between the spots is of no interest to the eye."""
    positive = image[image > 0]
    if positive.size == 0:
        return np.full(image.shape, 255, np.uint8)
    bottom, top = np.log(np.percentile(positive, [low, high]).astype(np.float64))
    span = max(top - bottom, 1e-6)
    grey = np.full(image.shape, 255, np.uint8)
    for row in range(image.shape[0]):
        with np.errstate(divide="ignore", invalid="ignore"):
            level = (np.log(image[row].astype(np.float64)) - bottom) / span
        grey[row] = 255 - (255 * np.clip(np.nan_to_num(level, nan=0.0), 0, 1)).astype(np.uint8)
    return grey
