"""The compression filters that hdf5plugin adds to HDF5: bitshuffle, LZ4, zstandard and others that detector files use."""

import functools
import os
import sys

from nbkernel.kernels.compile.address_space import MIB, require_address_space

FOLDER = "HDF5_PLUGIN_PATH"
NEEDED = 64 * MIB  # of address space, for the filters and the arrays read afterwards


def hdf5plugin():
    """The module, with its filters registered; None if it is not installed. Raises TooLittle if a limit on the address
    space would end the process meanwhile."""
    if "hdf5plugin" not in sys.modules:
        require_address_space(NEEDED, "reading or writing HDF5")
    try:
        import hdf5plugin
    except ImportError:
        return None
    register(hdf5plugin)
    return hdf5plugin


@functools.cache
def register(module):
    if os.environ.get(FOLDER):
        # set for other programs, it lets HDF5 find filters that do not work within h5py, and hdf5plugin take them for its
        # own
        module.register()


def folder_line():
    """The shell command with which other programs find the filters, None if they are not installed."""
    module = hdf5plugin()
    return None if module is None else f"export {FOLDER}={module.PLUGIN_PATH}"
