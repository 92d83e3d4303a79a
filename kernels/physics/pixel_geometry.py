"""Geometry of a sub-pixel: position, solid angle, and the share of the photons that its layer absorbs."""

import math

from .vectors import rotate_axis, vector_scale


def pixel_position(Fdet, Sdet, Odet, fdet, sdet, odet, pix0):
    """Laboratory position (m) of the point Fdet, Sdet, Odet (m) along the panel's fast, slow and normal vectors."""
    return (
        Fdet * fdet[0] + Sdet * sdet[0] + Odet * odet[0] + pix0[0],
        Fdet * fdet[1] + Sdet * sdet[1] + Odet * odet[1] + pix0[1],
        Fdet * fdet[2] + Sdet * sdet[2] + Odet * odet[2] + pix0[2],
    )


def curved_position(pixel_pos, distance, beam, fdet, sdet):
    """The point at `distance` (m) from the sample that a spherical detector has in place of a flat one's `pixel_pos`.

    nanoBragg.c takes the angles from the laboratory y and z of the flat position, whatever the detector's axes.
    """
    straight = vector_scale(beam, distance)
    swung = rotate_axis(straight, sdet, pixel_pos[1] / distance)
    return rotate_axis(swung, fdet, pixel_pos[2] / distance)


def solid_angle(pixel_size, airpath, close_distance, point_pixel):
    """omega_pixel (sr): (pixel/airpath)^2 times the obliquity close_distance/airpath; 1/airpath^2 for a point pixel."""
    if point_pixel:
        return 1.0 / airpath / airpath
    return pixel_size * pixel_size / airpath / airpath * close_distance / airpath


def absorbed_fraction(thick_tic, thickstep, mu, parallax):
    """capture_fraction: share of photons stopped in layer `thick_tic` of thickness `thickstep` (m), attenuation
    `mu` (1/m), for a ray at cosine `parallax` to the normal (Beer and Lambert)."""
    return math.exp(-thick_tic * thickstep * mu / parallax) - math.exp(-(thick_tic + 1) * thickstep * mu / parallax)
