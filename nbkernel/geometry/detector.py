"""The detector's geometry: beam-centre conventions, rotations, origin. In metres, vectors in the laboratory frame."""

import math
from typing import NamedTuple

from nbkernel.errors import InputError
from nbkernel.kernels.physics.constants import DBL_MIN, RTD
from nbkernel.kernels.physics.vectors import (
    cross_product,
    dot_product,
    magnitude,
    rotate,
    rotate_axis,
    unitize,
    vector_scale,
)

X, Y, Z = (1.0, 0.0, 0.0), (0.0, 1.0, 0.0), (0.0, 0.0, 1.0)


class Frame(NamedTuple):
    """Directions that a program's convention fixes, and the pivot about which it rotates the detector."""

    beam: tuple
    fdet: tuple
    sdet: tuple
    odet: tuple
    twotheta_axis: tuple
    polar: tuple
    spindle: tuple
    pivot: str


def negative(v):
    return (0.0 - v[0], 0.0 - v[1], 0.0 - v[2])


FRAMES = {
    "adxv": Frame(Z, X, negative(Y), Z, negative(X), X, X, "beam"),
    "mosflm": Frame(X, Z, negative(Y), X, negative(Z), Z, Z, "beam"),
    "denzo": Frame(X, Z, negative(Y), X, negative(Z), Z, Z, "beam"),
    "xds": Frame(Z, X, Y, Z, X, X, X, "sample"),
    "dials": Frame(Z, X, Y, Z, Y, Y, Y, "sample"),
}


class Detector(NamedTuple):
    """The position and orientation of a flat (or spherical) panel, and the beam centre in several programs' conventions.

    Lengths in metres, vectors in the laboratory frame; ORGX, ORGY in pixels, dials_origin in mm.
    """

    fpixels: int
    spixels: int
    pixel_size: float
    detsize_f: float
    detsize_s: float
    fdet_vector: tuple
    sdet_vector: tuple
    odet_vector: tuple
    pix0_vector: tuple
    beam_vector: tuple
    polar_vector: tuple
    vert_vector: tuple
    spindle_vector: tuple
    convention: str
    pivot: str
    twotheta: float  # radians
    distance: float
    close_distance: float
    Xbeam: float
    Ybeam: float
    Fbeam: float
    Sbeam: float
    Fclose: float
    Sclose: float
    ORGX: float
    ORGY: float
    dials_origin: tuple
    curved: bool
    point_pixel: bool
    seen_from_behind: bool = False  # the normal of its convention points towards the sample


def detector_size(experiment):
    """Pixel size, edge lengths (m) and pixel counts; a given count overrides a length.

    Raises InputError for an impossible size.
    """
    pixel_size = (0.1 if experiment.pixel is None else experiment.pixel) / 1000.0
    if not 0.0 < pixel_size < math.inf:
        raise InputError(f"-pixel: {pixel_size * 1000:g} mm is not a pixel size; it must be greater than 0")
    sizes = []
    for axis, pixels, length in (
        ("f", experiment.detpixels_f, experiment.detsize_f),
        ("s", experiment.detpixels_s, experiment.detsize_s),
    ):
        if pixels is not None:
            if pixels <= 0:
                raise InputError(f"-detpixels_{axis}: {pixels} is not a number of pixels; it must be greater than 0")
            detsize = pixel_size * pixels
        else:
            detsize = length / 1000.0
        count = detsize / pixel_size - 0.5
        if not 0.0 < count < 2147483647.0:
            raise InputError(f"-detsize_{axis}: {length:g} mm is not a usable number of pixels of {pixel_size * 1000:g} mm")
        sizes.append((detsize, math.ceil(count)))
    (detsize_f, fpixels), (detsize_s, spixels) = sizes
    return pixel_size, detsize_f, detsize_s, fpixels, spixels


