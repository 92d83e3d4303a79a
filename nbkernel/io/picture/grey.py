"""From pixel values to grey levels."""

import numpy as np

TRANSFORMS = {"log": np.log, "linear": np.positive, "sqrt": np.sqrt}
ROWS = 64  # worked on at a time, so that they stay in the cache


def reduced(image, factor):
    """The largest value of each block of factor x factor pixels of a (slow, fast) array; a single bright pixel stays
    visible. nan counts only if there is nothing else; blocks at the far edges may be smaller."""
    for axis in (0, 1):
        source = np.moveaxis(image, axis, 0)
        # K: rows stay rows in memory
        result = source[::factor].copy("K")
        for shift in range(1, min(factor, source.shape[0])):
            part = source[shift::factor]
            np.fmax(result[: len(part)], part, out=result[: len(part)])
        image = np.moveaxis(result, 0, axis)
    return image


def reduced_region(image, factor, region):
    """`reduced` of an image that is 0 outside a region, slices (slow, fast)."""
    blocks = tuple(slice(part.start // factor, -(-part.stop // factor)) for part in region)
    result = np.zeros([-(-length // factor) for length in image.shape], image.dtype)
    result[blocks] = reduced(image[tuple(slice(part.start * factor, part.stop * factor) for part in blocks)], factor)
    return result


def value_range(values, percentiles):
    """Two percentiles of the positive, finite values, float64; None if there are none."""
    positive = values[(values > 0) & (values < np.inf)]
    return np.percentile(positive, percentiles).astype(np.float64) if positive.size else None


def grey_levels(values, scale, limits):
    """uint8 of a (rows, columns) array: 255, white, up to the lower of the two limits, 0, black, from the upper one on.
    scale: a key of TRANSFORMS. Values of 0 and less, and nan, are white."""
    grey = np.full(values.shape, 255, np.uint8)
    if limits is None:
        return grey
    transform = TRANSFORMS[scale]
    bottom, top = transform(limits)
    if bottom == top:
        grey[values > limits[0]] = 0
        return grey
    for start in range(0, len(values), ROWS):
        with np.errstate(divide="ignore", invalid="ignore"):
            level = transform(values[start : start + ROWS].astype(np.float64))
            level -= bottom
            level *= 255.0 / (top - bottom)
        # fmax: nan is white
        np.minimum(np.fmax(level, 0.0, out=level), 255.0, out=level)
        grey[start : start + ROWS] -= level.astype(np.uint8)
    return grey
