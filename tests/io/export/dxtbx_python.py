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


def ask(script, *arguments):
    """The value that a script prints as JSON, in its last line. Skips the test without DIALS."""
    if not is_there():
        pytest.skip(f"{PYTHON} has no dxtbx (apt-get install python3-dials)")
    environment = {name: text for name, text in os.environ.items() if not name.startswith("PYTHON")}
    if find_spec("hdf5plugin") is not None:
        import hdf5plugin

        environment["HDF5_PLUGIN_PATH"] = str(Path(hdf5plugin.PLUGIN_PATH))
    done = subprocess.run([PYTHON, "-c", script, *arguments], capture_output=True, text=True, env=environment)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout.splitlines()[-1])
