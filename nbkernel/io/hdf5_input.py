"""HDF5 files of others, read with care: a tree of groups and fields in which every link is looked at before it is
followed.

HDF5 itself opens whatever file a link or a dataset names, and reads whatever size one says. Here a link to another file
is followed by `hdf5_links`' rules only, sizes are held against `input_limit`, and what is not a plain text or number is
refused.
"""

import contextlib
import functools
import math
import os

import h5py
import numpy as np

from nbkernel.errors import InputError
from nbkernel.logger import LOG

from .hdf5_filters import hdf5plugin
from .hdf5_links import MOST_LINKS, Refused, Unusable, file_beside
from .hdf5_path import HDF5_START
from .hdf5_storage import check_layout, check_values, in_text
from .input_limit import check_size
from .opening import read_bytes

MOST_MEMBERS = 20_000  # of a group that is looked through
MOST_NODES = 200_000  # names of a file that are looked up
SMALL = 4096  # elements that are read at once where one is needed
MOST_TEXTS = 10_000
LARGEST = 1e30  # of numbers, in any unit: products of three are numbers still


@contextlib.contextmanager
def opened(flag, path, quiet=False):
    """The root Group of an HDF5 file; errors of the block become InputErrors, led by `flag`.

    quiet: without warnings.
    """
    # says what is wrong where there is no file
    if not read_bytes(flag, path, most=len(HDF5_START)).startswith(HDF5_START):
        raise InputError(f"{flag}: {path} is not an HDF5 file")
    hdf5plugin()
    source = Source(flag, path, quiet)
    try:
        yield source.root(os.path.realpath(path))
    except Unusable as error:
        missing = f" (not there: {', '.join(sorted(source.missing))})" if source.missing else ""
        raise InputError(f"{flag}: {path} {error}{missing}") from None
    except (OSError, LookupError, RuntimeError, ValueError, TypeError, NotImplementedError, MemoryError) as error:
        reason = str(error).splitlines()[0] if str(error) else type(error).__name__
        raise InputError(f"{flag}: cannot read the HDF5 file {path}: {reason}") from None
    else:
        source.tell()
    finally:
        source.close()


class Source:
    """The open files behind a tree: the one that the user named, and those that it links to."""

    def __init__(self, flag, path, quiet=False):
        self.flag, self.path, self.quiet = flag, path, quiet
        self.roots, self.files, self.nodes, self.objects = {}, [], {}, {}
        self.missing, self.told = set(), {}  # told: lines, in their order

    def root(self, real_path):
        if real_path not in self.roots:
            file = h5py.File(real_path, "r")
            self.files.append(file)
            root = h5py.h5g.open(file.id, b"/")
            self.roots[real_path] = self.objects[address(root)] = Group(self, real_path, "", root)
        return self.roots[real_path]

    def node(self, file_path, name, handle):
        """The Group or Field that a hard link led to; None for another kind of object."""
        kind = {h5py.h5g.GroupID: Group, h5py.h5d.DatasetID: Field}.get(type(handle))
        if kind is None:
            return None
        # one object by many names is one node: hard links may go round in circles
        key = address(handle)
        if key not in self.objects:
            self.objects[key] = kind(self, file_path, name, handle)
        return self.objects[key]

    def warn(self, error):
        """A line, once, that goes on from the file's name."""
        self.told[str(error)] = None

    def tell(self):
        """The warnings, once the file has been read: where it is refused, the error is all that counts."""
        for line in () if self.quiet else self.told:
            LOG.warning("%s: %s %s", self.flag, self.path, line)

    def close(self):
        self.nodes.clear()
        self.objects.clear()
        self.roots.clear()
        for file in self.files:
            with contextlib.suppress(RuntimeError, ValueError, OSError):
                file.close()


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
        """An array of numbers or a text; None where there is none, or one of another kind."""
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
        """An attribute as text; empty where there is none."""
        return text_of(self.attribute(attribute))


class Group(Node):
    def names(self):
        """Raises Unusable for a group of very many members."""
        count = self.handle.get_num_objs()
        if count > MOST_MEMBERS:
            raise Unusable(f"has {count} members in {self.name}; up to {MOST_MEMBERS} are looked through")
        return [in_text(name) for name in h5py.Group(self.handle)]

    def get(self, path, depth=0, abroad=True):
        """The Group or Field at a path from here (from the file's root where it begins with "/"); None where there is
        none.

        abroad: whether other files may be entered. Raises Unusable for links that are not followed.
        """
        node = self.source.root(self.file_path) if path.startswith("/") else self
        for part in path.split("/"):
            if part in ("", "."):
                continue
            node = node.member(part, depth, abroad) if isinstance(node, Group) else None
            if node is None:
                return None
        return node

    def group(self, path):
        found = self.get(path)
        return found if isinstance(found, Group) else None

    def field(self, path):
        found = self.get(path)
        return found if isinstance(found, Field) else None

    def member(self, name, depth, abroad):
        key = (self.file_path, f"{self.path}/{name}", abroad)
        # looked up once: links of links would double the way each time
        if key not in self.source.nodes:
            if len(self.source.nodes) >= MOST_NODES:
                raise Unusable(f"has more than {MOST_NODES} objects to look at; that is not a detector's file")
            self.source.nodes[key] = self.found(name, depth, abroad)
        return self.source.nodes[key]

    def found(self, name, depth, abroad):
        where, raw = f"{self.path}/{name}", name.encode("utf-8", "surrogateescape")
        try:
            link = self.handle.links.get_info(raw).type
        except (KeyError, ValueError, RuntimeError):
            return None
        if link == h5py.h5l.TYPE_HARD:
            return self.source.node(self.file_path, where, h5py.h5o.open(self.handle, raw))
        if depth >= MOST_LINKS:
            raise Unusable(f"has links that never end at {where}")
        if link == h5py.h5l.TYPE_SOFT:
            return self.get(in_text(self.handle.links.get_val(raw)), depth + 1, abroad)
        if link != h5py.h5l.TYPE_EXTERNAL or not abroad:
            raise Refused(f"has a link at {where} to what is not in its own file: not followed")
        named, inner = (in_text(part) for part in self.handle.links.get_val(raw))
        path = file_beside(os.path.dirname(self.file_path), f"has a link {where} that", named)
        if path is None:
            self.source.missing.add(os.path.basename(named))
            return None
        return self.source.root(path).get("/" + inner, depth + 1)

    def members(self):
        """(name, Group or Field) of all members that can be reached; a warning for each link that is not followed."""
        for name in self.names():
            try:
                found = self.get(name)
            except Refused as error:
                self.source.warn(error)
                continue
            if found is not None:
                yield name, found

    def groups(self, nx_class):
        """The members of a NeXus class, each once, by name."""
        found = {}  # in order, each once
        for _, node in self.members():
            if isinstance(node, Group) and node.text("NX_class") == nx_class:
                found[node] = True
        return list(found)


