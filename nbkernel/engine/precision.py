"""How a run is computed to keep what its precision promises (`options.PRECISIONS`).

plan: the RenderPlan; panel: the Tile that is a whole panel; use_float32: whether steps are in float32, with phases in fixed
point. Bounds hold for rounding errors, not for the physics; comparisons are written so that a nan asks for the slower way.
"""

import math

import numpy as np

from nbkernel.kernels.fast.phases import FLUSH, LARGEST_INDEX
from nbkernel.kernels.physics.constants import GAUSS, R_E_SQR, ROUND, SQUARE, TOPHAT
from nbkernel.kernels.physics.plan import RoundingLimit
from nbkernel.kernels.physics.weights import has_running_weights

from .stationary import all_dark, beam_in_the_middle

# largest index times cells along an edge for which indices along the row are good enough, in float64
SHARP = 5e4
# offset over index from which the program's rounding changes F_latt^2 by less than 2e-8 (a third of a float32's last
# digit), for mixed by less than 5e-7
NOISE, NOISE_FLOAT32 = 1.2e-8, 5e-10
# angle (radians) between pixels, from which 1e-15 of the largest index is less than 1e-10 of the index between them
FINE_PITCH = 2e-5
# of an index, over the largest one: rounding of directions, and of positions over distances; doubled for safety
DIRECTION_ERROR, POSITION_ERROR = 2e-15, 1e-15
# share of a panel's reach, within which it touches the sample
TOUCHING = 1e-3
# close distance (m), above which no partial product of a solid angle has too few digits
EDGE_ON = 1e-200
# fringes from a whole index, up to which an error of 1e-15 of their number is within the promise of `double`: it matters
# where a step is both less than 6e-8 of its size known and more than 1e-9 of the largest beside it
MOST_FRINGES = 2e5
# error of an index from which too many pixels would be in doubt
COARSE = 1e-9
# offset from a whole index from which products of three float32 sines are normal numbers
SMALLEST_OFFSET = 2.0**-60
# the last bit of a float32 is 2^-149
SMALLEST_POWER = -150
# float32 sums of FLUSH steps stay finite
LARGEST_SQUARE = 1e36 / FLUSH
LARGEST_COUNT = 2**31 - 1


def largest_index(plan):
    """No Miller index is larger: no scattering vector is longer than 2 / lambda. inf where a wavelength is 0, as by a
    dispersion of 200 %."""
    longest_cell = math.sqrt(float((plan.orientation.reshape(-1, 3) ** 2).sum(axis=1).max()))
    shortest = float(np.abs(plan.source_lambda).min())
    return longest_cell * 2.0 / shortest if shortest > 0.0 else math.inf


def sharpness(plan):
    """N of the promise of `mixed`: cells along the crystal's longest edge; of Gaussian and tophat spots, the same in units
    of the shortest cell edge."""
    if plan.xtal_shape in (SQUARE, ROUND):
        return max(plan.Na, plan.Nb, plan.Nc)
    longest_star = math.sqrt(float((plan.recip.reshape(3, 3) ** 2).sum(axis=1).max()))
    return plan.Na * plan.Nb * plan.Nc * math.sqrt(max(plan.fudge, 0.0)) * longest_star


def pitch_angle(panel):
    """Smallest angle (radians) between neighbouring pixels of a flat panel, seen from the sample: at its farthest corner."""
    farthest = 0.0
    for fpixel in (0, panel.fast_stop):
        for spixel in (0, panel.slow_stop):
            corner = panel.pix0 + panel.pixel_size * (fpixel * panel.fdet + spixel * panel.sdet)
            farthest = max(farthest, float(corner @ corner))
    return panel.pixel_size * abs(panel.close_distance) / farthest


def nearest_and_reach(plan, panel):
    """(distance (m) of the flat panel's point nearest to the sample, bound (m) on the terms that positions are summed of).

    The panel's axes may have any angle between them, none included: then the panel is a line, and its edges tell.
    """
    size = np.array([panel.fast_stop, panel.slow_stop]) * panel.pixel_size
    axes = (panel.fdet, panel.sdet)
    points = []
    for along, across, length, width in ((*axes, *size), (*axes[::-1], *size[::-1])):
        for edge in (0.0, width):
            corner = panel.pix0 + edge * across
            points.append(corner + np.clip(-(corner @ along) / (along @ along), 0.0, length) * along)
    # where a perpendicular meets the panel
    ff, ss, fs = panel.fdet @ panel.fdet, panel.sdet @ panel.sdet, panel.fdet @ panel.sdet
    f, s = -(panel.pix0 @ panel.fdet), -(panel.pix0 @ panel.sdet)
    foot = np.array([f * ss - s * fs, s * ff - f * fs]) / (ff * ss - fs * fs)
    if (foot >= 0.0).all() and (foot <= size).all():
        points.append(panel.pix0 + foot[0] * panel.fdet + foot[1] * panel.sdet)
    nearest = math.sqrt(float(np.min([point @ point for point in points])))
    return nearest, math.sqrt(float(panel.pix0 @ panel.pix0)) + float(size.sum()) + plan.detector_thick


