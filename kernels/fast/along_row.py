"""A segment of a flat detector's row described along the row: by Fdet and 1/airpath of each pixel.

Every product with the diffracted direction follows from these in two fused operations, `product`. `as_program` has the same
functions for the other description; the `build_...` functions take one of the two modules.
"""

import math

import numpy as np

from nbkernel.kernels.numerics.arithmetic import fma, inverse_square_root
from nbkernel.kernels.numerics.vector_loops import full_vector_width, load, store
from nbkernel.kernels.physics.vectors import dot_product, vector_scale

from .geometry import FDET, INVERSE_AIRPATH, subpixel_row

EACH_SOURCE_SCATTERS = False


def locate(plan, tile, spixel, first, subS, subF, Odet, work):
    """Fills Fdet (m) from the row's origin on and 1/airpath (1/m); nan for a pixel at the sample, whose digits cancel."""
    full_vector_width()
    row = subpixel_row(plan, tile, spixel, subS, Odet)
    Fdets, inverse_airpaths = work[FDET], work[INVERSE_AIRPATH]
    origin_squared, fdet_squared = dot_product(row.origin, row.origin), dot_product(row.fdet, row.fdet)
    offset, pitch, limit, first = row.first + subF * row.subpixel_size, row.pitch, row.limit, float(first)
    for i in range(work.shape[1]):
        # from the pixel's position in its row, so that bits do not depend on where the segment begins
        Fdet = fma(first + np.int32(i), pitch, offset)
        airpath_squared = fma(Fdet * Fdet, fdet_squared, origin_squared)
        store(Fdets, i, Fdet)
        usual = limit < airpath_squared < 1e200
        store(inverse_airpaths, i, inverse_square_root(airpath_squared) if usual else math.nan)


def scatter(plan, source, work):
    """Nothing: Miller indices follow from Fdet and 1/airpath."""


def directions(work):
    """The `pixel_terms` of products with the diffracted direction."""
    return (work[FDET], work[INVERSE_AIRPATH])


def scatterings(work):
    """The `pixel_terms` of Miller indices."""
    return directions(work)


def direction_line(vector, origin, fdet):
    """What `product` needs for the product of `vector` with the diffracted direction."""
    return (dot_product(vector, origin), dot_product(vector, fdet), 0.0)


def index_line(vector, incident, wavelength, origin, fdet):
    """What `product` needs for the Miller index along a cell vector: its product with the scattering vector."""
    vector = vector_scale(vector, 1.0 / wavelength)
    return (dot_product(vector, origin), dot_product(vector, fdet), -dot_product(vector, incident))


def product(line, pixel_terms, i):
    """(line[0] + line[1] Fdet)/airpath + line[2] of pixel i; pixel_terms: (Fdet, 1/airpath)."""
    Fdet, inverse_airpath = pixel_terms
    return fma(fma(line[1], load(Fdet, i), line[0]), load(inverse_airpath, i), line[2])


def miller_indices(hkl_lines, pixel_terms, i):
    """Fractional h, k, l of pixel i; hkl_lines: the `index_line` of a, b and c."""
    return (
        product(hkl_lines[0], pixel_terms, i),
        product(hkl_lines[1], pixel_terms, i),
        product(hkl_lines[2], pixel_terms, i),
    )
