"""Structure factors of a run: those in its files, or those of a model, as far as the detector and the wavelength reach."""

import math
import os
from dataclasses import replace

from nbkernel.errors import InputError
from nbkernel.io.files.opening import read_bytes
from nbkernel.io.reflections.reflections import IsModel
from nbkernel.io.reflections.structure_factors import (
    KEPT,
    bytes_of,
    find_reflections,
    read_structure_factors,
    reflections_of,
)

# what is taken from the finest spacing that pixels' corners have: spots have a width, and sensors a depth
MARGIN = 0.01
# of Experiment, with the options that set them
MODEL_FIELDS = {"model_dmin": "--model-dmin", "ksol": "--ksol", "bsol": "--bsol", "anomalous": "--anomalous"}


def factors_of_run(experiment, kept, wavelengths, finest_spacing, defaults):
    """The Reflections of an Experiment: one for all wavelengths, or one for each; a tuple.

    kept: KeptInputs; wavelengths(): those of the beam (Angstrom), of which each may have its own Reflections;
    finest_spacing(): the least spacing (Angstrom) that a pixel has; defaults: {field: value} of Experiment. Of a model, the
    spacing has two digits, so that images whose wavelengths differ a little share their table. Raises InputError for
    unusable files and settings.
    """
    if experiment.hkl_per_energy is not None:
        refuse_model_fields(experiment, defaults)
        return per_energy(experiment, kept, len(wavelengths()))
    try:
        found = find_reflections(experiment, kept)
    except IsModel:
        if not isinstance(experiment.hkl, str):
            raise
    else:
        refuse_model_fields(experiment, defaults)
        return (found,)
    path, column = experiment.hkl, experiment.column
    if column is not None:
        raise InputError(f"--column: -hkl {path} is a model; omit it")
    check_settings(experiment)
    d_min = experiment.model_dmin
    if d_min is None:
        d_min = rounded_down(max(finest_spacing() * (1.0 - MARGIN), experiment.dmin))
    settings = d_min, experiment.ksol, experiment.bsol
    if not experiment.anomalous:
        return (kept.get("-hkl", path, reflections_of_model, path, experiment.default_F, *settings),)
    energies = tuple(wavelengths().tolist())
    return kept.get(
        "-hkl", path, anomalous_reflections, path, experiment.default_F, *settings, experiment.anomalous, energies
    )


def refuse_model_fields(experiment, defaults):
    """Raises InputError for settings that only a model needs."""
    for name, option in MODEL_FIELDS.items():
        if getattr(experiment, name) != defaults[name]:
            raise InputError(f"{option}: is for a model; give one, PDB or mmCIF, with -hkl FILE")


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


def per_energy(experiment, kept, count):
    """The Reflections for each of `count` wavelengths. Raises InputError for another number of them."""
    given, default_F, column = experiment.hkl_per_energy, experiment.default_F, experiment.column
    tables = given if isinstance(given, tuple) else given.tables
    if len(tables) != count:
        raise InputError(
            f"--hkl-per-energy: has {len(tables)} tables for {count} wavelengths; need one for each of the spectrum, the "
            "dispersion or the sources"
        )
    if not isinstance(given, tuple):
        return given.reflections(default_F, column)
    return kept.get("--hkl-per-energy", given[0], read_tables, given, default_F, column)


def read_tables(paths, default_F, column):
    """Reflections in several files, each of which is read once; see `read_structure_factors`."""
    found = {path: read_structure_factors(path, default_F, column) for path in dict.fromkeys(paths)}
    return tuple(found[path] for path in paths)


def reflections_of_model(path, default_F, d_min, k_sol, B_sol):
    """Reflections in all of P1 of the model in a file, as `nbkernel structure-factors` writes them; others are default_F. An
    unchanged file is read only once. Arguments and errors: those of `model_factors`."""

    def make(content):
        from .model import model_factors
        from .unique import LABEL, mtz_of

        unique = model_factors(path, content, d_min, k_sol, B_sol)
        return with_remarks(reflections_of(mtz_of(unique), path, default_F, LABEL), unique)

    options = os.fspath(path), default_F, d_min, k_sol, B_sol
    return KEPT.get(path, options, lambda: read_bytes("-hkl", path), make, bytes_of)


def anomalous_reflections(path, default_F, d_min, k_sol, B_sol, elements, wavelengths):
    """The same for each wavelength (Angstrom), with f' and f'' of elements, so that Friedel mates differ; a tuple."""
    from .anomalous import anomalous_factors
    from .unique import MATES, mtz_bytes

    found, amplitudes = anomalous_factors(path, read_bytes("-hkl", path), d_min, k_sol, B_sol, elements, wavelengths)
    tables = []
    for own in amplitudes:
        columns = dict(zip(MATES, own, strict=True))
        content = mtz_bytes(found.group, found.structure.cell, found.indices, columns, "G")
        tables.append(with_remarks(reflections_of(content, path, default_F, ",".join(MATES)), found))
    return tuple(tables)


def with_remarks(reflections, found):
    """Reflections with the remarks of the Unique or Complex structure factors that they are made from."""
    return replace(reflections, remarks=(*(f"-hkl {line}" for line in found.remarks), *reflections.remarks))
