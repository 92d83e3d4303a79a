"""Rectangular regions of an image: (fast first, fast last, slow first, slow last), both ends included."""

from nbkernel.errors import InputError

STRIP_PIXELS = 1 << 24


def whole_region(shape):
    """The region that is all of an image of `shape` (slow, fast)."""
    return 0, shape[1] - 1, 0, shape[0] - 1


def shape_of(roi):
    """(slow, fast) size of a region."""
    return roi[3] - roi[2] + 1, roi[1] - roi[0] + 1


def strips_of(roi, pixels=STRIP_PIXELS):
    """Regions of complete rows into which a region is divided, in file order, of at most `pixels` pixels or one row each."""
    rows = max(1, pixels // shape_of(roi)[1])
    for first in range(roi[2], roi[3] + 1, rows):
        yield roi[0], roi[1], first, min(first + rows - 1, roi[3])


def pixels_of(roi):
    """Slices (slow, fast) of a region."""
    return slice(roi[2], roi[3] + 1), slice(roi[0], roi[1] + 1)


def region(option, shape, roi):
    """The slices (see `pixels_of`) of a region given by an option; of the whole image of `shape` (slow, fast) if `roi` is
    None. Raises InputError, naming the option, if it is outside the image."""
    slow, fast = shape
    if roi is None:
        return slice(0, slow), slice(0, fast)
    f0, f1, s0, s1 = roi
    if not (0 <= f0 <= f1 < fast and 0 <= s0 <= s1 < slow):
        raise InputError(
            f"{option}: {f0} {f1} {s0} {s1} does not fit; need 0 <= F0 <= F1 <= {fast - 1} and 0 <= S0 <= S1 <= {slow - 1}"
        )
    return pixels_of(roi)
