"""From the sums of a piece of a row to its pixels."""

import numpy as np

from .row_geometry import INTENSITY, NEAREST
from .vector_loops import full_vector_width, load, store

INFINITY = np.float32(np.inf)


def to_image(space, omegas, wanted, pixels, doubt):
    """Stores the photons of a piece in `pixels` (float32) where they are `wanted`, and adds `omegas` of those to
    space.omegas. Returns how many need a closer look: not finite, or with a step so near to a whole index that `doubt.is_noisy` is
    to be asked. pixels, wanted: the piece's own."""
    full_vector_width()
    photons, nearest, nearest_single, sums = space.work[INTENSITY], space.work[NEAREST], space.nearest, space.omegas
    limit = nearest_limit(doubt)
    doubtful = 0
    for i in range(pixels.shape[0]):
        # the program adds to an image of zeros: no negative zero
        value = np.float32(0.0 + load(photons, i))
        near = load(nearest, i) < limit or np.float64(load(nearest_single, i)) < limit
        doubtful += 1 if near or not abs(value) < INFINITY else 0
        store(pixels, i, value if wanted[i] else load(pixels, i))
        store(sums, i, load(sums, i) + (load(omegas, i) if wanted[i] else 0.0))
    return doubtful


def nearest_limit(doubt):
    # the offset itself is known to 2^-32 or so
    limit = doubt.noise * doubt.largest_index + 2.0**-31
    return limit * limit if doubt.noise > 0.0 else 0.0


def comes_near(space, i, doubt):
    limit = nearest_limit(doubt)
    return space.work[NEAREST, i] < limit or np.float64(space.nearest[i]) < limit
