"""Which Miller indices add something to a panel's pixels (`plan.Reach`): near whole ones, and with an F_cell.

What is left out is so little that no float32 shows it: less than 2^-25 of its smallest step, over all steps of a pixel.
plan: the RenderPlan; panel: the Tile that is a whole panel.
"""

import math
from functools import lru_cache

import numpy as np

from nbkernel.kernels.numerics.exponential import MOST_HALVINGS
from nbkernel.kernels.physics.constants import GAUSS, TOPHAT
from nbkernel.kernels.physics.reach import spread_of_block
from nbkernel.kernels.physics.weights import has_running_weights
from nbkernel.kernels.plan import Reach

from .precision import SMALLEST_POWER, brightest_spot, largest_index
from .stationary import ends_and_middle

# photons: bound on what is left out of a pixel
LEFT_OUT = 2.0 ** (SMALLEST_POWER - 25)
# for what the brightest pixel is taken to have of the solid angle: sensor layers may be nearer to the sample
SLACK = 2.0**5
# of an index: far more than rounding, far less than anything that counts
MARGIN = 1e-6
LARGEST_INDEX = 1e6  # above it rounding might come near MARGIN
# phi steps in one group may spread the orientations this many times as far as the domains do, ...
WIDER = 2.0
# ... or so far in any case (radians)
NARROW = 2e-4
MOST_GROUPS = 1024
# sizes of blocks of sources that are tried; in a smaller one the look at the block is not worth it
MOST_SOURCES = (8, 16, 32, 64, 128, 256)
# pixels along either edge, and groups, by which one size is chosen
SAMPLES, SAMPLED_GROUPS = 40, 8


@np.errstate(all="ignore")
def find_reach(plan, panel, use_float32):
    """The Reach. use_float32: whether steps are in float32, and summed over all orientations of a source."""
    offset = offsets(plan, panel)
    low, high = table_limits(plan)
    everything = not (offset < 0.5).any() and not np.isfinite(low).any()
    # in float32 it takes as long to look at a pixel as to add a step to it
    too_few = use_float32 and plan.phi_slot.size * plan.orientation.shape[1] == 1
    if everything or too_few or not can_leave_out(plan):
        whole_run = np.array([plan.phi_slot.size]), np.zeros((1, 1, 9)), np.zeros((1, 3))
        half = left_out = 0.0
        return Reach(False, *whole_run, *single_sources(plan.source_lambda.size), offset, low, high, half, left_out)
    margin = np.minimum(offset, 0.5) + MARGIN
    phi_stop, cell, spread = groups(plan, use_float32)
    single, half = single_sources(plan.source_lambda.size), 0.5 - MARGIN
    return Reach(True, phi_stop, cell, spread, *single, offset + MARGIN, low - margin, high + margin, half, LEFT_OUT)


def can_leave_out(plan):
    """Whether a step may be left out that adds nothing."""
    steps = not plan.interpolate and not has_running_weights(plan) and plan.F_latt_is_finite
    absorbs = plan.detector_thick == 0.0 or plan.detector_mu >= 0.0
    return steps and absorbs and largest_index(plan) < LARGEST_INDEX


def offsets(plan, panel):
    """(3,) offsets of h, k, l from whole indices from which F_latt is too small; inf where it never is."""
    if plan.xtal_shape not in (GAUSS, TOPHAT):
        return np.full(3, math.inf)
    # rad_star_sqr, see `lattice_factor`, is less than this
    if plan.xtal_shape == TOPHAT:
        largest = 0.3969 / plan.fudge if plan.fudge > 0.0 else math.inf
    else:
        halvings = np.log2(brightest_pixel(plan, panel) * SLACK / LEFT_OUT)
        usual = halvings < MOST_HALVINGS and plan.fudge > 0.0
        largest = max(halvings, 0.0) * math.log(2.0) * 0.63 / (2.0 * plan.fudge) if usual else math.inf
    stars = plan.spot_axes.reshape(3, 3)
    cells = np.float64(plan.Na * plan.Nb * plan.Nc)
    try:
        widest = np.diag(np.linalg.inv(stars @ stars.T))
    except np.linalg.LinAlgError:  # reciprocal vectors in a plane
        return np.full(3, math.inf)
    found = np.sqrt(largest / cells**2 * widest) * (1.0 + MARGIN)
    return np.where(found >= 0.0, found, math.inf)


def brightest_pixel(plan, panel):
    """Bound on a pixel's photons, with the factors that may multiply them."""
    polar = 1.0 if plan.nopolar else 1.0 + abs(plan.polarization)
    return brightest_spot(plan, panel) * polar * plan.detector_thicksteps


def table_limits(plan):
    """(least, largest) h, k, l, (3,) each, that may have an F_cell."""
    if plan.Fhkl.size == 0 or plan.default_F != 0.0:
        return np.full(3, -math.inf), np.full(3, math.inf)
    low = np.array([plan.h_min, plan.k_min, plan.l_min], float)
    return low, low + np.array(plan.Fhkl.shape) - 1.0