def place_detector(experiment):
    """The Detector of an Experiment. Raises InputError for an impossible size or distance."""
    pixel_size, detsize_f, detsize_s, fpixels, spixels = detector_size(experiment)
    convention = experiment.convention
    fixed = "vectors" in experiment.fix

    centre = beam_centre(experiment, pixel_size, detsize_f, detsize_s)
    Xbeam, Ybeam, Fbeam, Sbeam, Fclose, Sclose = centre
    frame = directions(experiment)
    beam, fdet, sdet = unitize(frame.beam), unitize(frame.fdet), unitize(frame.sdet)
    odet = normal_vector(frame.odet, fdet, sdet, experiment, fixed)
    polar, spindle = unitize(frame.polar), unitize(frame.spindle)
    vert = unitize(cross_product(beam, polar))
    for name, vector in (("beam_vector", beam), ("fdet_vector", fdet), ("sdet_vector", sdet), ("odet_vector", odet)):
        if magnitude(vector) == 0.0:
            need = "fast and slow axes that are not parallel" if name == "odet_vector" else "a vector that is not 0 0 0"
            raise InputError(f"-{name}: has no direction; need {need}")

    rotx, roty, rotz = (
        experiment.detector_rotx / RTD,
        experiment.detector_roty / RTD,
        experiment.detector_rotz / RTD,
    )
    twotheta = experiment.twotheta / RTD
    distance, close_distance, ratio = nearest_distance(experiment, beam, rotate(odet, rotx, roty, rotz))

    fdet, sdet, odet, pix0 = swung_detector(
        (fdet, sdet, odet), (rotx, roty, rotz), frame.twotheta_axis, twotheta, frame.pivot,
        (Fclose, Sclose, close_distance), (Fbeam, Sbeam, vector_scale(beam, distance)),
    )  # fmt: skip
    if fixed and convention == "custom" and experiment.pix0_vector is not None:
        pix0 = experiment.pix0_vector

    Fclose = -dot_product(pix0, fdet)
    Sclose = -dot_product(pix0, sdet)
    close_distance = dot_product(pix0, odet)
    impact = vector_scale(beam, close_distance / ratio)
    impact = (impact[0] - pix0[0], impact[1] - pix0[1], impact[2] - pix0[2])
    if close_distance == 0.0:
        raise InputError("-distance: the detector's plane goes through the sample; choose another distance or rotation")
    distance = close_distance / ratio
    seen_from_behind = close_distance < 0.0
    if seen_from_behind and "behind" in experiment.fix:
        # the sensor's layers are behind one another as seen from the sample; a sphere is downstream of it
        odet, close_distance = vector_scale(odet, -1.0), -close_distance
        distance = abs(distance) if experiment.curved_detector else distance
    return Detector(
        fpixels, spixels, pixel_size, detsize_f, detsize_s,
        fdet, sdet, odet, pix0, beam, polar, vert, spindle,
        convention, frame.pivot, twotheta,
        distance, close_distance,
        Xbeam, Ybeam, dot_product(fdet, impact), dot_product(sdet, impact), Fclose, Sclose,
        Fclose / pixel_size + 0.5, Sclose / pixel_size + 0.5,
        origin_for_dials(pix0),
        experiment.curved_detector, experiment.point_pixel, seen_from_behind,
    )  # fmt: skip


def swung_detector(axes, angles, twotheta_axis, twotheta, pivot, closest, impact):
    """fdet, sdet, odet and pix0 after the rotations by angles about x, y, z and by twotheta (radians).

    axes: fdet, sdet, odet; pivot: beam or sample; closest: fast, slow and distance (m) of the point nearest to the sample,
    kept by the pivot sample; impact: fast, slow (m) and position of the direct beam's, kept by the pivot beam.
    """

    def swing(vector):
        return rotate_axis(rotate(vector, *angles), twotheta_axis, twotheta)

    fdet, sdet, odet = axes
    fast, slow, distance = closest
    unswung = vector_sum(vector_scale(fdet, -fast), vector_scale(sdet, -slow), vector_scale(odet, distance))
    fdet, sdet, odet = swing(fdet), swing(sdet), swing(odet)
    if pivot == "beam":
        fast, slow, position = impact
        return fdet, sdet, odet, vector_sum(vector_scale(fdet, -fast), vector_scale(sdet, -slow), position)
    return fdet, sdet, odet, swing(unswung)


def vector_sum(a, b, c):
    return (a[0] + b[0] + c[0], a[1] + b[1] + c[1], a[2] + b[2] + c[2])


