"""Runs cases for some time, counts their outcomes, prints each bug once."""

import collections
import sys
import time


def campaign(part, seed, seconds, only=None, out=print):
    """Runs part.run(seed, number) for number = 0, 1, ... until `seconds` are over, or the one case `only`. Returns the
    number of different findings."""
    counts, shown = collections.Counter(), collections.Counter()
    started = time.monotonic()
    number = 0 if only is None else only
    cases = 0
    while cases == 0 or (only is None and time.monotonic() - started < seconds):
        counted, reports = part.run(seed, number)
        counts[counted] += 1
        for report in reports:
            shown[report.key] += 1
            if shown[report.key] == 1:
                out(f"case {seed} {number}: {report.text}")
                sys.stdout.flush()
        cases, number = cases + 1, number + 1
    out(
        f"seed {seed}: {cases} cases in {time.monotonic() - started:.0f} s, {len(shown)} different findings in "
        f"{shown.total()}"
    )
    for what, count in counts.most_common():
        out(f"  {count:7} {what}")
    return len(shown)


class Report:
    """One finding, shrunk: text to print. Cases with the same `key` are considered one bug."""

    def __init__(self, key, text):
        self.key, self.text = key, text
