"""Output files that appear whole or not at all: written beside their place, then renamed, all together at the end."""

import os
import stat
import tempfile

from nbkernel.errors import InputError


class OutputFiles:
    """The files of one run, opened for writing before the work begins.

    Raises InputError at once for a name that cannot be written. As a context manager: leaving it without `commit`
    removes all traces.
    """

    def __init__(self):
        self.places = {}  # flag -> (final path, temporary path or None, file)

    def __enter__(self):
        return self

    def __exit__(self, *exception):
        for _, temporary, file in self.places.values():
            file.close()
            if temporary is not None:
                remove_quietly(temporary)
        self.places = {}

    def open(self, flag, path):
        """A binary file that will become `path`; `flag` names it in errors and in `[]`."""
        final = os.path.realpath(path)
        for other, (taken, temporary, _) in self.places.items():
            if taken == final and temporary is not None:
                raise InputError(f"{flag}: {path} is already the file of {other}; give each output its own name")
        try:
            if os.path.isdir(final):
                raise InputError(f"{flag}: {path} is a directory; need a file name")
            if os.path.exists(final) and not stat.S_ISREG(os.stat(final).st_mode):
                # a device or a pipe: nothing to rename
                self.places[flag] = (final, None, open(final, "wb"))
                return self.places[flag][2]
            if os.path.exists(final) and not os.access(final, os.W_OK):
                raise InputError(f"{flag}: {path} is write-protected")
            folder, name = os.path.split(final)
            handle, temporary = tempfile.mkstemp(prefix=f".{name[:200]}.", suffix=".part", dir=folder)
        except OSError as error:
            raise InputError(f"{flag}: cannot write {path}: {error.strerror}") from None
        self.places[flag] = (final, temporary, os.fdopen(handle, "wb"))
        os.chmod(temporary, file_mode(final))
        return self.places[flag][2]

    def __getitem__(self, flag):
        return self.places[flag][2]

    def commit(self):
        """Puts every file in its place. Raises InputError where the disk does not take them."""
        try:
            for _, _, file in self.places.values():
                file.close()
            for final, temporary, _ in self.places.values():
                if temporary is not None:
                    os.replace(temporary, final)
        except OSError as error:
            raise InputError(f"cannot write {error.filename or 'output'}: {error.strerror}") from None
        self.places = {}


def file_mode(path):
    """Permissions of the file that is there, or what a new one gets."""
    if os.path.exists(path):
        return stat.S_IMODE(os.stat(path).st_mode)
    mask = os.umask(0)
    os.umask(mask)
    return 0o666 & ~mask


def remove_quietly(path):
    try:
        os.unlink(path)
    except OSError:
        pass
