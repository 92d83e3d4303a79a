"""Which part of a detector image a picture shows, and how large."""

from typing import NamedTuple

import numpy as np

from nbkernel.errors import InputError
from nbkernel.geometry.region import region

# pixels; a beam centre is often exactly between two pixels, and rounding must not choose
BETWEEN = 1e-3
# edges in picture pixels: images are reduced to the first, regions enlarged up to the second, the third is the limit
REDUCED, ENLARGED, LARGEST = 2048, 1024, 8192


class View(NamedTuple):
    """A region's slices (slow, fast); `up` picture pixels stand for `down` detector pixels along each edge."""

    slow: slice
    fast: slice
    up: int
    down: int

    def edges(self, axis):
        """Where the picture's pixels along an axis ("slow" or "fast") begin and end, in detector pixels, float64."""
        part = getattr(self, axis)
        count = part.stop - part.start
        steps = np.arange(-(-count // self.down) * self.up + 1)
        # the last one of reduced pixels may be narrower
        return part.start + np.minimum(steps * self.down / self.up, count)

    def within(self, region):
        """The part of a region, slices (slow, fast) of the image, that the picture shows: slices in it, empty if it has
        none."""
        starts = [max(own.start, part.start) - part.start for own, part in zip(region, self[:2], strict=True)]
        stops = [min(own.stop, part.stop) - part.start for own, part in zip(region, self[:2], strict=True)]
        return tuple(slice(start, max(start, stop)) for start, stop in zip(starts, stops, strict=True))

    def place(self, fast, slow):
        """(row, column) of the picture's pixel that shows a point of the detector (pixels); None outside."""
        places = []
        for position, part in ((slow + BETWEEN, self.slow), (fast + BETWEEN, self.fast)):
            if not part.start <= position < part.stop:
                return None
            places.append(int((position - part.start) * self.up / self.down))
        return tuple(places)


def make_view(shape, roi, zoom):
    """The View of an image of `shape` (slow, fast) by PictureSettings' roi and zoom. Raises InputError if the region
    is not in the image, or the picture would be too large."""
    slow, fast = region("--preview-roi", shape, roi)
    edge = max(slow.stop - slow.start, fast.stop - fast.start)
    up, down = fitting(edge, roi is not None) if zoom is None else zoom
    longest = -(-edge // down) * up
    if longest > LARGEST:
        raise InputError(
            f"--preview-zoom: a picture with an edge of {longest} pixels is too large; need at most {LARGEST}, "
            "choose a region with --preview-roi F0 F1 S0 S1"
        )
    return View(slow, fast, up, down)


def fitting(edge, is_region):
    if edge > REDUCED:
        return 1, -(-edge // REDUCED)
    return (max(1, ENLARGED // edge), 1) if is_region else (1, 1)
