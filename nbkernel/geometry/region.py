"""A rectangular region of an image, as given by an option."""

from nbkernel.errors import InputError


def region(option, shape, roi):
    """Slices (slow, fast) of a region (fast first, fast last, slow first, slow last), both ends included; of the whole
    image of `shape` (slow, fast) if `roi` is None. Raises InputError, naming the option, if it is outside the image."""
    slow, fast = shape
    if roi is None:
        return slice(0, slow), slice(0, fast)
    f0, f1, s0, s1 = roi
    if not (0 <= f0 <= f1 < fast and 0 <= s0 <= s1 < slow):
        raise InputError(
            f"{option}: {f0} {f1} {s0} {s1} does not fit; need 0 <= F0 <= F1 <= {fast - 1} and 0 <= S0 <= S1 <= {slow - 1}"
        )
    return slice(s0, s1 + 1), slice(f0, f1 + 1)
