"""A logarithm without a library, whose bits are the same wherever multiplication and addition fuse.

x = 2^k m with m from sqrt(1/2) to sqrt(2), and log(m) = 2 artanh(v), v = (m - 1)/(m + 1): the first omitted term of its
series is below 3e-17 of it.
"""

import numpy as np

from .arithmetic import bits_of, fma, of_bits

ROOT_HALF_BITS = 0x3FE6A09E667F3BCD  # of sqrt(1/2)
LN2 = 0.6931471805599453
SERIES_RANGE = 0.1715728752538099  # |v| at sqrt(2)
L3, L5, L7, L9, L11 = 1 / 3, 1 / 5, 1 / 7, 1 / 9, 1 / 11
L13, L15, L17, L19 = 1 / 13, 1 / 15, 1 / 17, 1 / 19
LOGARITHM_ERROR = 4e-16  # relative


def artanh_series(t):
    """(artanh(v) - v)/v^3 of t = v^2, |v| up to SERIES_RANGE."""
    s = fma(fma(fma(fma(L19, t, L17), t, L15), t, L13), t, L11)
    return fma(fma(fma(fma(s, t, L9), t, L7), t, L5), t, L3)


def logarithm(x):
    """log(x) for normal x > 0."""
    bits = bits_of(x)
    k = (bits - ROOT_HALF_BITS) >> 52
    m = of_bits(bits - (k << 52))
    v = (m - 1.0) / (m + 1.0)
    t = v * v
    return fma(np.float64(k), LN2, 2.0 * fma(v * t, artanh_series(t), v))
