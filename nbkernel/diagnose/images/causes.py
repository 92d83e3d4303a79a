"""What can be inferred from two images alone about why they differ. Each rule states what it found and the likely cause."""

import math

import numpy as np

from nbkernel.diagnose.known_factors import name_factor

from .compare import background

SHIFT_LIMIT = 0.25  # pixels: more than a change of a spot's shape shifts its centre of mass
MANY_UNMATCHED = 0.1
STEADY = 0.1  # spread of B/A within a peak, relative to its spread from peak to peak
SMOOTH = 0.2
NEW_LIGHT = 20  # pixels
TOTALS_AGREE = 0.05
ROUNDING = 1e-5


def likely_causes(pair, numbers, peaks):
    """Lines for the reader, the most likely cause first; none for identical images."""
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
        reasons = name_factor(constant["factor"], tolerance)
        reasons = reasons or ["not a step count, oversample squared, a power of ten or a known constant"]
        return [f"B is {constant['factor']:.9g} times A everywhere: {reason}" for reason in reasons]
    if line:
        scale = "" if abs(line["factor"] - 1.0) <= tolerance else f"{line['factor']:.9g} times "
        return [f"B is {scale}A plus {line['offset']:.6g} everywhere: background (water) or an offset such as -adc"]
    return []


def empty_image(pair, numbers, peaks):
    for name, image in (("A", pair.a), ("B", pair.b)):
        if not image.any():
            return [f"{name} is 0 everywhere: structure factors, mask, or a scale of 0"]
    return []


def moved_peaks(pair, numbers, peaks):
    """How far peaks are shifted, and whether all by the same vector, in proportion to the radius, or about the beam."""
    count = peaks.count_a + peaks.count_b
    unmatched = peaks.unmatched_a + peaks.unmatched_b
    if count and unmatched > MANY_UNMATCHED * count:
        return [
            (
                f"{unmatched} of {count} peaks have no match: orientation (-misset, matrix, start of phi), cell, or a "
                "geometry that is off by several pixels"
            )
        ]
    if len(peaks.shifts) < 3:
        return []
    shift = np.median(peaks.shifts, axis=0)
    stretch, rotation = stretch_and_rotation(pair, peaks)
    reach = math.hypot(*pair.a.shape) / 2.0
    sizes = {
        f"all by {shift[1]:.3g} {shift[0]:.3g} pixels (fast slow): beam centre or pix0": math.hypot(*shift),
        f"outwards by {stretch:.3g} of the radius: distance, wavelength, cell or pixel size": abs(stretch) * reach,
        f"about the beam by {math.degrees(rotation):.3g} deg: detector rotation or spindle": abs(rotation) * reach,
    }
    description, size = max(sizes.items(), key=lambda item: item[1])
    return [f"the peaks move {description}"] if size > SHIFT_LIMIT else []


def stretch_and_rotation(pair, peaks):
    """Robust slope of the peaks' radial and tangential shifts against the radius."""
    from_center = peaks.positions_a + (pair.origin[1] + 0.5 - pair.center[1], pair.origin[0] + 0.5 - pair.center[0])
    square = np.sum(from_center**2, axis=1)
    far = square > 100.0
    if not far.any():
        return 0.0, 0.0
    (s, f), (ds, df) = from_center[far].T, peaks.shifts[far].T
    return float(np.median((s * ds + f * df) / square[far])), float(np.median((f * ds - s * df) / square[far]))


