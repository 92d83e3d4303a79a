"""NumPy's .npy files: one array of numbers, with a header that states type and shape.

https://numpy.org/doc/stable/reference/generated/numpy.lib.format.html. The header is compared with the file's length before
anything is made of it, and nothing in the file is executed.
"""

import io
import math
import re
from typing import Literal

import numpy as np

from nbkernel.errors import InputError

NPY = re.compile(rb"\x93NUMPY[\x01-\x03]\x00")
# as numpy writes it: {'descr': '<f8', 'fortran_order': False, 'shape': (3, 4), }
HEADER = re.compile(
    rb"\{'descr': '([<>|=][biufc]\d{1,2})', 'fortran_order': (True|False), "
    rb"'shape': \(((?:\d{1,18}, ?)*(?:\d{1,18})?)\), \}\s*"
)
LENGTH_AT = 8  # bytes, where the length of the header is
MOST_AXES = 4


def npy_bytes(array):
    """The .npy file of an array."""
    file = io.BytesIO()
    np.lib.format.write_array(file, np.ascontiguousarray(array), version=(1, 0), allow_pickle=False)
    return file.getvalue()


def read_npy(lead, content):
    """The array of numbers or truth values in a file's bytes, read-only. Raises InputError, starting with `lead`, for
    anything else."""
    if not NPY.match(content):
        raise InputError(f"{lead}: is not a .npy file of NumPy")
    width = 2 if content[6] == 1 else 4
    start = LENGTH_AT + width
    stop = start + int.from_bytes(content[LENGTH_AT:start], "little")
    header = HEADER.fullmatch(content[start:stop])
    if header is None:
        raise InputError(f"{lead}: is not a .npy file of one array of numbers, as numpy.save writes it")
    shape = tuple(int(n) for n in re.findall(rb"\d+", header[3]))
    try:
        kind = np.dtype(header[1].decode())
    except TypeError:
        raise InputError(f"{lead}: has numbers of the type {header[1].decode()}, which is not known") from None
    needed = stop + math.prod(shape) * kind.itemsize
    if len(shape) > MOST_AXES or len(content) != needed:
        raise InputError(
            f"{lead}: its header asks for {needed} bytes ({' x '.join(map(str, shape))} numbers) but it has {len(content)}"
        )
    order: Literal["F", "C"] = "F" if header[2] == b"True" else "C"
    return np.ndarray(shape, kind, content, stop, order=order)
