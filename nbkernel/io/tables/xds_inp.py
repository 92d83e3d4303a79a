"""The detector in an XDS.INP, in its own laboratory frame.

A pixel IX, IY, whose centre is an integer, counted from 1, is in the detector's frame (X, Y, X x Y) at
((IX-ORGX) QX, (IY-ORGY) QY, DETECTOR_DISTANCE); segments are placed in that frame from its pixel (0, 0), see
https://xds.mr.mpg.de/html_doc/coordinate_systems.html.
"""

import math
import os
import re

import numpy as np

from nbkernel.errors import InputError
from nbkernel.geometry.cell_axes import unit_vector
from nbkernel.geometry.panels import Panel
from nbkernel.io.files.text import LONGEST_WORD, read_text

KEYWORD = re.compile(r"([A-Z][A-Z0-9_/.-]*)\s*=")
X_AXIS, Y_AXIS = "DIRECTION_OF_{}_X-AXIS", "DIRECTION_OF_{}_Y-AXIS"
RIGHT_ANGLE = 1e-3  # cosine between X and Y
SQUARE = 1e-6  # relative difference of a pixel's edges
HALF = 0.5  # of a pixel: from a corner to the centre


def read_xds_detector(path, flag="--panels"):
    """Fields of an Experiment: panels, one for each SEGMENT if there are any, convention, beam_vector, polar_vector,
    spindle_axis and, if stated, wavelength (Angstrom). Raises InputError, beginning with `flag`, for what is missing or
    wrong."""
    return Inputs(f"{flag} {os.fspath(path)}", read_text(flag, path)).fields()


class Inputs:
    """The keywords of an XDS.INP: {name: text}, and of each segment its own. where: begins messages."""

    def __init__(self, where, text):
        self.where, self.values, self.segments = where, {}, []
        for line in text.splitlines():
            _, *parts = KEYWORD.split(line.partition("!")[0])
            for name, value in zip(parts[::2], parts[1::2], strict=True):
                if name == "SEGMENT":
                    self.segments.append({})
                own = self.segments[-1] if self.segments and "SEGMENT" in name else self.values
                own[name] = value.strip()

    def fields(self):
        beam = self.direction("INCIDENT_BEAM_DIRECTION", (0, 0, 1))
        polar = np.cross(self.direction("POLARIZATION_PLANE_NORMAL", (0, 1, 0)), beam)
        if not polar.any():
            raise InputError(f"{self.where}: POLARIZATION_PLANE_NORMAL is along the beam; need a direction across it")
        found = {
            "panels": tuple(self.panels()),
            "convention": "custom",
            "beam_vector": tuple(beam.tolist()),
            "polar_vector": tuple(unit_vector(polar).tolist()),
            "spindle_axis": tuple(self.direction("ROTATION_AXIS", (1, 0, 0)).tolist()),
        }
        if "X-RAY_WAVELENGTH" in self.values:
            found["wavelength"] = self.positive("X-RAY_WAVELENGTH", "a wavelength in Angstrom")
        return found

    def panels(self):
        pixel, pixel_y = (self.positive(name, "the edge of a pixel in mm") for name in ("QX", "QY"))
        if abs(pixel - pixel_y) > SQUARE * pixel:
            raise InputError(f"{self.where}: QX= {pixel:g} and QY= {pixel_y:g}; need square pixels")
        axes = self.axes(self.values, "DETECTOR")
        origin = np.array([self.number("ORGX"), self.number("ORGY")])
        first_pixel = np.array([*(-pixel * origin), self.number("DETECTOR_DISTANCE")])
        if not self.segments:
            yield self.panel(axes, first_pixel, (1, self.count("NX"), 1, self.count("NY")), pixel, "")
        for number, values in enumerate(self.segments, 1):
            own = self.axes(values, "SEGMENT")
            names = ("SEGMENT_ORGX", "SEGMENT_ORGY", "SEGMENT_DISTANCE")
            org_x, org_y, distance = (self.numbers(values, name, 1, ("0",))[0] for name in names)
            place = first_pixel + np.array([-pixel * org_x, -pixel * org_y, distance]) @ own
            limits = tuple(map(int, self.numbers(values, "SEGMENT", 4)))
            yield self.panel(own @ axes, place @ own.T, limits, pixel, f"segment {number}")

    def panel(self, axes, first_pixel, limits, pixel, name):
        """A Panel. axes: rows X, Y, normal in the laboratory; first_pixel: centre of its pixel (0, 0) along them (mm);
        limits: x1 x2 y1 y2 of its pixels."""
        x1, x2, y1, y2 = limits
        if not (1 <= x1 <= x2 and 1 <= y1 <= y2):
            raise InputError(f"{self.where}: SEGMENT= {x1} {x2} {y1} {y2} has no pixels; need x1 x2 y1 y2, counted from 1")
        corner = (first_pixel + pixel * np.array([x1 - HALF, y1 - HALF, 0.0])) @ axes
        thick = self.number("SENSOR_THICKNESS", "0")
        mu = self.number("SILICON", "-1")
        has_depth = thick > 0.0 and mu > 0.0
        return Panel(
            pix0_vector=tuple((corner / 1000.0).tolist()), fdet_vector=tuple(axes[0].tolist()),
            sdet_vector=tuple(axes[1].tolist()), detpixels_f=x2 - x1 + 1, detpixels_s=y2 - y1 + 1, pixel=pixel,
            detector_abs=1000.0 / mu if has_depth else None, detector_thick=1000.0 * thick if has_depth else 0.0, name=name,
        )  # fmt: skip

    def axes(self, values, what):
        """(3, 3) rows X, Y and the normal of the detector, or of a segment in the detector's frame."""
        x = self.direction(X_AXIS.format(what), (1, 0, 0), values)
        y = self.direction(Y_AXIS.format(what), (0, 1, 0), values)
        if abs(x @ y) > RIGHT_ANGLE:
            raise InputError(f"{self.where}: {Y_AXIS.format(what)} is not at a right angle to the X-AXIS")
        normal = np.cross(x, y)
        return np.array([x, y, normal / np.linalg.norm(normal)])

    def direction(self, name, default, values=None):
        found = self.numbers(self.values if values is None else values, name, 3, default)
        if not any(found):
            raise InputError(f"{self.where}: {name}= 0 0 0 has no direction")
        return unit_vector(found)

    def count(self, name):
        found = self.number(name)
        if found < 1 or found != int(found):
            raise InputError(f"{self.where}: {name}= {found:g}; need a number of pixels")
        return int(found)

    def positive(self, name, need):
        found = self.number(name)
        if not found > 0.0:
            raise InputError(f"{self.where}: {name}= {found:g}; need {need}")
        return found

    def number(self, name, default=None):
        return self.numbers(self.values, name, 1, None if default is None else (default,))[0]

    def numbers(self, values, name, count, default=None):
        """The first `count` numbers of a keyword. Raises InputError if there are fewer."""
        if not values.get(name):
            if default is None:
                raise InputError(f"{self.where}: has no {name}=; need it to place the detector")
            return [float(value) for value in default]
        words = values[name].split()[:count]
        try:
            found = [float(word) for word in words]
        except ValueError:
            found = []
        if len(found) < count or not all(map(math.isfinite, found)):
            need = "a number" if count == 1 else f"{count} numbers"
            raise InputError(f"{self.where}: {name}= {' '.join(word[:LONGEST_WORD] for word in words)}; need {need}")
        return found
