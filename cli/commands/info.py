"""`nbkernel info`: versions, devices, caches, and what is missing."""

import os
import platform
from importlib.util import find_spec

from nbkernel import __version__
from nbkernel.errors import InputError
from nbkernel.run.provenance import installed_version

from ..arguments.parsing import parse
from ..terminal import say

# package, its purpose, the extra that installs it
PACKAGES = (
    ("numba", "compiler", ""),
    ("llvmlite", "compiler", ""),
    ("numpy", "arrays", ""),
    ("h5py", "HDF5 files", ""),
    ("numba-cuda", "CUDA devices", "cu12"),
    ("gemmi", "MTZ and mmCIF files", "sf"),
    ("hdf5plugin", "compressed HDF5 files", "hdf5"),
    ("matplotlib", "nbkernel compare --png", "plot"),
)


def help_text():
    return (
        "usage: nbkernel info\n\n"
        "Prints versions, the devices that can render, where compiled kernels are kept, and what is missing."
    )


def run(argv):
    """Runs the sub-command with its arguments; returns the exit status. Raises InputError for unusable input."""
    _, rest = parse("info", argv)
    if rest:
        raise InputError(f"info: takes no arguments, got {rest[0]!r}")
    for line in lines():
        say(line)
    return 0


def lines():
    yield f"nbkernel {__version__}, Python {platform.python_version()}, {platform.system()} {platform.machine()}"
    for name, purpose, extra in PACKAGES:
        version = installed_version(name)
        if version is not None:
            yield f"{name} {version}"
        else:
            yield f"{name} is not installed ({purpose}): pip install '{f'nbkernel[{extra}]' if extra else name}'"
    yield from filter_lines()
    yield from device_lines()
    yield from cache_lines()


def filter_lines():
    if installed_version("h5py") is None or installed_version("hdf5plugin") is None:
        return
    from nbkernel.io.hdf5.filters import folder_line

    line = folder_line()
    if line is not None:
        yield f"other programs can read nbkernel's compressed HDF5 files after: {line}"


def device_lines():
    from nbkernel.engine.devices import cuda_version, survey
    from nbkernel.engine.threads import thread_count

    yield f"cpu     {thread_count(None)} threads"
    found = survey()
    for device in found.devices:
        yield device.line()
    if found.driver is not None:
        yield f"CUDA driver {cuda_version(found.driver)}"
    yield f"CUDA: {found.missing}" if found.missing else "CUDA can be used (--device cuda)"


def cache_lines():
    if find_spec("llvmlite") is None:
        return
    from nbkernel.kernels.compile.object_cache import CACHE

    if CACHE.folder is None:
        yield f"compiled kernels are not kept: {CACHE.refused or 'no folder can be written'} (NUMBA_CACHE_DIR names another)"
        return
    from nbkernel.kernels.cuda.machine_code import ENDING

    entries = list(os.scandir(CACHE.folder)) if os.path.isdir(CACHE.folder) else []
    files = [entry for entry in entries if entry.name.endswith((".o", ENDING))]
    size = sum(entry.stat().st_size for entry in files)
    for_cuda = sum(entry.name.endswith(ENDING) for entry in files)
    yield (
        f"compiled kernels: {CACHE.folder}, {len(files)} files ({for_cuda} of them for CUDA devices), {size / 2**20:.1f} MiB"
    )
