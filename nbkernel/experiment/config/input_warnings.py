"""What may be wrong with the input files that a file of an Experiment names."""

import os

from nbkernel.experiment.input_files import input_files, sha256_of


def outside_inputs(option, file, experiment, names):
    """A line where fields of an Experiment, `names`, which a ConfigFile has set, name files that lie outside its folder, for
    whoever follows links: who wrote it may have meant files that the user would not have read."""
    folder = os.path.realpath(os.path.dirname(file.path))
    # what cannot even be looked up is not read
    inputs = [entry for entry in input_files(experiment) if entry.field in names and "\0" not in entry.path]
    found = [(entry.field, os.path.realpath(entry.path)) for entry in inputs]
    outside = [f"{name} {where}" for name, where in found if os.path.commonpath((folder, where)) != folder]
    if outside:
        yield f"{option} {file.path}: reads files outside its folder: {', '.join(outside)}"


def changed_inputs(option, file, experiment, names):
    """A line for each input file of an Experiment, of the fields `names`, which a ConfigFile has set, that is not what it
    was when the HDF5 file was made; nothing for TOML files, which have no record."""
    if not file.inputs:
        return
    for entry in input_files(experiment):
        before = file.inputs[entry.field]["sha256"] if entry.field in names and entry.field in file.inputs else None
        # whoever needs a file that is gone will say so
        if before is not None and sha256_of(entry.path) not in (None, before):
            yield f"{option} {file.path}: {entry.path} has changed since that image was made from it"
