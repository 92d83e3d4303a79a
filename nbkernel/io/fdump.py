"""nanoBragg's dump file: a table of structure factors in binary, which a later run reads where it has no other."""

import re

import numpy as np

from nbkernel.errors import InputError

from .opening import read_bytes
from .reflections import Reflections

# six limits as text, newline, form feed, then doubles
DUMP_HEADER = re.compile(rb"\s*(-?\d+)\s+(-?\d+)\s+(-?\d+)\s+(-?\d+)\s+(-?\d+)\s+(-?\d+)\n\f")


def read_dump(path):
    """Reflections of a dump file. Raises InputError where its header and its length disagree."""
    content = read_bytes("-dump", path)
    header = DUMP_HEADER.match(content)
    if not header:
        raise InputError(f"-dump {path}: not a dump file of structure factors (delete it, or give -hkl)")
    h_min, h_max, k_min, k_max, l_min, l_max = (int(limit) for limit in header.groups())
    shape = (h_max - h_min + 1, k_max - k_min + 1, l_max - l_min + 1)
    # one spare element per axis
    spare = tuple(n + 1 for n in shape)
    needed = header.end() + 8 * spare[0] * spare[1] * spare[2]
    if min(shape) < 1 or len(content) != needed:
        raise InputError(
            f"-dump {path}: its header asks for {needed} bytes but it has {len(content)} (delete it, or give -hkl)"
        )
    F = np.frombuffer(content, np.float64, offset=header.end()).reshape(spare)[:-1, :-1, :-1]
    return Reflections(np.ascontiguousarray(F), h_min, k_min, l_min, F.size)


def dump_pieces(reflections):
    """The bytes of the dump file that nanoBragg.c and `read_dump` read, piece by piece."""
    F = reflections.F
    limits = []
    for first, length in zip((reflections.h_min, reflections.k_min, reflections.l_min), F.shape, strict=True):
        limits += [first, first + length - 1]
    yield (" ".join(str(limit) for limit in limits) + "\n\f").encode()
    for h in range(F.shape[0]):
        yield np.pad(F[h], ((0, 1), (0, 1))).tobytes()
    yield bytes(8 * (F.shape[1] + 1) * (F.shape[2] + 1))
