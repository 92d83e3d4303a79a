"""The first stages: beam flicker, errors of calibration, counting noise."""

import numpy as np

from nbkernel.kernels.compile.kernel import Kernel
from nbkernel.kernels.numerics.gaussian import gaussian
from nbkernel.kernels.numerics.philox import uniform_pair
from nbkernel.kernels.numerics.vector_loops import full_vector_width

from .poisson_rows import COUNT, poisson_deviates
from .stages import CALIBRATION


def calibrated(photons, flicker, calibration, pixel, key, u, v, out):
    """out (float32): photons times the shot's `flicker` and each pixel's own factor, which no frame changes."""
    full_vector_width()
    for i in range(out.shape[0]):
        u[i], v[i] = uniform_pair(pixel + i, 0, CALIBRATION, key)
    for i in range(out.shape[0]):
        out[i] = expected_photons(photons[i], flicker, calibration, u[i], v[i])


def expected_photons(photons, flicker, calibration, u, v):
    """The mean (float32) of a pixel's counts. u, v: the uniform deviates of its calibration."""
    factor = 1.0 + calibration * gaussian(u, v)
    return np.float32(np.float64(photons) * (flicker * (factor if factor > 0.0 else 0.0)))


def flickered(photons, flicker, out):
    full_vector_width()
    for i in range(out.shape[0]):
        out[i] = np.float32(np.float64(photons[i]) * flicker)


@Kernel
def counted_photons(
    image, roi, first_pixel, flicker, calibration, calibration_key, frame, key, work, means, out, slow_start, slow_stop
):
    """out (rows, fast) float64: the photons counted in rows slow_start .. slow_stop of the region.

    flicker: factor of this shot; calibration: relative standard deviation; first_pixel: number of the image's first pixel;
    work: (poisson_rows.WORK, pixels at a time) float64; means: (pixels at a time,) float32.
    """
    at_a_time = means.shape[0]
    for spixel in range(slow_start, slow_stop):
        for first in range(roi[0], roi[1] + 1, at_a_time):
            photons = image[spixel, first : min(first + at_a_time, roi[1] + 1)]
            number = first_pixel + spixel * image.shape[1] + first
            expected = means[: photons.shape[0]]
            if calibration > 0.0:
                calibrated(photons, flicker, calibration, number, calibration_key, work[0], work[1], expected)
            else:
                flickered(photons, flicker, expected)
            poisson_deviates(expected, number, frame, key, work)
            for i in range(expected.shape[0]):
                out[spixel - slow_start, first - roi[0] + i] = work[COUNT, i]
