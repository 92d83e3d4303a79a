"""A sine without branches, for loops that the compiler vectorises, with a known error.

x is reduced by the nearest multiple of pi in three parts (Cody and Waite): with fused multiply-adds the first
subtraction is exact for |x| < 2^27, so the remainder keeps its relative precision next to the zeros. The polynomial
(Chebyshev interpolation of (sin r - r)/r^3 in r^2 on |r| < 1.575) is good to 5e-17. Reduction, polynomial and final
addition together stay below SINE_ERROR relative to the sine.
"""

import numpy as np

PI_1, PI_2, PI_3 = 3.141592653589793, 1.2246467991473532e-16, -2.9947698097183397e-33
ONE_OVER_PI = 0.3183098861837907
S3, S5, S7, S9 = -0.16666666666666666, 0.008333333333333316, -0.00019841269841254492, 2.755731921903321e-06
S11, S13 = -2.5052107600482067e-08, 1.6058976244631178e-10
S15, S17 = -7.643936294976748e-13, 2.7310219352648482e-15
LARGEST_ARGUMENT = 2.0**27
# two roundings in the reduction, half an ulp at the end, the polynomial's own where it weighs most (|r| = pi/2)
SINE_ERROR = 7e-16


def fma(a, b, c):
    """a * b + c; compiled, with a single rounding."""
    return a * b + c


def reduced(x):
    """x less the nearest multiple of pi, for |x| < LARGEST_ARGUMENT."""
    q = np.rint(x * ONE_OVER_PI)
    return fma(-q, PI_3, fma(-q, PI_2, fma(-q, PI_1, x)))


def reduced_sine(r):
    """sin(r) for |r| < 1.575."""
    t = r * r
    s = fma(fma(fma(fma(fma(fma(fma(S17, t, S15), t, S13), t, S11), t, S9), t, S7), t, S5), t, S3)
    return fma(r * t, s, r)


def sine_up_to_sign(x):
    """sin(x) or -sin(x), for |x| < LARGEST_ARGUMENT."""
    return reduced_sine(reduced(x))


def sine_and_cosine_up_to_sign(x):
    """sin(x), cos(x) or both with the other sign. The cosine is good to 2 SINE_ERROR absolutely, not
    relative to itself."""
    r = reduced(x)
    half = reduced_sine(0.5 * r)
    return reduced_sine(r), fma(-2.0 * half, half, 1.0)
