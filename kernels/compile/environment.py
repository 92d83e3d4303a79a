"""What compiled code depends on besides the kernel and the types of its arguments."""

import contextlib
import hashlib
import itertools
import os
import sys
from functools import cache
from importlib.util import find_spec

KERNELS = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
# of an x86 processor in Linux's list
IDENTITY = ("vendor_id", "cpu family", "model", "stepping", "flags")
# names of folders with what pip has installed of the CUDA compilers, and variables that lead to others
CUDA_PACKAGES, CUDA_FOLDERS = ("cuda_", "numba_cuda-", "nvidia_"), ("CUDA_HOME", "CUDA_PATH", "CONDA_PREFIX")


@cache
def environment():
    """The kernels' sources, the versions of the compilers, and the processor, as lines of text."""
    settings = [f"{name}={os.environ[name]}" for name in ("NUMBA_CPU_NAME", "NUMBA_CPU_FEATURES") if name in os.environ]
    return "\n".join(
        [
            sources_digest(KERNELS),
            f"numba {version_of('numba')} llvmlite {version_of('llvmlite')} {sys.platform}",
            processor(),
            *settings,
        ]
    )


@cache
def cuda_environment():
    """The same for CUDA kernels, whatever the device: the kernels' sources and the versions of the compilers."""
    return "\n".join(
        [
            sources_digest(KERNELS),
            f"numba {version_of('numba')} llvmlite {version_of('llvmlite')} {sys.platform}",
            " ".join(cuda_packages()),
            *(f"{name}={os.environ[name]}" for name in CUDA_FOLDERS if name in os.environ),
        ]
    )


def cuda_packages():
    """Names with versions of the installed packages of CUDA, by the names of their folders alone."""
    found = set()
    for folder in sys.path:
        with contextlib.suppress(OSError):
            names = os.listdir(folder or os.curdir)
            found.update(name for name in names if name.startswith(CUDA_PACKAGES) and name.endswith(".dist-info"))
    return sorted(name.removesuffix(".dist-info") for name in found)


def sources_digest(folder):
    """Digest of all Python files below a folder and of their paths within it."""
    digest, folder = hashlib.sha256(), os.fspath(folder)
    for place, folders, names in os.walk(folder):
        folders.sort()
        for name in sorted(names):
            if name.endswith(".py"):
                source = os.path.join(place, name)
                with open(source, "rb") as file:
                    content = file.read()
                digest.update(f"{source[len(folder) :]} {len(content)}\n".encode())
                digest.update(content)
    return digest.hexdigest()


def version_of(package):
    """Digest of a package's own record of its version, found without importing it."""
    spec = find_spec(package)
    if spec is None or spec.origin is None:
        return "missing"
    try:
        with open(os.path.join(os.path.dirname(spec.origin), "_version.py"), "rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()[:16]
    except OSError:
        return spec.origin


def processor():
    """Name and features of the processor. LLVM, which takes long to import, is only asked where the system has no list."""
    listed = listed_processor()
    if listed is not None:
        return " ".join(listed[name] for name in IDENTITY)
    from llvmlite import binding

    return f"{binding.get_host_cpu_name()} {binding.get_host_cpu_features().flatten()}"


def has_fma():
    """Whether the processor multiplies and adds with a single rounding."""
    listed = listed_processor()
    if listed is not None:
        return "fma" in listed["flags"].split()
    from llvmlite import binding

    return binding.get_host_cpu_features().get("fma", False)


@cache
def listed_processor(path="/proc/cpuinfo"):
    """The first processor of Linux's list, {name: text}; None without a list, or for processors other than x86."""
    try:
        with open(path, encoding="utf-8", errors="replace") as file:
            lines = list(itertools.takewhile(str.strip, file))
    except OSError:
        return None
    found = {name.strip(): text.strip() for name, _, text in (line.partition(":") for line in lines)}
    return found if all(name in found for name in IDENTITY) else None
