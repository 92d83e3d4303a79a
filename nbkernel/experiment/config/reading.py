"""Experiments from TOML files, and from the record in HDF5 files that `write_hdf5` has written."""

import dataclasses
import json
import os
import re
import tomllib
from typing import NamedTuple

from nbkernel.errors import InputError
from nbkernel.experiment.argument_names import with_argument_names
from nbkernel.experiment.fields import ExperimentFields
from nbkernel.experiment.in_memory.fields import CLASSES
from nbkernel.experiment.input_files import FIELDS as PATHS
from nbkernel.experiment.input_files import LISTS
from nbkernel.geometry.panels import Panel
from nbkernel.io.files.opening import read_bytes
from nbkernel.io.hdf5.path import is_hdf5
from nbkernel.support.printable import shortened
from nbkernel.support.suggestion import suggestion

from .background import read_materials
from .lattices import read_lattices
from .responses import read_responses
from .tables import CONTENTS, RECORD, tables

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
    lead, folder = f"{option} {path}", os.path.dirname(path)
    contents = recorded_contents(lead, option, path) if is_hdf5(path) else None
    moved = {name.partition("[")[2].rstrip("]"): entry["path"] for name, entry in inputs.items() if "[" in name}
    found = experiment_fields(content, lead, folder, contents, moved)
    for name, entry in inputs.items():
        # the file may have been moved away from its inputs
        if isinstance(found.get(name), str) and entry["path"] is not None and not os.path.exists(found[name]):
            found[name] = entry["path"]
    for name in LISTS:
        if isinstance(found.get(name), tuple):
            # of an image's record, see above
            entries = [inputs.get(f"{name}[{number}]", {}).get("path") for number in range(len(found[name]))]
            found[name] = tuple(
                path if recorded is None or os.path.exists(path) else recorded
                for path, recorded in zip(found[name], entries, strict=True)
            )
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
    """Whether `entry` is the recorded entry of an input file: {"path", "sha256"}; the path of what was in
    memory is None."""
    if not isinstance(entry, dict) or not {"path", "sha256"} <= {*entry} or not isinstance(entry["path"], str | None):
        return False
    return entry["sha256"] is None or isinstance(entry["sha256"], str)


def contents_beside(lead, folder):
    """A function of field and file name that returns the bytes of a file in the folder of a TOML file, and its path. Raises
    InputError, starting with `lead`, if there is no such file, or if it is elsewhere."""

    def get(field, name):
        path = os.path.join(folder, name)
        if "\0" in name or os.path.dirname(os.path.realpath(path)) != os.path.realpath(folder):
            raise InputError(f"{lead}: {field}: {shortened(name, 80)} is not in the folder of this file; move it there")
        return read_bytes(f"{lead}: {field}", path), path

    return get


def recorded_contents(lead, option, path):
    """The same for what the record of an HDF5 file contains."""

    def get(field, name):
        from nbkernel.io.nexus.reader import read_recorded_bytes

        known = name == f"{CONTENTS}_{field}"
        content = read_recorded_bytes(path, option, name) if known else None
        if content is None:
            raise InputError(f"{lead}: its record is broken: it lacks the content of {field}")
        return content, f"{os.fspath(path)}:{name}"

    return get


def held_value(lead, field, stated, contents):
    """What an Experiment held in memory, by a table of where its content is, its column and digest. contents: see
    `contents_beside`."""
    texts = all(isinstance(part, str) for part in stated.values())
    if CONTENTS not in stated or not {*stated} <= {CONTENTS, "column", "sha256"} or not texts:
        raise InputError(f"{lead}: {field}: needs a path, or a table of texts: {CONTENTS}, and perhaps column and sha256")
    content, name = contents(field, stated[CONTENTS])
    try:
        value = CLASSES[field].from_content(content, name, stated.get("column"))
    except InputError as error:
        raise InputError(f"{lead}: {with_argument_names(str(error))}") from None
    if stated.get("sha256", value.digest) != value.digest:
        raise InputError(
            f"{lead}: {field}: {name} has changed since this file was written; without sha256 it is read anyway"
        )
    return value


def experiment_fields(content, lead, folder, contents=None, moved=None):
    """{name: value} of an Experiment's tables, with paths relative to `folder`. contents: see `contents_beside`, by default
    of the folder; moved: see `read_materials`. Raises InputError, starting with `lead`, for unknown names and unusable
    values."""
    found, known = {}, tables()
    for name, value in content.items():
        if name == "fix":
            found["fix"] = value
        elif name == "panels":
            found["panels"] = value if isinstance(value, str) else read_panels(value, lead)
        elif name == "background":
            found["background"] = read_materials(value, lead, folder, moved or {})
        elif name == "lattices":
            found["lattices"] = read_lattices(value, lead)
        elif name not in known:
            others = hint(name, [*known]) or f"; there are {', '.join(known)}, panels, background, lattices and fix"
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
    for name in LISTS:
        if isinstance(found.get(name), list) and all(isinstance(path, str) for path in found[name]):
            found[name] = [os.path.join(folder, path) for path in found[name]]
    for name in CLASSES:
        if isinstance(found.get(name), dict):
            found[name] = held_value(lead, name, found[name], contents or contents_beside(lead, folder))
    if "response" in found:
        found["response"] = read_responses(found["response"], lead, folder)
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