@np.errstate(all="ignore")
def needs_exact(plan, panel):
    """Whether the panel, as a whole, is the exact engine's in every precision."""
    return touches_sample(plan, panel) or is_edge_on(panel) or fringes_are_noise(plan)


@np.errstate(all="ignore")
def touches_sample(plan, panel):
    """Whether some pixel is so near to the sample that its direction and solid angle are made of rounding errors."""
    nearest, reach = nearest_and_reach(plan, panel)
    return not panel.curved_detector and not nearest > TOUCHING * reach


def is_edge_on(panel):
    """Whether solid angles are nearly 0: they lose digits or not, as their factors are multiplied in this order or that."""
    return not panel.point_pixel and 0.0 < abs(panel.close_distance) < EDGE_ON


def fringes_are_noise(plan):
    """Whether an ellipsoid's fringes are so many, half way between two whole indices, that rounding moves them."""
    fringes = 0.5 * math.hypot(plan.Na, plan.Nb, plan.Nc) * math.sqrt(max(plan.fudge, 0.0))
    return plan.xtal_shape == ROUND and not fringes < MOST_FRINGES


def index_error(plan, panel):
    """Bound on the difference between a fractional Miller index along the row of a flat panel and the program's."""
    nearest, reach = nearest_and_reach(plan, panel)
    return largest_index(plan) * (DIRECTION_ERROR + POSITION_ERROR * reach / nearest if nearest > 0.0 else math.inf)


def takes_nearest(plan, panel):
    """Whether it counts which of two whole indices is taken half way between them."""
    if plan.xtal_shape in (SQUARE, ROUND):
        return plan.Fhkl.size > 0
    return plan.xtal_shape == GAUSS and spots_touch(plan, panel)


def spots_touch(plan, panel):
    """Whether Gaussian spots leave anything half way to the next, where neighbours differ by F_cell or, in a cell with
    oblique angles, by the shape of the spot."""
    form = plan.recip.reshape(3, 3) @ plan.recip.reshape(3, 3).T
    lengths = np.sqrt(np.diag(form))
    oblique = np.abs(form / np.outer(lengths, lengths) - np.eye(3)).max() > 1e-12
    if plan.Fhkl.size == 0 and not oblique:
        return False
    if has_running_weights(plan):
        return True
    cells = plan.Na * plan.Nb * plan.Nc
    # F_latt^2 is 2^-times; least of all indices that are half a cell away along one axis
    times = 2.0 / 0.63 * plan.fudge / math.log(2.0) * cells * cells * 0.25 / np.diag(np.linalg.inv(form)).max()
    nearest, _ = nearest_and_reach(plan, panel)
    F_cell = max(float(plan.Fhkl.max(initial=0.0)), -float(plan.Fhkl.min(initial=0.0)), abs(plan.default_F))
    omega = (1.0 if panel.point_pixel else panel.pixel_size**2) / np.float64(nearest) ** 2
    brightest = F_cell**2 * cells * cells * R_E_SQR * plan.fluence * np.abs(plan.source_weight).max() * omega
    return not np.log2(brightest) - times < SMALLEST_POWER


@np.errstate(all="ignore")  # of numbers beyond all range, comparisons are all that is asked
def needs_own_operations(plan, use_float32, panel):
    """Whether fractional Miller indices are to be computed by the program's own operations.

    Interpolated structure factors pass through zero with an index. There last digits show, unless they are very much less
    than the way to the next pixel and no pixel has the index 0 0 0; and where interpolation goes on beyond the table, at its
    edges. Loops that watch for indices half way between two whole ones are for parallelepipeds and ellipsoids.
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
    """The RoundingLimit: pixels within it are the program's own operations', see kernels/fast/rounding.py.

    own_operations: whether fractional indices are by them already, see `needs_own_operations`.
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
    """Whether `mixed` gains by fixed-point phases and float32 on a panel, and keeps its promise; else it computes in
    float64.

    nonzero: positions in the flattened `plan.Fhkl` of all that is not 0, None where they are many.
    """
    return (
        plan.xtal_shape == SQUARE
        and largest_index(plan) < LARGEST_INDEX
        and max(plan.Na, plan.Nb, plan.Nc) <= LARGEST_COUNT
        and (plan.Na * plan.Nb * plan.Nc) ** 2 < LARGEST_SQUARE
        and all(float(N).is_integer() for N in (plan.Na, plan.Nb, plan.Nc))
        and bool(np.isfinite(plan.Fhkl if nonzero is None else plan.Fhkl.reshape(-1)[nonzero]).all())
        # a background below 0 leaves differences, of which float32 has too few digits
        and not plan.I_bg < 0.0
        and not all_dark(plan, panel)
        and (panel.curved_detector or index_error(plan, panel) < COARSE)
    )
