"""noisify.c's own operations: noise, point spread and read-out of one image, with its random numbers and its sums.

Quirks that are kept here: flicker is drawn for every pixel, all Gaussian deviates share one spare, photons spread past a
row's last pixel arrive in the first pixel of the row after it, and what leaves the image comes back evenly everywhere.
"""

import math

import numpy as np

from nbkernel.kernels.compile.kernel import Kernel
from nbkernel.kernels.numerics.ran1 import gaussdev, poidev
from nbkernel.kernels.numerics.vector_loops import full_vector_width

f4, f8 = np.float32, np.float64

GAUSS, FIBER = 0, 1
# the photons that may be lost beyond an automatic radius: the square root of a pixel's, divided by this
NOISE_PER_LOSS = 10.0
LOG_4, LOG_16 = math.log(4.0), math.log(16.0)
ROOT_LOG_2, ROOT_LOG_16, ROOT_RATIO = math.sqrt(math.log(2.0)), math.sqrt(LOG_16), math.sqrt(LOG_16 / math.log(2.0))
G_OF_FWHM = 0.652383013252053
LARGEST_32, LARGEST_16 = 2147483647.0, 65535.0

# elements of `sums`
PHOTONS, OVERLOADS_16, OVERLOADS_32, LOST = range(4)


def gauss_integral(x, y):
    """Integral of a Gaussian of full width 1 from 0 to x, y."""
    return 0.125 * (math.erf(2.0 * x * ROOT_LOG_2) * math.erf(y * ROOT_LOG_16) * ROOT_RATIO)


def fiber_integral(x, y, g):
    """Integral of g/(2 pi (g^2 + r^2)^(3/2)) from 0 to x, y."""
    return math.atan((x * y) / (g * math.sqrt(g * g + x * x + y * y))) / 2.0 / math.pi


def spread_into_pixel(kind, x, y, width):
    """The share of a point at 0, 0 that arrives in the pixel around x, y. width: full width at half maximum, in pixels."""
    if kind == GAUSS:
        half, x, y = 1.0 / width / 2.0, x / width, y / width
        return (
            gauss_integral(x + half, y + half)
            - gauss_integral(x + half, y - half)
            - gauss_integral(x - half, y + half)
            + gauss_integral(x - half, y - half)
        )
    g = width * G_OF_FWHM
    return (
        fiber_integral(x + 0.5, y + 0.5, g)
        - fiber_integral(x + 0.5, y - 0.5, g)
        - fiber_integral(x - 0.5, y + 0.5, g)
        + fiber_integral(x - 0.5, y - 0.5, g)
    )


@Kernel
def point_spread_table(kind, width, table):
    """table[radius + slow, radius + fast] (float64): `spread_into_pixel` within the radius, else 0."""
    radius = table.shape[0] // 2
    for slow in range(-radius, radius + 1):
        for fast in range(-radius, radius + 1):
            inside = fast * fast + slow * slow <= radius * radius
            table[radius + slow, radius + fast] = spread_into_pixel(kind, f8(fast), f8(slow), width) if inside else 0.0


@Kernel
def noisy_photons(flicker, calibration, photons, seed, calib_seed, shuffle, spare, memo, sums, slow_start, slow_stop):
    """Replaces expected photons (float32) of rows by Poisson deviates; adds them to sums[PHOTONS]."""
    total = sums[PHOTONS]
    for spixel in range(slow_start, slow_stop):
        for fpixel in range(photons.shape[1]):
            expected = f8(photons[spixel, fpixel])
            if flicker > 0.0:
                expected *= 1.0 + flicker * f8(gaussdev(seed, shuffle, spare))
            if calibration > 0.0:
                expected *= 1.0 + calibration * f8(gaussdev(calib_seed, shuffle, spare))
            drawn = poidev(f4(expected), seed, shuffle, spare, memo)
            photons[spixel, fpixel] = drawn
            total += f8(drawn)
    sums[PHOTONS] = total


@Kernel
def spread_reaches(photons, kind, width, given, most, reaches, sums):
    """reaches (int32): the radius to which each pixel's photons spread, at most `most`; sums[LOST]: photons beyond them.

    given: the radius of all pixels; 0: automatic, by a pixel's photons. Pixels without photons have the reach 0 then.
    """
    g = width * G_OF_FWHM
    total = 0.0
    for spixel in range(photons.shape[0]):
        for fpixel in range(photons.shape[1]):
            own = f8(photons[spixel, fpixel])
            if own <= 0.0:
                reaches[spixel, fpixel] = given
                continue
            wide = f8(given)
            if given == 0:
                lost = math.sqrt(own) / NOISE_PER_LOSS
                if kind == GAUSS:
                    wide = 1.0 + np.ceil(math.sqrt(-math.log(lost / own) / LOG_16) * width)
                else:
                    wide = 1.0 + np.ceil(g * (own / lost))
            # a pixel of less than 0.01 photons has none: the program's integer is then outside its table
            if not wide >= 1.0:
                wide = 1.0
            if wide > most:
                wide = f8(most)
            reaches[spixel, fpixel] = np.int32(wide)
            if kind == GAUSS:
                relative = wide / width
                total += own * math.exp(-LOG_16 * (relative * relative))
            else:
                total += own * g / math.sqrt(g * g + wide * wide)
    sums[LOST] = total


