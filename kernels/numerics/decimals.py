"""Decimal numbers in text, rounded as C's strtod rounds them: to the nearest double, ties to even.

The first 18 digits are an integer w, the number is w 10^e. If this does not suffice (rarely: more digits, large exponents,
ties), it says so instead of guessing.
"""

import numpy as np

NO_NUMBER, RIGHT, DOUBTFUL = range(3)
PLUS, MINUS, POINT, ZERO, SMALL_E, LARGE_E = b"+-.0eE"
MOST_DIGITS = 18
POWERS = tuple(float(10**exponent) for exponent in range(23))  # all that are doubles
MOST_EXPONENT = len(POWERS) - 1
SPLITTER = 2.0**27 + 1.0
CORRECTION_ERROR = 2.0**-50  # relative; four roundings make 2**-51


def two_product(a, b):
    """a * b and its rounding error, exactly (Dekker, Numerische Mathematik 18 (1971) 224), if nothing overflows."""
    product = a * b
    a_high = SPLITTER * a - (SPLITTER * a - a)
    b_high = SPLITTER * b - (SPLITTER * b - b)
    a_low, b_low = a - a_high, b - b_high
    return product, ((a_high * b_high - product) + a_high * b_low + a_low * b_high) + a_low * b_low


def scaled_decimal(w, exponent):
    """w * 10**exponent rounded, and whether it is certainly rounded correctly. w: integer, 0 to 10**18.

    A first approximation and a correction give nearly twice a double's digits; if the two ends of the remaining interval
    round to the same double, that is the number.
    """
    if w == 0:
        return 0.0, True
    if abs(exponent) > MOST_EXPONENT:
        return 0.0, False
    power = POWERS[abs(exponent)]
    high = np.float64(w)
    low = np.float64(w - np.int64(high))
    if exponent < 0:
        near = high / power
        product, rest = two_product(near, power)
        correction = ((high - product) - rest + low) / power
        error = CORRECTION_ERROR * abs(correction)
    else:
        near, rest = two_product(high, power)
        correction = rest + low * power
        error = CORRECTION_ERROR * (abs(rest) + abs(low * power))
    lowest = near + (correction - error)
    return lowest, lowest == near + (correction + error)


def read_number(text, at):
    """The number whose sign or first digit is text[at] (uint8): its value, the position after it, and NO_NUMBER, RIGHT
    or DOUBTFUL. A doubtful number's value is meaningless."""
    stop = text.shape[0]
    negative = at < stop and text[at] == MINUS
    if at < stop and (text[at] == MINUS or text[at] == PLUS):
        at += 1
    w, digits, exponent = np.int64(0), 0, 0
    seen, behind_point, lost = False, False, False
    while at < stop:
        digit = np.int64(text[at]) - ZERO
        if 0 <= digit <= 9:
            seen = True
            if digits < MOST_DIGITS:
                w = 10 * w + digit
                digits += 1 if w > 0 else 0
                exponent -= 1 if behind_point else 0
            else:
                lost = lost or digit > 0
                exponent += 0 if behind_point else 1
        elif text[at] == POINT and not behind_point:
            behind_point = True
        else:
            break
        at += 1
    if seen and at < stop and (text[at] == SMALL_E or text[at] == LARGE_E):
        power, at, seen = read_exponent(text, at + 1)
        exponent += power
    if not seen:
        return 0.0, at, NO_NUMBER
    value, certain = scaled_decimal(w, exponent)
    return -value if negative else value, at, RIGHT if certain and not lost else DOUBTFUL


def read_exponent(text, at):
    """The power of ten whose sign or first digit is text[at], the position after it, and whether there is one."""
    stop = text.shape[0]
    negative = at < stop and text[at] == MINUS
    if at < stop and (text[at] == MINUS or text[at] == PLUS):
        at += 1
    power, start = 0, at
    while at < stop and 0 <= np.int64(text[at]) - ZERO <= 9:
        power = min(10 * power + np.int64(text[at]) - ZERO, 100_000)
        at += 1
    return -power if negative else power, at, at > start
