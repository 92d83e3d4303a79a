"""How a run is computed to keep what its precision promises (`engine.PRECISIONS`)."""

import math

import numpy as np

from nbkernel.kernels.constants import ROUND, SQUARE, TOPHAT
from nbkernel.kernels.plan import Doubt
from nbkernel.kernels.row_phases import FLUSH, LARGEST_INDEX

# largest index times cells along an edge for which indices along the row are good enough, in float64
SHARP = 5e4
# offset over index from which the program's rounding changes F_latt^2 by less than 2e-8 (a third of a float32's last
# digit), for mixed by less than 5e-7
NOISE, NOISE_SINGLE = 1.2e-8, 5e-10
# angle (radians) between pixels, from which 1e-15 of the largest index is less than 1e-10 of the index between them
FINE = 2e-5
# float32 sums of FLUSH steps stay finite
LARGEST_SQUARE = 1e36 / FLUSH
LARGEST_COUNT = 2**31 - 1


def largest_index(plan):
    """No index is larger: no scattering vector is longer than 2 / lambda. A dispersion of 200 % has a wavelength of 0."""
    longest_cell = math.sqrt(float((plan.orientation.reshape(-1, 3) ** 2).sum(axis=1).max()))
    shortest = float(np.abs(plan.source_lambda).min())
    return longest_cell * 2.0 / shortest if shortest > 0.0 else math.inf


def sharpness(plan):
    """N of the promise of `mixed`: cells along the longest edge; for spots the same in units of the shortest cell edge."""
    if plan.xtal_shape in (SQUARE, ROUND):
        return max(plan.Na, plan.Nb, plan.Nc)
    longest_star = math.sqrt(float((plan.recip.reshape(3, 3) ** 2).sum(axis=1).max()))
    return plan.Na * plan.Nb * plan.Nc * math.sqrt(max(plan.fudge, 0.0)) * longest_star


def pitch_angle(tile):
    """Smallest angle (radians) between neighbouring pixels of a flat panel, seen from the sample: at its farthest corner."""
    farthest = 0.0
    for fpixel in (0, tile.fast_stop):
        for spixel in (0, tile.slow_stop):
            corner = tile.pix0 + tile.pixel_size * (fpixel * tile.fdet + spixel * tile.sdet)
            farthest = max(farthest, float(corner @ corner))
    return tile.pixel_size * abs(tile.close_distance) / farthest


def as_program(plan, single, whole):
    """Whether fractional indices are to be computed by the program's own operations; single: in fixed-point phases; whole:
    the panel's Tile.

    Interpolated structure factors pass through zero with an index. There last digits show, unless they are very much less
    than the way to the next pixel; and where interpolation goes on beyond the table, at its edges.
    """
    if whole.curved_detector or plan.xtal_shape == TOPHAT:
        return True
    if plan.interpolate and not (plan.interpolation_latch and pitch_angle(whole) > FINE):
        return True
    return not single and not sharpness(plan) * largest_index(plan) < SHARP


def doubt(plan, single):
    """Where to ask the program's own operations, see kernels.doubt; single: in fixed-point phases."""
    if plan.xtal_shape != SQUARE:
        return Doubt(0.0, 0.0)
    return Doubt(NOISE_SINGLE if single else NOISE, largest_index(plan))


def in_float32(plan, places=None):
    """Whether `mixed` gains and keeps its promise by fixed-point phases and float32; else it computes in float64. places: of the
    Reflections."""
    return (
        plan.xtal_shape == SQUARE
        and largest_index(plan) < LARGEST_INDEX
        and max(plan.Na, plan.Nb, plan.Nc) <= LARGEST_COUNT
        and (plan.Na * plan.Nb * plan.Nc) ** 2 < LARGEST_SQUARE
        and all(float(N).is_integer() for N in (plan.Na, plan.Nb, plan.Nc))
        and bool(np.isfinite(plan.Fhkl if places is None else plan.Fhkl.reshape(-1)[places]).all())
    )
