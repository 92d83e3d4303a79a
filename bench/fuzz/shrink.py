"""Makes a case smaller while it still shows its bug."""

import re
import time

NUMBER = re.compile(r"[-+]?(\d+\.?\d*|\.\d+)([eE][-+]?\d+)?")


def without_parts(parts, fails, deadline):
    """A part of a sequence that still fails, with nothing left to drop (or no time left): halves first, then smaller
    parts."""
    parts, size = tuple(parts), max(len(parts) // 2, 1)
    while time.monotonic() < deadline:
        start, dropped = 0, False
        while start < len(parts) and time.monotonic() < deadline:
            fewer = parts[:start] + parts[start + size :]
            if fails(fewer):
                parts, dropped = fewer, True
            else:
                start += size
        if size == 1 and not dropped:
            break
        size = max(size // 2, 1)
    return parts


def simpler_numbers(line, fails, deadline):
    """A line (tuple of groups of words) with numbers shortened as far as it still fails."""
    for place, group in enumerate(line):
        for position, word in enumerate(group[1:], 1):
            if not NUMBER.fullmatch(word):
                continue
            # a cell stays possible: an impossible one hides other bugs
            for simpler in rounded_words(word) if group[0] == "-cell" else simpler_words(word):
                if time.monotonic() > deadline:
                    return line
                changed = (*group[:position], simpler, *group[position + 1 :])
                attempt = (*line[:place], changed, *line[place + 1 :])
                if fails(attempt):
                    line, group = attempt, changed
                    break
    return line


def simpler_words(word):
    """Shorter texts of a number, the simplest first."""
    value = float(word)
    yield from (simple for simple in ("0", "1", "2", "3", "5", "10", "90", "100") if abs(float(simple)) < abs(value))
    yield from rounded_words(word)


def rounded_words(word):
    """The same number with fewer digits."""
    for digits in (1, 2, 3, 4, 6):
        rounded = f"{float(word):.{digits}g}"
        if len(rounded) < len(word):
            yield rounded
