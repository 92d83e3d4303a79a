"""Constant factors between two results, and where each may come from."""

import math

from nbkernel.kernels.physics.constants import R_E_SQR

MAX_STEPS = 10000
MAX_FRACTION = 30
UNITS = {
    1: "A and nm",
    3: "m and mm, or mm and micrometres",
    6: "m^2 and mm^2, or m and micrometres",
    7: "A and mm",
    9: "m^3 and mm^3, or m and nm",
    10: "m and A",
    20: "m^2 and A^2",
    30: "m^3 and A^3",
}
CONSTANTS = {
    "r_e^2, the squared classical electron radius": 1.0 / R_E_SQR,
    "2 pi": 2.0 * math.pi,
    "(2 pi)^2": (2.0 * math.pi) ** 2,
    "(2 pi)^3": (2.0 * math.pi) ** 3,
    "4 pi": 4.0 * math.pi,
    "pi": math.pi,
    "180/pi, degrees and radians": 180.0 / math.pi,
}


def name_factor(factor, tolerance=1e-6):
    """Texts that say where B/A = `factor` may come from; none for 1 or a number that is not a known factor.

    tolerance: relative error of the factor.
    """
    if not factor > 0.0 or not math.isfinite(factor) or abs(factor - 1.0) <= tolerance:
        return []
    larger, smaller = ("B", "A") if factor > 1.0 else ("A", "B")
    number = max(factor, 1.0 / factor)
    if math.isinf(number):
        return []
    return [
        *step_counts(number, tolerance, larger, smaller),
        *powers_of_ten(number, tolerance),
        *constants(number, tolerance),
    ]


def step_counts(number, tolerance, larger, smaller):
    count = round(number)
    if count <= MAX_STEPS and count * tolerance < 0.1 and same(number, count, tolerance):
        reasons = [
            (
                f"{count} phi steps, mosaic domains or sources (or a product of such counts): "
                f"{larger} is not divided by steps, or {smaller} is divided twice"
            )
        ]
        root = math.isqrt(count)
        if root * root == count:
            reasons.append(f"oversample {root} squared: {root} x {root} sub-pixels summed, not averaged")
        return reasons
    for below in range(2, MAX_FRACTION + 1):
        above = round(number * below)
        if above <= MAX_FRACTION and same(number, above / below, tolerance):
            return [f"{above}/{below}: {above} steps in one image, {below} in the other"]
    return []


def powers_of_ten(number, tolerance):
    power = round(math.log10(number))
    if power < 1 or not same(number, 10.0**power, tolerance):
        return []
    return [f"a power of ten, 1e{power}: units" + (f" such as {UNITS[power]}" if power in UNITS else "")]


def constants(number, tolerance):
    return [name for name, value in CONSTANTS.items() if same(number, value, tolerance)]


def same(number, expected, tolerance):
    return abs(number - expected) <= tolerance * expected
