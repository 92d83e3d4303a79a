"""How much two images differ, in numbers.

Images are (slow, fast) float32; A is the reference. Pixels that are nan or infinite count only for identical bits, for
the number of such pixels that differ, and for the tolerance.
"""

import math
from dataclasses import dataclass

import numpy as np

from nbkernel.errors import InputError
from nbkernel.geometry.region import region
from nbkernel.support.memory import require_memory

from .peaks import compare_peaks, sliding_maximum

RADIAL_BINS = 20
DEFAULT_N = 36.0
# a constant factor or offset: the share of the pixels that it must explain, and how well, relative to their neighbourhood
EXPLAINED_SHARE = 0.999
EXPLAINED_ERROR = 1e-5
STRONG_PIXELS = 10000
BYTES_PER_PIXEL = 64  # of all arrays at once


@dataclass(frozen=True)
class Pair:
    """Two images cut to the region compared, with what several measures need to know about them."""

    a: np.ndarray  # (slow, fast) float32
    b: np.ndarray
    finite: np.ndarray  # bool: both are finite
    neighbourhood: np.ndarray  # float32: largest |A| of the 5 x 5 neighbours
    origin: tuple  # (fast, slow) of the region's first pixel
    whole_numbers: bool  # at least one of the two was rounded to whole numbers
    saturated: float  # the value at which whole numbers were cut off
    center: tuple  # (fast, slow) in pixels of the whole image, about which radii count
    center_from: str

    def difference(self):
        """B - A, float64; 0 where it is not finite."""
        with np.errstate(invalid="ignore"):
            return np.where(self.finite, self.b.astype(np.float64) - self.a, 0.0)

    def position(self, flat):
        """Fast and slow in the whole image of a flat index into the region."""
        slow, fast = divmod(int(flat), self.a.shape[1])
        return {"fast": fast + self.origin[0], "slow": slow + self.origin[1]}


def make_pair(image_a, image_b, roi=None):
    """Pair of two Images. roi: (fast first, fast last, slow first, slow last), both ends included.

    Raises InputError if the shapes differ or the region is outside the image.
    """
    a, b = image_a.pixels, image_b.pixels
    if a.shape != b.shape:
        shapes = " and ".join(f"{slow} x {fast}" for slow, fast in (a.shape, b.shape))
        raise InputError(f"compare: the images have different shapes, {shapes} (slow x fast)")
    slow_range, fast_range = region("--roi", a.shape, roi)
    require_memory(BYTES_PER_PIXEL * a.size, "compare", f"comparing images of {a.shape[0]} x {a.shape[1]} pixels")
    # neighbours outside the region count too, so that a pixel's error does not depend on the region
    neighbourhood = sliding_maximum(np.abs(np.where(np.isfinite(a), a, np.float32(0))))
    cut = (slow_range, fast_range)
    center, center_from = beam_center(image_a, image_b)
    return Pair(
        a[cut],
        b[cut],
        np.isfinite(a[cut]) & np.isfinite(b[cut]),
        neighbourhood[cut],
        (fast_range.start, slow_range.start),
        image_a.whole_numbers or image_b.whole_numbers,
        min((image.saturated for image in (image_a, image_b) if image.whole_numbers), default=math.inf),
        center,
        center_from,
    )


def beam_center(image_a, image_b):
    for image in (image_a, image_b):
        if image.beam_center is not None:
            return image.beam_center, f"header of {image.header_path}"
    slow, fast = image_a.pixels.shape
    return (fast / 2.0, slow / 2.0), "middle of the image"


def identical_bits(a, b):
    """bool per pixel. Two nans always count as identical: their bits depend on the machine."""
    return (a.view(np.int32) == b.view(np.int32)) | (np.isnan(a) & np.isnan(b))


def ordered_integers(values):
    """int64 that number the float32 values in ascending order: neighbours differ by 1, both zeros are 0."""
    bits = np.ascontiguousarray(values).view(np.int32).astype(np.int64)
    return np.where(bits < 0, -(bits & 0x7FFFFFFF), bits)


def ulp_distance(pair):
    """Number of float32 steps from A to B per pixel, int64; 0 where either is not finite."""
    return np.where(pair.finite, np.abs(ordered_integers(pair.b) - ordered_integers(pair.a)), 0)


