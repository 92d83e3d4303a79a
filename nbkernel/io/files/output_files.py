"""Output files that appear whole or not at all: written under temporary names beside their final ones, then all renamed at
the end."""

import contextlib
import os
import re
import stat
import threading
from collections.abc import Iterator
from typing import BinaryIO, NamedTuple

from nbkernel.errors import InputError
from nbkernel.support.signals import LOCK, UNFINISHED

from .temporary_files import remove_abandoned, temporary_files, temporary_name

ZEROS = 1 << 20  # bytes at a time
STREAMS = re.compile(r"/dev/stdout|/dev/stderr|(?:/dev|/proc/self)/fd/([0-9]{1,9})")
NUMBERS = {"/dev/stdout": 1, "/dev/stderr": 2}


class Gap(NamedTuple):
    """A number of zero bytes, which take no space on the disk if the file system can leave them out."""

    size: int

    def write_to(self, place):
        if place.temporary is not None:
            # `write` gives the file the length of a gap at its end
            place.file.seek(self.size, os.SEEK_CUR)
            return
        for start in range(0, self.size, ZEROS):
            place.file.write(bytes(min(ZEROS, self.size - start)))


class Place(NamedTuple):
    """Where a file is written, and where it goes."""

    final: str  # path
    temporary: str | None  # path; None for a device or a pipe
    file: BinaryIO
    shown: str  # the path as the user gave it


