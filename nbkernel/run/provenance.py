"""What an image was made from and by, for the record in its file."""

import json
import platform
from importlib import metadata

import nbkernel
from nbkernel.experiment.config.tables import RECORD
from nbkernel.experiment.config.writing import config_text
from nbkernel.experiment.input_files import input_digests

PACKAGES = ("numba", "llvmlite", "numpy", "h5py", "numba-cuda")


def provenance(experiment, inputs, path, *, command=None, engine=None, noise=None, seeds=None):
    """{name: text or number} of an image in the file `path`.

    experiment: resolved, its paths will count from the folder of `path`; inputs: InputFiles; command: the command line;
    engine: the Engine that rendered; noise: {"rng", "seed", "adc"} of the counts; seeds: {name: of the crystal's random
    numbers}.
    What is None is left out.
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
