"""HDF5 files of other programs, read with care: a tree of groups and fields in which every link is checked before it is
followed.

HDF5 itself opens any file that a link or a dataset names, and reads any size that is stated. Here a link to another file
is followed only by the rules of `links`, and values are read as in `fields`.
"""

import contextlib
import os

import h5py

from nbkernel.errors import InputError
from nbkernel.io.files.opening import open_input, read_bytes
from nbkernel.support.logger import LOG

from .fields import Field, Node
from .filters import hdf5plugin
from .heaps import check_heaps
from .links import MOST_LINKS, Refused, Unusable, file_beside
from .path import HDF5_START
from .storage import in_text

MOST_MEMBERS = 20_000  # of a group that is searched
MOST_NODES = 200_000  # names of a file that are looked up


@contextlib.contextmanager
def opened(flag, path, quiet=False):
    """The root Group of an HDF5 file; errors of the block become InputErrors that start with `flag`.

    quiet: without warnings.
    """
    # says what is wrong if there is no file
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
            with open_input(self.flag, real_path) as file:
                check_heaps(file)
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
        # one object with many names is one node: hard links may form circles
        key = address(handle)
        if key not in self.objects:
            self.objects[key] = kind(self, file_path, name, handle)
        return self.objects[key]

    def warn(self, error):
        """A warning, given once; its text continues from the file's name."""
        self.told[str(error)] = None

    def tell(self):
        """The warnings, after the file has been read: if it is refused, only the error counts."""
        for line in () if self.quiet else self.told:
            LOG.warning("%s: %s %s", self.flag, self.path, line)

    def close(self):
        self.nodes.clear()
        self.objects.clear()
        self.roots.clear()
        for file in self.files:
            with contextlib.suppress(RuntimeError, ValueError, OSError):
                file.close()


class Group(Node):
    """A group of an HDF5 file."""

    def names(self):
        """Names of the members. Raises Unusable if there are too many."""
        count = self.handle.get_num_objs()
        if count > MOST_MEMBERS:
            raise Unusable(f"has {count} members in {self.name}; up to {MOST_MEMBERS} are looked through")
        return [in_text(name) for name in h5py.Group(self.handle)]

    def get(self, path, depth=0, abroad=True):
        """The Group or Field at a path from here (from the file's root if it begins with "/"); None if there is none.

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
        # looked up once: otherwise links to links would double the work each time
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


def address(handle):
    """A key that is the same for all names of one object."""
    found = h5py.h5o.get_info(handle)
    return found.fileno, found.addr
