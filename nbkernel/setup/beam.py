"""The beam of a run: its sources, their weights, and its fluence."""

from typing import NamedTuple

import numpy as np

from nbkernel.io.tables.columns import read_columns

from .sources import Sources, generated_sources, sources_from_rows, weighted_sources


class Beam(NamedTuple):
    """sources: the Sources that are rendered; weight: (n,) the weight of each; given_weight: the weights of all sources as
    given in the file, which nanoBragg.c ignores."""

    sources: Sources
    weight: np.ndarray
    given_weight: np.ndarray


def find_beam(experiment, detector, wavelength, kept):
    """The Beam of an Experiment with a Detector; wavelength: m; kept: KeptInputs. Raises InputError for impossible
    sources."""
    sources = find_sources(experiment, detector, wavelength, kept)
    given_weight = sources.weight
    lead = source_lead(experiment)
    if lead is None or "weights" not in experiment.fix:
        return Beam(sources, np.ones_like(given_weight), given_weight)
    sources = weighted_sources(sources, lead)
    return Beam(sources, sources.weight, given_weight)


def find_sources(experiment, detector, wavelength, kept):
    """Sources from an array or a source file, or from the divergence and the dispersion about the wavelength (m)."""
    lead = source_lead(experiment)
    if experiment.sources is not None:
        return sources_from_rows(experiment.sources.array.tolist(), wavelength, detector.beam_vector, lead)
    if experiment.sourcefile is not None:
        rows = kept.get("-sourcefile", experiment.sourcefile, read_columns, "-sourcefile", experiment.sourcefile, 5)
        return sources_from_rows(rows, wavelength, detector.beam_vector, lead)
    return generated_sources(experiment, wavelength, detector.beam_vector, detector.polar_vector, detector.vert_vector)


def source_lead(experiment):
    """The name of an Experiment's sources in messages, option and file; None if it has no list of them."""
    if experiment.sources is not None:
        return "sources"
    return None if experiment.sourcefile is None else f"-sourcefile {experiment.sourcefile}"


def beam_fluence(experiment):
    """photons/m^2; a flux, if given, overrides the fluence."""
    beamsize = experiment.beamsize / 1000
    if experiment.flux != 0.0 and experiment.exposure > 0.0 and beamsize >= 0:
        return experiment.flux * experiment.exposure / beamsize / beamsize
    return float(experiment.fluence)