def local_error(pair):
    """|B - A| over the largest |A| of the 5 x 5 neighbours, per pixel; inf where those are all 0 and B is not."""
    difference = np.abs(pair.difference())
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.where(difference == 0.0, 0.0, difference / pair.neighbourhood)


def total(image, finite):
    return float(np.sum(image, where=finite, dtype=np.float64))


def correlation(pair):
    """Pearson's, over finite pixels; nan where one image is constant."""
    a, b = (image[pair.finite].astype(np.float64) for image in (pair.a, pair.b))
    if a.size == 0:
        return math.nan
    a -= a.mean()
    b -= b.mean()
    spread = math.sqrt(np.dot(a, a)) * math.sqrt(np.dot(b, b))
    return float(np.dot(a, b) / spread) if spread > 0.0 else math.nan


def ratio(numerator, denominator):
    """nan for 0/0."""
    if denominator == 0.0:
        return math.nan if numerator == 0.0 else math.copysign(math.inf, numerator)
    return numerator / denominator


def root_mean_square(values):
    return float(np.sqrt(np.mean(np.square(values, dtype=np.float64)))) if values.size else 0.0


def radial_profile(pair, bins=RADIAL_BINS):
    """List of rings about the beam centre: radius_from, radius_to (pixels), pixels, ratio of the sums B/A."""
    slow, fast = pair.a.shape
    df = np.arange(fast) + pair.origin[0] + 0.5 - pair.center[0]
    ds = np.arange(slow) + pair.origin[1] + 0.5 - pair.center[1]
    radius = np.sqrt(ds[:, None] ** 2 + df[None, :] ** 2)
    low, high = float(radius.min()), float(radius.max())
    width = (high - low) / bins or 1.0
    ring = np.minimum(((radius - low) / width).astype(np.int64), bins - 1)[pair.finite]
    count = np.bincount(ring, minlength=bins)
    sums = [np.bincount(ring, image[pair.finite], bins) for image in (pair.a, pair.b)]
    return [
        {
            "radius_from": low + i * width,
            "radius_to": low + (i + 1) * width,
            "pixels": int(count[i]),
            "ratio": ratio(float(sums[1][i]), float(sums[0][i])),
        }
        for i in range(bins)
        if count[i]
    ]


def constant_factor(pair):
    """B/A as {factor, share}, if one factor explains EXPLAINED_SHARE of the pixels that are not 0 in both; else None.
    share: the fraction explained."""
    usable = pair.finite & (pair.a > 0) & (pair.b > 0) & not_saturated(pair)
    a, b = pair.a[usable].astype(np.float64), pair.b[usable].astype(np.float64)
    if a.size == 0:
        return None
    strong = np.argpartition(a, -STRONG_PIXELS)[-STRONG_PIXELS:] if a.size > STRONG_PIXELS else slice(None)
    if pair.whole_numbers:
        # rounding averages out in the sums
        factor = float(b[strong].sum() / a[strong].sum())
    else:
        factor = float(np.median(b[strong] / a[strong]))
    share = explained_share(pair, factor, 0.0)
    return {"factor": factor, "share": share} if share >= EXPLAINED_SHARE else None


def constant_offset(pair):
    """B = factor A + offset as {factor, offset, share}; None if no such line explains the pixels."""
    usable = pair.finite & not_saturated(pair)
    a, b = pair.a[usable].astype(np.float64), pair.b[usable].astype(np.float64)
    if a.size < 2:
        return None
    mean_a, mean_b = a.mean(), b.mean()
    spread = np.dot(a - mean_a, a - mean_a)
    factor = float(np.dot(a - mean_a, b - mean_b) / spread) if spread > 0.0 else 1.0
    # the median ignores the strong pixels, whose rounding may exceed a small offset
    offset = float(np.median(b - factor * a))
    share = explained_share(pair, factor, offset)
    if offset == 0.0 or share < EXPLAINED_SHARE:
        return None
    return {"factor": factor, "offset": offset, "share": share}


