"""Where on a flat panel indices change by nearly equal steps from pixel to pixel, and whether only zeros are there.

plan: the RenderPlan; panel: the Tile of a complete panel.
"""

import math

import numpy as np

from nbkernel.kernels.physics.constants import SQUARE

# pixels, from a sub-pixel's middle
MIDDLE = 1e-6
# pixels of a panel that has very few
FEW = 4
# turns from a zero of the lattice factor, within which a step counts as dark
DARK = 0.05


def all_dark(plan, panel):
    """Whether a flat panel has a region in which each pixel is close to a zero of a parallelepiped's lattice factor in all
    its steps: then only last digits are left, without a brighter neighbour to compare them with. A panel of very few pixels
    is assumed to have one.

    Along an axis of an aligned crystal, N times the index may change by an integer from pixel to pixel, and continue to do
    so where 1/airpath hardly changes: around the direct beam and around the panel's point nearest to the sample. The first,
    the middle and the last of the phi steps, domains and sources are examined.
    """
    cells = np.array([plan.Na, plan.Nb, plan.Nc])
    if plan.xtal_shape != SQUARE or panel.curved_detector or not (cells > 1.0).any():
        return False
    if panel.fast_stop * panel.slow_stop <= FEW:
        return True
    cells = np.where(cells > 1.0, cells, math.nan)
    slots, domains = ends_and_middle(plan.phi_slot), ends_and_middle(range(plan.orientation.shape[1]))
    vectors = np.concatenate([plan.orientation[slot, domain].reshape(3, 3) for slot in slots for domain in domains])
    dark = True
    directions = directions_at(plan, panel, stationary_pixels(plan, panel))
    for source in ends_and_middle(range(plan.source_lambda.size)):
        scattering = (directions - plan.source_incident[source]) / plan.source_lambda[source]
        turns = (scattering @ vectors.T).reshape(-1, 3, len(vectors) // 3, 3) * cells
        here = turns[:, 0]
        steps = np.array([here, turns[:, 1] - here, turns[:, 2] - here])
        bright = np.abs(here - cells * np.rint(here / cells)) < 0.5
        # (pixels, axes)
        dark = dark & ((np.abs(steps - np.rint(steps)) < DARK).all(axis=0) & ~bright).all(axis=1)
        if not dark.any():
            return False
    return True


def ends_and_middle(values):
    """The first, the middle and the last of `values`."""
    return [values[i] for i in sorted({0, len(values) // 2, len(values) - 1})]


def stationary_points(plan, panel):
    """(fast, slow) in pixels from the panel's corner of the point of the panel's plane nearest to the sample and, if the
    direct beam meets the plane, of the direct beam."""
    towards, nearest = float(plan.source_incident[0] @ panel.odet), float(panel.pix0 @ panel.odet)
    points = [panel.odet * nearest]
    if towards * nearest > 0.0:
        points.append(plan.source_incident[0] * (nearest / towards))
    return [
        np.array([(point - panel.pix0) @ axis for axis in (panel.fdet, panel.sdet)]) / panel.pixel_size for point in points
    ]


def stationary_pixels(plan, panel):
    """(fast, slow) of pixels close to the `stationary_points`, within the panel."""
    last = [max(panel.fast_stop - 2.0, 0.0), max(panel.slow_stop - 2.0, 0.0)]
    return np.floor(np.minimum(np.maximum(np.array(stationary_points(plan, panel)) + 3.0, 0.0), last))


def beam_in_the_middle(plan, panel):
    """Whether the direct beam hits the centre of a sub-pixel."""
    middles = stationary_points(plan, panel)[-1] * plan.oversample - 0.5
    return bool((np.abs(middles - np.rint(middles)) < MIDDLE).all())


def directions_at(plan, panel, pixels):
    """(3 n, 3) unit vectors to the first sub-pixels of each of n pixels and of its next neighbours along fast and slow."""
    around = np.array([[0.0, 0.0], [1.0, 0.0], [0.0, 1.0]])
    Fdet, Sdet = ((pixels[:, None] + around + 0.5 / plan.oversample) * panel.pixel_size).reshape(-1, 2).T
    positions = panel.pix0 + np.outer(Fdet, panel.fdet) + np.outer(Sdet, panel.sdet)
    return positions / np.sqrt((positions * positions).sum(axis=1))[:, None]
