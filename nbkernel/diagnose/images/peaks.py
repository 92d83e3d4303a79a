"""Peaks of a diffraction image: local maxima, and matching the peaks of two images."""

import numpy as np

NEIGHBOURHOOD = 2  # pixels to each side: 5 x 5
LARGEST_FLOAT32 = 1e36
MAD_TO_SIGMA = 1.4826
STRONGEST = 1000
MATCH_LIMIT = 3.0  # pixels


def sliding_maximum(image, reach=NEIGHBOURHOOD):
    """Largest of the (2 reach + 1)^2 pixels around each pixel of a (slow, fast) array without nan; at the borders the
    neighbourhood is cut."""
    result = image.copy()
    for axis in (0, 1):
        # a square's maximum is the maximum along one axis, then along the other
        source = np.moveaxis(result.copy(), axis, 0)
        target = np.moveaxis(result, axis, 0)
        for shift in range(1, min(reach, source.shape[0] - 1) + 1):
            np.maximum(target[shift:], source[:-shift], out=target[shift:])
            np.maximum(target[:-shift], source[shift:], out=target[:-shift])
    return result


def threshold(image, sigmas):
    """Median plus `sigmas` robust standard deviations (from the median absolute deviation)."""
    largest = float(np.finfo(image.dtype).max) if image.dtype.kind == "f" else np.inf
    if image.dtype == np.float32 and np.abs(image).max(initial=0.0) > LARGEST_FLOAT32:
        image = image.astype(np.float64)  # sums and products exceed float32's range
    median = np.median(image)
    level = float(median + sigmas * MAD_TO_SIGMA * np.median(np.abs(image - median)))
    return level if level <= largest else np.inf


def find_peaks(image, level):
    """(n, 2) positions (slow, fast) of the pixels above `level` that are the largest of their 5 x 5 neighbours, strongest
    first. Of equal neighbours, the first in file order."""
    positions = np.argwhere((image == sliding_maximum(image)) & (image > level))
    index = index_image(positions, image.shape)
    kept = np.ones(len(positions), bool)
    for ds in range(-NEIGHBOURHOOD, 1):
        for df in range(-NEIGHBOURHOOD, NEIGHBOURHOOD + 1 if ds else 0):
            kept &= look_up(index, positions, ds, df) < 0
    positions = positions[kept]
    return positions[np.argsort(-image[tuple(positions.T)], kind="stable")]


def index_image(positions, shape, margin=int(MATCH_LIMIT) + 1):
    """(slow, fast) array, with a margin, with the row number of each position at that position; -1 elsewhere."""
    index = np.full((shape[0] + 2 * margin, shape[1] + 2 * margin), -1, np.int64)
    index[tuple((positions + margin).T)] = np.arange(len(positions))
    return index


def look_up(index, positions, ds, df, margin=int(MATCH_LIMIT) + 1):
    return index[positions[:, 0] + ds + margin, positions[:, 1] + df + margin]


def match_peaks(positions, others, shape, limit=MATCH_LIMIT):
    """(n,) row of `others` matched to each of `positions`, -1 where none is within `limit` pixels. One to one, the nearest
    pairs first."""
    index = index_image(others, shape)
    match = np.full(len(positions), -1, np.int64)
    taken = np.zeros(len(others), bool)
    for ds, df in offsets_within(limit):
        found = look_up(index, positions, ds, df)
        free = (found >= 0) & (match < 0)
        free[free] = ~taken[found[free]]
        # with one offset, two positions cannot have the same match
        match[free] = found[free]
        taken[found[free]] = True
    return match


def offsets_within(limit):
    reach = range(-int(limit), int(limit) + 1)
    offsets = [(ds, df) for ds in reach for df in reach if ds * ds + df * df <= limit * limit]
    return sorted(offsets, key=lambda offset: offset[0] ** 2 + offset[1] ** 2)


def centroids(image, positions):
    """(n, 2) positions (slow, fast) in pixels: centres of mass of the 3 x 3 pixels around `positions`, less the lowest of
    them."""
    steps = np.arange(-1, 2)
    slow = np.clip(positions[:, 0, None, None] + steps[:, None], 0, image.shape[0] - 1)
    fast = np.clip(positions[:, 1, None, None] + steps[None, :], 0, image.shape[1] - 1)
    weight = image[slow, fast].astype(np.float64)
    weight -= weight.min(axis=(1, 2), keepdims=True)
    total = weight.sum(axis=(1, 2))
    total[total == 0] = 1.0
    shift = np.stack([(weight * steps[:, None]).sum(axis=(1, 2)), (weight * steps).sum(axis=(1, 2))], axis=1)
    return positions + shift / total[:, None]


def compare_peaks(a, b, limit=MATCH_LIMIT, strongest=STRONGEST):
    """PeakMatch of two (slow, fast) images without nan.

    The strongest peaks of each image (above the median by six robust standard deviations) are matched with all peaks of
    the other above three, so that a peak near the limit does not count as unmatched.
    """
    peaks_a, peaks_b = (find_peaks(image, threshold(image, 6.0))[:strongest] for image in (a, b))
    all_a, all_b = (find_peaks(image, threshold(image, 3.0)) for image in (a, b))
    match = match_peaks(peaks_a, all_b, a.shape, limit)
    unmatched_b = int(np.count_nonzero(match_peaks(peaks_b, all_a, a.shape, limit) < 0))
    matched = match >= 0
    return PeakMatch(a, b, peaks_a[matched], all_b[match[matched]], len(peaks_a), len(peaks_b), unmatched_b)


class PeakMatch:
    """Matched peaks: positions_a, positions_b (n, 2) in pixels; shifts (n, 2) from A to B in pixels, slow and fast; ratios
    (n,) of the peak pixels, B/A; counts of the peaks searched for and of those without a match."""

    def __init__(self, a, b, positions_a, positions_b, count_a, count_b, unmatched_b):
        self.positions_a, self.positions_b = positions_a, positions_b
        self.count_a, self.count_b = count_a, count_b
        self.unmatched_a, self.unmatched_b = count_a - len(positions_a), unmatched_b
        self.shifts = centroids(b, positions_b) - centroids(a, positions_a)
        self.distances = np.hypot(self.shifts[:, 0], self.shifts[:, 1])
        self.ratios = b[tuple(positions_b.T)].astype(np.float64) / a[tuple(positions_a.T)]

    def summary(self):
        """The numbers as a dictionary; None for those that need a match where there is none."""
        return {
            "peaks_a": self.count_a,
            "peaks_b": self.count_b,
            "matched": len(self.positions_a),
            "unmatched_a": self.unmatched_a,
            "unmatched_b": self.unmatched_b,
            "distance_median": quantile(self.distances, 50),
            "distance_largest": quantile(self.distances, 100),
            "ratio_5": quantile(self.ratios, 5),
            "ratio_median": quantile(self.ratios, 50),
            "ratio_95": quantile(self.ratios, 95),
        }


def quantile(values, percent):
    return float(np.percentile(values, percent)) if len(values) else None
