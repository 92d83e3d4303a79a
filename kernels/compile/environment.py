"""What compiled code depends on besides the kernel and the types of its arguments."""

import hashlib
import os
import sys
from functools import cache
from importlib.util import find_spec
from pathlib import Path

import llvmlite
from llvmlite import binding

KERNELS = Path(__file__).parents[1]


@cache
def environment():
    """The kernels' sources, the versions of the compilers, and the processor, as lines of text."""
    settings = [f"{name}={os.environ[name]}" for name in ("NUMBA_CPU_NAME", "NUMBA_CPU_FEATURES") if name in os.environ]
    return "\n".join(
        [
            sources_digest(KERNELS),
            f"numba {numba_version()} llvmlite {llvmlite.__version__} {sys.platform}",
            f"{binding.get_host_cpu_name()} {binding.get_host_cpu_features().flatten()}",
            *settings,
        ]
    )


def sources_digest(folder):
    """Digest of all Python files below a folder and of their paths within it."""
    digest = hashlib.sha256()
    for source in sorted(folder.rglob("*.py")):
        content = source.read_bytes()
        digest.update(f"{source.relative_to(folder)} {len(content)}\n".encode())
        digest.update(content)
    return digest.hexdigest()


def numba_version():
    """Digest of numba's own record of its version, found without importing numba."""
    spec = find_spec("numba")
    if spec is None or spec.origin is None:
        return "missing"
    try:
        return hashlib.sha256(Path(spec.origin).with_name("_version.py").read_bytes()).hexdigest()[:16]
    except OSError:
        return spec.origin