def explained_share(pair, factor, offset):
    counted = (
        pair.finite & not_saturated(pair) & ((pair.a != background(pair, pair.a)) | (pair.b != background(pair, pair.b)))
    )
    a, b, near = (image[counted].astype(np.float64) for image in (pair.a, pair.b, pair.neighbourhood))
    if a.size == 0:
        return 1.0
    rounding = 0.5 * (1.0 + abs(factor)) if pair.whole_numbers else 0.0
    allowed = EXPLAINED_ERROR * np.maximum(abs(factor) * near, np.abs(b)) + rounding
    return float(np.mean(np.abs(b - factor * a - offset) <= allowed))


def background(pair, image):
    """The value of pixels that say nothing about a factor: 0, or for whole numbers the median (their offset)."""
    return np.median(image) if pair.whole_numbers else 0.0


def not_saturated(pair):
    if not pair.whole_numbers:
        return np.ones(pair.a.shape, bool)
    return (pair.a < pair.saturated) & (pair.b < pair.saturated)


def finite_or_zero(image):
    return np.where(np.isfinite(image), image, np.float32(0))


def measure(pair):
    """(numbers, PeakMatch): all measures of a Pair as a dictionary of numbers, lists and dictionaries."""
    same = identical_bits(pair.a, pair.b)
    ulps, errors, difference = ulp_distance(pair), local_error(pair), pair.difference()
    sums = [total(image, pair.finite) for image in (pair.a, pair.b)]
    rms, rms_a = root_mean_square(difference[pair.finite]), root_mean_square(pair.a[pair.finite])
    peaks = compare_peaks(finite_or_zero(pair.a), finite_or_zero(pair.b))
    worst = [int(np.argmax(values)) for values in (ulps, errors, np.abs(difference))]
    numbers = {
        "pixels": int(pair.a.size),
        "identical": int(np.count_nonzero(same)),
        "identical_fraction": float(np.mean(same)),
        "not_finite_differ": int(np.count_nonzero(~pair.finite & ~same)),
        "largest_ulp_distance": {"value": int(ulps.flat[worst[0]]), **pair.position(worst[0])},
        "largest_local_error": {"value": float(errors.flat[worst[1]]), **pair.position(worst[1])},
        "largest_difference": {"value": float(difference.flat[worst[2]]), **pair.position(worst[2])},
        "correlation": correlation(pair),
        "sum_a": sums[0],
        "sum_b": sums[1],
        "sum_ratio": ratio(sums[1], sums[0]),
        "rms": rms,
        "rms_relative": ratio(rms, rms_a),
        "peaks": peaks.summary(),
        "constant_factor": constant_factor(pair),
        "radial_profile": {"center": list(pair.center), "center_from": pair.center_from, "rings": radial_profile(pair)},
    }
    if numbers["constant_factor"] is None:
        numbers["constant_offset"] = constant_offset(pair)
    return numbers, peaks


def judge(pair, tolerance, N=DEFAULT_N):
    """Whether a Pair is within a tolerance (exact, double, mixed): {tolerance, within, pixels_beyond, total_error}, and
    the limits. N: largest number of unit cells along an axis, for mixed."""
    same = identical_bits(pair.a, pair.b)
    broken = ~pair.finite & ~same
    sums = [total(image, pair.finite) for image in (pair.a, pair.b)]
    total_error = abs(ratio(sums[1] - sums[0], sums[0])) if sums[0] != sums[1] else 0.0
    verdict = {"tolerance": tolerance, "total_error": total_error}
    if tolerance == "exact":
        beyond = ~same
        total_limit = math.inf
    else:
        # a total cannot be more accurate than the pixel that dominates it
        if tolerance == "double":
            brightest = float(np.abs(finite_or_zero(pair.a)).max(initial=0.0))
            limit, total_limit = 1e-9, 1e-9 + ratio(float(np.spacing(np.float32(brightest))), abs(sums[0]))
        else:
            limit = total_limit = max(2e-6, 2e-7 * N)
        beyond = broken | ((local_error(pair) > limit) & (ulp_distance(pair) > 1))
        verdict |= {"local_limit": limit, "total_limit": total_limit}
    count = int(np.count_nonzero(beyond))
    return verdict | {"pixels_beyond": count, "within": count == 0 and total_error <= total_limit}
