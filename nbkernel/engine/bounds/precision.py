"""How a run is computed so that it keeps the promise of its precision (`options.PRECISIONS`).

plan: the RenderPlan; panel: the Tile of a complete panel; use_float32: whether steps are in float32, with phases in fixed
point. Bounds are for rounding errors, not for the physics; comparisons are written so that a nan selects the slower way.
"""

import functools
import math

import numpy as np

from nbkernel.kernels.fast.phases import FLUSH, LARGEST_INDEX
from nbkernel.kernels.physics.constants import GAUSS, R_E_SQR, ROUND, SQUARE, TOPHAT
from nbkernel.kernels.physics.weights import has_running_weights
from nbkernel.kernels.plan import RoundingLimit

from .stationary import all_dark, beam_in_the_middle
from .structure_factors import is_finite, largest_F

# largest index times cells along an edge for which indices along the row are accurate enough, in float64
SHARP = 5e4
# offset divided by index, from which on the program's rounding changes F_latt^2 by less than 2e-8 (a third of a float32's
# last digit), for mixed by less than 5e-7
NOISE, NOISE_FLOAT32 = 1.2e-8, 5e-10
# angle (radians) between pixels, above which 1e-15 of the largest index is less than 1e-10 of the index between them
FINE_PITCH = 2e-5
# errors of an index divided by the largest index, from directions and from positions over distances; doubled for safety
DIRECTION_ERROR, POSITION_ERROR = 2e-15, 1e-15
# a panel touches the sample if it is closer than this share of its reach
TOUCHING = 1e-3
# close distance (m), above which no partial product of a solid angle has too few digits
EDGE_ON = 1e-200
# fringes from an integer index, up to which an error of 1e-15 of their number is within the promise of `double`: it matters
# if a step is less accurate than 6e-8 of its size, and larger than 1e-9 of the largest next to it
MOST_FRINGES = 2e5
# error of an index, from which on too many pixels would be in doubt
COARSE = 1e-9
# offset from an integer index, from which on products of three float32 sines are normal numbers
SMALLEST_OFFSET = 2.0**-60
# the last bit of a float32 is 2^-149
SMALLEST_POWER = -150
# float32 sums of FLUSH steps stay finite
LARGEST_SQUARE = 1e36 / FLUSH
LARGEST_COUNT = 2**31 - 1


def largest_index(plan):
    """Bound on Miller indices, as no scattering vector is longer than 2 / lambda. inf if a wavelength is 0, as with a
    dispersion of 200 %."""
    vectors = plan.orientation.reshape(-1, 3)
    longest_cell = math.sqrt(float(np.einsum("ij,ij->i", vectors, vectors).max()))
    shortest = float(np.abs(plan.source_lambda).min())
    return longest_cell * 2.0 / shortest if shortest > 0.0 else math.inf


def sharpness(plan):
    """N in the promise of `mixed`: cells along the crystal's longest edge; for Gaussian and tophat spots, the crystal's size
    in units of the shortest cell edge."""
    if plan.xtal_shape in (SQUARE, ROUND):
        return max(plan.Na, plan.Nb, plan.Nc)
    longest_star = math.sqrt(float((plan.spot_axes.reshape(3, 3) ** 2).sum(axis=1).max()))
    return plan.Na * plan.Nb * plan.Nc * math.sqrt(max(plan.fudge, 0.0)) * longest_star


def pitch_angle(panel):
    """Smallest angle (radians) between neighbouring pixels of a flat panel, seen from the sample: that at the farthest
    corner."""
    farthest = 0.0
    for fpixel in (0, panel.fast_stop):
        for spixel in (0, panel.slow_stop):
            corner = panel.pix0 + panel.pixel_size * (fpixel * panel.fdet + spixel * panel.sdet)
            farthest = max(farthest, float(corner @ corner))
    return panel.pixel_size * abs(panel.close_distance) / farthest


