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
# two grey levels that nobody would miss are used for the colours
WHITE, RING, BEAM = 255, 254, 1
COLOURS = {RING: (0, 90, 230), BEAM: (220, 0, 0)}
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
    outside the picture."""

    png: bytes
    limits: tuple | None
    rings: tuple
    beam: tuple | None
    missing: tuple


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


def draw(scene, image, rendered=None):
    """The Drawing of a Scene for an image, (slow, fast) numbers of any kind. rendered: slices (slow, fast) of the region
    outside which all are 0, if known."""
    view, settings = scene.view, scene.settings
    values = image[view.slow, view.fast]
    if view.down > 1:
        rendered = rendered or tuple(slice(0, length) for length in image.shape)
        values = reduced_region(values, view.down, view.within(rendered))
    limits = value_range(values, settings.percentiles)
    picture = grey_levels(values, settings.scale, limits)
    if view.up > 1:
        picture = picture.repeat(view.up, axis=0).repeat(view.up, axis=1)
    limits = None if limits is None else tuple(limits.tolist())
    if not settings.needs_geometry():
        return Drawing(png_bytes(picture), limits, (), None, ())
    picture[picture == RING] = WHITE
    picture[picture == BEAM] = 0
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
    return Drawing(png_bytes(picture, COLOURS), limits, drawn, beam, tuple(missing))


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
