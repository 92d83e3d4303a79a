"""Counts of 16 or 32 bits: what each holds, and whole numbers cut to it."""

import numpy as np

from nbkernel.errors import InputError

DTYPES = {16: np.uint16, 32: np.int32}
LARGEST = {bits: int(np.iinfo(dtype).max) for bits, dtype in DTYPES.items()}
ROWS_AT_A_TIME = 256  # so that what is worked with stays small beside the image


def check_bits(bits):
    """Raises InputError for what is neither 16 nor 32."""
    if bits not in DTYPES:
        raise InputError(f"bits: {bits!r} is not there; need {' or '.join(map(str, DTYPES))}")


def cut_to(bits, counts, wraps=False):
    """Whole numbers (slow, fast) within 0 .. LARGEST[bits], as DTYPES[bits]; the same array where that changes nothing.

    wraps: numbers below 0 come out as 65536 more, as nanoBragg.c has them in its 16 bits, instead of 0.
    """
    dtype = DTYPES[bits]
    if counts.dtype == dtype and not (bits == 32 and counts.min(initial=0) < 0):
        return counts
    out = np.empty(counts.shape, dtype)
    for first in range(0, len(counts), ROWS_AT_A_TIME):
        rows = slice(first, first + ROWS_AT_A_TIME)
        # what is assigned is taken modulo 2^bits
        out[rows] = np.clip(counts[rows], None if wraps else 0, LARGEST[bits])
    return out


def cut_off(bits, counts):
    """How many whole numbers lie above what `bits` hold, and how many below 0."""
    return int(np.count_nonzero(counts > LARGEST[bits])), int(np.count_nonzero(counts < 0))
