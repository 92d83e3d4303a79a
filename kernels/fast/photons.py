"""From the sums of a piece of a row to its pixels."""

import numpy as np

from nbkernel.kernels.numerics.vector_loops import full_vector_width, load, store
from nbkernel.kernels.physics.pixel import vector_at
from nbkernel.kernels.physics.vectors import cross_product, magnitude, unitize
from nbkernel.kernels.physics.weights import has_running_weights, has_step_weights

from .geometry import (
    INTENSITY,
    INVERSE_AIRPATH,
    NEAREST,
    direction_line_along_row,
    directions_along_row,
    kahn_polarization,
    not_vanishing,
    polarization_plane,
    solid_angle_of,
    solid_angle_scale,
)
from .steps import index_along_row
from .weights import has_captures, photons_per_step, without_tail

INFINITY = np.float32(np.inf)


def is_simple(plan, axis):
    """Whether (on a flat detector) sums are only to be multiplied by the solid angle and the polarisation factor of one
    sub-pixel, by the usual formulas."""
    usual = plan.polarization == 0.0 or magnitude(cross_product(axis, unitize(vector_at(plan.source_incident, 0)))) > 0.0
    once = plan.oversample == 1 and plan.detector_thicksteps == 1 and plan.dmin == 0.0
    whole = not (plan.nopolar or plan.oversample_omega or plan.oversample_polar)
    return usual and once and whole and not (has_running_weights(plan) or has_step_weights(plan) or has_captures(plan))


def nearest_in_float64(space, i):
    return load(space.work[NEAREST], i)


def nearest_in_float32(space, i):
    return np.float64(load(space.nearest, i))


def image_of(nearest_of):
    """(to_image, simple_to_image, comes_near) by where steps keep the offset that comes nearest to a whole index.

    Of a piece's pixels, the first two count those that need a closer look: not finite, or with a step so near to a whole
    index, or half way between two, that `doubt.is_doubtful` is to be asked.
    """

    def to_image(space, omegas, wanted, pixels, doubt):
        """Stores the photons of a piece in `pixels` (float32) where they are `wanted`, and adds `omegas` of those to
        space.omegas. pixels, wanted: the piece's own."""
        full_vector_width()
        photons, sums, limit = space.work[INTENSITY], space.omegas, nearest_limit(doubt)
        doubtful = 0
        for i in range(pixels.shape[0]):
            value = single_of(load(photons, i))
            doubtful += 1 if nearest_of(space, i) < limit or not abs(value) < INFINITY else 0
            store(pixels, i, value if wanted[i] else load(pixels, i))
            store(sums, i, load(sums, i) + (load(omegas, i) if wanted[i] else 0.0))
        return doubtful

    def multiplied_to_image_of(polarized):
        """polarized: whether there is a Kahn factor."""

        def multiplied_to_image(plan, tile, along_E, along_B, along_beam, space, pixels, doubt):
            full_vector_width()
            scale, limit, kahn_factor = photons_per_step(plan), nearest_limit(doubt), plan.polarization
            omega_scale, point_pixel = solid_angle_scale(tile), tile.point_pixel
            place, inverse_airpaths = directions_along_row(space.work), space.work[INVERSE_AIRPATH]
            sums, omega_sums = space.work[INTENSITY], space.omegas
            doubtful = 0
            for i in range(pixels.shape[0]):
                cos2theta = index_along_row(along_beam, place, i)
                if polarized:
                    E, B = index_along_row(along_E, place, i), index_along_row(along_B, place, i)
                    polar = not_vanishing(kahn_polarization(cos2theta, E, B, kahn_factor, True))
                else:
                    polar = kahn_polarization(cos2theta, 0.0, 0.0, 0.0, True)
                omega = solid_angle_of(load(inverse_airpaths, i), omega_scale, point_pixel)
                value = single_of(without_tail(load(sums, i)) * scale * polar * omega)
                doubtful += 1 if nearest_of(space, i) < limit or not abs(value) < INFINITY else 0
                store(pixels, i, value)
                store(omega_sums, i, load(omega_sums, i) + omega)
            return doubtful

        return multiplied_to_image

    polarized_to_image, unpolarized_to_image = multiplied_to_image_of(True), multiplied_to_image_of(False)

    def simple_to_image(plan, tile, row, axis, space, pixels, doubt):
        """`solid_angles`, `polarization_factors`, `finish` and `to_image` in one loop, for all pixels of a piece that is simple.
        row: its SubpixelRow."""
        incident = unitize(vector_at(plan.source_incident, 0))
        along_beam = direction_line_along_row(incident, row.origin, row.fdet)
        if plan.polarization == 0.0:
            return unpolarized_to_image(plan, tile, along_beam, along_beam, along_beam, space, pixels, doubt)
        E_in, B_in = polarization_plane(plan, incident, axis)
        along_E = direction_line_along_row(E_in, row.origin, row.fdet)
        along_B = direction_line_along_row(B_in, row.origin, row.fdet)
        return polarized_to_image(plan, tile, along_E, along_B, along_beam, space, pixels, doubt)

    def comes_near(space, i, doubt):
        return nearest_of(space, i) < nearest_limit(doubt)

    return to_image, simple_to_image, comes_near


def single_of(photons):
    # the program adds to an image of zeros: no negative zero
    return np.float32(0.0 + photons)


def nearest_limit(doubt):
    # the offset itself is known to 2^-32 or so
    limit = doubt.noise * doubt.largest_index + doubt.smallest + 2.0**-31
    # see `row_steps.closer_to_half`
    return max(limit * limit if doubt.noise > 0.0 else 0.0, doubt.half)


# by whether parallelepipeds are computed in float32
IMAGE_OF = {False: image_of(nearest_in_float64), True: image_of(nearest_in_float32)}
