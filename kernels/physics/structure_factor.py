"""The structure factor: F_cell at a fractional index, nearest neighbour or tricubic; F of amorphous materials by stol."""

import math


def F_nearest(h0, k0, l0, Fhkl, h_min, k_min, l_min, default_F):
    """Table entry at the integer indices (floats), default_F outside. Fhkl: (h, k, l), starting at h_min, k_min, l_min;
    every index is outside an empty table."""
    i, j, m = h0 - h_min, k0 - k_min, l0 - l_min
    if 0 <= i < Fhkl.shape[0] and 0 <= j < Fhkl.shape[1] and 0 <= m < Fhkl.shape[2]:
        return Fhkl[int(i), int(j), int(m)]
    return default_F


def axis_out_of_range(h, h_min, h_range):
    return h - h_min + 3 > h_range or h - 2 < h_min


def interpolation_out_of_range(h, k, l, Fhkl, h_min, k_min, l_min):
    """True if the 4 x 4 x 4 neighbours that `F_tricubic` needs may reach outside the table."""
    return (
        axis_out_of_range(h, h_min, Fhkl.shape[0])
        or axis_out_of_range(k, k_min, Fhkl.shape[1])
        or axis_out_of_range(l, l_min, Fhkl.shape[2])
    )


def lagrange_products(x, flr):
    """The four numerators of cubic Lagrange interpolation at x on the nodes flr-1 .. flr+2."""
    x0, x1, x2, x3 = x - (flr - 1), x - flr, x - (flr + 1), x - (flr + 2)
    return (x1 * x2 * x3, x0 * x2 * x3, x0 * x1 * x3, x0 * x1 * x2)


def lagrange(p, y0, y1, y2, y3):
    """Cubic Lagrange polynomial through y0 .. y3; the denominators of four unit-spaced nodes are -6, 2, -2, 6."""
    return p[0] * y0 / -6.0 + p[1] * y1 / 2.0 + p[2] * y2 / -2.0 + p[3] * y3 / 6.0


def F_tricubic(h, k, l, Fhkl, h_min, k_min, l_min):
    """Tensor product of cubic Lagrange polynomials over the 4 x 4 x 4 nearest table entries."""
    h_flr, k_flr, l_flr = math.floor(h), math.floor(k), math.floor(l)
    ph, pk, pl = lagrange_products(h, h_flr), lagrange_products(k, k_flr), lagrange_products(l, l_flr)
    i, j, m = int(h_flr) - 1 - h_min, int(k_flr) - 1 - k_min, int(l_flr) - 1 - l_min
    return lagrange(
        ph,
        F_bicubic(pk, pl, Fhkl, i, j, m),
        F_bicubic(pk, pl, Fhkl, i + 1, j, m),
        F_bicubic(pk, pl, Fhkl, i + 2, j, m),
        F_bicubic(pk, pl, Fhkl, i + 3, j, m),
    )


def F_bicubic(pk, pl, Fhkl, i, j, m):
    return lagrange(
        pk,
        F_cubic(pl, Fhkl, i, j, m),
        F_cubic(pl, Fhkl, i, j + 1, m),
        F_cubic(pl, Fhkl, i, j + 2, m),
        F_cubic(pl, Fhkl, i, j + 3, m),
    )


def F_cubic(pl, Fhkl, i, j, m):
    return lagrange(pl, Fhkl[i, j, m], Fhkl[i, j, m + 1], Fhkl[i, j, m + 2], Fhkl[i, j, m + 3])


def lagrange_weights(x, flr):
    """The four weights of cubic Lagrange interpolation at x on the nodes flr-1 .. flr+2."""
    x0, x1, x2, x3 = x - (flr - 1.0), x - flr, x - (flr + 1.0), x - (flr + 2.0)
    low, high = x0 * x1, x2 * x3
    return (x1 * high * (-1 / 6), x0 * high * 0.5, low * x3 * -0.5, low * x2 * (1 / 6))


def interval_of(stol, value, nearest):
    """Index of the last of increasing `stol` that is not above `value`, from index 1 to the third from last; searched for
    from `nearest` on."""
    while value > stol[nearest] and nearest < stol.shape[0] - 2:
        nearest += 1
    while value < stol[nearest] and nearest >= 2:
        nearest -= 1
    return nearest


def amorphous_F(stol, F, value, nearest):
    """F at stol `value`: Lagrange's polynomial through the four points from nearest - 1 on."""
    x0, x1, x2, x3 = stol[nearest - 1], stol[nearest], stol[nearest + 1], stol[nearest + 2]
    a, b, c, d = value - x0, value - x1, value - x2, value - x3
    return (
        b * c * d * F[nearest - 1] / ((x0 - x1) * (x0 - x2) * (x0 - x3))
        + a * c * d * F[nearest] / ((x1 - x0) * (x1 - x2) * (x1 - x3))
        + a * b * d * F[nearest + 1] / ((x2 - x0) * (x2 - x1) * (x2 - x3))
        + a * b * c * F[nearest + 2] / ((x3 - x0) * (x3 - x1) * (x3 - x2))
    )
