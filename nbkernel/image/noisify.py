"""noisify.c's images: noise and point spread from its own serial random numbers, its operations and its sums."""

import math
from functools import partial
from typing import NamedTuple

import numpy as np

from nbkernel.engine.threads import share_rows, thread_count
from nbkernel.kernels.exact.noisify import (
    FIBER,
    G_OF_FWHM,
    GAUSS,
    LOG_4,
    LOST,
    NOISE_PER_LOSS,
    OVERLOADS_16,
    OVERLOADS_32,
    PHOTONS,
    noisy_photons,
    point_spread_table,
    read_out,
    spread_reaches,
    spread_rows,
)
from nbkernel.kernels.physics.constants import R_E_SQR
from nbkernel.setup.orientations.orientations import generator_seed
from nbkernel.support.interruptible import interruptible

KINDS = {"gauss": GAUSS, "fiber": FIBER}
ROWS_AT_A_TIME = 64
LARGEST_16 = 65535.0


class Spread(NamedTuple):
    """A point spread. kind: of KINDS; fwhm: pixels; radius: pixels, 0 for automatic ones."""

    kind: int
    fwhm: float
    radius: int


class Generators:
    """The program's random numbers: the states of two seeds, and what both share."""

    def __init__(self, seed, calib_seed):
        self.seed, self.calib_seed, self.shuffle = generator_seed(seed), generator_seed(calib_seed), np.zeros(33, np.int64)
        self.spare, self.memo = np.zeros(2, np.float32), np.array([-1, 0, 0, 0], np.float32)


def on_photon_scale(image, fluence, scale):
    """Photons (float32) of a float image."""
    return (fluence * R_E_SQR * scale * image.astype(np.float64)).astype(np.float32)


def noiseless_words(photons, gain, adc):
    """The integers (int64) of an image without noise, which the program cuts off at 65535 even where it writes 32 bits."""
    return np.minimum(photons.astype(np.float64) * gain + adc, LARGEST_16).astype(np.int64)


def with_noise(photons, flicker, calibration, generators):
    """Replaces expected photons (slow, fast) float32 by Poisson deviates; returns their sum."""
    own, sums = generators, np.zeros(4)
    call = noisy_photons.over_rows(
        flicker, calibration, photons, own.seed, own.calib_seed, own.shuffle, own.spare, own.memo, sums
    )
    in_order(call, len(photons))
    return float(sums[PHOTONS])


def read_out_words(photons, gain, adc, readout_noise, generators):
    """(the integers (int64) of photons, their sum, {bits: overloads}), with read-out noise."""
    own, sums, words = generators, np.zeros(4), np.empty(photons.shape, np.int64)
    for first in range(0, len(photons), ROWS_AT_A_TIME):
        last = min(first + ROWS_AT_A_TIME, len(photons))
        read_out(
            photons, gain, adc, readout_noise, own.seed, own.shuffle, own.spare, sums, words[first:last], first, last
        )  # fmt: skip
    return words, float(sums[PHOTONS]), {16: int(sums[OVERLOADS_16]), 32: int(sums[OVERLOADS_32])}


def in_order(call, rows):
    for first in range(0, rows, ROWS_AT_A_TIME):
        call(first, min(first + ROWS_AT_A_TIME, rows))


def automatic_radius(spread, largest):
    """The radius of the brightest pixel, of `largest` photons."""
    lost = math.sqrt(largest) / NOISE_PER_LOSS
    if spread.kind == FIBER:
        return 1.0 + math.ceil(spread.fwhm * G_OF_FWHM * (largest / lost))
    exponent = -math.log(lost / largest) / LOG_4 / 2.0
    return 1.0 + math.ceil(math.sqrt(exponent) * spread.fwhm) if exponent > 0.0 else 1.0


def spread_out(photons, spread, threads, tell):
    """The photons (slow, fast) float32 after point spread. tell: called with the template of a line, and its values."""
    most = max(photons.shape)
    radius = spread.radius
    if radius == 0:
        largest = max(0.0, float(photons.max()))
        tell("  maximum input photon/pixel: %g", largest)
        if largest <= 0.0:
            tell("WARNING: no photons, PSF skipped")
            return np.zeros_like(photons)
        radius = automatic_radius(spread, largest)
        tell("  auto-selected psf_radius = %d pixels", radius)
    radius = int(min(radius, most))
    table = np.empty((2 * radius + 1, 2 * radius + 1))
    point_spread_table(spread.kind, spread.fwhm, table)
    reaches, sums = np.empty(photons.shape, np.int32), np.zeros(4)
    spread_reaches(photons, spread.kind, spread.fwhm, radius if spread.radius else 0, most, reaches, sums)
    listed = np.argsort(-reaches, axis=1, kind="stable").astype(np.int32)
    lit, out = np.where(photons > 0.0, photons, np.float32(0.0)), np.zeros_like(photons)
    interruptible(
        share_rows, partial(spread_rows.over_rows, lit, reaches, listed, table, out), 0, len(out), thread_count(threads)
    )
    tell("adding back %g lost photons", float(sums[LOST]))
    return (out.astype(np.float64) + float(sums[LOST]) / photons.size).astype(np.float32)
