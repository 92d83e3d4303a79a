"""What pixels side by side see of the sample: directions, solid angle, absorption, polarisation, resolution.

A piece of a row is described in one of two ways (see `row_steps`): along the row, by Fdet and 1/airpath, from which every
product with the diffracted direction follows in two fused operations; or by unit vectors in the program's own operations.
`work` holds one row of float64 per quantity, one element per pixel.
"""

import math
from functools import cache

import numpy as np

from .arithmetic import fma, inverse_square_root
from .detector import pixel_position
from .exponential import LOWEST_ARGUMENT, exponential
from .pixel import as_vector, subpixel_position, vector_at
from .scattering import beyond_dmin, scattering_vector
from .vector_loops import full_vector_width, load, store
from .vectors import cross_product, dot_product, magnitude, unitize, vector_scale

# rows of `work`
FDET, INVERSE_AIRPATH, X, Y, Z, SX, SY, SZ = range(8)
OMEGA, CAPTURE, POLAR, KEPT, WEIGHT, OWN, INTENSITY, STEP, TERM, THERE, NEAREST, OMEGAS = range(8, 20)
WORK = 20


# share of the squared terms of a squared airpath below which too few digits are left
CANCELLED = 1e-8


def row_origin(plan, tile, spixel, subS, Odet):
    """Position (m) of Fdet = 0 in this row of sub-pixels."""
    subpixel_size = tile.pixel_size / plan.oversample
    Sdet = subpixel_size * (spixel * plan.oversample + subS) + subpixel_size / 2.0
    fdet, sdet, odet = as_vector(tile.fdet), as_vector(tile.sdet), as_vector(tile.odet)
    return pixel_position(0.0, Sdet, Odet, fdet, sdet, odet, as_vector(tile.pix0))


def locate_along_row(plan, tile, spixel, first, subS, subF, Odet, work):
    """Fills Fdet (m) and 1/airpath (1/m); nan for a pixel at the sample, where the position's digits cancel."""
    full_vector_width()
    x0, y0, z0 = row_origin(plan, tile, spixel, subS, Odet)
    fx, fy, fz = tile.fdet[0], tile.fdet[1], tile.fdet[2]
    subpixel_size = tile.pixel_size / plan.oversample
    pitch = subpixel_size * plan.oversample
    offset = subpixel_size * subF + subpixel_size / 2.0
    origin_squared = x0 * x0 + y0 * y0 + z0 * z0
    first = float(first)
    Fdets, inverse_airpaths = work[FDET], work[INVERSE_AIRPATH]
    for i in range(work.shape[1]):
        # from the pixel's number in its row, so that bits do not depend on where the piece begins
        Fdet = fma(first + np.int32(i), pitch, offset)
        x, y, z = fma(Fdet, fx, x0), fma(Fdet, fy, y0), fma(Fdet, fz, z0)
        airpath_squared = fma(x, x, fma(y, y, z * z))
        store(Fdets, i, Fdet)
        usual = CANCELLED * fma(Fdet, Fdet, origin_squared) < airpath_squared < 1e200
        store(inverse_airpaths, i, inverse_square_root(airpath_squared) if usual else math.nan)


def locate_as_program(plan, tile, spixel, first, subS, subF, Odet, work):
    """Fills the unit vectors X, Y, Z and 1/airpath."""
    if tile.curved_detector:
        for i in range(work.shape[1]):
            position = subpixel_position(tile, plan.oversample, spixel, first + i, subS, subF, Odet)
            work[X, i], work[Y, i], work[Z, i] = position
    else:
        positions_on_plane(plan, tile, spixel, first, subS, subF, Odet, work[X], work[Y], work[Z])
    unitize_all(work[X], work[Y], work[Z], work[INVERSE_AIRPATH])


def positions_on_plane(plan, tile, spixel, first, subS, subF, Odet, xs, ys, zs):
    """`pixel.subpixel_position` of a flat detector's pixels, whose loop would not be vectorised for its sines."""
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


def scatter_as_program(plan, source, work):
    """Fills the scattering vectors SX, SY, SZ (1/m)."""
    full_vector_width()
    incident, wavelength = vector_at(plan.source_incident, source), plan.source_lambda[source]
    for i in range(work.shape[1]):
        diffracted = (load(work[X], i), load(work[Y], i), load(work[Z], i))
        x, y, z = scattering_vector(diffracted, incident, wavelength)
        store(work[SX], i, x)
        store(work[SY], i, y)
        store(work[SZ], i, z)


