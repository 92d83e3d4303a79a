"""The compression that hdf5plugin adds to HDF5: bitshuffle, LZ4, zstandard and what else detectors' files are compressed by."""

import functools
import os

FOLDER = "HDF5_PLUGIN_PATH"


def hdf5plugin():
    """The module, its filters registered, None where it is not installed."""
    try:
        import hdf5plugin
    except ImportError:
        return None
    register(hdf5plugin)
    return hdf5plugin


@functools.cache
def register(module):
    if os.environ.get(FOLDER):
        # set for other programs, it lets HDF5 find filters that do not work within h5py, and hdf5plugin take them for its own
        module.register()


def folder_line():
    """The line for a shell with which other programs find the filters, None where they are not installed."""
    module = hdf5plugin()
    return None if module is None else f"export {FOLDER}={module.PLUGIN_PATH}"
