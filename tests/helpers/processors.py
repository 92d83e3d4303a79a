"""Processors that tests compile for, whatever processor runs them."""

import json
import os
import platform
import subprocess
import sys

import pytest

AVX2 = "+avx,+avx2,+bmi,+bmi2,+f16c,+fma,+lzcnt,+movbe,+popcnt,+sse4.2"
AVX512 = f"{AVX2},+avx512bw,+avx512cd,+avx512dq,+avx512f,+avx512vl"
# LLVM's names of processors of both makers, with and without AVX-512: features, bits per register
PROCESSORS = {"haswell": (AVX2, 256), "znver3": (AVX2, 256), "skylake-avx512": (AVX512, 512), "znver5": (AVX512, 512)}
HASWELL = {"NUMBA_CPU_NAME": "haswell", "NUMBA_CPU_FEATURES": AVX2}
x86_64 = pytest.mark.skipif(platform.machine() != "x86_64", reason="needs an x86-64 processor")


def in_another_process(code, **environment):
    """The JSON that Python code prints in a process of its own."""
    path = os.pathsep.join(filter(None, sys.path))
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, env=os.environ | {"PYTHONPATH": path} | environment
    )
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)
