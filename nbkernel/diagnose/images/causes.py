"""What two images alone allow to infer about why they differ. Each rule says what it saw and what it suspects."""

import math

import numpy as np

from nbkernel.diagnose.known_factors import name_factor

from .compare import background

SHIFT_LIMIT = 0.25  # pixels: more than the change of a spot's shape moves its centre of mass
MANY_UNMATCHED = 0.1
STEADY = 0.1  # spread of B/A within a peak, relative to its spread from peak to peak
SMOOTH = 0.2
NEW_LIGHT = 20  # pixels
TOTALS_AGREE = 0.05
ROUNDING = 1e-5


def suspects(pair, numbers, peaks):
    """Lines in plain words, the most likely cause first; empty for identical images."""
    if numbers["identical"] == numbers["pixels"]:
        return []
    lines = []
    if numbers["not_finite_differ"]:
        lines.append(
            f"{numbers['not_finite_differ']} pixels are nan or infinite in one image only: a division by 0 or overflow"
        )
    for rule in (factor_or_offset, empty_image, few_pixels, repeated_step, moved_peaks, peak_ratios):
        found = rule(pair, numbers, peaks)
        if found:
            return lines + found
    return lines


def factor_or_offset(pair, numbers, peaks):
    constant, line = numbers["constant_factor"], numbers.get("constant_offset")
    tolerance = 1e-3 if pair.whole_numbers else 1e-6
    if constant and abs(constant["factor"] - 1.0) > tolerance:
        words = name_factor(constant["factor"], tolerance)
        known = words or ["no step count, oversample squared, power of ten or known constant"]
        return [f"B is {constant['factor']:.9g} times A everywhere: {word}" for word in known]
    if line:
        scale = "" if abs(line["factor"] - 1.0) <= tolerance else f"{line['factor']:.9g} times "
        return [f"B is {scale}A plus {line['offset']:.6g} everywhere: background (water) or an offset such as -adc"]
    return []


def empty_image(pair, numbers, peaks):
    for name, image in (("A", pair.a), ("B", pair.b)):
        if not image.any():
            return [f"{name} is 0 everywhere: structure factors, mask or a scale of 0"]
    return []


def moved_peaks(pair, numbers, peaks):
    """Peaks elsewhere: by how much, and whether alike, in proportion to the radius, or about the beam."""
    count = peaks.count_a + peaks.count_b
    unmatched = peaks.unmatched_a + peaks.unmatched_b
    if count and unmatched > MANY_UNMATCHED * count:
        return [
            f"{unmatched} of {count} peaks have no partner: orientation (-misset, matrix, phi start), cell, or geometry off "
            "by several pixels"
        ]
    if len(peaks.shifts) < 3:
        return []
    shift = np.median(peaks.shifts, axis=0)
    stretch, turn = stretch_and_turn(pair, peaks)
    reach = math.hypot(*pair.a.shape) / 2.0
    sizes = {
        f"alike, by {shift[1]:.3g} {shift[0]:.3g} pixels (fast slow): beam centre or pix0": math.hypot(*shift),
        f"outwards by {stretch:.3g} of the radius: distance, wavelength, cell or pixel size": abs(stretch) * reach,
        f"about the beam by {math.degrees(turn):.3g} deg: detector rotation or spindle": abs(turn) * reach,
    }
    words, size = max(sizes.items(), key=lambda item: item[1])
    return [f"the peaks move {words}"] if size > SHIFT_LIMIT else []


def stretch_and_turn(pair, peaks):
    """Robust slope of the peaks' radial and tangential shifts with radius."""
    from_center = peaks.places_a + (pair.origin[1] + 0.5 - pair.center[1], pair.origin[0] + 0.5 - pair.center[0])
    square = np.sum(from_center**2, axis=1)
    far = square > 100.0
    if not far.any():
        return 0.0, 0.0
    (s, f), (ds, df) = from_center[far].T, peaks.shifts[far].T
    return float(np.median((s * ds + f * df) / square[far])), float(np.median((f * ds - s * df) / square[far]))


def repeated_step(pair, numbers, peaks):
    """A sum of n terms in which one term stands twice, in the place of another, is at most twice the sum of all n; the
    other way there is no such limit. A stale orientation step is that, whatever the crystal."""
    if pair.whole_numbers or abs(math.log(positive(numbers["sum_ratio"]))) > TOTALS_AGREE:
        return []
    for name, other, stale, fresh in (("A", "B", pair.a, pair.b), ("B", "A", pair.b, pair.a)):
        excess, light, highest = one_sided(stale, fresh, pair.finite)
        # the first pixel of a run has no step before it
        if excess <= 1 and light >= NEW_LIGHT and highest > 1.8:
            return [
                f"no pixel of {name} is more than twice that of {other}, while {light} pixels of {other} are more than twice "
                f"those of {name}, and the totals agree within {abs(numbers['sum_ratio'] - 1.0):.1g}: in {name} one step counts "
                "twice, in place of another, as at a stale phi step (quirk phi0; see --fix phi0)",
                trace_hint(numbers),
            ]
    return []


def positive(value):
    return value if math.isfinite(value) and value > 0.0 else math.inf


