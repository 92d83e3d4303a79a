"""Structure factors with a further B factor and scale of the whole crystal."""

from dataclasses import replace

import numpy as np

PLANES = 1 << 22  # entries of the table at a time


def scaled(reflections, metric, B, scale):
    """Reflections with F_cell^2 times scale * exp(-2 B stol^2), stol = sin(theta)/lambda = 1/(2 d) of each reflection.

    metric: products of a*, b*, c* with each other (1/Angstrom^2), nine numbers; B: Angstrom^2; scale: greater than 0.
    """
    F, first = reflections.F, (reflections.h_min, reflections.k_min, reflections.l_min)
    found, filled = np.zeros(F.shape), reflections.nonzero
    # of 0 times an infinite factor
    with np.errstate(over="ignore", invalid="ignore"):
        if filled is not None:
            at = np.unravel_index(filled, F.shape)
            indices = at[0] + first[0], at[1] + first[1], at[2] + first[2]
            found.reshape(-1)[filled] = F.reshape(-1)[filled] * factor(indices, metric, B, scale)
            return replace(reflections, F=found)
        planes = max(1, PLANES // max(1, F[0].size))
        for start in range(0, F.shape[0], planes):
            part = F[start : start + planes]
            h, k, l = np.ogrid[tuple(slice(n) for n in part.shape)]
            indices = h + start + first[0], k + first[1], l + first[2]
            np.multiply(part, factor(indices, metric, B, scale), out=found[start : start + planes])
    return replace(reflections, F=found)


def factor(hkl, metric, B, scale):
    """What multiplies F_cell. hkl: three arrays that fit together; the others are those of `scaled`."""
    h, k, l = hkl
    aa, ab, ac, _, bb, bc, _, _, cc = metric
    d_star_square = h * (h * aa + k * (2.0 * ab) + l * (2.0 * ac)) + k * (k * bb + l * (2.0 * bc)) + l * l * cc
    return np.sqrt(scale) * np.exp(d_star_square * (-0.25 * B))


def all_scaled(tables, metric, B, scale):
    """`scaled` of several, of which some may be the same; a tuple."""
    found = {id(table): scaled(table, metric, B, scale) for table in {id(table): table for table in tables}.values()}
    return tuple(found[id(table)] for table in tables)
