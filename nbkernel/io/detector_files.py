"""Detectors with several panels from a file of any readable format, recognised by its content."""

import os

from nbkernel.errors import InputError
from nbkernel.io.files.opening import read_bytes
from nbkernel.io.formats import DETECTOR, START, find_format


def read_detector_file(path):
    """Fields of an Experiment from a detector file: those that `dxtbx.detector` or `nexus.reader` returns. Raises InputError
    for a file of another kind, or one that cannot be used."""
    found = find_format(DETECTOR, read_bytes("--panels", path, most=START))
    if found is not None:
        return found.read(path)
    raise InputError(
        f"--panels {os.fspath(path)}: is not a detector file; need the JSON of dxtbx or DIALS (.expt), a NeXus NXmx file, "
        "a .geom of CrystFEL or an XDS.INP"
    )