def one_sided(stale, fresh, finite):
    """Number of pixels with stale > 2 fresh, with fresh > 2 stale, and the highest stale/fresh."""
    tiny = np.float32(np.finfo(np.float32).tiny)
    usable = finite & ((stale > tiny) | (fresh > tiny)) & (stale >= 0) & (fresh >= 0)
    stale, fresh = stale[usable].astype(np.float64), fresh[usable].astype(np.float64)
    if stale.size == 0:
        return 0, 0, 0.0
    excess = int(np.count_nonzero(stale > 2.0 * (1.0 + ROUNDING) * fresh + tiny))
    light = int(np.count_nonzero(fresh > 2.0 * (1.0 + ROUNDING) * stale + tiny))
    with np.errstate(divide="ignore"):
        highest = np.max(np.where(stale <= 2.0 * (1.0 + ROUNDING) * fresh, stale / fresh, 0.0), initial=0.0)
    return excess, light, float(highest)


def few_pixels(pair, numbers, peaks):
    """Most pixels equal to rounding: which ones are not?"""
    lit = pair.finite & ((pair.a != background(pair, pair.a)) | (pair.b != background(pair, pair.b)))
    changed = np.abs(pair.difference()) > ROUNDING * pair.neighbourhood
    count = int(np.count_nonzero(changed))
    if count == 0 and numbers["not_finite_differ"]:
        return []
    if count == 0:
        return ["the difference is of the size of rounding: order of operations, precision or mathematical library"]
    if count > 0.5 * np.count_nonzero(lit):
        return []
    slow, fast = np.nonzero(changed)
    area = (np.ptp(slow) + 1) * (np.ptp(fast) + 1)
    if count >= NEW_LIGHT and count > 0.9 * area:
        first, last = pair.place(np.flatnonzero(changed)[0]), pair.place(np.flatnonzero(changed)[-1])
        block = f"fast {first['fast']} to {last['fast']}, slow {first['slow']} to {last['slow']}"
        return [f"only the block {block} differs by more than rounding: region of interest, mask, panel or tile"]
    where = "a state carried from pixel to pixel, or a mask" if count < NEW_LIGHT else "some reflections, a mask, or -dmin"
    return [f"only {count} pixels differ by more than rounding: {where}", trace_hint(numbers)]


def peak_ratios(pair, numbers, peaks):
    """Peaks in place with other intensities: does B/A change within a peak, from peak to peak, or with position?"""
    places = peaks.places_a
    within, level = ratios_by_peak(pair, places)
    usable = np.isfinite(within) & np.isfinite(level)
    if np.count_nonzero(usable) < 10:
        return [f"no cause can be named from {np.count_nonzero(usable)} matched peaks", trace_hint(numbers)]
    places, within, level = places[usable], within[usable], level[usable]
    middle = float(np.median(level))
    level = level / middle
    between = float(np.percentile(np.abs(level - 1.0), 90))
    inside = float(np.median(within))
    if inside <= max(STEADY * between, ROUNDING):
        return [smooth_or_not(pair, places, level, between, middle)]
    typical = float(np.median(np.abs(level - 1.0)))
    lines = [f"the peaks coincide, their intensities differ by {typical:.1%} (median), and B/A changes within each peak"]
    if abs(numbers["sum_ratio"] - 1.0) < min(TOTALS_AGREE, 0.5 * between):
        lines[0] += "; the totals agree: suspect the orientation steps (phi, mosaic) or oversampling"
    else:
        lines[0] += ": suspect crystal size (-N), shape, or the number of mosaic domains"
    return [*lines, trace_hint(numbers)]


def smooth_or_not(pair, places, level, between, middle):
    """A line for B/A that is constant within each peak. level: (n,) B/A of the peaks over its median, `middle`."""
    if between <= 10.0 * ROUNDING:
        return f"B/A is {middle:.6g} in every peak, and other between them: background, or the interpolation of structure factors"
    rest = level - smooth_surface(places, level, pair.a.shape)
    if float(np.percentile(np.abs(rest), 90)) < SMOOTH * between:
        return "B/A changes smoothly over the detector: solid angle (omega, obliquity), polarisation or capture fraction"
    return (
        "B/A is constant within a peak and changes from peak to peak: structure factors (hkl file, default_F, interpolation)"
    )


def smooth_surface(places, level, shape):
    """Least-squares quadratic in slow and fast, at the places."""
    s, f = (places / shape - 0.5).T
    terms = np.stack([np.ones_like(s), s, f, s * s, s * f, f * f], axis=1)
    return terms @ np.linalg.lstsq(terms, level, rcond=None)[0]


def ratios_by_peak(pair, places):
    """Half the range of B/A over its median, and that median, of each peak's 3 x 3 pixels above a tenth of it, (n,) each."""
    steps = np.arange(-1, 2)
    slow = np.clip(places[:, 0, None, None] + steps[:, None], 0, pair.a.shape[0] - 1)
    fast = np.clip(places[:, 1, None, None] + steps, 0, pair.a.shape[1] - 1)
    a, b = (image[slow, fast].reshape(len(places), 9).astype(np.float64) for image in (pair.a, pair.b))
    usable = (a > 0.1 * a.max(axis=1, keepdims=True, initial=0.0)) & np.isfinite(b)
    with np.errstate(divide="ignore", invalid="ignore"):
        ratios = np.where(usable, b / a, np.nan)
    within, level = (np.full(len(places), np.nan) for _ in range(2))
    several = np.count_nonzero(usable, axis=1) > 1
    if several.any():
        level[several] = np.nanmedian(ratios[several], axis=1)
        spread = np.nanmax(ratios[several], axis=1) - np.nanmin(ratios[several], axis=1)
        within[several] = 0.5 * spread / np.maximum(np.abs(level[several]), 1e-300)
    return within, level


def trace_hint(numbers):
    place = numbers["largest_difference"]
    return f"trace the pixel that differs most in both programs: nbkernel trace ... --pixel {place['fast']} {place['slow']}"
