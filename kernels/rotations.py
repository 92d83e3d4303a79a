"""Random rotations: a mosaic domain's, a random crystal's, and a matrix's angles about x, y and z."""

import math

from .constants import PI
from .random_deviates import f4, f8, ran1


def mosaic_rotation_umat(mosaicity, seed, shuffle):
    """Rotation by a random angle of up to `mosaicity` radians about a random axis: nine numbers, row by row.

    Three uniform deviates; the angle is a product of float32, its power C's powf.
    """
    r1 = 2.0 * f8(ran1(seed, shuffle)) - 1.0
    r2 = 2.0 * f8(ran1(seed, shuffle)) - 1.0
    r3 = 2.0 * f8(ran1(seed, shuffle)) - 1.0
    xyrad = math.sqrt(1.0 - r2 * r2)
    rot = f8(f4(f4(mosaicity) * f4(1.0 - r3 * r3) ** f4(1.0 / 3.0)))
    v1 = xyrad * math.sin(PI * r1)
    v2 = xyrad * math.cos(PI * r1)
    v3 = r2
    return axis_angle_umat(v1, v2, v3, rot)


def axis_angle_umat(v1, v2, v3, rot):
    """Matrix of the rotation by `rot` radians about the unit vector (v1, v2, v3), row by row."""
    t1 = math.cos(rot)
    t2 = 1.0 - t1
    t8 = math.sin(rot)
    t6 = t2 * v1
    t7 = t6 * v2
    t9 = t8 * v3
    t11 = t6 * v3
    t12 = t8 * v2
    t19 = t2 * v2 * v3
    t20 = t8 * v1
    return (
        t1 + t2 * (v1 * v1), t7 - t9, t11 + t12,
        t7 + t9, t1 + t2 * (v2 * v2), t19 - t20,
        t11 - t12, t19 + t20, t1 + t2 * (v3 * v3),
    )  # fmt: skip


def uniform_rotation_umat(seed, shuffle):
    """Rotation drawn uniformly from SO(3) with three deviates (Shoemake 1992, Graphics Gems III, 124)."""
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
