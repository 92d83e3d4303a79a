"""Warnings about the input files that are named in a file of an Experiment."""

import os

from nbkernel.experiment.input_files import input_files, sha256_of


def outside_inputs(option, file, experiment, names):
    """A warning if fields of an Experiment that a ConfigFile has set, `names`, name files that are outside its folder after
    following links: its author may have chosen files that the user would not want to be read."""
    folder = os.path.realpath(os.path.dirname(file.path))
    # a path with a null character cannot be read anyway
    inputs = [entry for entry in input_files(experiment) if entry.owner in names and "\0" not in entry.path]
    found = [(entry.field, os.path.realpath(entry.path)) for entry in inputs]
    outside = [f"{name} {where}" for name, where in found if os.path.commonpath((folder, where)) != folder]
    if outside:
        yield f"{option} {file.path}: reads files outside its folder: {', '.join(outside)}"


def changed_inputs(option, file, experiment, names):
    """A warning for each input file of an Experiment, named by the fields `names`, which a ConfigFile has set, that has
    changed since the HDF5 file was written; none for TOML files, which have no record of their inputs."""
    if not file.inputs:
        return
    for entry in input_files(experiment):
        before = file.inputs[entry.field]["sha256"] if entry.owner in names and entry.field in file.inputs else None
        # a missing file is an error for its reader
        if before is not None and sha256_of(entry.path) not in (None, before):
            yield f"{option} {file.path}: {entry.path} has changed since the image was computed from it"
