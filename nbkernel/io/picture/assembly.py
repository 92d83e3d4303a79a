"""Several panels as one picture: seen from the sample, projected onto a flat detector perpendicular to the beam."""

import math
from typing import NamedTuple

import numpy as np

from nbkernel.errors import InputError
from nbkernel.geometry.detector import Detector, frame_of
from nbkernel.geometry.panels import Panel, place_panel

from .view import fitting

WIDEST = math.radians(80.0)  # from the beam; beyond it the flat picture gets very large
ROWS = 64  # worked on at a time, so that they stay in the cache
WHOLE = 1e-6  # of a pixel: what rounding may change at an edge


class Assembly(NamedTuple):
    """detectors: of all panels; panel, detector: the Panel whose image the picture is, and its Detector; shown, left_out:
    numbers of the panels in the picture, and of those behind the sample or reaching beyond WIDEST."""

    detectors: tuple
    panel: Panel
    detector: Detector
    shown: tuple
    left_out: tuple

    def missing_lines(self):
        """Lines for the user."""
        if not self.left_out:
            return []
        numbers = ", ".join(map(str, self.left_out))
        return [f"too far from the beam's direction to be in the picture: panel {numbers}"]


def make_assembly(detectors):
    """The Assembly of flat Detectors: with the axes of the first panel shown, and the pixels of the finest panel, or coarser
    by an integer so that the longer edge has at most `view.REDUCED` pixels.

    Raises InputError if no panel can be shown.
    """
    shown = tuple(number for number, detector in enumerate(detectors) if is_in_front(detector))
    if not shown:
        raise InputError(f"--preview: no panel is within {math.degrees(WIDEST):g} degrees of the beam; nothing to draw")
    first = detectors[shown[0]]
    beam, centre = np.array(first.beam_vector), middle(first)
    distance = centre @ beam
    fdet, sdet = axes_in_picture(first, centre)
    pixel = min(detectors[number].pixel_size * distance / (middle(detectors[number]) @ beam) for number in shown)
    points = np.concatenate([corners(detectors[number]) for number in shown])
    points *= distance / (points @ beam)[:, None]
    edges = []
    for axis in (fdet, sdet):
        along = points @ axis
        edges.append((along.min(), along.max() - along.min()))
    pixel *= fitting(max(pixels(length, pixel) for _, length in edges), False)[1]
    (left, width), (top, height) = edges
    corner = distance * beam + left * fdet + top * sdet
    panel = Panel(
        tuple(corner.tolist()), tuple(fdet.tolist()), tuple(sdet.tolist()), pixels(width, pixel), pixels(height, pixel),
        float(pixel) * 1000.0,
    )  # fmt: skip
    frame = frame_of(first.beam_vector, first.polar_vector, first.spindle_vector)
    left_out = tuple(number for number in range(len(detectors)) if number not in shown)
    return Assembly(tuple(detectors), panel, place_panel(panel, 0, frame), shown, left_out)


def assemble(assembly, images):
    """The picture of an Assembly, (slow, fast) float32, from the images of all its panels, each (slow, fast).

    A pixel has the largest value of the panels' pixels whose centres it shows and of those that its own centre is in; nan
    where there are none.
    """
    whole = assembly.detector
    picture = np.full((whole.spixels, whole.fpixels), np.nan, np.float32)
    to_picture = np.linalg.inv(pixel_matrix(whole))
    for number in assembly.shown:
        matrix = to_picture @ pixel_matrix(assembly.detectors[number])
        image = np.asarray(images[number])
        add_seen_pixels(picture, np.linalg.inv(matrix), picture_box(matrix, image.shape, picture.shape), image)
        add_own_pixels(picture, matrix, image)
    return picture


def is_in_front(detector):
    points = corners(detector)
    along = points @ np.array(detector.beam_vector)
    return bool((along > math.cos(WIDEST) * np.linalg.norm(points, axis=1)).all())


def corners(detector):
    """Corners of a panel, (4, 3) m."""
    edges = ((0, 0), (detector.fpixels, 0), (0, detector.spixels), (detector.fpixels, detector.spixels))
    return np.array([pixel_matrix(detector) @ (*edge, 1.0) for edge in edges])


def middle(detector):
    return pixel_matrix(detector) @ (detector.fpixels / 2.0, detector.spixels / 2.0, 1.0)


def pixel_matrix(detector):
    """(3, 3) matrix that takes (fast, slow, 1), in pixels from the corner of the first one, to the laboratory (m)."""
    fdet, sdet = (detector.pixel_size * np.array(axis) for axis in (detector.fdet_vector, detector.sdet_vector))
    return np.stack((fdet, sdet, detector.pix0_vector), axis=1)


def axes_in_picture(detector, point):
    """The picture's axes: the panel's fast axis at a point as seen from the sample, and the perpendicular direction closest
    to the slow axis there."""
    beam = np.array(detector.beam_vector)
    fdet, sdet = (
        np.array(axis) * (point @ beam) - point * (np.array(axis) @ beam)
        for axis in (detector.fdet_vector, detector.sdet_vector)
    )
    fdet /= np.linalg.norm(fdet)
    sdet -= (sdet @ fdet) * fdet
    return fdet, sdet / np.linalg.norm(sdet)


def pixels(length, pixel):
    return max(1, math.ceil(length / pixel - WHOLE))


def picture_box(matrix, shape, picture_shape):
    """(slow, fast) slices of the picture around a panel of `shape`, within `picture_shape`."""
    fast, slow = mapped(matrix, np.array([0.0, shape[1]]), np.array([0.0, shape[0]]))
    return tuple(
        slice(max(0, math.floor(places.min())), min(count, math.ceil(places.max())))
        for places, count in zip((slow, fast), picture_shape, strict=True)
    )


def mapped(matrix, fast, slow):
    """Where the rays through points of one plane meet another: (fast, slow) positions in pixels, each (m, n) float64, nan if
    they do not. fast, slow: (n,) and (m,) positions in pixels."""
    x, y, scale = (row[0] * fast + (row[1] * slow + row[2])[:, None] for row in matrix)
    scale[~(scale > 0.0)] = np.nan
    return x / scale, y / scale


def in_rows(first, last):
    for start in range(first, last, ROWS):
        yield start, min(start + ROWS, last)


def add_seen_pixels(picture, matrix, box, image):
    """Gives each pixel of the picture the panel's pixel that its centre is in; matrix: from picture to panel."""
    columns = np.arange(box[1].start, box[1].stop)
    for start, stop in in_rows(box[0].start, box[0].stop):
        fast, slow = mapped(matrix, columns + 0.5, np.arange(start, stop) + 0.5)
        rows, places = np.nonzero((fast >= 0.0) & (fast < image.shape[1]) & (slow >= 0.0) & (slow < image.shape[0]))
        seen = image[slow[rows, places].astype(np.intp), fast[rows, places].astype(np.intp)]
        own = rows + start, columns[places]
        picture[own] = np.fmax(picture[own], seen)


def add_own_pixels(picture, matrix, image):
    """Gives each pixel of the panel to the pixel of the picture that its centre is in; matrix: from panel to picture."""
    columns = np.arange(image.shape[1]) + 0.5
    for start, stop in in_rows(0, image.shape[0]):
        fast, slow = mapped(matrix, columns, np.arange(start, stop) + 0.5)
        # the outermost ones may be off by rounding
        column, row = (
            np.clip(places, 0, count - 1).astype(np.intp)
            for places, count in ((fast, picture.shape[1]), (slow, picture.shape[0]))
        )
        np.fmax.at(picture.reshape(-1), row * picture.shape[1] + column, image[start:stop].astype(np.float32))
