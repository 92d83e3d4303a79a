"""The last stages: gain, read-out noise, pedestal, integers, pixels that do not work."""

import numpy as np

from nbkernel.kernels.compile.kernel import Kernel
from nbkernel.kernels.numerics.arithmetic import floor
from nbkernel.kernels.numerics.gaussian import gaussian
from nbkernel.kernels.numerics.philox import uniform_pair
from nbkernel.kernels.numerics.vector_loops import full_vector_width

from .counts import LIT, OVERLOADS_16, OVERLOADS_32, PHOTONS
from .stages import READ_OUT

# columns of the table of gain stages
THRESHOLD, RELATIVE_GAIN, NOISE = range(3)
# rows of `work`
DEVIATE, V, GAIN, PEDESTAL = range(4)
WORK = 4
LARGEST_16 = 65535.0
# bits of a NeXus pixel mask
DEAD, HOT = 0b00011, 0b01000


def draw(pixel, frame, key, deviate, v):
    full_vector_width()
    for i in range(deviate.shape[0]):
        deviate[i], v[i] = uniform_pair(pixel + i, frame, READ_OUT, key)
    for i in range(deviate.shape[0]):
        deviate[i] = gaussian(deviate[i], v[i])


def take_map(values, spixel, first, out):
    """A segment of a map's row, or the number that a map of one pixel stands for."""
    for i in range(out.shape[0]):
        out[i] = values[spixel, first + i] if values.size > 1 else values[0, 0]


def converted(photons, stages, gain, pedestal, deviate):
    """Counts, not yet an integer. Those of a higher stage are digitised by its own gain and given in counts of the first."""
    stage = 0
    for higher in range(1, stages.shape[0]):
        if photons >= stages[higher, THRESHOLD]:
            stage = higher
    relative = stages[stage, RELATIVE_GAIN]
    adu = photons * (gain * relative) + stages[stage, NOISE] * deviate
    if stage > 0:
        adu = floor(adu + 0.5) / relative
    return adu + pedestal


def digitised(value, bits, least, most):
    """The count (int32) of a whole number, float64, by the bits of the pixel's mask."""
    if bits & DEAD:
        value = 0.0
    elif bits & HOT or not value < most:
        value = most
    return np.int32(value if value > least else least)


def tally(photons, count, bits, most, sums):
    """Adds a pixel to `sums`, see `counts`: photons that arrived, and overloads of pixels that work."""
    sums[PHOTONS] += photons
    if photons > 0.0:
        sums[LIT] += 1.0
    if not bits & (DEAD | HOT):
        if count > LARGEST_16 or count >= most:
            sums[OVERLOADS_16] += 1.0
        if count >= most:
            sums[OVERLOADS_32] += 1.0


@Kernel
def read_out_rows(
    photons, roi, fpixels, first_pixel, gain, pedestal, stages, mask, least, most, frame, key, work, sums, out, slow_start,
    slow_stop,
):  # fmt: skip
    """out (rows, fast) int32: the counts of rows slow_start .. slow_stop of the region, from photons (rows, fast) float64.

    gain, pedestal: (slow, fast) float64 of the panel, or (1, 1); stages: (n, 3); mask: (slow, fast) int32 of NeXus' bits, or
    (1, 1); least, most: to which counts are clipped (float64); sums: (slow, NOISE_SUMS) of each row, see `counts`; work:
    (WORK, fast) float64.
    """
    for spixel in range(slow_start, slow_stop):
        row, own, counts = spixel - slow_start, sums[spixel], out[spixel - slow_start]
        draw(first_pixel + spixel * fpixels + roi[0], frame, key, work[DEVIATE], work[V])
        take_map(gain, spixel, roi[0], work[GAIN])
        take_map(pedestal, spixel, roi[0], work[PEDESTAL])
        for i in range(out.shape[1]):
            value = floor(converted(photons[row, i], stages, work[GAIN, i], work[PEDESTAL, i], work[DEVIATE, i]) + 0.5)
            bits = mask[spixel, roi[0] + i] if mask.size > 1 else mask[0, 0]
            counts[i] = digitised(value, bits, least, most)
            tally(photons[row, i], counts[i], bits, most, own)