def add_all(photons, share, out):
    full_vector_width()
    for i in range(out.shape[0]):
        out[i] = f4(f8(out[i]) + f8(photons[i]) * share)


def add_near(photons, reaches, distance, share, out):
    full_vector_width()
    for i in range(out.shape[0]):
        near = share if reaches[i] * reaches[i] >= distance else 0.0
        out[i] = f4(f8(out[i]) + f8(photons[i]) * near)


def add_listed(photons, listed, number, fast, share, out):
    for n in range(number):
        i = listed[n]
        if 0 <= i + fast < out.shape[0]:
            out[i + fast] = f4(f8(out[i + fast]) + f8(photons[i]) * share)


def add_row(photons, reaches, listed, table, slow, out):
    """Adds what a row of sources gives to the row that is `slow` pixels away, in the program's order for every pixel: its
    sources from first to last. listed: the row's pixels, those of the longest reach first."""
    radius, fpixels = table.shape[0] // 2, photons.shape[0]
    longest = np.int64(reaches[listed[0]])
    number = 0
    for fast in range(min(longest, radius), -min(longest, radius) - 1, -1):
        distance = fast * fast + slow * slow
        while number < fpixels and reaches[listed[number]] * np.int64(reaches[listed[number]]) >= distance:
            number += 1
        while number > 0 and reaches[listed[number - 1]] * np.int64(reaches[listed[number - 1]]) < distance:
            number -= 1
        share = table[radius + slow, radius + fast]
        first, last = max(0, -fast), min(fpixels, fpixels - fast)
        if share == 0.0 or number == 0 or first >= last:
            continue
        if number == fpixels:
            add_all(photons[first:last], share, out[first + fast : last + fast])
        elif number * 8 > fpixels:
            add_near(photons[first:last], reaches[first:last], distance, share, out[first + fast : last + fast])
        else:
            add_listed(photons, listed, number, fast, share, out)


def share_of(table, reach, slow, fast):
    """What a pixel of this reach gives to the one slow, fast pixels away; 0 beyond the reach."""
    radius = table.shape[0] // 2
    if abs(slow) > radius or abs(fast) > radius or fast * fast + slow * slow > np.int64(reach) * np.int64(reach):
        return 0.0
    return table[radius + slow, radius + fast]


def first_of_row(photons, reaches, table, spixel):
    """The first pixel of a row, which also gets what is spread into the place behind the last one of the row before."""
    radius, (spixels, fpixels) = table.shape[0] // 2, photons.shape
    total = f4(0.0)
    for source in range(max(0, spixel - 1 - radius), min(spixels, spixel + radius + 1)):
        for fpixel in range(fpixels):
            if radius < fpixel < fpixels - radius:
                continue
            reach = reaches[source, fpixel]
            for slow, fast in ((spixel - source, -fpixel), (spixel - 1 - source, fpixels - fpixel)):
                total = f4(f8(total) + f8(photons[source, fpixel]) * share_of(table, reach, slow, fast))
    return total


@Kernel
def spread_rows(photons, reaches, listed, table, out, slow_start, slow_stop):
    """Point spread: rows of `out` (float32, initially 0) from all photons (float32, none below 0).

    listed: (slow, fast) int32, the pixels of each row by their reach, the longest first; table: of `point_spread_table`.
    """
    radius = table.shape[0] // 2
    for spixel in range(slow_start, slow_stop):
        for source in range(max(0, spixel - radius), min(photons.shape[0], spixel + radius + 1)):
            add_row(photons[source], reaches[source], listed[source], table, spixel - source, out[spixel])
        if spixel > 0:
            out[spixel, 0] = first_of_row(photons, reaches, table, spixel)


@Kernel
def read_out(photons, gain, adc_offset, readout_noise, seed, shuffle, spare, sums, words, slow_start, slow_stop):
    """words (int64): counts of rows, truncated, cut off above at the largest int32; adds photons and overloads to sums."""
    total = sums[PHOTONS]
    for spixel in range(slow_start, slow_stop):
        for fpixel in range(photons.shape[1]):
            own = f8(photons[spixel, fpixel])
            total += own
            adu = own * gain + adc_offset
            if readout_noise > 0.0:
                adu += readout_noise * f8(gaussdev(seed, shuffle, spare))
            if adu > LARGEST_32:
                adu = LARGEST_32
                sums[OVERLOADS_32] += 1.0
            if adu > LARGEST_16:
                sums[OVERLOADS_16] += 1.0
            words[spixel - slow_start, fpixel] = np.int64(adu)
    sums[PHOTONS] = total
