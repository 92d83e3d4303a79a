"""How a run is computed to keep what its precision promises (`engine.PRECISIONS`)."""

import math

import numpy as np

from nbkernel.kernels.fast.phases import FLUSH, LARGEST_INDEX
from nbkernel.kernels.physics.constants import GAUSS, R_E_SQR, ROUND, SQUARE, TOPHAT
from nbkernel.kernels.physics.plan import RoundingLimit
from nbkernel.kernels.physics.weights import has_running_weights

from .still_places import all_dark, beam_in_the_middle

# largest index times cells along an edge for which indices along the row are good enough, in float64
SHARP = 5e4
# offset over index from which the program's rounding changes F_latt^2 by less than 2e-8 (a third of a float32's last
# digit), for mixed by less than 5e-7
NOISE, NOISE_SINGLE = 1.2e-8, 5e-10
# angle (radians) between pixels, from which 1e-15 of the largest index is less than 1e-10 of the index between them
FINE = 2e-5
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
SMALLEST = 2.0**-60
# the last bit of a float32 is 2^-149
SMALLEST_POWER = -150
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


def nearest_and_reach(plan, tile):
    """Distance (m) of the flat panel's point nearest to the sample, and a bound on the terms that positions are summed of.
    The panel's axes may have any angle between them, none included."""
    size = np.array([tile.fast_stop, tile.slow_stop]) * tile.pixel_size
    axes = (tile.fdet, tile.sdet)
    points = []
    for along, across, length, width in ((*axes, *size), (*axes[::-1], *size[::-1])):
        for edge in (0.0, width):
            corner = tile.pix0 + edge * across
            points.append(corner + np.clip(-(corner @ along) / (along @ along), 0.0, length) * along)
    # where a perpendicular meets the panel
    ff, ss, fs = tile.fdet @ tile.fdet, tile.sdet @ tile.sdet, tile.fdet @ tile.sdet
    f, s = -(tile.pix0 @ tile.fdet), -(tile.pix0 @ tile.sdet)
    foot = np.array([f * ss - s * fs, s * ff - f * fs]) / (ff * ss - fs * fs)
    if (foot >= 0.0).all() and (foot <= size).all():
        points.append(tile.pix0 + foot[0] * tile.fdet + foot[1] * tile.sdet)
    nearest = math.sqrt(float(np.min([point @ point for point in points])))
    return nearest, math.sqrt(float(tile.pix0 @ tile.pix0)) + float(size.sum()) + plan.detector_thick


@np.errstate(all="ignore")
def needs_exact(plan, tile):
    """Whether the panel, as a whole, is the exact engine's in every precision."""
    return touches_sample(plan, tile) or is_edge_on(tile) or fringes_are_noise(plan)


@np.errstate(all="ignore")
def touches_sample(plan, tile):
    """Whether some pixel is so near to the sample that its direction and solid angle are made of rounding errors."""
    nearest, reach = nearest_and_reach(plan, tile)
    return not tile.curved_detector and not nearest > TOUCHING * reach


def is_edge_on(tile):
    """Whether solid angles are nearly 0: they lose digits or not, as their factors are multiplied in this order or that."""
    return not tile.point_pixel and 0.0 < abs(tile.close_distance) < EDGE_ON


def fringes_are_noise(plan):
    """Whether an ellipsoid's fringes are so many, half way between two whole indices, that rounding moves them."""
    fringes = 0.5 * math.hypot(plan.Na, plan.Nb, plan.Nc) * math.sqrt(max(plan.fudge, 0.0))
    return plan.xtal_shape == ROUND and not fringes < MOST_FRINGES


def index_error(plan, tile):
    """Bound on the difference between an index along the row of a flat panel and the program's."""
    nearest, reach = nearest_and_reach(plan, tile)
    return largest_index(plan) * (DIRECTION_ERROR + POSITION_ERROR * reach / nearest if nearest > 0.0 else math.inf)


def takes_nearest(plan, tile):
    """Whether it counts which of two whole indices is taken half way between them."""
    if plan.xtal_shape in (SQUARE, ROUND):
        return plan.Fhkl.size > 0
    return plan.xtal_shape == GAUSS and spots_touch(plan, tile)


def spots_touch(plan, tile):
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
    nearest, _ = nearest_and_reach(plan, tile)
    F_cell = max(float(plan.Fhkl.max(initial=0.0)), -float(plan.Fhkl.min(initial=0.0)), abs(plan.default_F))
    omega = (1.0 if tile.point_pixel else tile.pixel_size**2) / np.float64(nearest) ** 2
    brightest = F_cell**2 * cells * cells * R_E_SQR * plan.fluence * np.abs(plan.source_weight).max() * omega
    return not np.log2(brightest) - times < SMALLEST_POWER


@np.errstate(all="ignore")  # of numbers beyond all range, comparisons are all that is asked
def as_program(plan, single, whole):
    """Whether fractional indices are to be computed by the program's own operations; single: in fixed-point phases; whole:
    the panel's Tile.

    Interpolated structure factors pass through zero with an index. There last digits show, unless they are very much less
    than the way to the next pixel and no pixel has the index 0 0 0; and where interpolation goes on beyond the table, at its
    edges. Loops that watch for indices half way between two whole ones are for parallelepipeds and ellipsoids.
    """
    if whole.curved_detector or plan.xtal_shape == TOPHAT:
        return True
    if plan.interpolate:
        if not (plan.interpolation_latch and pitch_angle(whole) > FINE) or beam_in_the_middle(plan, whole):
            return True
    watched = takes_nearest(plan, whole)
    if watched and (plan.xtal_shape == GAUSS or not index_error(plan, whole) < COARSE):
        return True
    if all_dark(plan, whole):
        return True
    sharp = sharpness(plan) * math.sqrt(max(plan.fudge, 1.0)) if plan.xtal_shape == ROUND else sharpness(plan)
    return not single and not sharp * largest_index(plan) < SHARP


@np.errstate(all="ignore")
def choose_rounding_limit(plan, single, own_operations, whole):
    """Where to ask the program's own operations, see kernels/fast/rounding.py; single: in float32; own_operations:
    `as_program`; whole: the panel's Tile."""
    error = 0.0 if own_operations else index_error(plan, whole)
    half = error if error > 0.0 and takes_nearest(plan, whole) else 0.0
    if plan.xtal_shape != SQUARE:
        return RoundingLimit(0.0, 0.0, half, largest_index(plan))
    return RoundingLimit(NOISE_SINGLE if single else NOISE, SMALLEST + error if single else 0.0, half, largest_index(plan))


@np.errstate(all="ignore")
def in_float32(plan, whole, places=None):
    """Whether `mixed` gains and keeps its promise by fixed-point phases and float32 on a panel, the Tile `whole`; else it
    computes in float64. places: of the Reflections."""
    return (
        plan.xtal_shape == SQUARE
        and largest_index(plan) < LARGEST_INDEX
        and max(plan.Na, plan.Nb, plan.Nc) <= LARGEST_COUNT
        and (plan.Na * plan.Nb * plan.Nc) ** 2 < LARGEST_SQUARE
        and all(float(N).is_integer() for N in (plan.Na, plan.Nb, plan.Nc))
        and bool(np.isfinite(plan.Fhkl if places is None else plan.Fhkl.reshape(-1)[places]).all())
        # a background below 0 leaves differences, of which float32 has too few digits
        and not plan.I_bg < 0.0
        and not all_dark(plan, whole)
        and (whole.curved_detector or index_error(plan, whole) < COARSE)
    )
