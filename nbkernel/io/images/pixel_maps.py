"""The maps of a Response: numbers, arrays or files, as arrays."""

import numpy as np

from nbkernel.errors import InputError
from nbkernel.geometry.response import MAPS, PixelMap
from nbkernel.io.files.npy import NPY, read_npy
from nbkernel.io.files.opening import read_bytes

START = 8  # bytes of a file that show its format
KINDS = {"gain": np.float64, "pedestal": np.float64, "mask": np.int32}


def panel_maps(response, shape):
    """{name: (slow, fast) array of the panel, or (1, 1) for a number}. Raises InputError, naming the field, for a file that
    cannot be read, and for a map of another shape than the panel's (slow, fast)."""
    return {name: as_map(name, getattr(response, name), shape) for name in MAPS}


def as_map(name, value, shape):
    if isinstance(value, str):
        value = read_map(name, value)
    if not isinstance(value, PixelMap):
        return np.full((1, 1), value, KINDS[name])
    if value.array.shape != tuple(shape):
        raise InputError(
            f"{name}: has {' x '.join(map(str, value.array.shape))} pixels (slow x fast), the panel has "
            f"{' x '.join(map(str, shape))}"
        )
    if name == "gain" and not value.array.min() > 0.0:
        raise InputError(f"gain: needs counts of a photon greater than 0, not {value.array.min():g}")
    return value.array


def read_map(name, path):
    """The PixelMap in a file."""
    if NPY.match(read_bytes(name, path, START)):
        return PixelMap(name, read_npy(f"{name}: {path}", read_bytes(name, path)))
    from .read import read_image

    return PixelMap(name, read_image(name, path).pixels)
