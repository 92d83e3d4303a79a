"""Pixels that only the program's own operations give.

* The program rounds N x, x = pi h, to about 1e-16 N x before it computes sin(N x)/sin(x). Next to an integer index, at an
  offset d, the numerator is only pi N d: rounding changes the quotient by 1e-16 h/d of itself. Only the program's own
  operations round in the same way.
* In float32 a product of three sines is not a normal number if offsets are as small as what rounding leaves of 0.
* Half way between two integer indices the last digit decides which structure factor is used.
"""

from nbkernel.kernels.physics.orientations import from_table
from nbkernel.kernels.physics.pixel import subpixel_position, vector_at
from nbkernel.kernels.physics.scattering import nearest_index, scattering_vector
from nbkernel.kernels.physics.vectors import dot_product, unitize


def index_may_be_rounding(h, N, rounding_limit):
    offset = abs(h - nearest_index(h))
    near_whole = offset < rounding_limit.offset or (N > 1.0 and offset < rounding_limit.relative_offset * abs(h))
    return near_whole or 0.5 - offset < rounding_limit.half_way


def build_may_be_rounding(vectors):
    """vectors: of `orientations`."""

    def may_be_rounding(plan, tile, spixel, fpixel, rounding_limit):
        """True if a step of the pixel has an index within the limits. rounding_limit: a plan.RoundingLimit."""
        for thick_tic in range(plan.detector_thicksteps):
            Odet = thick_tic * plan.detector_thickstep
            for subS in range(plan.oversample):
                for subF in range(plan.oversample):
                    diffracted = unitize(subpixel_position(tile, plan.oversample, spixel, fpixel, subS, subF, Odet))
                    for source in range(plan.source_lambda.shape[0]):
                        incident = vector_at(plan.source_incident, source)
                        scattering = scattering_vector(diffracted, incident, plan.source_lambda[source])
                        for phi_tic in range(plan.phi_slot.shape[0]):
                            for mos_tic in range(plan.mosaic_umats.shape[0]):
                                a, b, c = vectors(plan, plan.phi_slot[phi_tic], mos_tic)
                                if (
                                    index_may_be_rounding(dot_product(a, scattering), plan.Na, rounding_limit)
                                    or index_may_be_rounding(dot_product(b, scattering), plan.Nb, rounding_limit)
                                    or index_may_be_rounding(dot_product(c, scattering), plan.Nc, rounding_limit)
                                ):
                                    return True
        return False

    return may_be_rounding


may_be_rounding = build_may_be_rounding(from_table)
