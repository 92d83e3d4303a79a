"""What pixels side by side see of the sample: directions, solid angle, absorption, polarisation, resolution.

A piece of a row is described in one of two ways (see `row_steps`): along the row, by Fdet and 1/airpath, from which every
product with the diffracted direction follows in two fused operations; or by unit vectors in the program's own operations.
`work` holds one row of float64 per quantity, one element per pixel.
"""

import math
from functools import cache
from typing import NamedTuple

import numpy as np

from nbkernel.kernels.numerics.arithmetic import fma, inverse_square_root
from nbkernel.kernels.numerics.exponential import LOWEST_ARGUMENT, exponential
from nbkernel.kernels.numerics.vector_loops import full_vector_width, load, store
from nbkernel.kernels.physics.pixel import as_vector, subpixel_position, vector_at
from nbkernel.kernels.physics.pixel_geometry import pixel_position
from nbkernel.kernels.physics.scattering import beyond_dmin, scattering_vector
from nbkernel.kernels.physics.vectors import cross_product, dot_product, magnitude, unitize, vector_scale

# rows of `work`
FDET, INVERSE_AIRPATH, X, Y, Z, SX, SY, SZ = range(8)
OMEGA, CAPTURE, POLAR, KEPT, WEIGHT, PIXEL_WEIGHTS, INTENSITY, STEP, TERM, THERE, NEAREST, OMEGAS = range(8, 20)
WORK = 20


# share of the squared distances it comes from, below which a squared airpath has too few digits left
CANCELLED = 1e-8
# way through the sensor, over its depth, of which rounding may leave anything
LONGEST = 1e12
# polarisation factor that rounding, of terms near 1, leaves with fewer digits than a float32 has
VANISHING = 1e-8


class SubpixelRow(NamedTuple):
    """A row of sub-pixels, from the point of its line nearest to the sample on."""

    origin: tuple  # position of that point (m): at right angles to fdet
    fdet: tuple
    first: float  # Fdet of the first sub-pixel from there (m)
    subpixel_size: float  # m
    pitch: float  # from pixel to pixel (m)
    limit: float  # m^2, squared airpaths below this have too few digits


def subpixel_row(plan, tile, spixel, subS, Odet):
    subpixel_size = tile.pixel_size / plan.oversample
    Sdet = subpixel_size * (spixel * plan.oversample + subS) + subpixel_size / 2.0
    fdet, sdet, odet = as_vector(tile.fdet), as_vector(tile.sdet), as_vector(tile.odet)
    x, y, z = pixel_position(0.0, Sdet, Odet, fdet, sdet, odet, as_vector(tile.pix0))
    nearest = -dot_product((x, y, z), fdet) / dot_product(fdet, fdet)
    origin = (x + nearest * fdet[0], y + nearest * fdet[1], z + nearest * fdet[2])
    limit = CANCELLED * (x * x + y * y + z * z + nearest * nearest)
    return SubpixelRow(origin, fdet, subpixel_size / 2.0 - nearest, subpixel_size, subpixel_size * plan.oversample, limit)


def locate_along_row(plan, tile, spixel, first, subS, subF, Odet, work):
    """Fills Fdet (m) from the row's origin on and 1/airpath (1/m); nan for a pixel at the sample, where digits cancel."""
    full_vector_width()
    row = subpixel_row(plan, tile, spixel, subS, Odet)
    Fdets, inverse_airpaths = work[FDET], work[INVERSE_AIRPATH]
    origin_squared, fdet_squared = dot_product(row.origin, row.origin), dot_product(row.fdet, row.fdet)
    offset, pitch, limit, first = row.first + subF * row.subpixel_size, row.pitch, row.limit, float(first)
    for i in range(work.shape[1]):
        # from the pixel's number in its row, so that bits do not depend on where the piece begins
        Fdet = fma(first + np.int32(i), pitch, offset)
        airpath_squared = fma(Fdet * Fdet, fdet_squared, origin_squared)
        store(Fdets, i, Fdet)
        usual = limit < airpath_squared < 1e200
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


def solid_angle_scale(tile):
    return tile.pixel_size * tile.pixel_size * tile.close_distance


def solid_angle_of(inverse_airpath, scale, point_pixel):
    """See `detector.solid_angle`."""
    square = inverse_airpath * inverse_airpath
    return square if point_pixel else square * inverse_airpath * scale


def solid_angles(tile, work):
    """OMEGA (sr)."""
    full_vector_width()
    omegas, inverse_airpaths = work[OMEGA], work[INVERSE_AIRPATH]
    scale, point_pixel = solid_angle_scale(tile), tile.point_pixel
    for i in range(work.shape[1]):
        store(omegas, i, solid_angle_of(load(inverse_airpaths, i), scale, point_pixel))


@cache  # shared by kernels, a part is compiled once
def captures_of(index):
    def capture_fractions(plan, thick_tic, odet, place, work):
        """CAPTURE, see `detector.absorbed_fraction`; nan where the exponentials are out of the usual range, or the way through
        the sensor is made of rounding errors."""
        full_vector_width()
        captures = work[CAPTURE]
        near = -thick_tic * plan.detector_thickstep * plan.detector_mu
        far = -(thick_tic + 1) * plan.detector_thickstep * plan.detector_mu
        for i in range(work.shape[1]):
            slant = 1.0 / index(odet, place, i)
            usual = LOWEST_ARGUMENT < far * slant <= 0.0 and abs(slant) < LONGEST
            store(captures, i, exponential(near * slant) - exponential(far * slant) if usual else math.nan)

    return capture_fractions


def polarization_plane(plan, incident, axis):
    """E_in and B_in, see `polarization.polarization_factor`; zero vectors where the axis lies along the beam."""
    B_in = unitize(cross_product(axis, incident))
    return unitize(cross_product(incident, B_in)), B_in


def kahn_polarization(cos2theta, E, B, kahn_factor, in_plane):
    """Kahn's formula. cos(2 psi) sin^2(2 theta) is E^2 - B^2, the squared components of the diffracted direction along E_in
    and B_in; sin^2(2 theta) where there is no plane of polarisation."""
    cos2theta_sqr = cos2theta * cos2theta
    turned = E * E - B * B if in_plane else 1.0 - cos2theta_sqr
    return 0.5 * (1.0 + cos2theta_sqr - kahn_factor * turned)


def not_vanishing(factor):
    """A polarisation factor; nan where rounding leaves too few digits of it, or all of a 0, which stands for "not yet known"
    in the program."""
    return factor if abs(factor) > VANISHING else math.nan


@cache  # shared by kernels, a part is compiled once
def polarizations_of(index):
    def polarization_factors(plan, along_E, along_B, along_beam, in_plane, place, work):
        """POLAR where it is wanted (a pixel kept, its factor not yet known or renewed)."""
        full_vector_width()
        polars, kepts = work[POLAR], work[KEPT]
        kahn_factor = plan.polarization
        always, keep_all = plan.oversample_polar, plan.keep_water_beyond_dmin
        for i in range(work.shape[1]):
            cos2theta, E, B = index(along_beam, place, i), index(along_E, place, i), index(along_B, place, i)
            factor = not_vanishing(kahn_polarization(cos2theta, E, B, kahn_factor, in_plane))
            known = load(polars, i)
            renewed = (always or known == 0.0) and (keep_all or load(kepts, i) != 0.0)
            store(polars, i, factor if renewed else known)

    return polarization_factors
