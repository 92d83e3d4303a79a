"""Fields and attributes of HDF5 files of other programs, read with care: anything but plain text and numbers is refused, and
sizes are compared with `input_limit` before anything is unpacked."""

import functools
import math
import os

import h5py
import numpy as np

from nbkernel.io.files.input_limit import check_size

from .links import Refused, Unusable, file_beside
from .storage import check_layout, check_values, in_text

SMALL = 4096  # elements that are all read where one is needed
MOST_TEXTS = 10_000
LARGEST = 1e30  # of numbers, in any unit: products of three are still finite


class Node:
    """A group or a dataset. name: its path within its file, without soft links; file_path: of that file, real."""

    def __init__(self, source, file_path, path, handle):
        self.source, self.file_path, self.path, self.handle = source, file_path, path, handle
        self.name = path or "/"
        self.attributes = {}

    @property
    def parent(self):
        """The group that its path names."""
        return self.source.root(self.file_path).get(self.path.rpartition("/")[0])

    def attribute(self, name):
        """An array of numbers or a text; None if there is none, or it is of another kind."""
        if name not in self.attributes:
            self.attributes[name] = self.read_attribute(name.encode())
        return self.attributes[name]

    def read_attribute(self, name):
        try:
            found = h5py.h5a.open(self.handle, name)
        except KeyError:
            return None
        shape = found.shape  # None: a null dataspace
        if shape is None:
            return None
        return plain_values(self.source, f"{self.name}@{in_text(name)}", shape, found.dtype, found.read)

    def text(self, attribute):
        """An attribute as text; empty if there is none."""
        return text_of(self.attribute(attribute))


