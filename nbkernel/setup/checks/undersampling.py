"""Warnings about sub-pixels and phi steps that are far too few for the spots of a crystal, so that intensities are random.

The limits were measured, see docs/precisions.md: intensities are wrong by a few per cent if sub-pixels are 2/3 as wide as
spots, by a third at 1.3 times, by factors beyond; likewise for phi steps and rocking curves, at 1.2 and 2.4 times. Phi
steps do not make up for too few sub-pixels, since they move all spots in one direction; mosaic domains and sources do if
many of them contribute to a spot.
"""

import math

import numpy as np

from nbkernel.kernels.physics.constants import RTD
from nbkernel.kernels.physics.vectors import magnitude, unitize, vector_scale
from nbkernel.setup.orientations.domains import has_own_domains
from nbkernel.setup.panels import sampled_distance
from nbkernel.setup.sampling import recommended_oversample

SUBPIXEL_PER_SPOT = 1.5
STEP_PER_ROCKING_WIDTH = 2.0
# samples of all mosaic domains and sources within one spot, from which on the errors average out
ENOUGH_HITS = 10.0
# lengths in spot widths from which on a recommendation is useless
ABSURD = 1e9


def undersampling_remarks(runs):
    """Warnings about far too few sub-pixels and phi steps in Prepared panels."""
    yield from subpixel_remarks(runs)
    yield from phi_step_remarks(runs)


def subpixel_remarks(runs):
    """A warning if -oversample makes sub-pixels much wider than spots, with too few domains and sources to average that
    out."""
    prepared = runs[0]
    size, given = max(prepared.crystal.size), prepared.plan.oversample
    if not prepared.experiment.oversample:
        return
    # spots are wavelength x distance / size wide at normal incidence on the detector
    per_pixel = [run.wavelength * sampled_distance(run.experiment, run.detector) / run.detector.pixel_size for run in runs]
    subpixel_width = size / min(per_pixel) / given if min(per_pixel) > 0.0 else math.inf  # in spot widths
    if not SUBPIXEL_PER_SPOT < subpixel_width < ABSURD:
        return
    domains, sources = prepared.plan.orientation.shape[1], len(prepared.plan.source_lambda)
    domain_spread = max(1.0, size * spread(prepared) * half_longest_s(runs))  # in spot widths
    hits = domains * sources / (subpixel_width * subpixel_width * domain_spread)
    if hits < ENOUGH_HITS:
        yield (
            f"-oversample {given}: spots of a crystal this large are {subpixel_width:.2g} times narrower than a sub-pixel, "
            "so that their intensities are random; the automatic choice is "
            f"{max(recommended_oversample(size, each) for each in per_pixel)}"
        )


def phi_step_remarks(runs):
    """A warning if phi steps are much wider than rocking curves, whose width is the sum of those of the shape transform,
    the mosaic spread and the sources' divergence."""
    prepared = runs[0]
    steps, osc = len(prepared.plan.phi_slot), prepared.osc
    if osc <= 0.0:
        return
    shape = max(prepared.crystal.size) * half_longest_s(runs)
    if not 0.0 < shape < ABSURD:
        return
    others = spread(prepared) + source_spread(prepared)
    if osc / steps > STEP_PER_ROCKING_WIDTH * (1.0 / shape + others):
        narrowest = 0.5 / shape + others
        yield (
            f"-phisteps: {steps} in {osc * RTD:g} degrees are too few for rocking curves as narrow as {narrowest * RTD:.2g} "
            f"degrees, so that intensities are random; {math.ceil(osc / narrowest)} steps would resolve them"
        )


def spread(prepared):
    """Mosaic spread (radians); 0 with a single domain."""
    if prepared.plan.orientation.shape[1] == 1:
        return 0.0
    if not has_own_domains(prepared.experiment):
        return (prepared.experiment.mosaic_spread or 0.0) / RTD
    cells = prepared.plan.orientation[0].reshape(-1, 3, 3)
    mean = cells.mean(axis=0)
    return float((np.linalg.norm(cells - mean, axis=2) / np.linalg.norm(mean, axis=1)).max())


def source_spread(prepared):
    """Angle (radians) between the first source and the one farthest from it."""
    incident = prepared.plan.source_incident
    return float(np.linalg.norm(incident - incident[0], axis=1).max())


def half_longest_s(runs):
    """Half the length (1/m) of the longest scattering vector to a corner of the detector; 0 if all corners are at the
    sample, inf for a wavelength of 0."""
    seen = (math.dist(unitize(corner), run.detector.beam_vector) for run in runs for corner in corners(run.detector))
    return max(seen, default=0.0) / (2.0 * runs[0].wavelength) if runs[0].wavelength != 0.0 else math.inf


def corners(detector):
    """Positions (m) of a panel's four corners, except one at the sample."""
    edges = (vector_scale(detector.fdet_vector, detector.detsize_f), vector_scale(detector.sdet_vector, detector.detsize_s))
    for f in (0, 1):
        for s in (0, 1):
            corner = tuple(p + f * a + s * b for p, a, b in zip(detector.pix0_vector, *edges, strict=True))
            if magnitude(corner) > 0.0:
                yield corner