def beam_centre(experiment, pixel_size, detsize_f, detsize_s):
    """Xbeam, Ybeam, Fbeam, Sbeam, Fclose, Sclose (m) before the detector is rotated: each program's own convention for
    the beam-centre flags; by default the centre of the detector."""
    Fclose = detsize_f / 2.0 if experiment.ORGX is None else (experiment.ORGX - 0.5) * pixel_size
    Sclose = detsize_s / 2.0 if experiment.ORGY is None else (experiment.ORGY - 0.5) * pixel_size
    Xclose = Fclose if experiment.Xclose is None else experiment.Xclose / 1000.0
    Yclose = Sclose if experiment.Yclose is None else experiment.Yclose / 1000.0
    Xbeam = None if experiment.Xbeam is None else experiment.Xbeam / 1000.0
    Ybeam = None if experiment.Ybeam is None else experiment.Ybeam / 1000.0
    if Ybeam is None and experiment.Ybeam_from_far_edge is not None:
        size, below = experiment.Ybeam_from_far_edge
        Ybeam = size - below / 1000.0

    convention = experiment.convention
    if convention == "adxv":
        Xbeam = (detsize_f + pixel_size) / 2.0 if Xbeam is None else Xbeam
        Ybeam = (detsize_s - pixel_size) / 2.0 if Ybeam is None else Ybeam
        Fbeam, Sbeam = Xbeam, detsize_s - Ybeam
    elif convention in ("mosflm", "denzo"):
        Xbeam = (detsize_s + pixel_size) / 2.0 if Xbeam is None else Xbeam
        Ybeam = (detsize_f + pixel_size) / 2.0 if Ybeam is None else Ybeam
        half = 0.5 if convention == "mosflm" else 0.0
        Fbeam, Sbeam = Ybeam + half * pixel_size, Xbeam + half * pixel_size
    else:
        Xbeam = Xclose if Xbeam is None else Xbeam
        Ybeam = Yclose if Ybeam is None else Ybeam
        Fbeam, Sbeam = Xbeam, Ybeam
        if convention == "custom":
            Fclose, Sclose = Xbeam, Ybeam
    return Xbeam, Ybeam, Fbeam, Sbeam, Fclose, Sclose


def origin_for_dials(pix0):
    """The corner of the first pixel in mm, in DIALS' frame for a beam along MOSFLM's x."""
    return tuple(1000.0 * dot_product(pix0, axis) for axis in (Z, Y, (-1.0, 0.0, 0.0)))


def directions(experiment):
    """The Frame of an Experiment's convention."""
    if experiment.convention != "custom":
        return FRAMES[experiment.convention]
    fixed = "vectors" in experiment.fix
    twotheta_axis = experiment.twotheta_axis or Y
    return Frame(
        experiment.beam_vector,
        experiment.fdet_vector or Z,
        experiment.sdet_vector or negative(Y),
        experiment.odet_vector or X,
        unitize(twotheta_axis) if fixed else twotheta_axis,
        experiment.polar_vector,
        experiment.spindle_axis,
        experiment.pivot,
    )


def frame_of(beam_vector, polar_vector, spindle_axis):
    """The Frame of panels, which have axes of their own."""
    return Frame(beam_vector, Z, negative(Y), X, Y, polar_vector, spindle_axis, "beam")


def normal_vector(odet, fdet, sdet, experiment, fixed):
    """Unit normal. The program takes fast x slow unless the length of the given vector is exactly 1. With --fix vectors a
    given vector is normalised, and a missing one is fast x slow."""
    if fixed and experiment.convention == "custom":
        if experiment.odet_vector is not None:
            return unitize(odet)
        return unitize(cross_product(fdet, sdet))
    if magnitude(odet) == 1.0:
        return unitize(odet)
    return unitize(cross_product(fdet, sdet))


def nearest_distance(experiment, beam, odet):
    """distance along the beam, close_distance along the normal (m), and their ratio, for the rotated normal."""
    for name in ("distance", "close_distance"):
        value = getattr(experiment, name)
        # close_distance is negative in the header of a detector swung beyond 90 degrees
        if value is not None and (value == 0.0 or not math.isfinite(value)):
            raise InputError(f"-{name}: {value:g} mm is not a distance; it must not be 0")
    ratio = dot_product(beam, odet)
    if ratio == 0.0:
        ratio = DBL_MIN
    distance = (100.0 if experiment.distance is None else experiment.distance) / 1000.0
    if experiment.close_distance is None:
        close_distance = abs(ratio * distance)
    else:
        close_distance = experiment.close_distance / 1000.0
    return close_distance / ratio, close_distance, ratio
