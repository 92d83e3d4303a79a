"""nanoBragg.c's progress lines, computed from the number of pixels done."""

import contextlib


class ProgressLines:
    """Calls `say` with 'N% done' for each pixel at which the program prints one.

    regions: -roi of each panel as the program counts it (its last values may be beyond the edge).
    """

    def __init__(self, regions, say):
        self.pixels = sum((f1 - f0 + 1) * (s1 - s0 + 1) for f0, f1, s0, s1 in regions)
        self.say = say
        self.next = 0

    def __call__(self, done):
        twentieth, hundredth = self.pixels // 20, self.pixels // 100
        if hundredth == 0:
            return
        for pixel in sorted(self.multiples(twentieth, done) | self.multiples(hundredth, done)):
            near_an_end = 10 * pixel < self.pixels or 10 * pixel > 9 * self.pixels
            if pixel % twentieth == 0 or near_an_end:
                self.say(f"{pixel * 100 // self.pixels}% done")
        self.next = done

    def multiples(self, stride, done):
        return set(range(-(-self.next // stride) * stride, done, stride))


def progress_lines(say):
    """The progress lines as the argument `progress` of `simulate_to_files`."""
    return lambda runs: contextlib.nullcontext(ProgressLines([prepared.program_roi for prepared in runs], say))
