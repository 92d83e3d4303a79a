"""nanoBragg's dump file: a binary table of structure factors, which a later run reads if it is given no other."""

import math
import os
import re

import numpy as np

from nbkernel.errors import InputError
from nbkernel.io.files.opening import GZIP, START, open_input, read_bytes
from nbkernel.io.files.output_files import Gap
from nbkernel.support.memory import require_memory

from .reflections import Reflections, value_remarks

# six limits as text, newline, form feed, then doubles
DUMP_HEADER = re.compile(rb"\s*" + rb"\s+".join([rb"(-?\d{1,10})"] * 6) + rb"\n\f")
LONGEST_HEADER = 256
PIECE = 1 << 22  # bytes


def dump_bytes(path):
    """Bytes of a dump file. Raises InputError if its length is not that of its header, before all of it is read."""
    with open_input("-dump", path) as file:
        packed = GZIP.match(file.read(START))
        length = os.fstat(file.fileno()).st_size
    if not packed and length:
        _, spare, start = dump_shape(path, read_bytes("-dump", path, LONGEST_HEADER))
        check_length(path, spare, start, length)
        require_memory(2 * length, "-dump", f"the table of {os.fspath(path)}")
    return read_bytes("-dump", path)


def dump_reflections(path, content):
    """Reflections in a dump file's bytes. Raises InputError if header and length disagree."""
    first, spare, start = dump_shape(path, content)
    check_length(path, spare, start, len(content))
    F = np.frombuffer(content, np.float64, offset=start).reshape(spare)[:-1, :-1, :-1]
    F = np.ascontiguousarray(F)
    return Reflections(F, *first, F.size, remarks=value_remarks(f"-dump {os.fspath(path)}", F))


def dump_shape(path, content):
    """First indices, numbers of elements along h, k, l including one spare each, and the position of the first byte."""
    header = DUMP_HEADER.match(content)
    if not header:
        raise InputError(f"-dump {os.fspath(path)}: not a dump file of structure factors (delete it, or give -hkl)")
    limits = [int(limit) for limit in header.groups()]
    first, last = limits[::2], limits[1::2]
    return first, [stop - start + 2 for start, stop in zip(first, last, strict=True)], header.end()


def check_length(path, spare, start, length):
    needed = start + 8 * math.prod(spare)
    if min(spare) < 2 or length != needed:
        raise InputError(
            f"-dump {os.fspath(path)}: its header asks for {needed} bytes but it has {length} (delete it, or give -hkl)"
        )


def dump_pieces(reflections):
    """The dump file that nanoBragg.c and `dump_reflections` read, in parts: bytes, and Gaps of zero bytes."""
    F, first = reflections.F, (reflections.h_min, reflections.k_min, reflections.l_min)
    limits = [limit for start, length in zip(first, F.shape, strict=True) for limit in (start, start + length - 1)]
    yield (" ".join(map(str, limits)) + "\n\f").encode()
    if reflections.nonzero is None:
        yield from dense_pieces(F)
    else:
        yield from sparse_pieces(F, reflections.nonzero)


def dense_pieces(F):
    planes, rows, columns = F.shape
    at_a_time = max(1, PIECE // (8 * (rows + 1) * (columns + 1)))
    for first in range(0, planes, at_a_time):
        part = F[first : first + at_a_time]
        yield np.pad(part, ((0, 0), (0, 1), (0, 1))).tobytes()
    yield Gap(8 * (rows + 1) * (columns + 1))


def sparse_pieces(F, nonzero):
    """The same for an array that is 0 except at some positions in its flattened form."""
    spare = [n + 1 for n in F.shape]
    targets = np.asarray(np.ravel_multi_index(np.unravel_index(nonzero, F.shape), spare))
    values = F.reshape(-1)[nonzero]
    at = 0
    # neighbours are written together
    for group in np.split(np.arange(nonzero.size), np.flatnonzero(np.diff(targets) > PIECE // 64) + 1):
        if not group.size:
            continue
        for some in np.array_split(group, 1 + (targets[group[-1]] - targets[group[0]]) // (PIECE // 8)):
            if not some.size:
                continue
            start, stop = int(targets[some[0]]), int(targets[some[-1]]) + 1
            yield Gap(8 * (start - at))
            part = np.zeros(stop - start)
            part[targets[some] - start] = values[some]
            yield part.tobytes()
            at = stop
    yield Gap(8 * (math.prod(spare) - at))
