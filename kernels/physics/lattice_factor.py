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


def rad_star_squared(dh, dk, dl, axes, Na, Nb, Nc):
    """Squared distance to the nearest reciprocal-lattice point, times (Na Nb Nc)^2.

    axes: the vectors that measure it, nine numbers: a_star, b_star, c_star of the unrotated crystal (1/Angstrom), as in
    nanoBragg.c, or those of `hkl_axes` or `gauss_star_axes` (no unit).
    """
    dx_star = dh * axes[0] + dk * axes[3] + dl * axes[6]
    dy_star = dh * axes[1] + dk * axes[4] + dl * axes[7]
    dz_star = dh * axes[2] + dk * axes[5] + dl * axes[8]
    return (dx_star * dx_star + dy_star * dy_star + dz_star * dz_star) * Na * Na * Nb * Nb * Nc * Nc


def hkl_axes(Na, Nb, Nc):
    """With these axes `rad_star_squared` is (Na dh)^2 + (Nb dk)^2 + (Nc dl)^2, as for an ellipsoid (hrad_sqr of simtbx, in
    cctbx_project's simtbx/nanoBragg/nanoBragg.cpp)."""
    cells = Na * Nb * Nc
    return (Na / cells, 0.0, 0.0, 0.0, Nb / cells, 0.0, 0.0, 0.0, Nc / cells)


def gauss_star_axes(recip, Na, Nb, Nc, V_cell):
    """With these axes F_latt_gauss is Na Nb Nc exp(-1.9 fudge |dQ|^2 V^(2/3)): round in reciprocal space, so that spots that
    the crystal's symmetry exchanges are alike, whatever the setting of the cell. dQ: distance to the nearest
    reciprocal-lattice point (1/Angstrom); V: the crystal's volume, Na Nb Nc V_cell (Angstrom^3). GAUSS_STAR of diffBragg
    (cctbx_project, pull request 985).

    recip: a_star, b_star, c_star, nine numbers in 1/Angstrom.
    """
    cells = Na * Nb * Nc
    scale = math.sqrt(1.9 * 0.63) * (cells * abs(V_cell)) ** (1.0 / 3.0) / cells
    return tuple(scale * x for x in recip)


def F_latt_gauss(rad_star_sqr, Na, Nb, Nc, fudge):
    """Gaussian spot of about the same height and width as the parallelepiped's."""
    return Na * Nb * Nc * math.exp(-(rad_star_sqr / 0.63 * fudge))


def F_latt_tophat(rad_star_sqr, Na, Nb, Nc, fudge):
    """Spot cut off sharply where the Gaussian would have fallen to half its square."""
    if rad_star_sqr * fudge < 0.3969:
        return Na * Nb * Nc
    return 0.0


def lattice_factor(h, k, l, h0, k0, l0, axes, Na, Nb, Nc, fudge, xtal_shape):
    """F_latt at the fractional indices h, k, l, whose nearest integer indices are h0, k0, l0."""
    if xtal_shape == SQUARE:
        return F_latt_square(h, k, l, Na, Nb, Nc)
    dh, dk, dl = h - h0, k - k0, l - l0
    if xtal_shape == ROUND:
        return F_latt_round(dh, dk, dl, Na, Nb, Nc, fudge)
    rad_star_sqr = rad_star_squared(dh, dk, dl, axes, Na, Nb, Nc)
    if xtal_shape == GAUSS:
        return F_latt_gauss(rad_star_sqr, Na, Nb, Nc, fudge)
    return F_latt_tophat(rad_star_sqr, Na, Nb, Nc, fudge)
