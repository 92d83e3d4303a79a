"""A segment of a row described as in nanoBragg.c: by each pixel's direction and scattering vector, in the program's own
operations. For curved detectors, and for crystals with spots so sharp that the last digits matter.

`along_row` has the same functions for the other description; the `build_...` functions take one of the two modules.
"""

from nbkernel.kernels.numerics.vector_loops import full_vector_width, load, store
from nbkernel.kernels.physics.pixel import as_vector, subpixel_position, vector_at
from nbkernel.kernels.physics.pixel_geometry import pixel_position
from nbkernel.kernels.physics.scattering import scattering_vector
from nbkernel.kernels.physics.vectors import magnitude
from nbkernel.kernels.physics.weights import is_renewed

from .geometry import INVERSE_AIRPATH, KEPT, POLAR, SX, SY, SZ, X, Y, Z

EACH_SOURCE_SCATTERS = True  # Miller indices follow from scattering vectors


def locate(plan, tile, spixel, first, subS, subF, Odet, work):
    """Fills the unit vectors X, Y, Z and 1/airpath."""
    if tile.curved_detector:
        for i in range(work.shape[1]):
            pixel_pos = subpixel_position(tile, plan.oversample, spixel, first + i, subS, subF, Odet)
            work[X, i], work[Y, i], work[Z, i] = pixel_pos
    else:
        positions_on_plane(plan, tile, spixel, first, subS, subF, Odet, work[X], work[Y], work[Z])
    unitize_all(work[X], work[Y], work[Z], work[INVERSE_AIRPATH])


def positions_on_plane(plan, tile, spixel, first, subS, subF, Odet, xs, ys, zs):
    """`pixel.subpixel_position` of a flat detector's pixels; the sines there would keep the loop from being vectorised."""
    full_vector_width()
    fdet, sdet, odet, pix0 = as_vector(tile.fdet), as_vector(tile.sdet), as_vector(tile.odet), as_vector(tile.pix0)
    subpixel_size = tile.pixel_size / plan.oversample
    Sdet = subpixel_size * (spixel * plan.oversample + subS) + subpixel_size / 2.0
    for i in range(xs.shape[0]):
        Fdet = subpixel_size * ((first + i) * plan.oversample + subF) + subpixel_size / 2.0
        x, y, z = pixel_position(Fdet, Sdet, Odet, fdet, sdet, odet, pix0)
        store(xs, i, x)
        store(ys, i, y)
        store(zs, i, z)


def unitize_all(xs, ys, zs, inverse_airpaths):
    full_vector_width()
    for i in range(xs.shape[0]):
        x, y, z = load(xs, i), load(ys, i), load(zs, i)
        airpath = magnitude((x, y, z))
        store(xs, i, x / airpath)
        store(ys, i, y / airpath)
        store(zs, i, z / airpath)
        store(inverse_airpaths, i, 1.0 / airpath)


def normalise_again(plan, work):
    """The program normalises a diffracted direction again whenever it computes a polarisation factor from it."""
    full_vector_width()
    xs, ys, zs, polars, kepts = work[X], work[Y], work[Z], work[POLAR], work[KEPT]
    always, keep_all = is_renewed(plan.oversample_polar), plan.keep_water_beyond_dmin
    for i in range(work.shape[1]):
        x, y, z = load(xs, i), load(ys, i), load(zs, i)
        renewed = (always or load(polars, i) == 0.0) and (keep_all or load(kepts, i) != 0.0)
        mag = magnitude((x, y, z))
        mag = mag if renewed and mag != 0.0 else 1.0
        store(xs, i, x / mag)
        store(ys, i, y / mag)
        store(zs, i, z / mag)


def scatter(plan, source, work):
    """Fills the scattering vectors SX, SY, SZ (1/m)."""
    full_vector_width()
    incident, wavelength = vector_at(plan.source_incident, source), plan.source_lambda[source]
    for i in range(work.shape[1]):
        diffracted = (load(work[X], i), load(work[Y], i), load(work[Z], i))
        x, y, z = scattering_vector(diffracted, incident, wavelength)
        store(work[SX], i, x)
        store(work[SY], i, y)
        store(work[SZ], i, z)


def directions(work):
    """The `pixel_terms` of products with the diffracted direction."""
    return (work[X], work[Y], work[Z])


def scatterings(work):
    """The `pixel_terms` of Miller indices."""
    return (work[SX], work[SY], work[SZ])


def direction_line(vector, origin, fdet):
    """What `product` needs for the product of `vector` with the diffracted direction."""
    return vector


def index_line(vector, incident, wavelength, origin, fdet):
    """What `product` needs for the Miller index along a cell vector: its product with the scattering vector."""
    return vector


def product(vector, pixel_terms, i):
    """Product of `vector` with that of pixel i, summed as in the program; pixel_terms: three components."""
    x, y, z = pixel_terms
    return vector[0] * load(x, i) + vector[1] * load(y, i) + vector[2] * load(z, i)


def miller_indices(hkl_lines, pixel_terms, i):
    """Fractional h, k, l of pixel i; hkl_lines: the `index_line` of a, b and c."""
    return (
        product(hkl_lines[0], pixel_terms, i),
        product(hkl_lines[1], pixel_terms, i),
        product(hkl_lines[2], pixel_terms, i),
    )
