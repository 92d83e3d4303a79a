"""Statistics of an image, and the lines that scripts read."""

import math
from typing import NamedTuple

import numpy as np

from nbkernel.engine.threads import share_rows
from nbkernel.io.files.text import c_format
from nbkernel.kernels.images import (
    COUNT,
    LARGEST,
    LARGEST_FAST,
    LARGEST_SLOW,
    NO_SUMS,
    SQUARES,
    TOTAL,
    image_sums,
    squared_deviations,
)
from nbkernel.kernels.physics.constants import PI
from nbkernel.kernels.physics.pixel import subpixels_per_pixel


class Statistics(NamedTuple):
    """max_I at max_I_x, max_I_y (m along fast and slow, at the pixel's last sub-pixel); mean and rms over the rendered
    pixels; rmsd over the region of interest, including masked pixels; solid_angle (sr) covered by the rendered pixels;
    solid_angle_per_step: what the program prints as solid angle, the sum over layers and sub-pixels divided by the number of
    all steps."""

    max_I: float
    max_I_x: float
    max_I_y: float
    mean: float
    rms: float
    rmsd: float
    solid_angle: float
    solid_angle_per_step: float

    def solid_angle_line(self) -> str:
        """The program's line of the solid angle."""
        return c_format(
            "solid angle subtended by detector = %g steradian ( %g%% sphere)",
            self.solid_angle_per_step, 100 * self.solid_angle_per_step / 4 / PI,
        )  # fmt: skip

    def max_line(self) -> str:
        """The program's line of the brightest pixel."""
        return c_format("max_I = %g  at %g %g", self.max_I, self.max_I_x, self.max_I_y)

    def mean_line(self) -> str:
        """The program's line of mean, rms and rmsd."""
        return c_format("mean= %g rms= %g rmsd= %g", self.mean, self.rms, self.rmsd)


def image_statistics(image, wanted, roi, plan, pixel_size, omega_sum, threads=None):
    """Statistics of a float32 image (slow, fast); omega_sum: sum of the solid angles of all sub-pixels (sr).

    threads: None sums pixel after pixel as the program does; a number sums each row in parallel, then the sums of the rows.
    """
    total, squares, count, max_I, spixel, fpixel = sums_of_image(image, wanted, roi, threads)
    mean = total / max(count, 1)
    # a single pixel counts as two, to avoid a division by 0
    rms = math.sqrt(squares / (max(count, 2) - 1))
    deviations = sum_of_deviations(image, roi, mean, threads)
    count = (roi[1] - roi[0] + 1) * (roi[3] - roi[2] + 1)
    rmsd = math.sqrt(deviations / (max(count, 2) - 1))
    subpixel_size = pixel_size / plan.oversample

    def last_subpixel(pixel):
        if pixel < 0:
            return 0.0
        return subpixel_size * (pixel * plan.oversample + plan.oversample - 1) + subpixel_size / 2.0

    return Statistics(
        max_I,
        last_subpixel(fpixel),
        last_subpixel(spixel),
        mean,
        rms,
        rmsd,
        omega_sum / subpixels_per_pixel(plan),
        omega_sum / plan.steps,
    )


def sums_of_image(image, wanted, roi, threads):
    """Sum, sum of squares and number of the rendered pixels; the largest value, its slow and fast position."""
    sums = np.tile(NO_SUMS, (image.shape[0] if threads else 1, 1))
    share_rows(lambda: image_sums.over_rows(image, wanted, roi, sums), roi[2], roi[3] + 1, threads or 1)
    best = sums[sums[:, LARGEST].argmax()]
    # inf and -inf have no sum
    with np.errstate(invalid="ignore", over="ignore"):
        total, squares, count = (float(sums[:, column].sum()) for column in (TOTAL, SQUARES, COUNT))
    return total, squares, int(count), float(best[LARGEST]), int(best[LARGEST_SLOW]), int(best[LARGEST_FAST])


def sum_of_deviations(image, roi, mean, threads):
    sums = np.zeros(image.shape[0] if threads else 1)
    share_rows(lambda: squared_deviations.over_rows(image, roi, mean, sums), roi[2], roi[3] + 1, threads or 1)
    with np.errstate(invalid="ignore", over="ignore"):
        return float(sums.sum())
