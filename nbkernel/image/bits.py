"""Counts of 16 or 32 bits: the range of each, and clipping to it."""

import numpy as np

from nbkernel.errors import InputError

DTYPES: dict[int, type[np.integer]] = {16: np.uint16, 32: np.int32}
LARGEST = {bits: int(np.iinfo(dtype).max) for bits, dtype in DTYPES.items()}
ROWS_AT_A_TIME = 256  # keeps temporary arrays small compared with the image


def check_bits(bits):
    """Raises InputError unless `bits` is 16 or 32."""
    if bits not in DTYPES:
        raise InputError(f"bits: {bits!r} is not supported; need {' or '.join(map(str, DTYPES))}")


def cut_to(bits, counts, wraps=False):
    """Integers (slow, fast) clipped to 0 .. LARGEST[bits], as DTYPES[bits]; the same array if that changes nothing.

    wraps: numbers below 0 wrap around (65536 is added), as in nanoBragg.c's 16 bits, instead of becoming 0.
    """
    dtype = DTYPES[bits]
    if counts.dtype == dtype and not (bits == 32 and counts.min(initial=0) < 0):
        return counts
    out = np.empty(counts.shape, dtype)
    for first in range(0, len(counts), ROWS_AT_A_TIME):
        rows = slice(first, first + ROWS_AT_A_TIME)
        # assignment takes the values modulo 2^bits
        out[rows] = np.clip(counts[rows], None if wraps else 0, LARGEST[bits])
    return out


def cut_off(bits, counts):
    """How many integers (slow, fast) exceed what `bits` can hold, and how many are below 0."""
    above = below = 0
    for first in range(0, len(counts), ROWS_AT_A_TIME):
        rows = counts[first : first + ROWS_AT_A_TIME]
        above += int(np.count_nonzero(rows > LARGEST[bits]))
        below += int(np.count_nonzero(rows < 0))
    return above, below
