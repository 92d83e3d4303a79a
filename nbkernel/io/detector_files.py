"""Detectors of several panels from a file of any kind that can be read; its content tells which."""

import os

from nbkernel.errors import InputError
from nbkernel.io.dxtbx.detector import read_dxtbx_detector
from nbkernel.io.files.json_values import JSON, JSON_START
from nbkernel.io.files.opening import read_bytes
from nbkernel.io.hdf5.path import HDF5_START


def read_detector_file(path):
    """Fields of an Experiment by a detector file: `dxtbx_json` and `nxmx_reader` say which. Raises InputError for a file
    of another kind, or that cannot be used."""
    start = read_bytes("--panels", path, most=JSON_START)
    if start.startswith(HDF5_START):
        from nbkernel.io.nexus.reader import read_nxmx_detector

        return read_nxmx_detector(path, "--panels")
    if JSON.match(start):
        return read_dxtbx_detector(path)
    raise InputError(
        f"--panels {os.fspath(path)}: is not a detector file; need the JSON of dxtbx or DIALS (.expt) or a NeXus NXmx file"
    )
