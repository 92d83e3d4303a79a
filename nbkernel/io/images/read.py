"""Detector images of any kind that can be read. One reader per kind, in READERS; PGM only to look at."""

import math
import os

import numpy as np

from nbkernel.errors import InputError
from nbkernel.io.files.opening import read_bytes
from nbkernel.io.hdf5.path import HDF5_START, split_dataset

from .image import Image
from .pgm import read_pgm
from .smv import experiment_fields, read_smv, value_of
from .smv_header import START, header_text, is_smv, keywords_of, sizes

HEADER_LIMIT = 65536


def read_image(command, path, shape=None, to_look_at=False):
    """Image of a file; FILE:/path/in/file names a dataset of an HDF5 file. shape: (slow, fast) of a float file, looked up
    in the SMV files beside it if None; to_look_at: kinds that keep too little for a comparison will do, and pixels that
    the file masks are nan.

    Raises InputError, led by `command`, for a file that cannot be read.
    """
    file_path, dataset = split_dataset(path)
    start = read_bytes(command, file_path, most=START)
    if start.startswith(HDF5_START):
        # the only kind that needs h5py
        from nbkernel.io.nexus.reader import read_hdf5_image

        return read_hdf5_image(command, path, file_path, dataset, masked_as_nan=to_look_at)
    if dataset is not None:
        raise InputError(f"{command}: {file_path} is not an HDF5 file, so has no dataset {dataset}")
    if is_smv(start):
        return read_smv_image(command, path)
    for magic, reader in (*PICTURE_READERS, *READERS) if to_look_at else READERS:
        if start.startswith(magic):
            return reader(command, path, shape)
    raise AssertionError("the last reader takes any file")


def read_smv_image(command, path):
    smv = read_smv(command, path)
    pixels = smv.pixels.reshape(smv.height, smv.width)
    whole = pixels.dtype.kind in "iu"
    saturated = float(np.iinfo(pixels.dtype).max) if whole else math.inf
    center, stated = beam_center(smv.header.text), smv.experiment_fields()
    return Image(path, "SMV", pixels.astype(np.float32), whole, center, path, stated, saturated)


def read_pgm_image(command, path, shape):
    return Image(path, "PGM", read_pgm(command, path).astype(np.float32), True, None, None)


def read_float_image(command, path, shape):
    """Raises InputError where the length is not that of a float32 image of the shape, or the shape is not known."""
    content = read_bytes(command, path)
    count, rest = divmod(len(content), 4)
    if rest:
        raise InputError(f"{command}: {path} is neither SMV nor float: {len(content)} bytes are not whole float32 numbers")
    header_path, center, stated = None, None, {}
    if shape is None:
        header_path, text, shape = shape_beside(command, path, count)
        center, stated = beam_center(text), experiment_fields(text, shape, is_mask=False)
    elif shape[0] * shape[1] != count:
        raise InputError(
            f"{command}: {path} has {count} float32 pixels, --shape {shape[0]} {shape[1]} needs {shape[0] * shape[1]}"
        )
    return Image(path, "float", np.frombuffer(content, np.float32).reshape(shape), False, center, header_path, stated)


def refuse(kind):
    def reader(command, path, shape):
        raise InputError(f"{command}: {path} is a {kind} file; need a float, SMV or HDF5 image")

    return reader


# first bytes of the file: reader(command, path, shape); the first that fits counts
READERS = (
    (b"\x89PNG", refuse("PNG")),
    (b"P5\n", refuse("PGM")),
    (b"", read_float_image),
)


PICTURE_READERS = ((b"P5\n", read_pgm_image), (b"P5 ", read_pgm_image))


def shape_beside(command, path, count):
    """Path, header text and shape (slow, fast) of that of the SMV files in the folder of `path` that have `count` pixels which
    is most like it by name. Raises InputError unless they all have one shape."""
    found = {}
    for candidate, text, (width, height) in headers_beside(command, path):
        if width > 0 and width * height == count:
            found.setdefault((height, width), []).append((candidate, text))
    if len(found) == 1:
        shape, alike = found.popitem()
        # of several, the one whose name begins most like the file's: panels of one run have their number in it
        own = os.path.basename(path)
        header_path, text = max(alike, key=lambda pair: len(os.path.commonprefix([own, os.path.basename(pair[0])])))
        return header_path, text, shape
    ask = "give --shape SLOW FAST"
    if not found:
        raise InputError(f"{command}: no SMV image beside {path} has its {count} pixels; {ask}")
    shapes = " and ".join(f"{slow} x {fast}" for slow, fast in sorted(found))
    raise InputError(f"{command}: the SMV images beside {path} have different shapes, {shapes}; {ask}")


def headers_beside(command, path):
    """(path, header text, (width, height)) of the SMV files in the folder of `path`, by name."""
    folder = os.path.dirname(path) or os.curdir
    try:
        names = sorted(os.listdir(folder))
    except OSError:
        # a file may be read whose folder may not
        names = []
    for name in names:
        candidate = os.path.join(folder, name)
        try:
            raw = read_bytes(command, candidate, START)
            raw = read_bytes(command, candidate, HEADER_LIMIT) if is_smv(raw) else None
        except InputError:
            continue
        if raw is not None:
            text = header_text(raw)
            keywords, end = keywords_of(text)
            yield candidate, text[: end or None], sizes(keywords)


def beam_center(text):
    """(fast, slow) of the direct beam in pixels by DENZO_Y_BEAM, DENZO_X_BEAM, else by BEAM_CENTER_Y, _X as MOSFLM
    counts them, of a header's text; None where it lacks them or the pixel size."""
    pixel = value_of(text, "PIXEL_SIZE")
    if not pixel or not math.isfinite(pixel):
        return None
    for fast, slow, offset in (("DENZO_Y_BEAM", "DENZO_X_BEAM", 0.0), ("BEAM_CENTER_Y", "BEAM_CENTER_X", 0.5)):
        center = tuple(value_of(text, keyword) for keyword in (fast, slow))
        if all(value is not None and math.isfinite(value) for value in center):
            return tuple(value / pixel + offset for value in center)
    return None
