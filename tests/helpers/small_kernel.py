"""A kernel that compiles quickly, and its object file in the cache."""

import numpy as np

from nbkernel.kernels.compile.kernel import Kernel


def weighted_sum(values, weight, out):
    total = 0.0
    for i in range(values.shape[0]):
        total += values[i] * weight
    out[0] = total
    return values.shape[0]


def call(weight=0.5):
    """The sum by a new Kernel, which has loaded nothing yet."""
    out = np.zeros(1)
    assert Kernel(weighted_sum)(np.arange(5.0), weight, out) == 5
    return out[0]


def only_object(folder):
    """The single object file in a folder."""
    (path,) = folder.glob("*.o")
    return path
