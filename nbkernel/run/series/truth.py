"""The truth of each image of a series: what it was made from, and how bright it became."""

import os

import numpy as np

from nbkernel.experiment.experiment import Experiment
from nbkernel.experiment.input_files import FIELDS as PATHS
from nbkernel.geometry.cell_axes import cell_of_axes
from nbkernel.image.seeds import seeds_of_crystal
from nbkernel.io.nexus.data_file import read_content
from nbkernel.io.nexus.mcstas import laboratory_to_mcstas
from nbkernel.io.nexus.sample import rendered_axes
from nbkernel.support.validation import unit_of

from .frame import pixel_sums
from .table import TABLE

UNITS = {
    "wavelength": "angstrom", "fluence": "1/m^2", "phi": "deg", "osc": "deg", "ub_matrix": "1/angstrom", "misset": "deg",
    "mosaic_spread": "deg",
}  # fmt: skip
# of the columns of the table; others follow
ORDER = (
    "image", "phi", "osc", "wavelength", "fluence", "photons", "brightest", "counted", "overloads", "lattices", "unit_cell",
    "misset", "ub_matrix", "mosaic_spread",
)  # fmt: skip


def truth_of(specification, frame, noise):
    """({name: value} of an image, [{name: value}] of its lattices). frame: its Frame; noise: its Noise, None without."""
    draws, run = frame.draws, frame.shot
    total, brightest = pixel_sums(frame.photons)
    found = {
        "image": draws["image"],
        "wavelength": run.wavelength * 1e10,
        "fluence": float(run.plan.fluence),
        **{
            name: value
            for name, value in file_names(specification, draws).items()
            if name in specification.varied_by_shot() and name not in ("wavelength", "fluence")
        },
    }
    if specification.kind == "rotation":
        found |= {"phi": run.experiment.phi, "osc": run.experiment.osc}
    found |= {"seed": specification.seed, "photons": total, "brightest": brightest}
    if noise is not None:
        bits = specification.bits or 32
        found |= {"counted": noise.totals.photons, "overloads": noise.totals.overloads[bits]}
    found["lattices"] = len(frame.lattices)
    drawn = [file_names(specification, own) for own in draws["crystals"]]
    return found, [lattice_truth(*each) for each in zip(frame.lattices, drawn, strict=True)]


def file_names(specification, drawn):
    """What was drawn, with the names of files below the folder that all files of the choice have in common: who makes an
    image, and from where the paths are seen, does not matter."""
    return {name: file_name(specification.vary[name], value) if name in PATHS else value for name, value in drawn.items()}


def file_name(distribution, path):
    paths = [os.path.realpath(each) for each in distribution.numbers]
    return os.path.relpath(os.path.realpath(path), os.path.commonpath([os.path.dirname(each) for each in paths]))


def lattice_truth(run, drawn):
    """{name: value} of a lattice: its UB (1/Angstrom, columns a*, b*, c*, in the frame of NeXus files), its cell (Angstrom,
    degrees), the missetting angles with which it is rendered again, and what was drawn for it."""
    axes = rendered_axes(run, laboratory_to_mcstas(run.detector.beam_vector, run.detector.polar_vector))
    found: dict = {"ub_matrix": np.linalg.inv(axes), "unit_cell": np.array(cell_of_axes(axes))}
    found["misset"] = np.array(run.crystal.misset or (0.0, 0.0, 0.0))
    found["mosaic_spread"] = float(run.experiment.mosaic_spread or 0.0)
    others = {name: value for name, value in drawn.items() if name not in ("orientation", *found)}
    return found | seeds_of_crystal(run) | others


def columns_of(rows, several):
    """{name: (values, unit)} of the truth of images, see `truth_of`. several: whether images may have any number of
    lattices, whose values are in a table of their own, {"crystals/name": ...}."""
    columns = {name: [found[name] for found, _ in rows] for name in rows[0][0]}
    if several:
        lattices = [(found["image"], own) for found, owns in rows for own in owns]
        columns[f"{TABLE}image"] = [image for image, _ in lattices]
        for name in lattices[0][1] if lattices else ():
            columns[TABLE + name] = [own[name] for _, own in lattices]
    else:
        for name in rows[0][1][0]:
            columns[name] = [owns[0][name] for _, owns in rows]
    return {name: (as_column(values), unit(name.removeprefix(TABLE))) for name, values in columns.items()}


def as_column(values):
    return values if values and isinstance(values[0], str) else np.array(values)


def unit(name):
    """The unit of a column, None if it has none."""
    if name in UNITS or name not in Experiment.__dataclass_fields__:
        return UNITS.get(name)
    return unit_of(Experiment, name) or None


def truth_columns(option, path):
    """{name: values} of the truth in a data file, in the order of a table. Raises InputError, beginning with `option`."""
    truth = read_content(option, path).truth
    names = sorted(truth, key=lambda name: ORDER.index(name) if name in ORDER else len(ORDER))
    return {name: truth[name][0] for name in names}
