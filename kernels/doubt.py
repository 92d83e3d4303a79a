"""Pixels in which nanoBragg.c's lattice factor of a parallelepiped is made of its rounding errors.

The program rounds N x, x = pi h, to about 1e-16 N x before it takes sin(N x)/sin(x). Next to a whole index, at an offset d,
the numerator is only pi N d: rounding changes the quotient by 1e-16 h/d of itself. Only the program's own operations round
alike.
"""

from .orientations import from_table
from .pixel import subpixel_position, vector_at
from .scattering import nearest_index, scattering_vector
from .vectors import dot_product, unitize


def near_whole(h, N, noise):
    return N > 1.0 and abs(h - nearest_index(h)) < noise * abs(h)


def noisy_of(vectors):
    """vectors: of `orientations`."""

    def is_noisy(plan, tile, spixel, fpixel, noise):
        """True where a step of the pixel has an index closer to a whole number than `noise` times itself."""
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
                                    near_whole(dot_product(a, scattering), plan.Na, noise)
                                    or near_whole(dot_product(b, scattering), plan.Nb, noise)
                                    or near_whole(dot_product(c, scattering), plan.Nc, noise)
                                ):
                                    return True
        return False

    return is_noisy


is_noisy = noisy_of(from_table)
