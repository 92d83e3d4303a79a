"""Structure factors of a run: those in a file, or those of a model, as far as the detector and the wavelength reach."""

import math
import os
from dataclasses import replace

from nbkernel.errors import InputError
from nbkernel.io.files.opening import read_bytes
from nbkernel.io.reflections.reflections import IsModel
from nbkernel.io.reflections.structure_factors import KEPT, bytes_of, find_reflections, reflections_of

# what is taken from the finest spacing that pixels' corners have: spots have a width, and sensors a depth
MARGIN = 0.01
# of Experiment, with the options that set them
MODEL_FIELDS = {"model_dmin": "--model-dmin", "ksol": "--ksol", "bsol": "--bsol"}


def factors_of_run(experiment, kept, finest_spacing, defaults):
    """Reflections of an Experiment. kept: KeptInputs; finest_spacing(): the least spacing (Angstrom) that a pixel has;
    defaults: {field: value} of Experiment. Raises InputError for unusable files and settings.

    Of a model, the spacing has two digits, so that images whose wavelengths differ a little share their table.
    """
    try:
        found = find_reflections(experiment, kept)
    except IsModel:
        if not isinstance(experiment.hkl, str):
            raise
    else:
        for name, option in MODEL_FIELDS.items():
            if getattr(experiment, name) != defaults[name]:
                raise InputError(f"{option}: is for a model; give one, PDB or mmCIF, with -hkl FILE")
        return found
    path, column = experiment.hkl, experiment.column
    if column is not None:
        raise InputError(f"--column: -hkl {path} is a model; omit it")
    check_settings(experiment)
    d_min = experiment.model_dmin
    if d_min is None:
        d_min = rounded_down(max(finest_spacing() * (1.0 - MARGIN), experiment.dmin))
    settings = d_min, experiment.ksol, experiment.bsol
    return kept.get("-hkl", path, reflections_of_model, path, experiment.default_F, *settings)


def check_settings(experiment):
    """Raises InputError for impossible settings of a model."""
    if experiment.model_dmin is not None and not experiment.model_dmin > 0.0:
        raise InputError(f"--model-dmin: needs a spacing greater than 0 A, not {experiment.model_dmin:g}")
    for name in ("ksol", "bsol"):
        if not getattr(experiment, name) >= 0.0:
            raise InputError(f"{MODEL_FIELDS[name]}: needs at least 0, not {getattr(experiment, name):g}")


def rounded_down(value):
    """The largest number of two decimal digits that is not above a number greater than 0."""
    step = 10.0 ** (math.floor(math.log10(value)) - 1)
    return float(f"{math.floor(value / step * (1.0 + 1e-12)) * step:.2g}")


def reflections_of_model(path, default_F, d_min, k_sol, B_sol):
    """Reflections in all of P1 of the model in a file, as `nbkernel structure-factors` writes them; others are default_F. An
    unchanged file is read only once. Arguments and errors: those of `model_factors`."""

    def make(content):
        from .model import model_factors
        from .unique import LABEL, mtz_bytes

        unique = model_factors(path, content, d_min, k_sol, B_sol)
        found = reflections_of(mtz_bytes(unique), path, default_F, LABEL)
        return replace(found, remarks=(*(f"-hkl {line}" for line in unique.remarks), *found.remarks))

    options = os.fspath(path), default_F, d_min, k_sol, B_sol
    return KEPT.get(path, options, lambda: read_bytes("-hkl", path), make, bytes_of)
