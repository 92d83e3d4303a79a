"""From photons to whole numbers, one pixel at a time."""

import numpy as np


def wrapped_integer(value):
    """`value` truncated as x86-64 does it: through int32, where what does not fit becomes the most negative one."""
    if value > -2147483649.0 and value < 2147483648.0:
        return np.int32(value)
    return np.int32(-2147483648)


def noisy_count(photons, adc_offset, sums):
    """photons plus adc_offset, clipped above at 65535, truncated. Adds the photons to sums[0], and 1 to sums[1] where it
    clips."""
    sums[0] += photons
    value = photons + adc_offset
    if value > 65535.0:
        value = 65535.0
        sums[1] += 1.0
    return wrapped_integer(value)
