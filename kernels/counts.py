"""From photons to whole numbers, one pixel at a time."""

import numpy as np


def wrapped_integer(value):
    """`value` truncated as x86-64 does it: through int32, where what does not fit becomes the most negative one."""
    if value > -2147483649.0 and value < 2147483648.0:
        return np.int32(value)
    return np.int32(-2147483648)


# what `noiseimage_value` adds up, elements of its `sums`
PHOTONS, OVERLOADS_16, OVERLOADS_32 = range(3)
NOISE_SUMS = 3


def noiseimage_value(photons, adc_offset, sums):
    """photons plus adc_offset, truncated, clipped above at what int32 holds. Adds the photons to sums[PHOTONS], and 1 to the
    overloads of 16 bits (above 65535) and of 32 bits."""
    sums[PHOTONS] += photons
    value = photons + adc_offset
    if value > 65535.0:
        sums[OVERLOADS_16] += 1.0
    if value > 2147483647.0:
        value = 2147483647.0
        sums[OVERLOADS_32] += 1.0
    return wrapped_integer(value)