class OutputFiles:
    """The files of one run, opened for writing before the work begins, and known by their flags. inputs: paths that must
    not be overwritten.

    Raises InputError at once for a name that cannot be written. A context manager: leaving it without `commit` removes
    all traces.
    """

    def __init__(self, inputs=()):
        self.places = {}
        self.temporaries = []  # paths, recorded before the files are created
        self.others = {}  # folder: names of the temporary files that were there before
        self.writers = []  # (thread, its error or None in a list)
        self.inputs = {os.path.realpath(path) for path in inputs}
        self.is_left = False  # nothing more needs to be written

    def __enter__(self):
        return self

    def __exit__(self, *exception):
        self.is_left = True
        for thread, _ in self.writers:
            wait_for(thread)
        for place in self.places.values():
            try:
                place.file.close()
            except OSError:
                pass  # the file is removed anyway
        for path in self.temporaries:
            remove_quietly(path)
        UNFINISHED.difference_update(self.temporaries)
        self.places, self.temporaries = {}, []

    def open(self, flag, path, by_name=False):
        """Creates a binary file that will become `path`. by_name: a library will write it, see `write_by_name`; then it
        cannot be a pipe or a device."""
        if os.fspath(path).endswith(os.sep):
            raise InputError(f"{flag}: {path} is the name of a directory; need a file name")
        if "\0" in os.fspath(path):
            raise InputError(f"{flag}: {path} has a null character, which no file name can have")
        final = os.path.realpath(path)
        for other, place in self.places.items():
            if place.final == final and place.temporary is not None:
                raise InputError(f"{flag}: {path} is already the file of {other}; give each output its own name")
        if final in self.inputs:
            raise InputError(f"{flag}: {path} is an input of this run; give another name")
        with self.errors_named(flag, path):
            # not the mode of `final`, which is not a path for a stream's pipe
            mode = existing_mode(path or os.curdir)
            if mode is not None and stat.S_ISDIR(mode):
                raise InputError(f"{flag}: {path} is a directory; need a file name")
            if is_stream(path, mode):
                if by_name:
                    raise InputError(f"{flag}: {path} is a pipe or a device, where no such file can be; give a file name")
                self.places[flag] = Place(final, None, open_stream(path), path)
                return
            if mode is not None and not os.access(final, os.W_OK):
                raise InputError(f"{flag}: {path} is write-protected")
            self.remove_abandoned(final)
            handle, temporary = self.new_file_beside(final)
            self.places[flag] = Place(final, temporary, os.fdopen(handle, "wb"), path)
            if mode is not None:
                os.chmod(temporary, stat.S_IMODE(mode))

    def remove_abandoned(self, path):
        folder, name = os.path.split(path)
        if folder not in self.others:
            self.others[folder] = temporary_files(folder)
        remove_abandoned(folder, name, self.others[folder])

    def new_file_beside(self, path):
        """Descriptor and path of a new file in the folder of `path`, with the permissions of any new file: reading the umask
        would change it for other threads."""
        folder, name = os.path.split(path)
        while True:
            temporary = os.path.join(folder, temporary_name(name))
            self.temporaries.append(temporary)
            with LOCK:
                UNFINISHED.add(temporary)
                try:
                    return os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o666), temporary
                except FileExistsError:
                    # another process's: must not be removed
                    UNFINISHED.discard(temporary)
                    self.temporaries.remove(temporary)

    def write_by_name(self, flag, writer):
        """Calls writer(path) to write the file of a flag opened `by_name`. Raises InputError if it raises OSError."""
        with self.written_by_name(flag) as path:
            writer(path)

    @contextlib.contextmanager
    def written_by_name(self, flag):
        """A context in which the file of a flag opened `by_name` is written, by its path. Raises InputError if the block
        raises OSError."""
        place = self.places[flag]
        with self.errors_named(flag, place.shown):
            yield place.temporary

    def write(self, flag, *pieces):
        """Appends bytes, C-contiguous arrays, Gaps, or iterators of them. Raises InputError if they cannot be written."""
        place = self.places[flag]
        with self.errors_named(flag, place.shown):
            ends_in_gap = False
            for piece in flattened(pieces):
                if self.is_left:
                    return
                ends_in_gap = isinstance(piece, Gap)
                if ends_in_gap:
                    piece.write_to(place)
                else:
                    place.file.write(piece)
            if place.temporary is None:
                place.file.flush()
            elif ends_in_gap:
                place.file.truncate()

    def is_stream(self, flag):
        """Whether a flag's file is a device or a pipe."""
        return self.places[flag].temporary is None

    def write_meanwhile(self, flag, *pieces):
        """As `write`, in a thread of its own; `commit` raises its error. Until then the pieces must not change."""
        if self.is_stream(flag):
            # lines printed meanwhile must not come in between
            self.write(flag, *pieces)
            return
        errors = []

        def work():
            try:
                self.write(flag, *pieces)
            except Exception as error:
                errors.append(error)

        thread = threading.Thread(target=work, daemon=True)
        self.writers.append((thread, errors))
        thread.start()

    def commit(self):
        """Puts every file in its place. Raises InputError if that fails."""
        for thread, errors in self.writers:
            wait_for(thread)
            if errors:
                raise errors[0]
        # first everything that can run out of space, then the renaming
        for flag, place in self.places.items():
            with self.errors_named(flag, place.shown):
                place.file.close()
        with LOCK:
            for flag, place in self.places.items():
                with self.errors_named(flag, place.shown):
                    if place.temporary is not None:
                        os.replace(place.temporary, place.final)
            UNFINISHED.difference_update(self.temporaries)
        self.places, self.temporaries = {}, []

    @contextlib.contextmanager
    def errors_named(self, flag, path):
        """Turns an OSError of the block into an InputError that names flag and file."""
        try:
            yield
        except OSError as error:
            raise InputError(f"{flag}: cannot write {path}: {error.strerror or error}") from None


def flattened(pieces):
    for piece in pieces:
        if isinstance(piece, Iterator):
            yield from flattened(piece)
        else:
            yield piece


def existing_mode(path):
    """Type and permissions of an existing file, None if there is none."""
    try:
        return os.stat(path).st_mode
    except FileNotFoundError:
        return None


def is_stream(path, mode):
    """Whether a path of this type must not be replaced by another file: a device, a pipe, or one of the process's own
    streams, whatever it is connected to."""
    return mode is not None and not stat.S_ISDIR(mode) and (stream_number(path) is not None or not stat.S_ISREG(mode))


def stream_number(path):
    """The number of the open file that a path such as /dev/stdout names, None for any other path."""
    path = os.path.abspath(path)
    match = STREAMS.fullmatch(path)
    return NUMBERS.get(path, match[1] and int(match[1])) if match else None


def open_stream(path):
    number = stream_number(path)
    # if standard output goes to a file, the lines printed there must not be overwritten
    return open(path, "wb") if number is None else os.fdopen(os.dup(number), "wb")


def wait_for(thread):
    # an exception such as that of Ctrl-C may have come before the thread started
    if thread.ident is not None:
        thread.join()


def remove_quietly(path):
    try:
        os.unlink(path)
    except OSError:
        pass
