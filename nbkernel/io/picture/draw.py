"""A detector image as a picture: grey levels and what is drawn over them."""

from dataclasses import dataclass

import numpy as np

from nbkernel.errors import InputError
from nbkernel.geometry.direct_beam import direct_beam
from nbkernel.io.images.png import png_bytes

from .grey import grey_levels, reduced_region, value_range
from .lettering import text_bitmap
from .resolution import automatic_rings
from .rings import ring_pixels
from .settings import PictureSettings
from .view import View, make_view

MOST_RINGS = 50
# grey levels that nobody would miss are used for the colours
WHITE, RING, MASKED, SATURATED, BEAM = 255, 254, 253, 2, 1
COLOURS = {RING: (0, 90, 230), MASKED: (150, 215, 180), SATURATED: (255, 140, 0), BEAM: (220, 0, 0)}
INSTEAD = {RING: WHITE, MASKED: MASKED - 1, SATURATED: SATURATED + 1, BEAM: 0}
LETTERS_PER_EDGE = 800  # picture pixels per doubling of the letters


@dataclass(frozen=True)
class Scene:
    """What to draw; detector (a Detector) and wavelength (Angstrom) are None if nothing needs them."""

    settings: PictureSettings
    view: View
    detector: object
    wavelength: float | None
    rings: tuple  # Angstrom, the largest first


@dataclass(frozen=True)
class Drawing:
    """A PNG file; limits: the values for white and black, None for an empty image; rings: spacings drawn (Angstrom); beam:
    (fast, slow) of the direct beam in pixels, None if it was not asked for; missing: lines about what was asked for but is
    outside the picture; masked, saturated: how many pixels shown are."""

    png: bytes
    limits: tuple | None
    rings: tuple
    beam: tuple | None
    missing: tuple
    masked: int = 0
    saturated: int = 0


def make_scene(settings, shape, detector=None, wavelength=None):
    """The Scene of an image of `shape` (slow, fast). wavelength: Angstrom. Raises InputError for what cannot be drawn."""
    view = make_view(shape, settings.roi, settings.zoom)
    rings = settings.rings
    if rings == "auto":
        rings = automatic_rings(detector, wavelength, view)
    rings = tuple(sorted(set(rings), reverse=True))
    if len(rings) > MOST_RINGS:
        raise InputError(f"--preview-rings: {len(rings)} rings are too many; need at most {MOST_RINGS}")
    if rings and rings[-1] < wavelength / 2.0:
        raise InputError(
            f"--preview-rings: nothing finer than {wavelength / 2.0:g} Angstrom diffracts at a wavelength of "
            f"{wavelength:g} Angstrom; {rings[-1]:g} has no ring"
        )
    return Scene(settings, view, detector, wavelength, rings)


def draw(scene, image, rendered=None, marked=None):
    """The Drawing of a Scene for an image, (slow, fast) numbers of any kind. rendered: slices (slow, fast) of the region
    outside which all are 0, if known; marked: the image's Marked if it has counts."""
    view, settings = scene.view, scene.settings
    values = shown(image if marked is None else marked.values, view, rendered)
    limits = value_range(values, settings.percentiles)
    picture = grey_levels(values, settings.scale, limits)
    limits = None if limits is None else tuple(limits.tolist())
    masked, saturated = (0, 0) if marked is None else (count_shown(marks, view) for marks in marked[1:])
    if not (masked or saturated or settings.needs_geometry()):
        return Drawing(png_bytes(enlarged(picture, view)), limits, (), None, ())
    for colour, level in INSTEAD.items():
        picture[picture == colour] = level
    if masked:
        # a block with one that is not shows that
        picture[np.isnan(values) & shown(marked.masked, view, rendered)] = MASKED
    if saturated:
        picture[shown(marked.saturated, view, rendered)] = SATURATED
    picture = enlarged(picture, view)
    size = max(1, max(picture.shape) // LETTERS_PER_EDGE)
    beam, taken, missing = None, [], []
    if settings.beam:
        beam = direct_beam(scene.detector)
        place = None if beam is None else view.place(*beam)
        if place is None:
            missing.append("--preview-beam: the direct beam is outside the picture")
        else:
            taken.append(draw_cross(picture, *place, size))
    drawn = draw_rings(picture, scene, size, taken) if scene.rings else ()
    if settings.rings and not scene.rings:
        missing.append("--preview-rings: the picture is too small for automatic rings")
    missing += [f"--preview-rings: no pixel of the picture is at {d:g} Angstrom" for d in scene.rings if d not in drawn]
    return Drawing(png_bytes(picture, COLOURS), limits, drawn, beam, tuple(missing), masked, saturated)


def shown(image, view, rendered):
    """What a View shows of an image, (rows, columns) before it is enlarged."""
    values = image[view.slow, view.fast]
    if view.down == 1:
        return values
    rendered = rendered or tuple(slice(0, length) for length in image.shape)
    return reduced_region(values, view.down, view.within(rendered))


def enlarged(picture, view):
    return picture if view.up == 1 else picture.repeat(view.up, axis=0).repeat(view.up, axis=1)


def count_shown(marks, view):
    return int(np.count_nonzero(marks[view.slow, view.fast]))


def draw_cross(picture, row, column, size):
    """A cross with an open middle: the beam's own pixel stays visible. Returns its box."""
    near, far = 4 * size, 10 * size
    for first, last in ((-far, -near), (near, far)):
        picture[max(0, row + first) : max(0, row + last + 1), column] = BEAM
        picture[row, max(0, column + first) : max(0, column + last + 1)] = BEAM
    return row - far, row + far, column - far, column + far


def draw_rings(picture, scene, size, taken):
    """Draws the rings and their labels, clear of the boxes `taken` (first and last row, first and last column); returns
    the spacings of those in the picture."""
    found = [
        (d, *pixels)
        for d, pixels in zip(
            scene.rings, ring_pixels(scene.detector, scene.wavelength, scene.view, scene.rings), strict=True
        )
        if len(pixels[0])
    ]
    for _, rows, columns in found:
        picture[rows, columns] = RING
    for d, rows, columns in found:
        label = text_bitmap(f"{d:g} Å", size)
        box = label_box(picture.shape, label.shape, rows, columns, taken)
        if box is not None:
            taken.append(box)
            picture[box[0] : box[1] + 1, box[2] : box[3] + 1] = np.where(label, RING, WHITE)
    return tuple(d for d, _, _ in found)


def label_box(shape, size, rows, columns, taken):
    """Box of a label of `size` (rows, columns) centred on a ring's pixel: the highest, then the most central, that is inside
    the picture and clear of the boxes taken. None if there is none."""
    top, left = rows - size[0] // 2, columns - size[1] // 2
    bottom, right = top + size[0] - 1, left + size[1] - 1
    free = (top >= 0) & (left >= 0) & (bottom < shape[0]) & (right < shape[1])
    for first_row, last_row, first_column, last_column in taken:
        free &= (bottom < first_row) | (top > last_row) | (right < first_column) | (left > last_column)
    if not free.any():
        return None
    best = np.lexsort((np.abs(columns - columns.mean()), np.where(free, top, shape[0])))[0]
    return int(top[best]), int(bottom[best]), int(left[best]), int(right[best])