def nearest_and_reach(plan, panel):
    """(distance (m) from the sample to the nearest point of the flat panel, bound (m) on the terms that add up to a pixel's
    position).

    The angle between the panel's axes is arbitrary; at 0 the panel is a line, and its edges determine the distance.
    """
    vectors = (tuple(vector.tolist()) for vector in (panel.pix0, panel.fdet, panel.sdet))
    nearest, farthest = nearest_and_farthest(*vectors, panel.fast_stop, panel.slow_stop, panel.pixel_size)
    return nearest, farthest + plan.detector_thick


@functools.lru_cache(maxsize=1024)
def nearest_and_farthest(pix0, fdet, sdet, fpixels, spixels, pixel_size):
    """(distance (m) from the sample to the nearest point of a flat panel, bound (m) on that to any point). The same for all
    images of a series."""
    pix0, fdet, sdet = map(np.array, (pix0, fdet, sdet))
    size = np.array([fpixels, spixels]) * pixel_size
    axes = (fdet, sdet)
    points = []
    for along, across, length, width in ((*axes, *size), (*axes[::-1], *size[::-1])):
        for edge in (0.0, width):
            corner = pix0 + edge * across
            points.append(corner + np.clip(-(corner @ along) / (along @ along), 0.0, length) * along)
    # foot of the perpendicular from the sample
    ff, ss, fs = fdet @ fdet, sdet @ sdet, fdet @ sdet
    f, s = -(pix0 @ fdet), -(pix0 @ sdet)
    foot = np.array([f * ss - s * fs, s * ff - f * fs]) / (ff * ss - fs * fs)
    if (foot >= 0.0).all() and (foot <= size).all():
        points.append(pix0 + foot[0] * fdet + foot[1] * sdet)
    nearest = math.sqrt(float(np.min([point @ point for point in points])))
    return nearest, math.sqrt(float(pix0 @ pix0)) + float(size.sum())


@np.errstate(all="ignore")
def needs_exact(plan, panel):
    """Whether the exact engine has to render the panel in every precision."""
    return touches_sample(plan, panel) or is_edge_on(panel) or fringes_are_noise(plan)


@np.errstate(all="ignore")
def touches_sample(plan, panel):
    """Whether some pixel is so close to the sample that rounding errors dominate its direction and solid angle."""
    nearest, reach = nearest_and_reach(plan, panel)
    return not panel.curved_detector and not nearest > TOUCHING * reach


def is_edge_on(panel):
    """Whether solid angles are so small that the order in which their factors are multiplied decides how many digits are
    lost."""
    return not panel.point_pixel and 0.0 < abs(panel.close_distance) < EDGE_ON


def fringes_are_noise(plan):
    """Whether an ellipsoid has so many fringes between two integer indices that rounding shifts them."""
    fringes = 0.5 * math.hypot(plan.Na, plan.Nb, plan.Nc) * math.sqrt(max(plan.fudge, 0.0))
    return plan.xtal_shape == ROUND and not fringes < MOST_FRINGES


def index_error(plan, panel):
    """Bound on the difference between a fractional Miller index along the row of a flat panel and the program's."""
    nearest, reach = nearest_and_reach(plan, panel)
    return largest_index(plan) * (DIRECTION_ERROR + POSITION_ERROR * reach / nearest if nearest > 0.0 else math.inf)


def takes_nearest(plan, panel):
    """Whether it matters which of two integers an index half way between them is rounded to."""
    if plan.xtal_shape in (SQUARE, ROUND):
        return plan.Fhkl.size > 0
    return plan.xtal_shape == GAUSS and spots_touch(plan, panel)


def spots_touch(plan, panel):
    """Whether Gaussian spots have any intensity half way to the next spot, which differs in F_cell or, in a cell with
    oblique angles, in the shape of the spot."""
    form = plan.spot_axes.reshape(3, 3) @ plan.spot_axes.reshape(3, 3).T
    lengths = np.sqrt(np.diag(form))
    oblique = np.abs(form / np.outer(lengths, lengths) - np.eye(3)).max() > 1e-12
    if plan.Fhkl.size == 0 and not oblique:
        return False
    if has_running_weights(plan):
        return True
    cells = plan.Na * plan.Nb * plan.Nc
    # F_latt^2 is at most 2^-times, relative to its peak, at indices that are half a cell away along some axis
    times = 2.0 / 0.63 * plan.fudge / math.log(2.0) * cells * cells * 0.25 / np.diag(np.linalg.inv(form)).max()
    return not np.log2(brightest_spot(plan, panel)) - times < SMALLEST_POWER


