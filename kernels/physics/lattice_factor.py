"""F_latt: what a finite stack of unit cells does to the amplitude, by crystal shape."""

import math

from .constants import GAUSS, PI, ROUND, SQUARE


def sincg(x, N):
    """Interference of N equally spaced scatterers: sin(N x)/sin(x), N at x = 0."""
    if x == 0.0:
        return N
    return math.sin(x * N) / math.sin(x)


def sinc3(x):
    """Form factor of a homogeneous ball: 3 (sin(x)/x - cos(x))/x^2, 1 at x = 0."""
    if x == 0.0:
        return 1.0
    return 3.0 * (math.sin(x) / x - math.cos(x)) / (x * x)


def F_latt_square(h, k, l, Na, Nb, Nc):
    """Parallelepiped of Na x Nb x Nc cells."""
    F_latt = 1.0
    if Na > 1:
        F_latt *= sincg(PI * h, Na)
    if Nb > 1:
        F_latt *= sincg(PI * k, Nb)
    if Nc > 1:
        F_latt *= sincg(PI * l, Nc)
    return F_latt


def round_radius_squared(dh, dk, dl, Na, Nb, Nc):
    """Squared distance to the nearest integer indices, in units of the crystal's own width."""
    return dh * dh * Na * Na + dk * dk * Nb * Nb + dl * dl * Nc * Nc


def F_latt_round(dh, dk, dl, Na, Nb, Nc, fudge):
    """Ellipsoid; dh, dk, dl are the offsets from the nearest integer indices.

    0.7236 is the square root of the ratio of the volumes of ellipsoid and parallelepiped.
    """
    hrad_sqr = round_radius_squared(dh, dk, dl, Na, Nb, Nc)
    return Na * Nb * Nc * 0.723601254558268 * sinc3(PI * math.sqrt(hrad_sqr * fudge))


def rad_star_squared(dh, dk, dl, recip, Na, Nb, Nc):
    """Squared distance (1/Angstrom^2) to the nearest reciprocal-lattice point, times (Na Nb Nc)^2.

    recip: a_star, b_star, c_star of the unrotated crystal, nine numbers in 1/Angstrom.
    """
    dx_star = dh * recip[0] + dk * recip[3] + dl * recip[6]
    dy_star = dh * recip[1] + dk * recip[4] + dl * recip[7]
    dz_star = dh * recip[2] + dk * recip[5] + dl * recip[8]
    return (dx_star * dx_star + dy_star * dy_star + dz_star * dz_star) * Na * Na * Nb * Nb * Nc * Nc


def F_latt_gauss(rad_star_sqr, Na, Nb, Nc, fudge):
    """Gaussian spot of about the same height and width as the parallelepiped's."""
    return Na * Nb * Nc * math.exp(-(rad_star_sqr / 0.63 * fudge))


def F_latt_tophat(rad_star_sqr, Na, Nb, Nc, fudge):
    """Spot cut off sharply where the Gaussian would have fallen to half its square."""
    if rad_star_sqr * fudge < 0.3969:
        return Na * Nb * Nc
    return 0.0


def lattice_factor(h, k, l, h0, k0, l0, recip, Na, Nb, Nc, fudge, xtal_shape):
    """F_latt at the fractional indices h, k, l, whose nearest integer indices are h0, k0, l0."""
    if xtal_shape == SQUARE:
        return F_latt_square(h, k, l, Na, Nb, Nc)
    dh, dk, dl = h - h0, k - k0, l - l0
    if xtal_shape == ROUND:
        return F_latt_round(dh, dk, dl, Na, Nb, Nc, fudge)
    rad_star_sqr = rad_star_squared(dh, dk, dl, recip, Na, Nb, Nc)
    if xtal_shape == GAUSS:
        return F_latt_gauss(rad_star_sqr, Na, Nb, Nc, fudge)
    return F_latt_tophat(rad_star_sqr, Na, Nb, Nc, fudge)
