"""A sine without branches, for loops that the compiler vectorises, with a known error.

x is reduced by the nearest multiple of pi in three parts (Cody and Waite): with fused multiply-adds the first
subtraction is exact for |x| < 2^27, so the remainder keeps its relative precision next to the zeros. The polynomial
(Chebyshev interpolation of (sin r - r)/r^3 in r^2 on |r| < 1.575) is good to 5e-17. Reduction, polynomial and final
addition together stay below SINE_ERROR relative to the sine.
"""

import numpy as np

from .arithmetic import fma, rint

PI_1, PI_2, PI_3 = 3.141592653589793, 1.2246467991473532e-16, -2.9947698097183397e-33
ONE_OVER_PI = 0.3183098861837907
S3, S5, S7, S9 = -0.16666666666666666, 0.008333333333333316, -0.00019841269841254492, 2.755731921903321e-06
S11, S13 = -2.5052107600482067e-08, 1.6058976244631178e-10
S15, S17 = -7.643936294976748e-13, 2.7310219352648482e-15
LARGEST_ARGUMENT = 2.0**27
# two roundings in the reduction, half an ulp at the end, the polynomial's own where it weighs most (|r| = pi/2)
SINE_ERROR = 7e-16


def reduced(x):
    """x minus the nearest multiple of pi, for |x| < LARGEST_ARGUMENT."""
    q = rint(x * ONE_OVER_PI)
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
    """sin(x), cos(x) or both with the opposite sign. The cosine is good to 2 SINE_ERROR in absolute terms, not
    relative to itself."""
    r = reduced(x)
    half = reduced_sine(0.5 * r)
    return reduced_sine(r), fma(-2.0 * half, half, 1.0)


# sin(pi x) = x P(x^2) on |x| <= 1/2: minimax polynomials in x^2 (Remez' algorithm, relative error), lowest term first.
# Next to its zeros sin(pi x) keeps the relative precision of x: nothing has to be subtracted.
A0, A1, A2 = 3.1415926535895973, -5.167712779977312, 2.5501640354193094
A3, A4, A5, A6 = -0.5992644257354168, 0.08214473211270053, -0.0073637850186621424, 0.00044720028375837316
SINPI_ERROR = 7e-14  # relative; one sum in a hundred thousand rounds to another float32 than the exact value does
# cos(pi x) on |x| <= 1/2, absolute error
B0, B1, B2, B3 = 0.9999999999999981, -4.934802200543689, 4.058712126333491, -1.3352627661864749
B4, B5, B6, B7 = 0.23533058836701548, -0.02580653229173249, 0.0019278709713509035, -0.00010041751404618894
COSPI_ERROR = 2.5e-15
# sin(pi x) = x P(x^2) once more, for float32: times SCALE, so that products of three small sines are normal numbers
SCALE = 2.0**32
C0, C1, C2 = (
    np.float32(SCALE * 3.1415926368954117),
    np.float32(SCALE * -5.167709684799477),
    np.float32(SCALE * 2.5500697263299963),
)
C3, C4 = np.float32(SCALE * -0.5982421263420936), np.float32(SCALE * 0.07756038679079723)
SINPI_SINGLE_ERROR = 4e-7


def sinpi(x):
    """sin(pi x) for |x| <= 1/2."""
    t = x * x
    return x * fma(fma(fma(fma(fma(fma(A6, t, A5), t, A4), t, A3), t, A2), t, A1), t, A0)


def sinpi_product(x, y, z):
    """sinpi(x) sinpi(y) sinpi(z). Term by term for all three: a processor looks ahead some dozens of operations, and one
    sine by itself is a chain of operations that wait for one another."""
    tx, ty, tz = x * x, y * y, z * z
    sx, sy, sz = fma(A6, tx, A5), fma(A6, ty, A5), fma(A6, tz, A5)
    sx, sy, sz = fma(sx, tx, A4), fma(sy, ty, A4), fma(sz, tz, A4)
    sx, sy, sz = fma(sx, tx, A3), fma(sy, ty, A3), fma(sz, tz, A3)
    sx, sy, sz = fma(sx, tx, A2), fma(sy, ty, A2), fma(sz, tz, A2)
    sx, sy, sz = fma(sx, tx, A1), fma(sy, ty, A1), fma(sz, tz, A1)
    sx, sy, sz = fma(sx, tx, A0), fma(sy, ty, A0), fma(sz, tz, A0)
    return ((x * sx) * (y * sy)) * (z * sz)


def cospi(x):
    """cos(pi x) for |x| <= 1/2."""
    t = x * x
    return fma(fma(fma(fma(fma(fma(fma(B7, t, B6), t, B5), t, B4), t, B3), t, B2), t, B1), t, B0)


def scaled_sinpi_product(x, y, z):
    """sin(pi x) sin(pi y) sin(pi z) SCALE^3 as a float32, for float32 up to 1/2; term by term like `sinpi_product`."""
    tx, ty, tz = x * x, y * y, z * z
    sx, sy, sz = fma(C4, tx, C3), fma(C4, ty, C3), fma(C4, tz, C3)
    sx, sy, sz = fma(sx, tx, C2), fma(sy, ty, C2), fma(sz, tz, C2)
    sx, sy, sz = fma(sx, tx, C1), fma(sy, ty, C1), fma(sz, tz, C1)
    sx, sy, sz = fma(sx, tx, C0), fma(sy, ty, C0), fma(sz, tz, C0)
    return (x * sx) * (y * sy) * (z * sz)
