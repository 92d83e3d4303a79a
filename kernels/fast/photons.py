"""From the sums of a segment of a row to its pixels."""

import numpy as np

from nbkernel.kernels.numerics.vector_loops import full_vector_width, load, store
from nbkernel.kernels.physics.pixel import vector_at
from nbkernel.kernels.physics.polarization import kahn_polarization, polarization_plane
from nbkernel.kernels.physics.vectors import cross_product, magnitude, unitize
from nbkernel.kernels.physics.weights import weighs_final_sum_only

from .along_row import direction_line, directions, product
from .geometry import (
    INTENSITY,
    INVERSE_AIRPATH,
    NEAREST,
    not_vanishing,
    solid_angle_of,
    solid_angle_scale,
)
from .weights import has_captures, photons_per_step, without_tail

INFINITY = np.float32(np.inf)


def run_is_simple(plan, axis):
    """Whether (on a flat detector) sums only have to be multiplied by the solid angle and the polarisation factor of one
    sub-pixel, by the usual formulas."""
    usual = plan.polarization == 0.0 or magnitude(cross_product(axis, unitize(vector_at(plan.source_incident, 0)))) > 0.0
    once = plan.oversample == 1 and plan.detector_thicksteps == 1 and plan.dmin == 0.0
    return usual and once and not plan.nopolar and weighs_final_sum_only(plan) and not has_captures(plan)


def nearest_in_float64(workspace, i):
    return load(workspace.work[NEAREST], i)


def nearest_in_float32(workspace, i):
    return np.float64(load(workspace.nearest, i))


def build_to_image(nearest_of):
    """(to_image, simple_to_image, is_near_limit) by where steps keep the smallest offset from an integer index.

    Of a segment's pixels, the first two count those that need a closer look: not finite, or with a step so close to an
    integer index, or to half way between two, that `rounding.may_be_rounding` has to decide.
    """

    def to_image(workspace, omegas, wanted, pixels, rounding_limit):
        """Stores the photons of a segment in `pixels` (float32) where they are `wanted`, and adds `omegas` of those to
        workspace.omegas. pixels, wanted: the segment's own."""
        full_vector_width()
        photons, sums, limit = workspace.work[INTENSITY], workspace.omegas, nearest_limit(rounding_limit)
        suspects = 0
        for i in range(pixels.shape[0]):
            value = as_float32(load(photons, i))
            suspects += 1 if nearest_of(workspace, i) < limit or not abs(value) < INFINITY else 0
            store(pixels, i, value if wanted[i] else load(pixels, i))
            store(sums, i, load(sums, i) + (load(omegas, i) if wanted[i] else 0.0))
        return suspects

    def build_multiplied_to_image(polarized):
        """polarized: whether there is a Kahn factor."""

        def multiplied_to_image(plan, tile, along_E, along_B, along_beam, workspace, pixels, rounding_limit):
            full_vector_width()
            scale, limit, kahn_factor = photons_per_step(plan), nearest_limit(rounding_limit), plan.polarization
            omega_scale, point_pixel = solid_angle_scale(tile), tile.point_pixel
            pixel_terms, inverse_airpaths = directions(workspace.work), workspace.work[INVERSE_AIRPATH]
            sums, omega_sums = workspace.work[INTENSITY], workspace.omegas
            suspects = 0
            for i in range(pixels.shape[0]):
                cos2theta = product(along_beam, pixel_terms, i)
                if polarized:
                    E, B = product(along_E, pixel_terms, i), product(along_B, pixel_terms, i)
                    polar = not_vanishing(kahn_polarization(cos2theta, E, B, kahn_factor, True))
                else:
                    polar = kahn_polarization(cos2theta, 0.0, 0.0, 0.0, True)
                omega = solid_angle_of(load(inverse_airpaths, i), omega_scale, point_pixel)
                value = as_float32(without_tail(load(sums, i)) * scale * polar * omega)
                suspects += 1 if nearest_of(workspace, i) < limit or not abs(value) < INFINITY else 0
                store(pixels, i, value)
                store(omega_sums, i, load(omega_sums, i) + omega)
            return suspects

        return multiplied_to_image

    polarized_to_image, unpolarized_to_image = build_multiplied_to_image(True), build_multiplied_to_image(False)

    def simple_to_image(plan, tile, row, axis, workspace, pixels, rounding_limit):
        """`solid_angles`, `polarization_factors`, `finish` and `to_image` in one loop, for all pixels of a segment that is
        simple. row: its SubpixelRow."""
        incident = unitize(vector_at(plan.source_incident, 0))
        along_beam = direction_line(incident, row.origin, row.fdet)
        if plan.polarization == 0.0:
            return unpolarized_to_image(plan, tile, along_beam, along_beam, along_beam, workspace, pixels, rounding_limit)
        E_in, B_in = polarization_plane(incident, axis)
        along_E = direction_line(E_in, row.origin, row.fdet)
        along_B = direction_line(B_in, row.origin, row.fdet)
        return polarized_to_image(plan, tile, along_E, along_B, along_beam, workspace, pixels, rounding_limit)

    def is_near_limit(workspace, i, rounding_limit):
        return nearest_of(workspace, i) < nearest_limit(rounding_limit)

    return to_image, simple_to_image, is_near_limit


def as_float32(photons):
    # the program adds to an image of zeros: no negative zero
    return np.float32(0.0 + photons)


def nearest_limit(rounding_limit):
    # the offset itself is known to 2^-32 or so
    limit = rounding_limit.relative_offset * rounding_limit.largest_index + rounding_limit.offset + 2.0**-31
    # see `steps.closer_to_half`
    return max(limit * limit if rounding_limit.relative_offset > 0.0 else 0.0, rounding_limit.half_way)


# by whether parallelepipeds are computed in float32
TO_IMAGE = {False: build_to_image(nearest_in_float64), True: build_to_image(nearest_in_float32)}
