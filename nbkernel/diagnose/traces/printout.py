"""-printout: what a pixel was computed from, in nanoBragg.c's lines.

The program prints the numbers of the last step evaluated, even if it belongs to an earlier pixel (where -dmin rejects all
sources, or F_latt = 0 ends the steps before F_cell is looked up). Before the first step, F_cell is the last one read from
a text table, the cell is unrotated, and the rest is uninitialised memory: zeros here.
"""

import math

import numpy as np

from nbkernel.engine.tiles import panel_tile
from nbkernel.io.files.text import c_format
from nbkernel.kernels.physics.vectors import magnitude

from .events import PixelEvents, Source, Step, Subpixel, Total, start_of_pixel


class LastNumbers:
    """The numbers that the pixels followed so far have left in the program's variables."""

    def __init__(self):
        self.subpixel = self.source = self.step = self.total = self.F_cell = None

    def follow(self, events):
        for event in events:
            if isinstance(event, Step):
                self.step = event
                if event.F_cell is not None:
                    self.F_cell = event.F_cell
            elif isinstance(event, Subpixel):
                self.subpixel = event
            elif isinstance(event, Source):
                self.source = event
            elif isinstance(event, Total):
                self.total = event

    def complete_from(self, earlier):
        """Fills in what is missing from an earlier pixel."""
        self.step = earlier.step if self.step is None else self.step
        self.F_cell = earlier.F_cell if self.F_cell is None else self.F_cell

    def is_complete(self):
        return self.step is not None and self.F_cell is not None


class Printout:
    """Texts of a Prepared run; history: its History; image: (slow, fast) float32, rendered."""

    def __init__(self, prepared, history, image):
        self.prepared, self.history, self.image = prepared, history, image
        self.tile = panel_tile(prepared.detector)

    def texts(self, warn):
        """A text of several lines for each rendered pixel, in file order; warns of pixels that cannot be shown."""
        numbers = LastNumbers()
        for spixel, fpixel in self.pixels_until(self.prepared.wanted.size):
            if self.follow(numbers, spixel, fpixel, warn):
                yield self.text(numbers, spixel, fpixel)

    def one_text(self, fpixel, spixel, warn):
        """The text of one rendered pixel, None if it cannot be shown."""
        numbers = LastNumbers()
        if not self.follow(numbers, spixel, fpixel, warn):
            return None
        before = self.pixels_until(spixel * self.image.shape[1] + fpixel, backwards=True)
        while not numbers.is_complete() and (pixel := next(before, None)) is not None:
            earlier = LastNumbers()
            self.follow(earlier, *pixel, warn)
            numbers.complete_from(earlier)
        return self.text(numbers, spixel, fpixel)

    def pixels_until(self, stop, backwards=False):
        """(slow, fast) of the rendered pixels before number `stop` of the file."""
        wanted = self.prepared.wanted
        rows = range(-(-stop // wanted.shape[1]))
        for spixel in reversed(rows) if backwards else rows:
            columns = np.flatnonzero(wanted[spixel, : stop - spixel * wanted.shape[1]]).tolist()
            for fpixel in reversed(columns) if backwards else columns:
                yield spixel, fpixel

    def follow(self, numbers, spixel, fpixel, warn):
        """Adds a pixel's events to `numbers`; False if they leave the range of Python's functions."""
        plan = self.prepared.plan
        start = start_of_pixel(plan, self.history, spixel, fpixel, self.image.shape[1])
        try:
            numbers.follow(PixelEvents(plan, self.tile, spixel, fpixel, start).events())
        except (ArithmeticError, ValueError) as error:
            warn(f"-printout: pixel {fpixel} {spixel} (fast slow) cannot be shown: {error}")
            return False
        return True

    def text(self, numbers, spixel, fpixel):
        plan, total = self.prepared.plan, numbers.total
        x, y, z = numbers.subpixel.pixel_pos
        twotheta = math.atan2(math.sqrt(y * y + z * z), x)
        stol = 0.5 * magnitude(numbers.source.scattering)
        stol_of_angle = math.sin(twotheta / 2.0) / (self.prepared.wavelength * 1e10)
        hkl, hkl0, F_latt, vectors = self.step_numbers(numbers.step)
        F_cell = self.prepared.reflections.last_F if numbers.F_cell is None else numbers.F_cell
        a, b, c = ([x * 1e10 for x in vectors[i : i + 3]] for i in (0, 3, 6))
        lines = [
            c_format("%4d %4d : stol = %g or %g", fpixel, spixel, stol, stol_of_angle),
            c_format("at %g %g %g", x, y, z),
            c_format("hkl= %f %f %f  hkl0= %d %d %d", *hkl, *hkl0),
            c_format(" F_cell=%g  F_latt=%g   I = %g", F_cell, F_latt, total.I),
            c_format("I/steps %15.10g", total.I / plan.steps),
            c_format("polar   %15.10g", total.polar),
            c_format("omega   %15.10g", total.omega_pixel),
            c_format("capfrac %15.10g", total.capture_fraction),
            c_format("pixel   %15.10g", float(self.image[spixel, fpixel])),
            "real-space cell vectors (Angstrom):",
            "     %-10s  %-10s  %-10s" % ("a", "b", "c"),
        ]
        lines += ["%s: %11.8f %11.8f %11.8f" % (axis, a[i], b[i], c[i]) for i, axis in enumerate("XYZ")]
        return "\n".join(lines)

    def step_numbers(self, step):
        if step is None:
            crystal = self.prepared.crystal
            return (0.0, 0.0, 0.0), (0, 0, 0), 0.0, crystal.a + crystal.b + crystal.c
        return step.hkl, step.hkl0, step.F_latt, step.vectors
