"""Statistics of an image, and the lines that scripts read."""

import math
from dataclasses import dataclass

from nbkernel.kernels.constants import PI
from nbkernel.kernels.cpu_images import image_sums, squared_deviations

from .io.text import c_format


@dataclass(frozen=True)
class Statistics:
    """max_I at max_I_x, max_I_y (m along fast and slow, the pixel's last sub-pixel); mean, rms over the rendered
    pixels; rmsd over the region of interest, masked pixels included; solid angle (sr)."""

    max_I: float
    max_I_x: float
    max_I_y: float
    mean: float
    rms: float
    rmsd: float
    solid_angle: float

    def solid_angle_line(self):
        return c_format(
            "solid angle subtended by detector = %g steradian ( %g%% sphere)",
            self.solid_angle, 100 * self.solid_angle / 4 / PI,
        )  # fmt: skip

    def max_line(self):
        return c_format("max_I = %g  at %g %g", self.max_I, self.max_I_x, self.max_I_y)

    def mean_line(self):
        return c_format("mean= %g rms= %g rmsd= %g", self.mean, self.rms, self.rmsd)


def image_statistics(image, wanted, roi, plan, pixel_size, omega_sum):
    """Statistics of a float32 image (slow, fast); omega_sum: all sub-pixels' solid angles (sr)."""
    total, squares, count, max_I, spixel, fpixel = image_sums(image, wanted)
    mean = total / max(count, 1)
    # a single pixel counts as two, so that there is something to divide by
    rms = math.sqrt(squares / (max(count, 2) - 1))
    deviations, count = squared_deviations(image, roi, mean)
    rmsd = math.sqrt(deviations / (max(count, 2) - 1))
    subpixel_size = pixel_size / plan.oversample

    def last_subpixel(pixel):
        if pixel < 0:
            return 0.0
        return subpixel_size * (pixel * plan.oversample + plan.oversample - 1) + subpixel_size / 2.0

    return Statistics(
        max_I, last_subpixel(fpixel), last_subpixel(spixel), mean, rms, rmsd, omega_sum / plan.steps
    )
