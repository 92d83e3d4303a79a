"""Experiments from TOML files, and from the record in HDF5 files that `write_hdf5` has written."""

import dataclasses
import json
import os
import re
import tomllib
from typing import NamedTuple

from nbkernel.errors import InputError
from nbkernel.experiment.fields import ExperimentFields
from nbkernel.experiment.input_files import FIELDS as PATHS
from nbkernel.geometry.panels import Panel
from nbkernel.io.files.opening import read_bytes
from nbkernel.io.hdf5.path import is_hdf5
from nbkernel.support.printable import shortened
from nbkernel.support.suggestion import suggestion

from .tables import RECORD, tables

SHELLS_PIPE = re.compile(r"/proc/\d+/fd/pipe:\[\d+\]")
UNDECODED = "\ufffd"  # replaces bytes that are not UTF-8


class ConfigFile(NamedTuple):
    """fields: the fields of Experiment that a file sets, {name: value}, with paths relative to its folder resolved; inputs:
    an HDF5 file's record of the input files of its image, {field: {"path", "sha256"}}, see `provenance`."""

    path: str
    fields: dict
    inputs: dict


def read_config(option, path):
    """The ConfigFile of a TOML file, or of an HDF5 file that `write_hdf5` has written.

    Raises InputError, beginning with `option`, for an unreadable file, an unknown name, or an impossible panel.
    """
    content, inputs = read_content(option, path)
    found = experiment_fields(content, f"{option} {path}", os.path.dirname(path))
    for name, entry in inputs.items():
        # the file may have been moved away from its inputs
        if isinstance(found.get(name), str) and not os.path.exists(found[name]):
            found[name] = entry["path"]
    return ConfigFile(os.fspath(path), found, inputs)


def read_content(option, path):
    """The tables of a TOML file, or those in an HDF5 file's record with its inputs, see `read_config`. Raises InputError,
    beginning with `option`, for an unreadable file."""
    lead = f"{option} {path}"
    try:
        if is_hdf5(path):
            text, inputs = read_record(option, path)
            return tomllib.loads(text), inputs
        return tomllib.loads(toml_text(option, path)), {}
    except RecursionError:
        raise InputError(f"{lead}: is not a TOML file of an experiment: its lists or tables are nested too deeply") from None
    except (OSError, ValueError) as error:
        if isinstance(error, (tomllib.TOMLDecodeError, UnicodeDecodeError)):
            raise InputError(f"{lead}: is not a TOML file: {error}") from None
        raise InputError(f"{lead}: cannot be read: {getattr(error, 'strerror', None) or error}") from None


def toml_text(option, path):
    """The text of a file, or of the pipe that a shell creates for `--config <(command)`. A named pipe, which may block
    forever, is refused like everything else that is not a file."""
    if not SHELLS_PIPE.fullmatch(os.path.realpath(path)):
        is_empty = os.path.isfile(path) and os.path.getsize(path) == 0
        return "" if is_empty else read_bytes(option, path).decode()
    with open(path, "rb") as file:
        return file.read().decode()


def read_record(option, path):
    """The TOML text of the experiment in an HDF5 file, and {field: {"path", "sha256"}} of its input files, see `provenance`.
    Raises InputError, beginning with `option`, if they are missing or broken."""
    from nbkernel.io.nexus.reader import read_provenance

    found = read_provenance(path, option, (RECORD, "inputs"))
    lead = f"{option} {path}"
    if RECORD not in found:
        raise InputError(
            f"{lead}: contains no experiment; need a file written by --hdf5 (or use --panels for its geometry only)"
        )
    for name, text in found.items():
        if not text.strip() or "\0" in text or UNDECODED in text:
            raise InputError(f"{lead}: its record is broken: {name} is {'not text' if text.strip() else 'empty'}")
    try:
        inputs = json.loads(found.get("inputs", "{}"))
    except (ValueError, RecursionError):
        inputs = None
    if not isinstance(inputs, dict) or not all(is_input_entry(entry) for entry in inputs.values()):
        raise InputError(f"{lead}: its record is broken: inputs does not contain files and their digests")
    return found[RECORD], inputs


def is_input_entry(entry):
    """Whether `entry` is the recorded entry of an input file: {"path", "sha256"}."""
    if not isinstance(entry, dict) or not isinstance(entry.get("path"), str) or "sha256" not in entry:
        return False
    return entry["sha256"] is None or isinstance(entry["sha256"], str)


def experiment_fields(content, lead, folder):
    found, known = {}, tables()
    for name, value in content.items():
        if name == "fix":
            found["fix"] = value
        elif name == "panels":
            found["panels"] = value if isinstance(value, str) else read_panels(value, lead)
        elif name not in known:
            others = hint(name, [*known]) or f"; there are {', '.join(known)}, panels and fix"
            raise InputError(f"{lead}: there is no [{shortened(name, 80)}]{others}")
        elif not isinstance(value, dict):
            raise InputError(f"{lead}: [{name}] must be a table of names and values")
        else:
            for field in value:
                if field not in known[name]:
                    raise InputError(f"{lead}: [{name}] has no {shortened(field, 80)}{hint(field, known[name])}")
            found.update(value)
    if found.get("dump") is False or found.get("dump") == "":
        found["dump"] = None  # TOML has no null
    for name in PATHS:
        if isinstance(found.get(name), str):
            found[name] = os.path.join(folder, found[name])
    try:
        experiment = ExperimentFields(**found)
    except InputError as error:
        raise InputError(f"{lead}: {error}") from None
    return {name: getattr(experiment, name) for name in found}


def hint(name, known):
    """The end of a message about an unknown name: the table to which it belongs, or a similar name."""
    if name == "N":
        return "; the cells along each edge are Na, Nb and Nc"
    for table, names in tables().items():
        if name in names:
            return f"; it belongs in [{table}]"
    return suggestion(name, known)


def read_panels(value, lead):
    if not isinstance(value, list) or not all(isinstance(panel, dict) for panel in value):
        raise InputError(f"{lead}: panels must be [[panels]] tables, or the path of a panel file")
    known = [field.name for field in dataclasses.fields(Panel)]
    needed = [field.name for field in dataclasses.fields(Panel) if field.default is dataclasses.MISSING]
    panels = []
    for number, panel in enumerate(value):
        for name in panel:
            if name not in known:
                raise InputError(f"{lead}: panel {number} has no {shortened(name, 80)}{suggestion(name, known)}")
        for name in needed:
            if name not in panel:
                raise InputError(f"{lead}: panel {number} lacks {name}; it needs {', '.join(needed)}")
        try:
            panels.append(Panel(**panel))
        except InputError as error:
            raise InputError(f"{lead}: panel {number}: {error}") from None
    return tuple(panels)
