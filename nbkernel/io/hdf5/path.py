"""HDF5 files by their first bytes, and names of datasets within them as users write them: FILE.h5:/path/in/file."""

import os

HDF5_START = b"\x89HDF\r\n\x1a\n"
SEPARATOR = ":/"


def is_hdf5(path):
    """Whether a path is an HDF5 file. False for None and for anything but a regular file: a pipe's first bytes would be
    lost."""
    if path is None or not os.path.isfile(path):
        return False
    try:
        with open(path, "rb") as file:
            return file.read(len(HDF5_START)) == HDF5_START
    except (OSError, ValueError):
        return False


def split_dataset(path):
    """The file's path and the dataset's path within it (from its "/" on); None if only a file is named."""
    path = os.fspath(path)
    if not os.path.exists(path):
        position = path.find(SEPARATOR)
        while position > 0:
            if os.path.isfile(path[:position]):
                return path[:position], path[position + 1 :]
            position = path.find(SEPARATOR, position + 1)
    return path, None
