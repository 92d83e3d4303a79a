"""Names of datasets within HDF5 files, as users write them: FILE.h5:/path/in/file."""

import os

SEPARATOR = ":/"


def split_dataset(path):
    """The file's path and the dataset's path within it (from its "/" on); None where only a file is named."""
    path = os.fspath(path)
    if not os.path.exists(path):
        position = path.find(SEPARATOR)
        while position > 0:
            if os.path.isfile(path[:position]):
                return path[:position], path[position + 1 :]
            position = path.find(SEPARATOR, position + 1)
    return path, None
