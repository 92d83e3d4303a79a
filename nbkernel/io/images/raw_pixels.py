"""Pixels of an image file, row by row, from the regions that are not 0."""

import numpy as np

from nbkernel.geometry.region import pixels_of, strips_of, whole_region
from nbkernel.io.files.output_files import Gap

PIXELS_AT_A_TIME = 1 << 20  # that may be a hole


def pixel_pieces(shape, dtype, strips):
    """Yields an image's pixels, in pieces as `OutputFiles.write` takes them; zeros outside the strips are Gaps.

    shape: (slow, fast) of the image; strips: (region, pixels (slow, fast) of it) in file order, whose regions have no rows
    in common.
    """
    itemsize = np.dtype(dtype).itemsize
    fpixels, written = shape[1], 0

    def gap_to(pixel):
        return [Gap((pixel - written) * itemsize)] if pixel > written else []

    for (f0, f1, s0, s1), pixels in strips:
        if f1 - f0 + 1 == fpixels:
            yield from gap_to(s0 * fpixels)
            yield pixels
            written = (s1 + 1) * fpixels
            continue
        for spixel, row in enumerate(pixels, s0):
            first = spixel * fpixels + f0
            yield from gap_to(first)
            yield row
            written = first + len(row)
    yield from gap_to(shape[0] * fpixels)


def strips_with_bits(image):
    """(region, pixels) of an image's strips (slow, fast) that are not all 0."""
    for strip in strips_of(whole_region(image.shape), PIXELS_AT_A_TIME):
        pixels = image[pixels_of(strip)]
        if has_bits(pixels):
            yield strip, pixels


def has_bits(pixels):
    """Whether any pixel is not 0; -0.0 is not."""
    return bool(pixels.view(f"u{pixels.itemsize}").any())
