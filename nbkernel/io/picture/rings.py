"""Resolution rings as contours: a pixel of the picture is on a ring if its corners are on both sides of it. So rings are
right on tilted and curved detectors too, and need only the scattering angle at a point."""

import numpy as np

from .resolution import cos_scattering_angle

ROWS = 64  # of the picture, worked on at a time


def ring_pixels(detector, wavelength, view, rings):
    """For each of the spacings `rings` (Angstrom, the largest first, all different, at most 255), the (rows, columns) of
    the picture's pixels on it. wavelength: Angstrom."""
    # cos 2 theta = 1 - 2 sin^2 theta, and Bragg's law
    limits = 1.0 - 2.0 * (wavelength / (2.0 * np.array(rings))) ** 2
    fast, slow = view.edges("fast"), view.edges("slow")
    pieces = []
    for start in range(0, len(slow) - 1, ROWS):
        cosine = cos_scattering_angle(detector, fast, slow[start : start + ROWS + 1])
        # number of rings inside which a corner is not
        outside = np.zeros(cosine.shape, np.uint8)
        for limit in limits:
            outside += cosine < limit
        least, most = over_corners(np.minimum, outside), over_corners(np.maximum, outside)
        rows, columns = np.nonzero(least != most)
        pieces.append((rows + start, columns, least[rows, columns], most[rows, columns]))
    rows, columns, least, most = (np.concatenate(part) for part in zip(*pieces, strict=True))
    on_ring = [(least <= ring) & (ring < most) for ring in range(len(rings))]
    return [(rows[on], columns[on]) for on in on_ring]


def over_corners(function, corners):
    rows = function(corners[1:], corners[:-1])
    return function(rows[:, 1:], rows[:, :-1])
