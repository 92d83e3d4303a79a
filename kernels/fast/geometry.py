"""The geometry of pixels side by side, vectorised: directions, solid angle, absorption, polarisation, resolution.

A segment of a row is described in one of two ways, `along_row` or `as_program`; `product` below is that of either module.
`work` has one row of float64 per quantity, one element per pixel.
"""

import math
from functools import cache
from typing import NamedTuple

import numpy as np

from nbkernel.kernels.numerics.exponential import LOWEST_ARGUMENT, exponential
from nbkernel.kernels.numerics.vector_loops import full_vector_width, load, store
from nbkernel.kernels.physics.pixel import as_vector, vector_at
from nbkernel.kernels.physics.pixel_geometry import pixel_position
from nbkernel.kernels.physics.polarization import kahn_polarization
from nbkernel.kernels.physics.scattering import beyond_dmin, scattering_vector
from nbkernel.kernels.physics.vectors import dot_product, magnitude, unitize
from nbkernel.kernels.physics.weights import is_renewed

# rows of `work`
FDET, INVERSE_AIRPATH, X, Y, Z, SX, SY, SZ = range(8)
OMEGA, CAPTURE, POLAR, KEPT, WEIGHT, PIXEL_WEIGHTS, INTENSITY, STEP, TERM, NONZERO, NEAREST, OMEGAS = range(8, 20)
WORK = 20


# a squared airpath below this share of the squared distances that it is computed from has too few digits left
CANCELLED = 1e-8
# path through the sensor, relative to its depth, of which rounding may leave anything
LONGEST = 1e12
# polarisation factor that rounding, of terms close to 1, leaves with fewer digits than a float32 has
VANISHING = 1e-8


class SubpixelRow(NamedTuple):
    """A row of sub-pixels, described from the point of its line closest to the sample."""

    origin: tuple  # position of that point (m): perpendicular to fdet
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


def keep_within_dmin(plan, work):
    """KEPT: 1 where the scattering vector is not beyond dmin, else 0; the decision is the program's own, to the last bit."""
    for i in range(work.shape[1]):
        work[KEPT, i] = 0.0 if beyond_dmin((work[SX, i], work[SY, i], work[SZ, i]), plan.dmin) else 1.0


def beyond_table(plan, tile, table, source, spixel, first, last):
    """True if no pixel of the segment (on a flat detector) comes near an index with a structure factor: from the ends of
    the segment, the scattering vector gets shorter by at most the distance between them, a pixel and the sensor's depth."""
    if table.s_beyond == np.inf:
        return False
    incident, wavelength = vector_at(plan.source_incident, source), plan.source_lambda[source]
    Sdet = tile.pixel_size * (spixel + 0.5)
    fdet, sdet, odet, pix0 = as_vector(tile.fdet), as_vector(tile.sdet), as_vector(tile.odet), as_vector(tile.pix0)
    left = pixel_position(tile.pixel_size * first, Sdet, 0.0, fdet, sdet, odet, pix0)
    right = pixel_position(tile.pixel_size * last, Sdet, 0.0, fdet, sdet, odet, pix0)
    depth = (tile.pixel_size + plan.detector_thick) / min(magnitude(left), magnitude(right))
    left, right = unitize(left), unitize(right)
    way = magnitude((right[0] - left[0], right[1] - left[1], right[2] - left[2]))
    at_left = magnitude(scattering_vector(left, incident, wavelength))
    at_right = magnitude(scattering_vector(right, incident, wavelength))
    return min(at_left, at_right) - (way + depth) / wavelength > table.s_beyond


def solid_angle_scale(tile):
    return tile.pixel_size * tile.pixel_size * tile.close_distance


def solid_angle_of(inverse_airpath, scale, point_pixel):
    """See `pixel_geometry.solid_angle`."""
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
def build_capture_fractions(product):
    def capture_fractions(plan, thick_tic, odet_line, pixel_terms, work):
        """CAPTURE, see `pixel_geometry.absorbed_fraction`; nan where the exponentials are out of the usual range, or the
        path through the sensor consists of rounding errors."""
        full_vector_width()
        captures = work[CAPTURE]
        near = -thick_tic * plan.detector_thickstep * plan.detector_mu
        far = -(thick_tic + 1) * plan.detector_thickstep * plan.detector_mu
        for i in range(work.shape[1]):
            slant = 1.0 / product(odet_line, pixel_terms, i)
            usual = LOWEST_ARGUMENT < far * slant <= 0.0 and abs(slant) < LONGEST
            store(captures, i, exponential(near * slant) - exponential(far * slant) if usual else math.nan)

    return capture_fractions


def not_vanishing(factor):
    """A polarisation factor; nan where rounding leaves too few digits of it, or all of a 0, which stands for "not yet known"
    in the program."""
    return factor if abs(factor) > VANISHING else math.nan


@cache  # shared by kernels, a part is compiled once
def build_polarization_factors(product):
    def polarization_factors(plan, along_E, along_B, along_beam, in_plane, pixel_terms, work):
        """POLAR where it is needed (a pixel kept, its factor not yet known or renewed)."""
        full_vector_width()
        polars, kepts = work[POLAR], work[KEPT]
        kahn_factor = plan.polarization
        always, keep_all = is_renewed(plan.oversample_polar), plan.keep_water_beyond_dmin
        for i in range(work.shape[1]):
            cos2theta, E, B = (
                product(along_beam, pixel_terms, i),
                product(along_E, pixel_terms, i),
                product(along_B, pixel_terms, i),
            )
            factor = not_vanishing(kahn_polarization(cos2theta, E, B, kahn_factor, in_plane))
            known = load(polars, i)
            renewed = (always or known == 0.0) and (keep_all or load(kepts, i) != 0.0)
            store(polars, i, factor if renewed else known)

    return polarization_factors
