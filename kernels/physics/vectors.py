"""Vectors in three dimensions, as tuples (x, y, z)."""

import math


def dot_product(x, y):
    return x[0] * y[0] + x[1] * y[1] + x[2] * y[2]


def cross_product(x, y):
    return (x[1] * y[2] - x[2] * y[1], x[2] * y[0] - x[0] * y[2], x[0] * y[1] - x[1] * y[0])


def magnitude(vector):
    return math.sqrt(vector[0] * vector[0] + vector[1] * vector[1] + vector[2] * vector[2])


def unitize(vector):
    """The unit vector along `vector`; the zero vector stays zero."""
    mag = magnitude(vector)
    if mag != 0.0:
        return (vector[0] / mag, vector[1] / mag, vector[2] / mag)
    return (0.0, 0.0, 0.0)


def vector_scale(vector, scale):
    return (scale * vector[0], scale * vector[1], scale * vector[2])


def vector_rescale(vector, new_magnitude):
    """`vector` scaled to another length; the zero vector stays zero."""
    oldmag = magnitude(vector)
    if oldmag <= 0.0:
        oldmag = 1.0
    return vector_scale(vector, new_magnitude / oldmag)


def rotate_axis(v, axis, phi):
    """`v` rotated by `phi` radians about the unit vector `axis`, right-handed (Rodrigues' formula)."""
    sinphi = math.sin(phi)
    cosphi = math.cos(phi)
    dot = (axis[0] * v[0] + axis[1] * v[1] + axis[2] * v[2]) * (1.0 - cosphi)
    return (
        axis[0] * dot + v[0] * cosphi + (-axis[2] * v[1] + axis[1] * v[2]) * sinphi,
        axis[1] * dot + v[1] * cosphi + (axis[2] * v[0] - axis[0] * v[2]) * sinphi,
        axis[2] * dot + v[2] * cosphi + (-axis[1] * v[0] + axis[0] * v[1]) * sinphi,
    )


def rotate(v, phix, phiy, phiz):
    """`v` rotated about x, then y, then z (radians). A zero angle leaves the components' bits unchanged."""
    x, y, z = v
    if phix != 0:
        c, s = math.cos(phix), math.sin(phix)
        y, z = y * c + z * -s, y * s + z * c
    if phiy != 0:
        c, s = math.cos(phiy), math.sin(phiy)
        # the zero terms are in nanoBragg.c's sums too
        x, z = x * c + y * 0.0 + z * s, x * -s + y * 0.0 + z * c
    if phiz != 0:
        c, s = math.cos(phiz), math.sin(phiz)
        x, y = x * c + y * -s, x * s + y * c
    return (x, y, z)


def rotate_umat(v, umat):
    """`v` multiplied by the 3 x 3 matrix `umat`, nine numbers row by row."""
    return (
        umat[0] * v[0] + umat[1] * v[1] + umat[2] * v[2],
        umat[3] * v[0] + umat[4] * v[1] + umat[5] * v[2],
        umat[6] * v[0] + umat[7] * v[1] + umat[8] * v[2],
    )
