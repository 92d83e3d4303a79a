"""DIALS where a system has it: scripts run by the Python that has dxtbx, which is not that of the tests."""

import functools
import json
import os
import subprocess
import time
from importlib.util import find_spec
from pathlib import Path

import pytest

PYTHON = "/usr/bin/python3"


@functools.cache
def is_there():
    """Whether there is a DIALS; waits for one that `.ci/run` installs meanwhile."""
    while os.path.exists(os.environ.get("NBKERNEL_DIALS_INSTALLS", "")):
        time.sleep(1)
    return os.path.exists(PYTHON) and subprocess.run([PYTHON, "-c", "import dxtbx"], capture_output=True).returncode == 0


def skip_without_dials():
    if not is_there():
        pytest.skip(f"no DIALS for {PYTHON} (apt-get install dials python3-dials)")


def environment():
    """Variables for programs of DIALS: none for Python, and the filter of our images."""
    found = {name: text for name, text in os.environ.items() if not name.startswith("PYTHON")}
    found["OMP_NUM_THREADS"] = "1"
    if find_spec("hdf5plugin") is not None:
        import hdf5plugin

        found["HDF5_PLUGIN_PATH"] = str(Path(hdf5plugin.PLUGIN_PATH))
    return found


def ask(script, *arguments):
    """The value that a script prints as JSON, in its last line. Skips the test without DIALS."""
    skip_without_dials()
    return json.loads(program(PYTHON, "-c", script, *arguments).splitlines()[-1])


def program(*words):
    """Runs a program in the current folder; returns what it prints."""
    done = subprocess.run(words, capture_output=True, text=True, env=environment())
    assert done.returncode == 0, f"{' '.join(words)}: {done.stdout[-2000:]}{done.stderr[-2000:]}"
    return done.stdout
