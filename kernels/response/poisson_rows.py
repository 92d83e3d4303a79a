"""Poisson deviates of a segment of a row, vectorised: the counts of `poisson.poisson`, and below its LIMIT in a fraction of
the time.

The pixels of a segment search together, one count at a time, until the last of them has found its count.
"""

import numpy as np

from nbkernel.kernels.numerics.arithmetic import fma
from nbkernel.kernels.numerics.exponential import exponential
from nbkernel.kernels.numerics.philox import uniform_pair
from nbkernel.kernels.numerics.poisson import LEAST_PROBABILITY, LIMIT, by_rejection
from nbkernel.kernels.numerics.vector_loops import full_vector_width

# rows of `work`, (WORK, pixels) float64
COUNT, U, V, MEAN, PROBABILITY, REST = range(6)
WORK = 6


def poisson_deviates(means, pixel, frame, key, work):
    """Fills work[COUNT] with the deviates of `means`, of pixels `pixel` and following ones."""
    begin(means, pixel, frame, key, work)
    count = 1.0
    while search(means.shape[0], 1.0 / count, work) > 0:
        count += 1.0
    for i in range(means.shape[0]):
        mean = np.float64(means[i])
        if not mean < LIMIT:
            work[COUNT, i] = by_rejection(mean, work[U, i], work[V, i], pixel + i, frame, key)


def begin(means, pixel, frame, key, work):
    """The initial values of `search`. Pixels for which it is not meant get a mean of 0, whose search ends at once."""
    full_vector_width()
    count, u, v, mean, probability, rest = work[COUNT], work[U], work[V], work[MEAN], work[PROBABILITY], work[REST]
    for i in range(means.shape[0]):
        u[i], v[i] = uniform_pair(pixel + i, frame, 0, key)
    for i in range(means.shape[0]):
        value = np.float64(means[i])
        value = value if 0.0 < value < LIMIT else 0.0
        none = exponential(-value)
        count[i], mean[i], probability[i], rest[i] = 0.0, value, none, u[i] - none


def search(pixels, inverse, work):
    """Subtracts one more probability, that of the count 1/`inverse`, from what is left of u; returns how many pixels
    continue."""
    full_vector_width()
    count, mean, probability, rest = work[COUNT], work[MEAN], work[PROBABILITY], work[REST]
    going = 0
    for i in range(pixels):
        p, r = probability[i], rest[i]
        # no `and`: that would be a branch
        goes_on = (r > 0.0) & (p > LEAST_PROBABILITY)
        count[i] += 1.0 if goes_on else 0.0
        going += 1 if goes_on else 0
        ratio = mean[i] * inverse
        rest[i] = fma(-p, ratio, r)
        probability[i] = p * ratio
    return going
