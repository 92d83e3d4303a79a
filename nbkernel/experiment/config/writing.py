"""Experiments to TOML files: all fields that differ from the defaults. What an Experiment holds in memory is in files
beside it."""

import dataclasses
import json
import os

from nbkernel.errors import InputError
from nbkernel.experiment.fields import DEFAULTS
from nbkernel.experiment.in_memory.content import InMemory
from nbkernel.experiment.in_memory.fields import held_inputs
from nbkernel.experiment.input_files import FIELDS as PATHS
from nbkernel.experiment.input_files import LISTS
from nbkernel.io.files.output_files import existing_mode, is_stream
from nbkernel.support.validation import unit_of

from .background import material_tables
from .lattices import lattice_tables
from .responses import response_tables
from .tables import CONTENTS, TOP_LEVEL, tables


def config_files(flag, experiment, path):
    """[(name in OutputFiles, path, bytes)] of the TOML file `path` of an Experiment, and of the files beside it that contain
    what the Experiment holds in memory. Raises InputError, starting with `flag`, if there are such and nothing is beside
    `path`, a pipe or device."""
    path = os.fspath(path)
    held = held_inputs(experiment)
    if held and is_stream(path, existing_mode(path or os.curdir)):
        raise InputError(
            f"{flag}: {path} is a pipe or a device; need a file name, for {' and '.join(held)} in files beside it"
        )
    return [(flag, path, config_text(experiment, path).encode()), *files_beside(flag, experiment, path)]


def files_beside(flag, experiment, path):
    """The same of the files beside `path` only."""
    folder = os.path.dirname(path)
    return [
        (f"{flag} ({field})", os.path.join(folder, name), getattr(experiment, field).content)
        for field, name in names_beside(experiment, path).items()
    ]


def names_beside(experiment, path):
    """{field: name of the file beside `path`} of what an Experiment holds in memory."""
    stem = os.path.splitext(os.path.basename(path))[0]
    return {field: f"{stem}_{field}{value.ending}" for field, value in held_inputs(experiment).items()}


def config_text(experiment, path, names=None):
    """The TOML text of an Experiment, for the file `path`: all fields that differ from the defaults. names: {field: where
    the content is that the Experiment holds in memory}, by default in the files beside `path`."""
    names = names_beside(experiment, path) if names is None else names
    folder = os.path.realpath(os.path.dirname(path))
    lines = ["# an nbkernel experiment: nbkernel simulate --config FILE"]
    if experiment.fix:
        lines.append(f"fix = {toml_value(sorted(experiment.fix))}")
    given = {name: value for name, value in changed_fields(experiment) if name not in (*TOP_LEVEL, "response")}
    if "dump" in given and given["dump"] is None:
        given["dump"] = False
    for name in PATHS:
        if isinstance(given.get(name), str):
            given[name] = os.path.relpath(os.path.realpath(given[name]), folder)
    for name in LISTS:
        if isinstance(given.get(name), tuple):
            given[name] = [os.path.relpath(os.path.realpath(path), folder) for path in given[name]]
    if isinstance(experiment.panels, str):
        lines.append(f"panels = {toml_value(os.path.relpath(os.path.realpath(experiment.panels), folder))}")
    for table, own in tables().items():
        if any(name in given for name in own):
            lines += ["", f"[{table}]", *(toml_line(experiment, name, given[name], names) for name in own if name in given)]
    parts = *response_tables(experiment, folder), *material_tables(experiment, folder), *lattice_tables(experiment)
    for header, part in parts:
        lines += ["", header, *(toml_line(part, name, value) for name, value in changed_fields(part))]
    if not isinstance(experiment.panels, str):
        for panel in experiment.panels:
            lines += ["", "[[panels]]", *(toml_line(panel, name, value) for name, value in changed_fields(panel))]
    return "\n".join(lines) + "\n"


def resolved_experiment(prepared):
    """The Experiment of a Prepared panel that reproduces its image without the SMV image whose header was read. Without the
    dump if a table was read: then it is only written, which is not up to a configuration file."""
    experiment = dataclasses.replace(prepared.experiment, img=None)
    if experiment.hkl is not None and experiment.dump is not None:
        experiment = dataclasses.replace(experiment, dump=DEFAULTS["dump"])
    for file in prepared.inputs:
        if file.field == "dump":
            # the absolute path, to find it again even if it has its default name
            experiment = dataclasses.replace(experiment, dump=file.path)
    return experiment


def changed_fields(instance):
    """(name, value) of the fields that are not at their default."""
    for field in dataclasses.fields(instance):
        value = getattr(instance, field.name)
        if field.default is dataclasses.MISSING or value != field.default:
            yield field.name, value


def toml_line(instance, name, value, names=None):
    """A field's value, with its unit as a comment; names: as for `config_text`."""
    if isinstance(value, InMemory):
        parts = {CONTENTS: names[name], "column": value.column, "sha256": value.digest}
        return (
            f"{name} = {{ {', '.join(f'{key} = {toml_value(part)}' for key, part in parts.items() if part is not None)} }}"
        )
    unit = "" if isinstance(value, str) else unit_of(type(instance), name)
    return f"{name} = {toml_value(value)}" + (f"  # {unit}" if unit else "")


def toml_value(value):
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, str):
        try:
            value.encode()
        except UnicodeEncodeError:
            raise InputError(f"{value!r}: is not Unicode, which a TOML file requires; rename the file") from None
        # JSON's escapes are also TOML's, which needs one for DEL, too
        return json.dumps(value, ensure_ascii=False).replace("\x7f", "\\u007f")
    if isinstance(value, (tuple, list)):
        return f"[{', '.join(toml_value(part) for part in value)}]"
    return repr(value)
