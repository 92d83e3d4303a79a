"""Gaussian deviates of mean 0 and variance 1 from pairs of uniform ones, by Box and Muller's method (Annals of Mathematical
Statistics 29 (1958) 610): only IEEE operations and explicit fused ones, so the bits are the same on every device.

With uniform deviates of 52 bits the largest is 8.6.
"""

import math

from .logarithm import logarithm
from .sine import reduced_sine

TWO_PI = 6.283185307179586


def gaussian(u, v):
    """A Gaussian deviate of two independent uniform ones, between 0 and 1 exclusive."""
    # cos(2 pi v) = -sin(2 pi (1/4 - |v - 1/2|)), whose differences are exact
    return -math.sqrt(-2.0 * logarithm(u)) * reduced_sine(TWO_PI * (0.25 - abs(v - 0.5)))
