"""Poisson deviates from counter-based random numbers: a function of mean, pixel, frame and key, and of nothing else.

Below LIMIT by inversion, from LIMIT on by Hoermann's transformed rejection with squeeze, PTRS (Insurance: Mathematics and
Economics 12 (1993) 39-45). There is no Gaussian regime: rejection decides by Loader's form of the probability (Fast and
accurate computation of binomial probabilities, 2000), in which nothing cancels at any mean.

Distribution: the probabilities of all counts together are off by less than 1e-14 (and, since uniform deviates have a grid,
each by up to 6e-16 sqrt(mean) of itself); counts above 2^53 are the nearest float64.

Bits: only IEEE operations and fused ones written out in the source, no library functions, and wherever a compiler could fuse
a product with a sum (as CUDA's does) the product is exact. So compiled code gives the same count on every processor and
device. Plain Python does not fuse: its count differs if a uniform deviate comes within 1e-15 or so of a limit.
"""

import math

from .arithmetic import floor, fma
from .exponential import exponential
from .logarithm import SERIES_RANGE, artanh_series, logarithm
from .philox import uniform_pair

LIMIT = 24.0  # about the mean from which rejection is the faster of the two
LEAST_PROBABILITY = 1e-17  # when a term falls below this, what is left of u is rounding error
INVERSE_ROOT_2PI = 0.3989422804014327
# Stieltjes' continued fraction of log(n!) minus Stirling's formula (DLMF 5.10.1)
S0, S1, S2, S3 = 1 / 12, 1 / 30, 53 / 210, 195 / 371


def poisson(mean, pixel, frame, key):
    """Poisson deviate (float64) of the mean of a pixel; see `philox.uniform_pair`. 0 below a mean of 0; nan and inf stay."""
    u, v = uniform_pair(pixel, frame, 0, key)
    if mean < LIMIT:
        return by_inversion(mean if mean > 0.0 else 0.0, u)
    return by_rejection(mean, u, v, pixel, frame, key)


def by_inversion(mean, u):
    """The count at which the sum of probabilities reaches u; 0 <= mean < LIMIT. `poisson_rows.search` does the same."""
    probability = exponential(-mean)
    rest = u - probability
    count = 0.0
    while rest > 0.0 and probability > LEAST_PROBABILITY:
        count += 1.0
        ratio = mean * (1.0 / count)
        rest = fma(-probability, ratio, rest)
        probability *= ratio
    return count


def by_rejection(mean, u, v, pixel, frame, key):
    """Deviate of a mean >= LIMIT from the pixel's first pair u, v and, if that is rejected, from further ones."""
    if not mean < math.inf:
        return mean
    spread, tail, quick, inverse_alpha = hat(mean)
    whole = floor(mean)
    draw = 0
    while True:
        u -= 0.5
        to_edge = 0.5 - abs(u)
        # beside the mean's whole part, so that large means keep their last digits
        count = whole + floor(fma(2.0 * tail / to_edge + spread, u, mean - whole + 0.43))
        if to_edge >= 0.07 and v <= quick:
            return count
        if count >= 0.0 and (to_edge >= 0.013 or v <= to_edge):
            if v * inverse_alpha <= (tail / (to_edge * to_edge) + spread) * poisson_probability(count, mean):
                return count
        draw += 1
        u, v = uniform_pair(pixel, frame, draw, key)


def hat(mean):
    """Hoermann's b, a, v_r and 1/alpha for a mean >= LIMIT.

    With his 3.6224 (here 3.73) and 1.1328 (here 1.2) the squeeze is too wide and the hat too low at some means, by up to
    0.5 % in places, so that 6e-7 of the deviates would go to the wrong count.
    """
    b = fma(2.53, math.sqrt(mean), 0.931)
    return b, fma(0.02483, b, -0.059), 0.9277 - 3.73 / (b - 2.0), 1.1239 + 1.2 / (b - 3.4)


def poisson_probability(count, mean):
    """Probability of a count >= 0: Loader's form of that of n = count + 1, which has no exception at 0, times n/mean."""
    n = count + 1.0
    return exponential(-(deviance(n, mean) + stirling_rest(n))) * math.sqrt(n) * INVERSE_ROOT_2PI / mean


def deviance(n, mean):
    """n log(n/mean) + mean - n for n > 0."""
    d = n - mean
    v = d / (n + mean)
    if abs(v) < SERIES_RANGE:
        t = v * v
        return fma(d, v, 2.0 * n * (v * t) * artanh_series(t))
    return fma(n, logarithm(n / mean), -d)


def stirling_rest(n):
    """log(n!) - log(sqrt(2 pi n) (n/e)^n), to 4e-13 at n = 10 and 2e-17 from 30 on; to 5e-5 at n = 1, a count of
    probability 4e-11 at LIMIT."""
    return S0 / (n + S1 / (n + S2 / (n + S3 / n)))
