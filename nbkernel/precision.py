"""How a run is computed to keep what its precision promises (`engine.PRECISIONS`)."""

import math

import numpy as np

from nbkernel.kernels.constants import GAUSS, R_E_SQR, ROUND, SQUARE, TOPHAT
from nbkernel.kernels.plan import Doubt
from nbkernel.kernels.row_phases import FLUSH, LARGEST_INDEX

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
# error of an index from which too many pixels would be in doubt
COARSE = 1e-9
# offset from a whole index from which products of three float32 sines are normal numbers
SMALLEST = 2.0**-60
# pixels, from a sub-pixel's middle
MIDDLE = 1e-6
# pixels that a whole panel has
FEW = 4
# turns from a zero of the lattice factor, within which a step is taken to be dark
DARK = 0.05
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
    """Distance (m) of the flat panel's point nearest to the sample, and a bound on the terms that positions are summed of."""
    size = np.array([tile.fast_stop, tile.slow_stop]) * tile.pixel_size
    foot = np.clip([-(tile.pix0 @ tile.fdet), -(tile.pix0 @ tile.sdet)], 0.0, size)
    nearest = tile.pix0 + foot[0] * tile.fdet + foot[1] * tile.sdet
    return math.sqrt(float(nearest @ nearest)), math.sqrt(float(tile.pix0 @ tile.pix0)) + float(size.sum()) + plan.detector_thick


@np.errstate(all="ignore")
def touches_sample(plan, tile):
    """Whether some pixel is so near to the sample that its direction and solid angle are made of rounding errors: then the
    whole panel is the exact engine's."""
    nearest, reach = nearest_and_reach(plan, tile)
    return not tile.curved_detector and not nearest > TOUCHING * reach


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
    if plan.running_thick or plan.running_polar or plan.running_omega:
        return True
    cells = plan.Na * plan.Nb * plan.Nc
    # F_latt^2 is 2^-times; least of all indices that are half a cell away along one axis
    times = 2.0 / 0.63 * plan.fudge / math.log(2.0) * cells * cells * 0.25 / np.diag(np.linalg.inv(form)).max()
    nearest, _ = nearest_and_reach(plan, tile)
    F_cell = max(float(plan.Fhkl.max(initial=0.0)), -float(plan.Fhkl.min(initial=0.0)), abs(plan.default_F))
    omega = (1.0 if tile.point_pixel else tile.pixel_size**2) / np.float64(nearest) ** 2
    brightest = F_cell**2 * cells * cells * R_E_SQR * plan.fluence * np.abs(plan.source_weight).max() * omega
    return not np.log2(brightest) - times < SMALLEST_POWER


def all_dark(plan, tile):
    """Whether there is a place, on a flat panel, where each pixel is next to a zero of a parallelepiped's lattice factor in
    all its steps: then nothing is left but last digits, and there is no brighter neighbour to hold them against. Of very
    few pixels that is taken for granted.

    Along an axis of an aligned crystal N times the index may change by a whole number from pixel to pixel, and go on to do
    so where 1/airpath hardly changes: around the direct beam, and the panel's point nearest to the sample. Steps are looked
    at in the middle and at both ends of phi steps, domains and sources.
    """
    cells = np.array([plan.Na, plan.Nb, plan.Nc])
    if plan.xtal_shape != SQUARE or tile.curved_detector or not (cells > 1.0).any():
        return False
    if tile.fast_stop * tile.slow_stop <= FEW:
        return True
    cells = np.where(cells > 1.0, cells, math.nan)
    slots, domains = some_of(plan.phi_slot), some_of(range(plan.orientation.shape[1]))
    vectors = np.concatenate([plan.orientation[slot, domain].reshape(3, 3) for slot in slots for domain in domains])
    dark = True
    directions = directions_at(plan, tile, still_places(plan, tile))
    for source in some_of(range(plan.source_lambda.size)):
        scattering = (directions - plan.source_incident[source]) / plan.source_lambda[source]
        turns = (scattering @ vectors.T).reshape(-1, 3, len(vectors) // 3, 3) * cells
        here = turns[:, 0]
        steps = np.array([here, turns[:, 1] - here, turns[:, 2] - here])
        bright = np.abs(here - cells * np.rint(here / cells)) < 0.5
        # by place and axis
        dark = dark & ((np.abs(steps - np.rint(steps)) < DARK).all(axis=0) & ~bright).all(axis=1)
        if not dark.any():
            return False
    return True


def some_of(values):
    """The first, the middle and the last."""
    return [values[i] for i in sorted({0, len(values) // 2, len(values) - 1})]


def still_points(plan, tile):
    """Where the flat panel's point nearest to the sample is, and (if it meets the panel's plane) the direct beam: (fast,
    slow) in pixels from the panel's corner."""
    towards, nearest = float(plan.source_incident[0] @ tile.odet), float(tile.pix0 @ tile.odet)
    points = [tile.odet * nearest]
    if towards * nearest > 0.0:
        points.append(plan.source_incident[0] * (nearest / towards))
    return [np.array([(point - tile.pix0) @ axis for axis in (tile.fdet, tile.sdet)]) / tile.pixel_size for point in points]


def still_places(plan, tile):
    """(fast, slow) of pixels a little beside these points, or where the panel is nearest to them."""
    last = [max(tile.fast_stop - 2.0, 0.0), max(tile.slow_stop - 2.0, 0.0)]
    return np.floor(np.minimum(np.maximum(np.array(still_points(plan, tile)) + 3.0, 0.0), last))


def beam_in_the_middle(plan, tile):
    """Whether the direct beam meets the middle of a sub-pixel."""
    middles = still_points(plan, tile)[-1] * plan.oversample - 0.5
    return bool((np.abs(middles - np.rint(middles)) < MIDDLE).all())


def directions_at(plan, tile, places):
    """(3 n, 3) unit vectors to the first sub-pixels of each of n places and of their next neighbours along fast and slow."""
    around = np.array([[0.0, 0.0], [1.0, 0.0], [0.0, 1.0]])
    Fdet, Sdet = ((places[:, None] + around + 0.5 / plan.oversample) * tile.pixel_size).reshape(-1, 2).T
    positions = tile.pix0 + np.outer(Fdet, tile.fdet) + np.outer(Sdet, tile.sdet)
    return positions / np.sqrt((positions * positions).sum(axis=1))[:, None]


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
def doubt(plan, single, own_operations, whole):
    """Where to ask the program's own operations, see kernels.doubt; single: in float32; own_operations: `as_program`; whole:
    the panel's Tile."""
    error = 0.0 if own_operations else index_error(plan, whole)
    half = error if error > 0.0 and takes_nearest(plan, whole) else 0.0
    if plan.xtal_shape != SQUARE:
        return Doubt(0.0, 0.0, half, largest_index(plan))
    return Doubt(NOISE_SINGLE if single else NOISE, SMALLEST + error if single else 0.0, half, largest_index(plan))


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
        and not all_dark(plan, whole)
        and (whole.curved_detector or index_error(plan, whole) < COARSE)
    )