def brightest_spot(plan, panel):
    """Photons of a pixel, all of whose steps have F_latt = Na Nb Nc and the largest F_cell: about the most there are."""
    cells = plan.Na * plan.Nb * plan.Nc
    nearest = abs(panel.distance) if panel.curved_detector else nearest_and_reach(plan, panel)[0]
    # numpy's numbers become infinite where Python's raise an exception
    F_cell = np.float64(max(largest_F(plan.Fhkl), abs(plan.default_F)))
    omega = (1.0 if panel.point_pixel else np.float64(panel.pixel_size) ** 2) / np.float64(nearest) ** 2
    return F_cell**2 * cells * cells * R_E_SQR * plan.fluence * np.abs(plan.source_weight).max() * omega


@np.errstate(all="ignore")  # numbers that overflow are only compared
def needs_own_operations(plan, use_float32, panel):
    """Whether fractional Miller indices have to be computed with the program's own operations.

    Interpolated structure factors can pass through zero where an index does. There last digits are visible, unless they are
    much smaller than the difference to the next pixel and no pixel has the index 0 0 0; likewise at the edges of the table,
    if interpolation continues beyond it. Only the loops for parallelepipeds and ellipsoids detect indices half way between
    two integers.
    """
    if panel.curved_detector or plan.xtal_shape == TOPHAT:
        return True
    if plan.interpolate:
        if not (plan.interpolation_latch and pitch_angle(panel) > FINE_PITCH) or beam_in_the_middle(plan, panel):
            return True
    track_nearest = takes_nearest(plan, panel)
    if track_nearest and (plan.xtal_shape == GAUSS or not index_error(plan, panel) < COARSE):
        return True
    if all_dark(plan, panel):
        return True
    sharp = sharpness(plan) * math.sqrt(max(plan.fudge, 1.0)) if plan.xtal_shape == ROUND else sharpness(plan)
    return not use_float32 and not sharp * largest_index(plan) < SHARP


@np.errstate(all="ignore")
def choose_rounding_limit(plan, use_float32, own_operations, panel):
    """The RoundingLimit: pixels within it need the program's own operations, see kernels/rounding.py.

    own_operations: whether fractional indices are already computed with them, see `needs_own_operations`.
    """
    error = 0.0 if own_operations else index_error(plan, panel)
    half = error if error > 0.0 and takes_nearest(plan, panel) else 0.0
    if plan.xtal_shape != SQUARE:
        return RoundingLimit(0.0, 0.0, half, largest_index(plan))
    return RoundingLimit(
        NOISE_FLOAT32 if use_float32 else NOISE, SMALLEST_OFFSET + error if use_float32 else 0.0, half, largest_index(plan)
    )


@np.errstate(all="ignore")
def can_use_float32(plan, panel, nonzero=None):
    """Whether `mixed` is faster with fixed-point phases and float32 on a panel, and keeps its promise; otherwise it computes
    in float64.

    nonzero: positions in the flattened `plan.Fhkl` of all values that are not 0, None if there are many.
    """
    return (
        plan.xtal_shape == SQUARE
        and largest_index(plan) < LARGEST_INDEX
        and max(plan.Na, plan.Nb, plan.Nc) <= LARGEST_COUNT
        and (plan.Na * plan.Nb * plan.Nc) ** 2 < LARGEST_SQUARE
        and all(float(N).is_integer() for N in (plan.Na, plan.Nb, plan.Nc))
        and is_finite(plan.Fhkl, nonzero)
        # a negative background gives differences, for which float32 has too few digits
        and not plan.I_bg < 0.0
        and not all_dark(plan, panel)
        and (panel.curved_detector or index_error(plan, panel) < COARSE)
    )
