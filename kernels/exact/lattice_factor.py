"""F_cell and F_latt of one orientation, vectorised for the exact engine, and how far they are from the program's.

Arrays are (n,) float64, one element per pixel of a segment of a row; scattering: three of them, the scattering vectors
(1/m); cell: a, b, c (m) of the orientation.
"""

import math

import numpy as np

from nbkernel.kernels.numerics.arithmetic import clamped
from nbkernel.kernels.numerics.exponential import EXPONENTIAL_ERROR, exponential
from nbkernel.kernels.numerics.sine import SINE_ERROR, sine_and_cosine_up_to_sign, sine_up_to_sign
from nbkernel.kernels.physics.constants import GAUSS, PI, ROUND, SQUARE
from nbkernel.kernels.physics.lattice_factor import F_latt_tophat, rad_star_squared, round_radius_squared
from nbkernel.kernels.physics.scattering import nearest_index

# of one term F_cell^2 F_latt^2: twelve sines (the C library's own good to 1.2e-16) and the products, in both programs;
# doubled for safety
TERM_ERROR = 2 * (12 * (max(SINE_ERROR, EXPONENTIAL_ERROR) + 1.2e-16) + 40 * 1.2e-16)
# of sin(x)/x - cos(x), relative to |sin(x)/x| + 1, in both programs; doubled for safety
DIFFERENCE_ERROR = 2 * (2 * SINE_ERROR + 3.5e-16)
# of each addition, in both programs
STEP_ERROR = 2.3e-16


def relative_error(terms):
    """Bound on the relative difference from nanoBragg.c's value before rounding, for a sum of `terms` terms."""
    return TERM_ERROR + STEP_ERROR * (terms + 40)


def miller_index(vector, scattering, i):
    """Fractional Miller index of pixel i along a cell vector, summed in the program's order."""
    sx, sy, sz = scattering
    return vector[0] * sx[i] + vector[1] * sy[i] + vector[2] * sz[i]


def add_square(I, scattering, cell, Na, Nb, Nc, weight):
    """Adds F_latt^2 of one orientation of a parallelepiped times `weight` (n,) to I."""
    a, b, c = cell
    for i in range(I.shape[0]):
        x = PI * miller_index(a, scattering, i)
        y = PI * miller_index(b, scattering, i)
        z = PI * miller_index(c, scattering, i)
        above = sine_up_to_sign(x * Na) * sine_up_to_sign(y * Nb) * sine_up_to_sign(z * Nc)
        below = sine_up_to_sign(x) * sine_up_to_sign(y) * sine_up_to_sign(z)
        F_latt = above / below
        I[i] += F_latt * F_latt * weight[i]


def add_round(I, uncertain, scattering, cell, Na, Nb, Nc, fudge, weight):
    """The same for an ellipsoid. Its transform is a difference that can cancel: the resulting uncertainty of the sum is
    added to `uncertain` (n,)."""
    a, b, c = cell
    volume = Na * Nb * Nc * 0.723601254558268
    for i in range(I.shape[0]):
        h = miller_index(a, scattering, i)
        k = miller_index(b, scattering, i)
        l = miller_index(c, scattering, i)
        dh, dk, dl = h - nearest_index(h), k - nearest_index(k), l - nearest_index(l)
        x = PI * math.sqrt(round_radius_squared(dh, dk, dl, Na, Nb, Nc) * fudge)
        sine, cosine = sine_and_cosine_up_to_sign(x)
        scale = volume * 3.0 / (x * x)
        F_latt = abs(scale * (sine / x - cosine))
        error = scale * DIFFERENCE_ERROR * (abs(sine / x) + 1.0)
        I[i] += F_latt * F_latt * weight[i]
        uncertain[i] += (2.0 * F_latt + error) * error * weight[i]


def add_spots(I, scattering, cell, axes, Na, Nb, Nc, fudge, gauss, weight):
    """The same for spots that depend on the distance to the nearest reciprocal-lattice point: Gaussian or tophat."""
    a, b, c = cell
    axes = (axes[0], axes[1], axes[2], axes[3], axes[4], axes[5], axes[6], axes[7], axes[8])
    cells = Na * Nb * Nc
    for i in range(I.shape[0]):
        h = miller_index(a, scattering, i)
        k = miller_index(b, scattering, i)
        l = miller_index(c, scattering, i)
        dh, dk, dl = h - nearest_index(h), k - nearest_index(k), l - nearest_index(l)
        rad_star_sqr = rad_star_squared(dh, dk, dl, axes, Na, Nb, Nc)
        if gauss:
            F_latt = cells * exponential(-(rad_star_sqr / 0.63 * fudge))
        else:
            F_latt = F_latt_tophat(rad_star_sqr, Na, Nb, Nc, fudge)
        I[i] += F_latt * F_latt * weight[i]


def table_positions(position, scattering, cell, table):
    """position: (n,) int32, the position in table.F_squared of each pixel's nearest integer indices."""
    a, b, c = cell
    for i in range(position.shape[0]):
        h0 = nearest_index(miller_index(a, scattering, i)) - table.h_low
        k0 = nearest_index(miller_index(b, scattering, i)) - table.k_low
        l0 = nearest_index(miller_index(c, scattering, i)) - table.l_low
        h0 = clamped(h0, table.h_top)
        k0 = clamped(k0, table.k_top)
        l0 = clamped(l0, table.l_top)
        position[i] = np.int32((h0 * table.h_stride + k0 * table.k_stride) + l0)


def look_up(term_weight, weight, position, F_squared):
    """term_weight (n,): F_cell^2 times weight. Returns whether there is anything but zeros."""
    any_F = False
    for i in range(position.shape[0]):
        F2 = F_squared[position[i]]
        term_weight[i] = F2 * weight[i]
        any_F |= F2 != 0.0
    return any_F


def add_orientation(plan, I, uncertain, scattering, cell, weight):
    """Adds F_latt^2 of one orientation, of a crystal of any shape, times `weight` to I."""
    Na, Nb, Nc = plan.Na, plan.Nb, plan.Nc
    if plan.xtal_shape == SQUARE:
        add_square(I, scattering, cell, Na, Nb, Nc, weight)
    elif plan.xtal_shape == ROUND:
        add_round(I, uncertain, scattering, cell, Na, Nb, Nc, plan.fudge, weight)
    elif plan.xtal_shape == GAUSS:
        add_spots(I, scattering, cell, plan.spot_axes, Na, Nb, Nc, plan.fudge, True, weight)
    else:
        add_spots(I, scattering, cell, plan.spot_axes, Na, Nb, Nc, plan.fudge, False, weight)
