"""An exponential without branches, for loops that the compiler vectorises, with a known error.

x is split into k ln 2 + r (Cody and Waite, two parts, fused multiply-adds) and exp(r), |r| < 0.35, summed as its Taylor
series, whose first omitted term is below 5e-18. 2^k is assembled from bits: adding MAGIC leaves k in the low bits of the
sum.
"""

from .arithmetic import bits_of, fma, of_bits

LN2_1, LN2_2 = 0.6931471805599453, 2.3190468138462996e-17
ONE_OVER_LN2 = 1.4426950408889634
MAGIC = 1.5 * 2.0**52
LOWEST_ARGUMENT = -708.0
E2, E3, E4, E5, E6, E7 = 1 / 2, 1 / 6, 1 / 24, 1 / 120, 1 / 720, 1 / 5040
E8, E9, E10, E11, E12, E13 = 1 / 40320, 1 / 362880, 1 / 3628800, 1 / 39916800, 1 / 479001600, 1 / 6227020800
# of the result, relative: two roundings of r, the last steps of the sum
EXPONENTIAL_ERROR = 4e-16


def exponential(x):
    """exp(x) for x from LOWEST_ARGUMENT to 0; lower arguments are treated as LOWEST_ARGUMENT, nan stays nan."""
    x = LOWEST_ARGUMENT if x < LOWEST_ARGUMENT else x
    shifted = fma(x, ONE_OVER_LN2, MAGIC)
    k = shifted - MAGIC
    r = fma(-k, LN2_2, fma(-k, LN2_1, x))
    s = fma(fma(fma(fma(fma(fma(E13, r, E12), r, E11), r, E10), r, E9), r, E8), r, E7)
    s = fma(fma(fma(fma(fma(fma(fma(s, r, E6), r, E5), r, E4), r, E3), r, E2), r, 1.0), r, 1.0)
    two_to_k = of_bits((bits_of(shifted) + 1023) << 52)
    return s * two_to_k


# 2^x on |x| <= 1/2: minimax polynomial (Remez' algorithm, relative error), lowest term first
P0, P1, P2, P3 = 0.999999999961682, 0.6931471807284456, 0.24022651198157208, 0.055504103534532084
P4, P5, P6, P7 = 0.009618027253711369, 0.0013333922559077525, 0.0001546929113080106, 1.5201922641975562e-05
POWER_OF_TWO_ERROR = 5e-11  # relative
MOST_HALVINGS = 1000.0


def halved(times, unit):
    """2^-(times unit), for times unit from 0 to MOST_HALVINGS; nan stays nan."""
    shifted = fma(-unit, times, MAGIC)
    r = fma(-unit, times, MAGIC - shifted)
    low, high = fma(fma(fma(P3, r, P2), r, P1), r, P0), fma(fma(fma(P7, r, P6), r, P5), r, P4)
    s = fma(high, (r * r) * (r * r), low)
    # the exponent is reduced in its own bits
    return of_bits(bits_of(s) + (bits_of(shifted) << 52))