def keep_within_dmin(plan, work):
    """KEPT: 1 where the scattering vector is not beyond dmin, else 0; the cut is the program's own, to the last bit."""
    for i in range(work.shape[1]):
        work[KEPT, i] = 0.0 if beyond_dmin((work[SX, i], work[SY, i], work[SZ, i]), plan.dmin) else 1.0


def directions_along_row(work):
    """The `place` of directions, see `row_steps`."""
    return (work[FDET], work[INVERSE_AIRPATH])


def directions_as_program(work):
    return (work[X], work[Y], work[Z])


def scatterings_as_program(work):
    return (work[SX], work[SY], work[SZ])


def direction_line_along_row(vector, origin, fdet):
    """What `index_along_row` needs for the product of `vector` with the diffracted direction."""
    return (dot_product(vector, origin), dot_product(vector, fdet), 0.0)


def direction_line_as_program(vector, origin, fdet):
    return vector


def index_line_along_row(vector, incident, wavelength, origin, fdet):
    """The same for the product of a cell vector with the scattering vector."""
    vector = vector_scale(vector, 1.0 / wavelength)
    return (dot_product(vector, origin), dot_product(vector, fdet), -dot_product(vector, incident))


def index_line_as_program(vector, incident, wavelength, origin, fdet):
    return vector


def normalise_again(plan, work):
    """The program normalises a diffracted direction again whenever it computes a polarisation factor from it."""
    full_vector_width()
    xs, ys, zs, polars, kepts = work[X], work[Y], work[Z], work[POLAR], work[KEPT]
    always, keep_all = plan.oversample_polar, plan.keep_water_beyond_dmin
    for i in range(work.shape[1]):
        x, y, z = load(xs, i), load(ys, i), load(zs, i)
        wanted = (always or load(polars, i) == 0.0) and (keep_all or load(kepts, i) != 0.0)
        mag = magnitude((x, y, z))
        mag = mag if wanted and mag != 0.0 else 1.0
        store(xs, i, x / mag)
        store(ys, i, y / mag)
        store(zs, i, z / mag)


def solid_angles(tile, work):
    """OMEGA (sr), see `detector.solid_angle`."""
    full_vector_width()
    omegas, inverse_airpaths = work[OMEGA], work[INVERSE_AIRPATH]
    scale = tile.pixel_size * tile.pixel_size * tile.close_distance
    point_pixel = tile.point_pixel
    for i in range(work.shape[1]):
        inverse = load(inverse_airpaths, i)
        square = inverse * inverse
        store(omegas, i, square if point_pixel else square * inverse * scale)


@cache  # shared by kernels, a part is compiled once
def captures_of(index):
    def capture_fractions(plan, thick_tic, odet, place, work):
        """CAPTURE, see `detector.absorbed_fraction`; nan where the exponentials are out of the usual range."""
        full_vector_width()
        captures = work[CAPTURE]
        near = -thick_tic * plan.detector_thickstep * plan.detector_mu
        far = -(thick_tic + 1) * plan.detector_thickstep * plan.detector_mu
        for i in range(work.shape[1]):
            slant = 1.0 / index(odet, place, i)
            usual = LOWEST_ARGUMENT < far * slant <= 0.0
            store(captures, i, exponential(near * slant) - exponential(far * slant) if usual else math.nan)

    return capture_fractions


def polarization_plane(plan, incident, axis):
    """E_in and B_in, see `polarization.polarization_factor`; zero vectors where the axis lies along the beam."""
    B_in = unitize(cross_product(axis, incident))
    return unitize(cross_product(incident, B_in)), B_in


@cache  # shared by kernels, a part is compiled once
def polarizations_of(index):
    def polarization_factors(plan, along_E, along_B, along_beam, in_plane, place, work):
        """POLAR where it is wanted (a pixel kept, its factor not yet known or renewed), by Kahn's formula.

        cos(2 psi) sin^2(2 theta) is E^2 - B^2, the squared components of the diffracted direction along E_in and B_in;
        sin^2(2 theta) where there is no plane of polarisation.
        """
        full_vector_width()
        polars, kepts = work[POLAR], work[KEPT]
        kahn_factor = plan.polarization
        always, keep_all = plan.oversample_polar, plan.keep_water_beyond_dmin
        for i in range(work.shape[1]):
            cos2theta = index(along_beam, place, i)
            E, B = index(along_E, place, i), index(along_B, place, i)
            cos2theta_sqr = cos2theta * cos2theta
            turned = E * E - B * B if in_plane else 1.0 - cos2theta_sqr
            factor = 0.5 * (1.0 + cos2theta_sqr - kahn_factor * turned)
            known = load(polars, i)
            renewed = (always or known == 0.0) and (keep_all or load(kepts, i) != 0.0)
            store(polars, i, factor if renewed else known)

    return polarization_factors
