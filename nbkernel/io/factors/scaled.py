"""Structure factors with a further B factor and scale of the whole crystal."""

from dataclasses import replace

import numpy as np

ENTRIES_AT_A_TIME = 1 << 22


def scaled(reflections, metric, B, scale):
    """Reflections with F_cell^2 times scale * exp(-2 B stol^2), stol = sin(theta)/lambda = 1/(2 d) of each reflection.

    metric: products of a*, b*, c* with each other (1/Angstrom^2), nine numbers; B: Angstrom^2; scale: greater than 0.
    """
    metric = np.array(metric).reshape(3, 3)
    F, first = reflections.F, np.array([reflections.h_min, reflections.k_min, reflections.l_min])
    found = np.zeros(F.shape)
    flat, target = F.reshape(-1), found.reshape(-1)
    filled = reflections.nonzero
    count = flat.size if filled is None else filled.size
    for start in range(0, count, ENTRIES_AT_A_TIME):
        stop = min(start + ENTRIES_AT_A_TIME, count)
        at = np.arange(start, stop) if filled is None else filled[start:stop]
        hkl = np.stack(np.unravel_index(at, F.shape), axis=1) + first
        stol_square = np.einsum("ni,ij,nj->n", hkl, metric, hkl) / 4.0
        with np.errstate(over="ignore", invalid="ignore"):
            target[at] = flat[at] * (np.sqrt(scale) * np.exp(-B * stol_square))
    return replace(reflections, F=found)
