"""Provenance of an image: what it was made from, and by what."""

import json
import platform
from importlib import metadata

import nbkernel
from nbkernel.experiment.config.tables import RECORD
from nbkernel.experiment.config.writing import config_text
from nbkernel.experiment.input_files import input_digests

PACKAGES = ("numba", "llvmlite", "numpy", "h5py", "numba-cuda")


def provenance(experiment, inputs, path, *, command=None, engine=None, noise=None, seeds=None):
    """{name: text or number} for an image in the file `path`; what is None is left out.

    experiment: resolved, with paths to be read relative to the folder of `path`; inputs: InputFiles; command: the command
    line; engine: the Engine that rendered; noise: {"rng", "seed", "adc"} of the counts; seeds: {name: seed} of the crystal's
    random numbers.
    """
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
        "inputs": json.dumps(input_digests(inputs)),
        RECORD: config_text(experiment, path),
    }
    return {name: value for name, value in stated.items() if value is not None}


def installed_version(package):
    try:
        return metadata.version(package)
    except metadata.PackageNotFoundError:
        return None
