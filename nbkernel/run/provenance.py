"""Provenance of an image: what it was made from, and by what."""

import json
import platform
from importlib import metadata

import numpy as np

import nbkernel
from nbkernel.experiment.config.tables import CONTENTS, RECORD
from nbkernel.experiment.config.writing import config_text
from nbkernel.experiment.in_memory.fields import held_inputs
from nbkernel.experiment.input_files import input_digests

PACKAGES = ("numba", "llvmlite", "numpy", "h5py", "numba-cuda")


def provenance(experiment, inputs, path, *, command=None, engine=None, noise=None, seeds=None):
    """{name: text, number or array of bytes} for an image in the file `path`; what is None is left out.

    experiment: resolved, with paths to be read relative to the folder of `path`; inputs: InputFiles; command: the command
    line; engine: the Engine that rendered; noise: {"rng", "seed", "adc"} of the counts; seeds: {name: seed} of the crystal's
    random numbers.
    """
    held = held_inputs(experiment)
    names = contents_names(experiment)
    digests = {field: {"path": None, "sha256": value.digest} for field, value in held.items()}
    stated = {
        "command": command,
        "python": f"{platform.python_version()}, {platform.system()} {platform.machine()}",
        **{package.replace("-", "_"): installed_version(package) for package in PACKAGES},
        "nbkernel": nbkernel.__version__,
        "precision": engine and engine.precision,
        "device": engine and (f"cuda:{','.join(map(str, engine.devices))}" if engine.devices else "cpu"),
        "fix": ",".join(sorted(experiment.fix)) or "none",
        **{f"noise_{name}": (noise or {}).get(name) for name in ("rng", "seed", "adc")},
        **(seeds or {}),
        "inputs": json.dumps({**input_digests(inputs), **digests}),
        RECORD: config_text(experiment, path, names),
        **{names[field]: np.frombuffer(value.content, np.uint8) for field, value in held.items()},
    }
    return {name: value for name, value in stated.items() if value is not None}


def contents_names(experiment):
    """{field: name in the provenance} of the contents that an Experiment holds in memory."""
    return {field: f"{CONTENTS}_{field}" for field in held_inputs(experiment)}


def installed_version(package):
    try:
        return metadata.version(package)
    except metadata.PackageNotFoundError:
        return None