class Field(Node):
    """A dataset. Its layout is checked before anything of it is asked, and only then: others than those needed may be
    of any kind."""

    @functools.cached_property
    def properties(self):
        return check_layout(self.handle, self.name)

    @functools.cached_property
    def virtual(self):
        return self.properties.get_layout() == h5py.h5d.VIRTUAL

    @functools.cached_property
    def shape(self):
        if self.virtual:
            # HDF5 may open them to find its shape
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

    def check_part(self, shape):
        """Raises InputError or Unusable where a part of that shape, from the first element on, may not be read."""
        if not self.virtual:
            check_values(self, shape)
            return
        check_size(self.source.flag, self.file_path, math.prod(shape) * self.dtype.itemsize, self.name)
        for number in range(self.properties.get_virtual_count()):
            first, last = self.properties.get_virtual_vspace(number).get_select_bounds()
            if all(start < extent for start, extent in zip(first, shape, strict=True)):
                self.check_source(number, last[0] - first[0] + 1, shape[0])

    def source_of(self, number):
        """The Field that a virtual dataset takes a part from. Raises Unusable where it is not there."""
        named = in_text(self.properties.get_virtual_filename(number))
        inner = in_text(self.properties.get_virtual_dsetname(number))
        path = self.file_path
        if named != ".":
            path = file_beside(os.path.dirname(path), f"has a virtual dataset {self.name} that", named, False)
        if path is None:
            raise Unusable(f"has a virtual dataset {self.name} of {named}, which is not there")
        # HDF5 itself goes this way again
        found = self.source.root(path).get("/" + inner, abroad=False)
        if not isinstance(found, Field) or found.virtual:
            raise Unusable(f"has a virtual dataset {self.name} of {named}:{inner}, which is not a dataset of values")
        return found

    def check_source(self, number, frames, wanted):
        """As `check_part`, for what a source gives: its first frames, where it has as many as it is mapped to."""
        found = self.source_of(number)
        selected = self.properties.get_virtual_srcspace(number)
        whole = selected.get_select_type() == h5py.h5s.SEL_ALL
        first, last = ((0,) * len(found.shape), [n - 1 for n in found.shape]) if whole else selected.get_select_bounds()
        shape = [end - start + 1 for start, end in zip(first, last, strict=True)]
        if shape[0] == frames and len(shape) > 2:
            shape[0] = min(shape[0], wanted)
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
        """The first value, a finite float. Raises Unusable where there is none."""
        if not self.size:
            raise Unusable(f"has no value in {self.name}")
        if self.size <= SMALL:
            return float(self.numbers()[0])
        values = self.part((slice(0, 1),) * len(self.shape), (1,) * len(self.shape))
        if values.dtype.kind not in "iufb" or not abs(float(values.flat[0])) < LARGEST:
            raise Unusable(f"has no finite number in {self.name}")
        return float(values.flat[0])

    def words(self):
        """Its text; empty where it is not one."""
        return text_of(self.values())

    def read_into(self, array):
        self.handle.read(h5py.h5s.ALL, h5py.h5s.ALL, array)

    def part(self, selection, shape):
        """An array of numbers, as stored: of a selection from the first element on, of that shape."""
        self.check_part(shape)
        return h5py.Dataset(self.handle)[selection]


def address(handle):
    """The same for two names of one object."""
    found = h5py.h5o.get_info(handle)
    return found.fileno, found.addr


def plain_values(source, name, shape, dtype, read):
    """An array of numbers or of texts (object) that `read` fills; None for other kinds, such as references."""
    text = h5py.check_string_dtype(dtype)
    if text is None and dtype.kind not in "iufb":
        return None
    count = math.prod(shape)
    if text is not None and text.length is None:
        # any number of them may be the same long one, which HDF5 reads anew each time
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
    """The one text of an array, or that of its letters; empty where there is none."""
    if values is None or values.dtype != object or not values.size:
        return ""
    texts = [text.rstrip("\0") for text in values.ravel().tolist()]
    return "".join(texts) if len(texts) == 1 or all(len(text) == 1 for text in texts) else ""
