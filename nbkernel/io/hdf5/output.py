"""HDF5 files that are being written, through a Python file: what the disk refuses becomes one OSError.

HDF5 itself, once a write has failed, tries again whenever it closes something, prints each failure, and may crash when the
process ends.
"""

import contextlib
import os

import h5py

from nbkernel.support.signals import LOCK


@contextlib.contextmanager
def create_file(path, newest="v108"):
    """A context with a NewFile, which replaces the file `path`. Raises OSError if it cannot be written.

    newest: the latest file format of HDF5 that may be used; readers without the HDF5 library know none after that of 1.8.
    """
    with contextlib.closing(Disk(path)) as disk:
        with LOCK:
            file = NewFile(disk, newest)
        with file:
            yield file
    disk.check()


class NewFile(h5py.File):
    """An HDF5 file that is being written. disk: its Disk, which knows early whether all can be written."""

    def __init__(self, disk, newest):
        super().__init__(disk, "w", libver=("earliest", newest))
        self.disk = disk


class Disk:
    """A file as h5py takes it, in which every write appears to succeed; `check` raises the first error."""

    def __init__(self, path):
        self.file = open(path, "w+b", buffering=0)  # noqa: SIM115
        self.error = None

    def check(self):
        """Raises OSError if something could not be written."""
        if self.error is not None:
            raise self.error from None

    def close(self):
        with self.errors_kept():
            self.file.close()

    @contextlib.contextmanager
    def errors_kept(self):
        try:
            yield
        except OSError as error:
            self.error = self.error or error

    def seek(self, place, whence=os.SEEK_SET):
        return self.file.seek(place, whence)

    def tell(self):
        return self.file.tell()

    def readinto(self, buffer):
        return self.file.readinto(buffer)

    def read(self, size=-1):
        return self.file.read(size)

    def write(self, content):
        rest = memoryview(content)
        with self.errors_kept():
            while rest and self.error is None:
                rest = rest[self.file.write(rest) :]
        return len(content)

    def truncate(self, size):
        with self.errors_kept():
            self.file.truncate(size)

    def flush(self):
        pass
