"""Float images: float32 pixels without a header. Their shape is that of an SMV image beside them."""

import os

import numpy as np

from nbkernel.errors import InputError
from nbkernel.io.files.opening import read_bytes

from .image import Image
from .smv import beam_center_of_header, experiment_fields
from .smv_header import START, header_text, is_smv, keywords_of, sizes

HEADER_LIMIT = 65536


def read_float_image(command, path, shape):
    """Raises InputError if the length is not that of a float32 image of the shape, or the shape is unknown."""
    content = read_bytes(command, path)
    count, rest = divmod(len(content), 4)
    if rest:
        raise InputError(f"{command}: {path} is neither SMV nor float: {len(content)} bytes are not whole float32 numbers")
    header_path, center, stated = None, None, {}
    if shape is None:
        header_path, text, shape = shape_beside(command, path, count)
        center, stated = beam_center_of_header(text), experiment_fields(text, shape, is_mask=False)
    elif shape[0] * shape[1] != count:
        raise InputError(
            f"{command}: {path} has {count} float32 pixels, --shape {shape[0]} {shape[1]} needs {shape[0] * shape[1]}"
        )
    return Image(path, "float", np.frombuffer(content, np.float32).reshape(shape), False, center, header_path, stated)


def shape_beside(command, path, count):
    """Path, header text and shape (slow, fast) of an SMV file in the folder of `path` with `count` pixels: of several, the
    one whose name is most like it. Raises InputError unless they all have the same shape."""
    found = {}
    for candidate, text, (width, height) in headers_beside(command, path):
        if width > 0 and width * height == count:
            found.setdefault((height, width), []).append((candidate, text))
    if len(found) == 1:
        shape, alike = found.popitem()
        # the name with the longest common beginning: panels of one run have their number in it
        own = os.path.basename(path)
        names = [os.path.basename(candidate) for candidate, _ in alike]
        common = [len(os.path.commonprefix([own, name])) for name in names]  # noqa: RUF071  of letters
        header_path, text = alike[common.index(max(common))]
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
        # a file may be readable while its folder is not
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
