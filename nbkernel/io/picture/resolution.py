"""Resolution on a detector: the scattering angle of any point, the direct beam, spacings worth a ring."""

import numpy as np

from nbkernel.geometry.direct_beam import direct_beam, vectors

POINTS = 65  # along each edge, to find the scattering angles in a region
RINGS = 4


@np.errstate(all="ignore")  # nan if numbers overflow, or at the sample
def cos_scattering_angle(detector, fast, slow):
    """Cosine of the angle between the beam and the ray to each point, (slow, fast) float64.

    detector: a Detector; fast, slow: (n,) and (m,) positions in pixels from the corner of the first pixel.
    """
    fdet, sdet, beam, pix0 = vectors(detector)
    F, S = np.asarray(fast) * detector.pixel_size, (np.asarray(slow) * detector.pixel_size)[:, None]
    if detector.curved:
        return cos_on_sphere(detector.distance, fdet, sdet, beam, *(F * fdet[i] + S * sdet[i] + pix0[i] for i in (1, 2)))
    # |F f + S s + p|^2, term by term
    squared = (S * S + 2.0 * (sdet @ pix0) * S + pix0 @ pix0) + (F * F + 2.0 * (fdet @ pix0) * F)
    if fdet @ sdet != 0.0:
        squared += 2.0 * (fdet @ sdet) * S * F
    along = (S * (sdet @ beam) + pix0 @ beam) + F * (fdet @ beam)
    return np.divide(along, np.sqrt(squared, out=squared), out=along)


def cos_on_sphere(distance, fdet, sdet, beam, y, z):
    """The same on nanoBragg.c's sphere: the beam, turned about sdet by y/distance, then about fdet by z/distance (y, z:
    laboratory coordinates of the flat detector's point, m)."""
    # beam . R(fdet, b) R(sdet, a) beam = (R(sdet, a) beam) . (R(fdet, -b) beam)
    first, second = turned(sdet, beam), turned(-fdet, beam)
    products = first @ second.T
    a, b = y / distance, z / distance
    functions_a, functions_b = ((np.cos(angle), np.sin(angle), 1.0 - np.cos(angle)) for angle in (a, b))
    return sum(products[i, j] * functions_a[i] * functions_b[j] for i in range(3) for j in range(3) if products[i, j] != 0.0)


def turned(axis, vector):
    """The three vectors that Rodrigues's formula multiplies by cos, sin and 1 - cos to rotate a vector about a unit axis."""
    return np.stack((vector, np.cross(axis, vector), axis * (axis @ vector)))


def automatic_rings(detector, wavelength, view):
    """Up to RINGS spacings (Angstrom) at about equal steps of the scattering angles in a view, rounded to as few digits as
    distinguish them. wavelength: Angstrom."""
    fast, slow = (np.linspace(edges[0], edges[-1], POINTS) for edges in (view.edges("fast"), view.edges("slow")))
    angles = np.arccos(np.clip(cos_scattering_angle(detector, fast, slow), -1.0, 1.0))
    beam = direct_beam(detector)
    lowest = 0.0 if beam is not None and view.place(*beam) else float(angles.min())
    highest = float(angles.max())
    steps = lowest + (highest - lowest) * np.arange(1, RINGS + 1) / (RINGS + 0.5)
    finest, coarsest = spacing(wavelength, highest), spacing(wavelength, lowest)
    for digits in range(2, 7):
        rings = [float(f"{spacing(wavelength, angle):.{digits}g}") for angle in steps]
        if len(set(rings)) == RINGS and all(finest < d < coarsest for d in rings):
            return tuple(rings)
    return ()


def spacing(wavelength, angle):
    """Bragg's d of a scattering angle 2 theta (radians), in the wavelength's unit; infinite at 0."""
    return wavelength / (2.0 * np.sin(angle / 2.0)) if angle > 0.0 else np.inf
