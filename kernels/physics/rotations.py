"""Random rotations: of a mosaic domain and of a random crystal; and a matrix's angles about x, y and z."""

import math

from nbkernel.kernels.numerics.ran1 import f4, f8, ran1

from .constants import PI


def mosaic_rotation_umat(mosaicity, seed, shuffle):
    """Rotation by a random angle of up to `mosaicity` radians about a random axis: nine numbers, row by row.

    Three uniform deviates; the angle is a product of float32, its power C's powf.
    """
    r1 = 2.0 * f8(ran1(seed, shuffle)) - 1.0
    r2 = 2.0 * f8(ran1(seed, shuffle)) - 1.0
    r3 = 2.0 * f8(ran1(seed, shuffle)) - 1.0
    ring = math.sqrt(1.0 - r2 * r2)
    angle = f8(f4(f4(mosaicity) * f4(1.0 - r3 * r3) ** f4(1.0 / 3.0)))
    return axis_angle_umat(ring * math.sin(PI * r1), ring * math.cos(PI * r1), r2, angle)


def axis_angle_umat(x, y, z, angle):
    """Matrix of the rotation by `angle` radians about the unit vector (x, y, z), row by row (Rodrigues' formula)."""
    c, s = math.cos(angle), math.sin(angle)
    v = 1.0 - c
    return (
        c + v * (x * x), v * x * y - s * z, v * x * z + s * y,
        v * x * y + s * z, c + v * (y * y), v * y * z - s * x,
        v * x * z - s * y, v * y * z + s * x, c + v * (z * z),
    )  # fmt: skip


def uniform_rotation_umat(seed, shuffle):
    """Rotation drawn uniformly from SO(3) by three deviates (Shoemake 1992, Graphics Gems III, 124)."""
    u1 = f8(ran1(seed, shuffle))
    u2 = 2.0 * PI * f8(ran1(seed, shuffle))
    u3 = 2.0 * PI * f8(ran1(seed, shuffle))
    x, y = math.sqrt(1.0 - u1) * math.sin(u2), math.sqrt(1.0 - u1) * math.cos(u2)
    z, w = math.sqrt(u1) * math.sin(u3), math.sqrt(u1) * math.cos(u3)
    return (
        1.0 - 2.0 * (y * y + z * z), 2.0 * (x * y - z * w), 2.0 * (x * z + y * w),
        2.0 * (x * y + z * w), 1.0 - 2.0 * (x * x + z * z), 2.0 * (y * z - x * w),
        2.0 * (x * z - y * w), 2.0 * (y * z + x * w), 1.0 - 2.0 * (x * x + y * y),
    )  # fmt: skip