def repeated_step(pair, numbers, peaks):
    """A sum of n terms in which one term counts twice and another not at all is at most twice the sum of all n; in the
    other direction there is no such limit. A stale orientation step has this effect for any crystal."""
    if pair.whole_numbers or abs(math.log(positive(numbers["sum_ratio"]))) > TOTALS_AGREE:
        return []
    for name, other, stale, fresh in (("A", "B", pair.a, pair.b), ("B", "A", pair.b, pair.a)):
        excess, light, highest = one_sided(stale, fresh, pair.finite)
        # the first pixel of a run has no earlier step to repeat
        if excess <= 1 and light >= NEW_LIGHT and highest > 1.8:
            return [
                (
                    f"no pixel of {name} is more than twice that of {other}, while {light} pixels of {other} are more than "
                    f"twice those of {name}, and the totals agree within {abs(numbers['sum_ratio'] - 1.0):.1g}: in {name} "
                    "one step counts twice and another not at all, as at a stale phi step (quirk phi0; see --fix phi0)"
                ),
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
    """Most pixels agree to within rounding: which ones do not?"""
    lit = pair.finite & ((pair.a != background(pair, pair.a)) | (pair.b != background(pair, pair.b)))
    changed = np.abs(pair.difference()) > ROUNDING * pair.neighbourhood
    count = int(np.count_nonzero(changed))
    if count == 0 and numbers["not_finite_differ"]:
        return []
    if count == 0:
        return ["the differences are no larger than rounding: order of operations, precision or mathematical library"]
    if count > 0.5 * np.count_nonzero(lit):
        return []
    slow, fast = np.nonzero(changed)
    area = (np.ptp(slow) + 1) * (np.ptp(fast) + 1)
    if count >= NEW_LIGHT and count > 0.9 * area:
        first, last = pair.position(np.flatnonzero(changed)[0]), pair.position(np.flatnonzero(changed)[-1])
        block = f"fast {first['fast']} to {last['fast']}, slow {first['slow']} to {last['slow']}"
        return [f"only the block {block} differs by more than rounding: region of interest, mask, panel or tile"]
    where = "a state carried from pixel to pixel, or a mask" if count < NEW_LIGHT else "some reflections, a mask, or -dmin"
    return [f"only {count} pixels differ by more than rounding: {where}", trace_hint(numbers)]


def peak_ratios(pair, numbers, peaks):
    """Peaks at the same positions with other intensities: does B/A change within a peak, from peak to peak, or with
    position?"""
    positions = peaks.positions_a
    within, level = ratios_by_peak(pair, positions)
    usable = np.isfinite(within) & np.isfinite(level)
    if np.count_nonzero(usable) < 10:
        return [f"{np.count_nonzero(usable)} matched peaks are too few to name a cause", trace_hint(numbers)]
    positions, within, level = positions[usable], within[usable], level[usable]
    middle = float(np.median(level))
    level = level / middle
    between = float(np.percentile(np.abs(level - 1.0), 90))
    inside = float(np.median(within))
    if inside <= max(STEADY * between, ROUNDING):
        return [smooth_or_not(pair, positions, level, between, middle)]
    typical = float(np.median(np.abs(level - 1.0)))
    lines = [f"the peaks coincide, their intensities differ by {typical:.1%} (median), and B/A changes within each peak"]
    if abs(numbers["sum_ratio"] - 1.0) < min(TOTALS_AGREE, 0.5 * between):
        lines[0] += "; the totals agree: orientation steps (phi, mosaic) or oversampling"
    else:
        lines[0] += ": crystal size (-N), shape, or the number of mosaic domains"
    return [*lines, trace_hint(numbers)]


def smooth_or_not(pair, positions, level, between, middle):
    """A line for B/A that is constant within each peak. level: (n,) B/A of the peaks over its median, `middle`."""
    if between <= 10.0 * ROUNDING:
        return (
            f"B/A is {middle:.6g} in every peak but not between the peaks: background, or interpolation of structure factors"
        )
    rest = level - smooth_surface(positions, level, pair.a.shape)
    if float(np.percentile(np.abs(rest), 90)) < SMOOTH * between:
        return "B/A changes smoothly over the detector: solid angle (omega, obliquity), polarisation or capture fraction"
    return (
        "B/A is constant within a peak and changes from peak to peak: structure factors (hkl file, default_F, interpolation)"
    )


def smooth_surface(positions, level, shape):
    """Least-squares quadratic in slow and fast, evaluated at the positions."""
    s, f = (positions / shape - 0.5).T
    terms = np.stack([np.ones_like(s), s, f, s * s, s * f, f * f], axis=1)
    return terms @ np.linalg.lstsq(terms, level, rcond=None)[0]


def ratios_by_peak(pair, positions):
    """For each peak, (n,) each: half the range of B/A over its median, and that median, among the peak's 3 x 3 pixels that
    are above a tenth of its maximum."""
    steps = np.arange(-1, 2)
    slow = np.clip(positions[:, 0, None, None] + steps[:, None], 0, pair.a.shape[0] - 1)
    fast = np.clip(positions[:, 1, None, None] + steps, 0, pair.a.shape[1] - 1)
    a, b = (image[slow, fast].reshape(len(positions), 9).astype(np.float64) for image in (pair.a, pair.b))
    usable = (a > 0.1 * a.max(axis=1, keepdims=True, initial=0.0)) & np.isfinite(b)
    with np.errstate(divide="ignore", invalid="ignore"):
        ratios = np.where(usable, b / a, np.nan)
    within, level = (np.full(len(positions), np.nan) for _ in range(2))
    several = np.count_nonzero(usable, axis=1) > 1
    if several.any():
        level[several] = np.nanmedian(ratios[several], axis=1)
        spread = np.nanmax(ratios[several], axis=1) - np.nanmin(ratios[several], axis=1)
        within[several] = 0.5 * spread / np.maximum(np.abs(level[several]), 1e-300)
    return within, level


def trace_hint(numbers):
    pixel = numbers["largest_difference"]
    return f"trace the pixel that differs most in both programs: nbkernel trace ... --pixel {pixel['fast']} {pixel['slow']}"
