"""Experiment: the user's input, from and to command lines and files."""

from collections.abc import Collection
from dataclasses import replace
from os import PathLike, fspath
from typing import Any

from nbkernel.errors import InputError
from nbkernel.support.logger import LOG
from nbkernel.support.validation import integer

from .fields import ExperimentFields
from .input_files import input_files, protected_paths


class Experiment(ExperimentFields):
    """One simulated exposure. Names and units are nanoBragg's: mm, Angstrom, degrees, mrad (divergence), percent
    (dispersion), micrometres (sensor, water). Fields that stay None are chosen as nanoBragg.c chooses them.

    Numpy's numbers, lists and paths are converted; `fix` can also be a name or "all". Raises InputError, naming the field,
    for a value of another kind.
    """

    @classmethod
    def from_command_line(cls, command: str | list[str], fix: str | Collection[str] = ()) -> "Experiment":
        """The Experiment of a nanoBragg command line, a string or a list of its words; a program name at the beginning is
        skipped.

        Flags for output files, their scales and the progress are read and ignored. fix: names of the quirks to correct,
        which affect how -twotheta_axis is read. Raises InputError for unusable flags; logs a warning about arguments that
        the program would ignore.
        """
        from .command_line import fields_of_command

        return cls(**fields_of_command(command, fix))

    @classmethod
    def from_dials(cls, path: str | PathLike, index: int | None = None, **changes: Any) -> "Experiment":
        """The Experiment in a DIALS file (.expt): its detector as panels, the beam's direction, wavelength and polarisation,
        the goniometer, the first image of the scan (phi, osc) and the crystal (mat), all in dxtbx's frame.

        path: the file; index: the number of the experiment, from 0, in a file of several; changes: fields that the file does
        not state, such as hkl and Na, or that replace its own: the crystal is not taken if there is a cell or mat. mat is
        made for the wavelength of this Experiment, and has to be made again for another one. Raises InputError for an
        unusable file or value; logs a warning about a crystal that varies along the scan, of which it takes the start.
        """
        from nbkernel.geometry.cell_axes import mosflm_rows
        from nbkernel.io.dxtbx.experiment import read_dxtbx_experiment

        stated, crystal = read_dxtbx_experiment("from_dials", path, None if index is None else integer("index", index))
        experiment = cls(**{**stated, **changes})
        if crystal is None or experiment.mat is not None or experiment.cell is not None:
            return experiment
        if experiment.wavelength is None:
            raise InputError(f"from_dials {fspath(path)}: has no wavelength, which the matrix needs; give one")
        for line in crystal.remarks:
            LOG.warning("%s", line)
        return replace(experiment, mat=mosflm_rows(crystal.axes, experiment.wavelength / 1e10))

    @classmethod
    def from_toml(cls, path: str | PathLike) -> "Experiment":
        """The Experiment in the file `path`: TOML (see docs/python.md), or HDF5 written by `write_hdf5`. Raises InputError
        for an unusable file; logs a warning that names the input files outside its folder."""
        from nbkernel.experiment.config.input_warnings import outside_inputs
        from nbkernel.experiment.config.reading import read_config

        file = read_config("from_toml", path)
        experiment = cls(**file.fields)
        for line in outside_inputs("from_toml", file, experiment, file.fields):
            LOG.warning("%s", line)
        return experiment

    def to_toml(self, path: str | PathLike) -> None:
        """Writes the fields that differ from the defaults to the TOML file `path`, and what the Experiment holds in memory
        to files beside it, such as a_hkl.npy beside a.toml. Raises InputError if one cannot be written."""
        from nbkernel.experiment.config.writing import config_files
        from nbkernel.io.files.output_files import OutputFiles

        with OutputFiles(protected_paths(input_files(self))) as files:
            contents = config_files("to_toml", self, path)
            for name, own, _ in contents:
                files.open(name, own)
            for name, _, content in contents:
                files.write(name, content)
            files.commit()
