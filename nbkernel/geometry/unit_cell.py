"""The unit cell: edges, angles, volume, and its standard orientation."""

import math

from nbkernel.errors import InputError
from nbkernel.kernels.physics.constants import PI, RTD

SMALLEST_EDGE, LARGEST_EDGE = 1e-3, 1e9  # Angstrom


def cell_parameters(cell):
    """Edges (Angstrom) and angles (radians) of a cell, of which the last numbers may be missing."""
    given = list(cell) + [0.0] * (6 - len(cell))
    a = given[0]
    b, c = (length if length > 0.0 else a for length in given[1:3])
    for edge in (a, b, c):
        if not SMALLEST_EDGE <= edge <= LARGEST_EDGE:
            raise InputError(
                f"-cell: an edge of {edge:g} Angstrom is impossible; give a b c (Angstrom) and alpha beta gamma"
            )
    return (a, b, c), tuple(angle / RTD if angle / RTD > 0.0 else PI / 2 for angle in given[3:6])


def cell_volume(lengths, angles):
    """Volume (Angstrom^3). Raises InputError if no cell has these angles (radians)."""
    a, b, c = lengths
    alpha, beta, gamma = angles
    aavg = (alpha + beta + gamma) / 2
    skew = math.sin(aavg) * math.sin(aavg - alpha) * math.sin(aavg - beta) * math.sin(aavg - gamma)
    # for a flat cell, rounding alone leaves about 1e-16
    if not skew > 1e-12 or aavg >= PI:
        shown = " ".join(f"{angle * RTD:g}" for angle in angles)
        raise InputError(
            f"-cell: angles of {shown} degrees make an impossible cell; each must be less than the sum of the other "
            "two, and all three less than 360"
        )
    return 2.0 * a * b * c * math.sqrt(skew)


def standard_orientation(lengths, angles, V_cell, fixed):
    """Reciprocal vectors (1/Angstrom) with a_star along x and b_star in the x-y plane.

    The height of c_star is V_star over the area spanned by a_star and b_star. The program takes V_cell / (a b c) for
    V_star / (a_star b_star c_star); the two are equal unless `is_distorted`.
    """
    a, b, c = lengths
    alpha, beta, gamma = angles
    V_star = 1.0 / V_cell
    a_len = b * c * math.sin(alpha) * V_star
    b_len = c * a * math.sin(beta) * V_star
    c_len = a * b * math.sin(gamma) * V_star
    sin_gamma_star = clipped(c * V_star / a_len / b_len)
    cos_alpha_star = cosine((math.cos(beta) * math.cos(gamma) - math.cos(alpha)) / (math.sin(beta) * math.sin(gamma)))
    cos_beta_star = cosine((math.cos(gamma) * math.cos(alpha) - math.cos(beta)) / (math.sin(gamma) * math.sin(alpha)))
    cos_gamma_star = cosine((math.cos(alpha) * math.cos(beta) - math.cos(gamma)) / (math.sin(alpha) * math.sin(beta)))
    return (
        (a_len, 0.0, 0.0),
        (b_len * cos_gamma_star, b_len * sin_gamma_star, 0.0),
        (
            c_len * cos_beta_star,
            c_len * (cos_alpha_star - cos_beta_star * cos_gamma_star) / sin_gamma_star,
            V_star / (a_len * b_len * sin_gamma_star) if fixed else c_len * V_cell / (a * b * c * sin_gamma_star),
        ),
    )


def is_distorted(cell):
    """Whether the program renders a -cell with other angles than given: if V_cell / (a b c) is not the product of the sines
    of the angles. With two angles of 90 degrees it is."""
    lengths, angles = cell_parameters(cell)
    skew = cell_volume(lengths, angles) / math.prod(lengths)
    return abs(skew / math.prod(math.sin(angle) for angle in angles) - 1.0) > 1e-9


def clipped(sine):
    return max(-1.0, min(1.0, sine))


def cosine(value):
    return 1.0 if value * value > 1.0 else value
