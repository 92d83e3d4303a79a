"""Writing NeXus groups, fields, frames and attributes so that readers in C find what they expect."""

import math

import h5py
import numpy as np

from nbkernel.io.images.raw_pixels import has_bits

from .filters import hdf5plugin

# pixels of a frame up to which programs find it in one piece (chunk), as they expect
ONE_CHUNK = 1 << 25
CHUNK_PIXELS = 1 << 20  # of larger frames


def text(value):
    """A string of fixed length with a closing null byte: some readers cannot read h5py's own, of variable length."""
    return texts([value])[0:1].reshape(())


def texts(values):
    """ASCII, which all readers know, or UTF-8 if ASCII is not enough."""
    raw = [str(value).encode("utf-8", "backslashreplace") for value in values]
    length = max((len(each) for each in raw), default=0) + 1
    if all(each.isascii() for each in raw):
        return np.array(raw, f"S{length}")
    return np.array(raw, h5py.string_dtype("utf-8", length))


def as_stored(value):
    """A text, a list of texts, a number or a list of numbers, as an array that HDF5 readers know."""
    if isinstance(value, str):
        return text(value)
    if isinstance(value, (list, tuple)) and (not value or isinstance(value[0], str)):
        return texts(value)
    array = np.asarray(value)
    return array.astype(np.int8) if array.dtype == bool else array


def set_attributes(node, **attributes):
    for name, value in attributes.items():
        node.attrs[name] = as_stored(value)


def add_group(parent, name, nx_class, **attributes):
    group = parent.create_group(name)
    set_attributes(group, NX_class=nx_class, **attributes)
    return group


def add_field(group, name, value, units=None, **attributes):
    """A dataset of a text, a number or an array, with its units and further attributes."""
    field = group.create_dataset(name, data=as_stored(value))
    if units is not None:
        attributes["units"] = units
    set_attributes(field, **attributes)
    return field


def add_axis(group, name, value, units, kind, vector, depends_on):
    """An axis of a transformation chain (NXtransformations). kind: translation or rotation; vector: a unit vector."""
    return add_field(
        group, name, value, units,
        transformation_type=kind, vector=np.array(vector, np.float64), offset=np.zeros(3), offset_units="m",
        depends_on=depends_on,
    )  # fmt: skip


class Frame:
    """A dataset of one frame, (1, slow, fast), that is written region by region; the rest is 0, and takes no space if the
    frame is large."""

    def __init__(self, group, name, shape, dtype):
        self.is_one_chunk = math.prod(shape) <= ONE_CHUNK
        self.dataset = group.create_dataset(name, (1, *shape), dtype, chunks=(1, *frame_chunk(shape)), **compression())
        self.kept = None  # what belongs to one chunk, until that is complete

    def write(self, slow, fast, pixels):
        """Writes pixels (slow, fast) at two slices."""
        shape = self.dataset.shape[1:]
        if self.is_one_chunk and pixels.shape != shape:
            if self.kept is None:
                self.kept = np.zeros(shape, self.dataset.dtype)
            self.kept[slow, fast] = pixels
        elif self.is_one_chunk:
            self.dataset[0] = pixels
        else:
            rows = self.dataset.chunks[1]
            for chunk in range(slow.start // rows * rows, slow.stop, rows):
                start, stop = max(chunk, slow.start), min(chunk + rows, slow.stop)
                part = pixels[start - slow.start : stop - slow.start]
                if has_bits(part):
                    self.dataset[0, start:stop, fast] = part

    def finish(self):
        """To be called when all has been written."""
        if self.kept is not None:
            self.dataset[0] = self.kept
            self.kept = None


def frame_chunk(shape):
    """(slow, fast) size of the chunks of a frame: the frame itself, unless it is very large."""
    return shape if math.prod(shape) <= ONE_CHUNK else chunk_shape(shape, CHUNK_PIXELS)


def chunk_shape(shape, pixels):
    """(slow, fast) size of a chunk of about so many pixels: rows of the frame, or a part of one."""
    width = min(shape[1], pixels)
    return min(shape[0], pixels // width), width


def compression():
    """Bitshuffle and LZ4, which every reader of the field has, if hdf5plugin is installed; else nothing."""
    filters = hdf5plugin()
    return {} if filters is None else dict(filters.Bitshuffle(cname="lz4"))
