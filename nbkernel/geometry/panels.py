"""Panels: the flat parts of a detector, each with its position in the laboratory."""

import math
from dataclasses import dataclass, field

from nbkernel.errors import InputError
from nbkernel.kernels.physics.constants import DBL_MIN
from nbkernel.kernels.physics.vectors import cross_product, dot_product, magnitude, unitize, vector_scale
from nbkernel.support.field_types import Vector
from nbkernel.support.validation import convert_fields, with_unit

from .detector import Detector, origin_for_dials

ROUNDING = 1e-12  # relative to the corner's distance; a plane closer than this passes through the sample


@dataclass(frozen=True)
class Panel:
    """One flat part of a detector. Names and units are those of Experiment: metres for the corner, mm for the pixel,
    micrometres for the sensor. Vectors are in the same frame as those of beam and spindle.

    Raises InputError, naming the field, for a value of another kind.
    """

    pix0_vector: Vector = field(metadata={"unit": "m"})  # corner of the first pixel
    fdet_vector: Vector  # direction of the fast axis, of any length
    sdet_vector: Vector  # direction of the slow axis
    detpixels_f: int  # pixels along fast
    detpixels_s: int  # pixels along slow
    pixel: float = with_unit(0.1, "mm")  # edge of a pixel
    detector_abs: float | None = with_unit(None, "micrometres")  # attenuation depth; 0 or inf: none
    detector_thick: float = with_unit(0.0, "micrometres")  # thickness of the sensor
    detector_thicksteps: int | None = None  # layers of the sensor
    name: str = ""  # used in messages and files
    material: str = ""  # of the sensor, written to files

    def __post_init__(self):
        convert_fields(self)


def place_panel(panel, number, frame, point_pixel=False):
    """The Detector that a Panel is in a laboratory Frame (its beam, polarisation and spindle count); `number` names it in
    errors.

    Its normal points away from the sample, whatever the handedness of fast and slow. Raises InputError for an impossible
    panel.
    """
    name = panel_name(number, panel)
    check_panel(name, panel)
    beam, polar = unitize(frame.beam), unitize(frame.polar)
    if not magnitude(beam) > 0.0:
        raise InputError(
            f"-beam_vector: {' '.join(f'{x:g}' for x in frame.beam)} has no direction; need a vector that is not 0"
        )
    fdet, sdet, pix0 = unitize(panel.fdet_vector), unitize(panel.sdet_vector), tuple(panel.pix0_vector)
    odet = unitize(cross_product(fdet, sdet))
    if magnitude(odet) == 0.0:
        raise InputError(f"{name}: fdet_vector and sdet_vector do not span a plane; need two different directions")
    close_distance = dot_product(pix0, odet)
    if close_distance < 0.0:
        odet, close_distance = vector_scale(odet, -1.0), -close_distance
    if close_distance <= ROUNDING * magnitude(pix0):
        raise InputError(
            f"{name}: its plane passes through the sample; pix0_vector is the corner of its first pixel in metres"
        )
    ratio = dot_product(beam, odet)
    distance = close_distance / (DBL_MIN if ratio == 0.0 else ratio)
    impact = [along - corner for along, corner in zip(vector_scale(beam, distance), pix0, strict=True)]
    Fbeam, Sbeam = (dot_product(impact, axis) if math.isfinite(distance) else math.nan for axis in (fdet, sdet))
    pixel_size = panel.pixel / 1000.0
    Fclose, Sclose = -dot_product(pix0, fdet), -dot_product(pix0, sdet)
    return Detector(
        panel.detpixels_f, panel.detpixels_s, pixel_size, pixel_size * panel.detpixels_f, pixel_size * panel.detpixels_s,
        fdet, sdet, odet, pix0, beam, polar, unitize(cross_product(beam, polar)), unitize(frame.spindle),
        "custom", "sample", 0.0,
        distance, close_distance,
        Fbeam, Sbeam, Fbeam, Sbeam, Fclose, Sclose,
        Fclose / pixel_size + 0.5, Sclose / pixel_size + 0.5,
        origin_for_dials(pix0),
        False, point_pixel,
    )  # fmt: skip


def panel_name(number, panel):
    """For messages."""
    return f"panel {number}" + (f" ({panel.name})" if panel.name else "")


def check_panel(name, panel):
    for vector in ("pix0_vector", "fdet_vector", "sdet_vector"):
        if not all(math.isfinite(x) for x in getattr(panel, vector)):
            raise InputError(f"{name}: {vector} = {getattr(panel, vector)} is not a vector; need three finite numbers")
    for side in ("detpixels_f", "detpixels_s"):
        count = getattr(panel, side)
        if not 0 < count < 2147483647:
            raise InputError(f"{name}: {side} = {count} is not a number of pixels; it must be greater than 0")
    if not 0.0 < panel.pixel < math.inf:
        raise InputError(f"{name}: pixel = {panel.pixel:g} mm is not a pixel size; it must be greater than 0")
    for vector in ("fdet_vector", "sdet_vector"):
        if magnitude(getattr(panel, vector)) == 0.0:
            raise InputError(f"{name}: {vector} = 0 0 0 has no direction")
