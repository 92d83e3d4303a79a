"""Collections of texts of any length in HDF5 files ("global heaps", File Format Specification III.E): HDF5 itself walks
through a damaged one forever."""

import mmap

from .links import Unusable

SIGNATURE = b"GCOL\1\0\0\0"  # version 1, and three bytes that are 0
HEADER = 16  # bytes: the signature, then the collection's size
OBJECT = 16  # of an object: its index, uses, padding, then its size
ALIGNED = 8
# reading more would take longer than reading what is needed
MOST_LOOKED_THROUGH = 1 << 27


def check_heaps(file):
    """Raises Unusable if the objects of a collection do not fill it. file: open for reading; only the beginning of a large
    one is searched."""
    with mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as content:
        end = min(len(content), MOST_LOOKED_THROUGH)
        place = content.find(SIGNATURE, 0, end)
        while place >= 0:
            check_collection(content, place)
            place = content.find(SIGNATURE, place + len(SIGNATURE), end)


def check_collection(content, start):
    stop = start + number(content, start + 8, 8)
    place = start + HEADER
    # the remainder may be too short for an object
    while place + OBJECT <= min(stop, len(content)):
        index, size = number(content, place, 2), number(content, place + 8, 8)
        # object 0 is the free remainder, whose size counts from here
        after = place + size if index == 0 else place + OBJECT + -(-size // ALIGNED) * ALIGNED
        if after > stop or (index == 0 and after < stop):
            raise Unusable("is damaged: its collections of texts do not add up")
        place = after


def number(content, place, size):
    return int.from_bytes(content[place : place + size], "little")
