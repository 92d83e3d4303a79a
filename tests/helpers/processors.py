"""Processors that tests compile for, whatever processor runs them."""

import json
import os
import platform
import subprocess
import sys

import pytest

from bench.cpu_code import AVX2

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