def groups(plan, use_float32):
    """phi_stop, cell, spread: see Reach."""
    steps = plan.phi_slot.size
    widest = math.inf
    if steps > 1 and not use_float32:
        alone = [mean_and_spread(plan, step, step + 1) for step in ends_and_middle(range(steps))]
        length = max(np.sqrt((cell.reshape(3, 3) ** 2).sum(axis=1)).max() for cell, _ in alone)
        widest = WIDER * max(spread.max() for _, spread in alone) + NARROW * length
    found = narrow_groups(plan, 0, steps, widest, -(-steps // MOST_GROUPS))
    return (
        np.array([stop for stop, _, _ in found], np.int64),
        np.array([[cell] for _, cell, _ in found]),
        np.array([spread for _, _, spread in found]),
    )


@lru_cache(maxsize=4)  # the same arrays for all panels: a device gets them once
def single_sources(sources):
    """longest, source_stop, middle, stretch (see Reach) with each source on its own: the first is not used."""
    number = np.arange(sources)
    return np.zeros((1, 3)), number + 1, number, np.zeros(sources)


@np.errstate(all="ignore")
def with_blocks_of_sources(reach, plan, region):
    """The Reach with those blocks of sources that are likely to take least time: for each block all pixels are looked at,
    and then for each of its sources those that the block may add something to. region: the Tile that is rendered."""
    best, blocks = float(plan.source_lambda.size), None
    if not reach.is_limited or best < MOST_SOURCES[0]:
        return reach
    reach = reach._replace(longest=np.sqrt((reach.cell.reshape(-1, 3, 3) ** 2).sum(axis=2)) * (1.0 + MARGIN))
    for most in MOST_SOURCES:
        starts, stops, stretches = blocks_of_most(plan, most)
        middle = starts.size // 2
        source = (starts[middle] + stops[middle]) // 2
        time = starts.size + lit_share(reach, plan, region, source, stretches[middle]) * plan.source_lambda.size
        if time < best:
            best, blocks = time, (starts, stops, stretches)
    if blocks is None:
        return reach
    starts, stops, stretches = blocks
    source_stop, middle, stretch = (np.repeat(each, stops - starts) for each in (stops, (starts + stops) // 2, stretches))
    return reach._replace(source_stop=source_stop, middle=middle, stretch=stretch)


def lit_share(reach, plan, region, source, stretch):
    """Share of the panel's pixels that a block of sources with this one in its middle may add something to, by samples."""
    slow = np.linspace(region.slow_start, region.slow_stop, SAMPLES)[:, np.newaxis, np.newaxis]
    fast = np.linspace(region.fast_start, region.fast_stop, SAMPLES)[:, np.newaxis]
    position = region.pix0 + region.pixel_size * (slow * region.sdet + fast * region.fdet)
    diffracted = position / np.sqrt((position**2).sum(axis=2, keepdims=True))
    scattering = (diffracted - plan.source_incident[source]) / plan.source_lambda[source]
    length = np.sqrt((scattering**2).sum(axis=2, keepdims=True))
    lit = np.zeros(length.shape[:2], bool)
    for group in range(reach.phi_stop.size)[:: -(-reach.phi_stop.size // SAMPLED_GROUPS)]:
        hkl = scattering @ reach.cell[group].reshape(3, 3).T
        spread = length * spread_of_block(reach, group, stretch)
        in_limits = (hkl >= reach.low - spread) & (hkl <= reach.high + spread)
        lit |= (in_limits & (np.abs(hkl - np.rint(hkl)) <= reach.offset + spread)).all(axis=2)
    return lit.mean()


def blocks_of_most(plan, most):
    """(first sources, sources after the last, `Reach.stretch`) of blocks of at most so many sources."""
    number, incident = np.arange(plan.source_lambda.size), plan.source_incident.reshape(-1, 3)
    is_other = np.append(True, (incident[1:] != incident[:-1]).any(axis=1))
    starts = np.flatnonzero((number - np.maximum.accumulate(np.where(is_other, number, 0))) % most == 0)
    stops = np.append(starts[1:], number.size)
    middle = np.repeat(plan.source_lambda[(starts + stops) // 2], stops - starts)
    apart = np.abs(middle / plan.source_lambda - 1.0) * (1.0 + MARGIN)
    return starts, stops, np.maximum.reduceat(apart, starts)


def narrow_groups(plan, start, stop, widest, smallest):
    """[(stop, cell, spread)] of groups of the phi steps start .. stop that spread no further than `widest` (m), or have no
    more than `smallest` steps."""
    if stop - start <= smallest or not 0.5 * distance_apart(plan, start, stop) > widest:
        cell, spread = mean_and_spread(plan, start, stop)
        if stop - start <= smallest or spread.max() <= widest:
            return [(stop, cell, spread)]
    middle = (start + stop) // 2
    return narrow_groups(plan, start, middle, widest, smallest) + narrow_groups(plan, middle, stop, widest, smallest)


def distance_apart(plan, start, stop):
    """Distance (m) between a cell vector in the first, the middle or the last of the phi steps start .. stop and in another
    of them. Wherever the mean is, one of the two is at least half of it away."""
    slots = plan.phi_slot[ends_and_middle(range(start, stop))]
    vectors = plan.orientation[slots, 0].reshape(-1, 3, 3)
    return np.sqrt(((vectors - vectors[:1]) ** 2).sum(axis=2).max()) * (1.0 - MARGIN)


def mean_and_spread(plan, start, stop):
    """Mean a, b, c (9,) (m) of the phi steps start .. stop, and the largest distances (3,) from them."""
    vectors = plan.orientation[plan.phi_slot[start:stop]].reshape(-1, 3, 3)
    mean = vectors.mean(axis=0)
    vectors -= mean
    spread = np.sqrt(np.einsum("...i,...i", vectors, vectors).reshape(-1, 3).max(axis=0))
    return mean.reshape(9), spread * (1.0 + MARGIN)
