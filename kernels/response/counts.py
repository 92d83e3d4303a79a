"""From photons to integers, one pixel at a time."""

import numpy as np


def wrapped_integer(value):
    """`value` truncated as on x86-64: through int32, in which a value that does not fit becomes the most negative one."""
    if value > -2147483649.0 and value < 2147483648.0:
        return np.int32(value)
    return np.int32(-2147483648)


# elements of `sums`, to which `noiseimage_value` adds
PHOTONS, OVERLOADS_16, OVERLOADS_32, LIT = range(4)
NOISE_SUMS = 4


def noiseimage_value(photons, adc_offset, sums):
    """photons plus adc_offset, truncated, clipped above at the largest int32. Adds the photons to sums[PHOTONS], and 1 to
    the overloads of 16 bits (above 65535) and of 32 bits, and to the lit pixels (above adc_offset)."""
    sums[PHOTONS] += photons
    value = photons + adc_offset
    if value > 65535.0:
        sums[OVERLOADS_16] += 1.0
    if value > 2147483647.0:
        value = 2147483647.0
        sums[OVERLOADS_32] += 1.0
    count = wrapped_integer(value)
    if count > adc_offset:
        sums[LIT] += 1.0
    return count
