"""The part `commands`: random command lines, each rendered by the C program and by nbkernel."""

import shlex
import time

from bench.fuzz.campaign import Report
from bench.fuzz.draw import Draw, group, words
from bench.fuzz.shrink import simpler_numbers, without_parts
from nbkernel.experiment.quirks import QUIRKS

from .aligned import aligned_line
from .differential import Differential, Reference, shape_of_refusal
from .ordinary import ordinary_line


def fixed_line(draw, folder):
    """A line of another kind with some quirks corrected."""
    line = draw.pick(ordinary_line, aligned_line)(draw, folder)
    names = draw.pick(["all"], draw.sample(sorted(QUIRKS), draw.randrange(1, 4)))
    return (*line, group("--fix", ",".join(names)))


GENERATORS = {"ordinary": ordinary_line, "aligned": aligned_line, "fixed": fixed_line}
SHRINK_SECONDS = 30.0
DETECTOR_FLAGS = ("-detpixels", "-detpixels_f", "-detpixels_s", "-detpixels_x", "-detpixels_y", "-detsize")


class Commands:
    """Draws, examines and shrinks command lines. kinds: names of GENERATORS; checks: precisions to look at; seconds:
    for shrinking one bug, 0 to leave it as it is."""

    def __init__(self, binary, folder, kinds=tuple(GENERATORS), checks=("exact", "double", "mixed"), seconds=SHRINK_SECONDS):
        self.folder, self.kinds, self.seconds = folder, kinds, seconds
        self.differential = Differential(Reference(binary) if binary else None, checks)

    def line(self, seed, number):
        draw = Draw(seed, number)
        return GENERATORS[draw.choice(self.kinds)](draw, self.folder)

    def run(self, seed, number):
        """{counts}, [reports] of one case."""
        line = self.line(seed, number)
        outcome = self.differential.examine(words(line))
        counted = outcome.kind
        if outcome.kind == "refused by nbkernel":
            counted += f": {shape_of_refusal(outcome.refusal)}"
        reports = []
        for check in dict.fromkeys(finding.check for finding in outcome.findings):
            small, finding = self.shrunk(line, check)
            key = (check, *sorted(each[0] for each in small))
            reports.append(Report(key, self.text(small, finding)))
        return counted, reports

    def shrunk(self, line, check):
        """A line as small as it becomes that still has a finding of the same check, and that finding."""
        last = {}

        def fails(attempt):
            if kept_flags(attempt) != kept_flags(line):
                return False
            findings = self.differential.examine(words(attempt)).findings
            found = next((finding for finding in findings if finding.check == check), None)
            if found is not None:
                last[attempt] = found
            return found is not None

        if not fails(line):
            return line, None  # does not repeat: the clock, or memory that was never written
        deadline = time.monotonic() + self.seconds
        line = without_parts(line, fails, deadline)
        line = smaller_detector(line, fails, deadline)
        pixel = last[line].pixel
        if pixel is not None and self.seconds:
            alone = (
                *(each for each in line if each[0] != "-roi"),
                group("-roi", pixel[0], pixel[0], pixel[1], pixel[1]),
            )
            line = alone if fails(alone) else line
        line = simpler_numbers(line, fails, deadline)
        line = without_parts(line, fails, deadline)
        return line, last[line]

    def text(self, line, finding):
        """What to paste into a shell, and the result."""
        what = f"{finding.check}: {finding.numbers}" if finding else "does not repeat"
        return f"{what}\n  {shlex.join(words(line))}"


def kept_flags(line):
    """Without these the detector is large, or the noise another every second."""
    return [each[0] for each in line if each[0] in (*DETECTOR_FLAGS, "-seed")]


def smaller_detector(line, fails, deadline):
    """The line with fewer pixels if it still fails with them: the first in the file stay."""
    for place, each in enumerate(line):
        if each[0] not in DETECTOR_FLAGS or each[0] == "-detsize":
            continue
        for size in (1, 2, 3, 5, 9, 17, 33):
            if size >= int(each[1]) or time.monotonic() > deadline:
                break
            attempt = (*line[:place], group(each[0], size), *line[place + 1 :])
            if fails(attempt):
                line = attempt
                break
    return line