class Field(Node):
    """A dataset. Its layout is checked before it is used, and not earlier: datasets that are not needed may be of any
    kind."""

    @functools.cached_property
    def properties(self):
        return check_layout(self.handle, self.name)

    @functools.cached_property
    def virtual(self):
        return self.properties.get_layout() == h5py.h5d.VIRTUAL

    @functools.cached_property
    def shape(self):
        if self.virtual:
            # HDF5 may open them to find the shape
            self.check_sources()
        shape = self.handle.shape
        # None: a null dataspace
        return (0,) if shape is None else shape

    @functools.cached_property
    def dtype(self):
        try:
            return self.handle.dtype
        except (TypeError, ValueError, NotImplementedError):
            raise Unusable(f"has values of a kind in {self.name} that is not read") from None

    @property
    def size(self):
        return math.prod(self.shape)

    def check_sources(self):
        """Raises Unusable for a virtual dataset whose sources are not files beside this one."""
        files = {"."}  # itself
        for number in range(self.properties.get_virtual_count()):
            named = in_text(self.properties.get_virtual_filename(number))
            inner = in_text(self.properties.get_virtual_dsetname(number))
            if "%b" in named or "%b" in inner:
                raise Refused(f"has a virtual dataset {self.name} of files by a pattern ({named}:{inner}): not read")
            if named not in files:
                file_beside(os.path.dirname(self.file_path), f"has a virtual dataset {self.name} that", named, False)
                files.add(named)

    def check_part(self, shape, start=None):
        """Raises InputError or Unusable if a part of that shape, from the element `start` on (None: the first), may not be
        read."""
        if not self.virtual:
            check_values(self, shape, start)
            return
        check_size(self.source.flag, self.file_path, math.prod(shape) * self.dtype.itemsize, self.name)
        start = start or (0,) * len(shape)
        stop = [at + extent for at, extent in zip(start, shape, strict=True)]
        for number in range(self.properties.get_virtual_count()):
            first, last = self.properties.get_virtual_vspace(number).get_select_bounds()
            if all(low < end and high >= at for low, high, at, end in zip(first, last, start, stop, strict=True)):
                self.check_source(number, last[0] - first[0] + 1, max(start[0] - first[0], 0), stop[0] - first[0])

    def source_of(self, number):
        """The Field that a virtual dataset takes a part from. Raises Unusable if it does not exist."""
        named = in_text(self.properties.get_virtual_filename(number))
        inner = in_text(self.properties.get_virtual_dsetname(number))
        path = self.file_path
        if named != ".":
            path = file_beside(os.path.dirname(path), f"has a virtual dataset {self.name} that", named, False)
        if path is None:
            raise Unusable(f"has a virtual dataset {self.name} of {named}, which is not there")
        # HDF5 itself follows the same path again
        found = self.source.root(path).get("/" + inner, abroad=False)
        if not isinstance(found, Field) or found.virtual:
            raise Unusable(f"has a virtual dataset {self.name} of {named}:{inner}, which is not a dataset of values")
        return found

    def check_source(self, number, frames, start, stop):
        """As `check_part`, for the frames from `start` to before `stop` of what a source contributes, if it has as many as
        are mapped; else for all of them."""
        found = self.source_of(number)
        selected = self.properties.get_virtual_srcspace(number)
        whole = selected.get_select_type() == h5py.h5s.SEL_ALL
        first, last = ((0,) * len(found.shape), [n - 1 for n in found.shape]) if whole else selected.get_select_bounds()
        first, shape = list(first), [end - begin + 1 for begin, end in zip(first, last, strict=True)]
        if shape[0] == frames and len(shape) > 2:
            shape[0] = min(shape[0], stop) - start
            first[0] += start
        check_values(found, shape, first)

    def values(self):
        """All values, an array of numbers or texts. Raises Unusable for other kinds, InputError for too many."""
        self.check_part(self.shape)
        found = plain_values(self.source, self.name, self.shape, self.dtype, self.read_into)
        if found is None:
            raise Unusable(f"has neither numbers nor text in {self.name}, but {self.dtype} of shape {self.shape}")
        return found

    def numbers(self):
        """All values, flat float64. Raises Unusable for other kinds, for what is not finite, and for absurd ones."""
        found = self.values()
        if found.dtype.kind not in "iufb":
            raise Unusable(f"has no numbers in {self.name}, but {self.dtype}")
        with np.errstate(over="ignore"):
            found = np.ravel(found).astype(np.float64)
        if not (abs(found) < LARGEST).all():
            raise Unusable(
                f"has {found[~(abs(found) < LARGEST)][0]:g} in {self.name}; need finite numbers below {LARGEST:g}"
            )
        return found

    def first(self):
        """The first value, a finite float. Raises Unusable if there is none."""
        if not self.size:
            raise Unusable(f"has no value in {self.name}")
        if self.size <= SMALL:
            return float(self.numbers()[0])
        values = self.part((slice(0, 1),) * len(self.shape), (1,) * len(self.shape))
        if values.dtype.kind not in "iufb" or not abs(float(values.flat[0])) < LARGEST:
            raise Unusable(f"has no finite number in {self.name}")
        return float(values.flat[0])

    def words(self):
        """Its text; empty if it is not text."""
        return text_of(self.values())

    def read_into(self, array):
        self.handle.read(h5py.h5s.ALL, h5py.h5s.ALL, array)

    def part(self, selection, shape, start=None):
        """An array of numbers, as stored: a selection of that shape, from the element `start` on (None: the first)."""
        self.check_part(shape, start)
        return h5py.Dataset(self.handle)[selection]


def plain_values(source, name, shape, dtype, read):
    """An array of numbers or of texts (object) that `read` fills; None for other kinds, such as references."""
    text = h5py.check_string_dtype(dtype)
    if text is None and dtype.kind not in "iufb":
        return None
    count = math.prod(shape)
    if text is not None and text.length is None:
        # many of them may be one and the same long text, which HDF5 reads again each time
        length = os.stat(source.path).st_size if count > 1 else 0
        if count > MOST_TEXTS:
            raise Unusable(f"has {count} texts in {name}; up to {MOST_TEXTS} are read")
        check_size(source.flag, source.path, count * length, name)
    else:
        check_size(source.flag, source.path, count * dtype.itemsize, name)
    array = np.empty(shape, dtype)
    if count:
        read(array)
    if text is None:
        return array
    texts = np.empty(count, object)
    texts[:] = [decoded(each) for each in array.ravel().tolist()]
    return texts.reshape(shape)


def decoded(value):
    return value.decode("utf-8", "replace") if isinstance(value, bytes) else value if isinstance(value, str) else ""


def text_of(values):
    """The one text of an array, or the text made of its letters; empty if there is none."""
    if values is None or values.dtype != object or not values.size:
        return ""
    texts = [text.rstrip("\0") for text in values.ravel().tolist()]
    return "".join(texts) if len(texts) == 1 or all(len(text) == 1 for text in texts) else ""
