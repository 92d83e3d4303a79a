"""The beam of a run: its sources, their weights, and its fluence."""

from typing import NamedTuple

import numpy as np

from nbkernel.io.tables.columns import read_columns

from .sources import Sources, dispersion_sweep, generated_sources, sources_from_rows, weighted_sources


class Beam(NamedTuple):
    """sources: the Sources that are rendered; weight: (n,) the weight of each; given_weight: the weights of all sources as
    given in the file, which nanoBragg.c ignores; energies: wavelengths (m) that the spectrum, the dispersion or the list of
    sources names; energy: (n,) which of them each source has."""

    sources: Sources
    weight: np.ndarray
    given_weight: np.ndarray
    energies: np.ndarray
    energy: np.ndarray


def find_beam(experiment, detector, wavelength, kept):
    """The Beam of an Experiment with a Detector; wavelength: m; kept: KeptInputs. Raises InputError for impossible
    sources."""
    sources = find_sources(experiment, detector, wavelength, kept)
    given_weight = sources.weight
    lead = source_lead(experiment)
    # each direction has all wavelengths, in the same order
    energies = sources.wavelength[: count_energies(experiment, sources.wavelength, kept)]
    energy = np.arange(len(sources.wavelength)) % len(energies)
    if experiment.spectrum is not None:
        # not a quirk: they are meant to count
        sources = weighted_sources(sources, lead)
        return Beam(sources, sources.weight, np.ones_like(sources.weight), energies, energy[given_weight > 0.0])
    if lead is None or "weights" not in experiment.fix:
        return Beam(sources, np.ones_like(given_weight), given_weight, energies, energy)
    sources = weighted_sources(sources, lead)
    return Beam(sources, sources.weight, given_weight, energies, energy[given_weight > 0.0])


def count_energies(experiment, wavelengths, kept):
    """How many of the wavelengths of all sources are those of a single direction; a list of sources has one for each."""
    if experiment.sources is not None or experiment.sourcefile is not None:
        return len(wavelengths)
    spectrum = find_spectrum(experiment, kept)
    return dispersion_sweep(experiment).steps if spectrum is None else len(spectrum[0])


def find_sources(experiment, detector, wavelength, kept):
    """Sources from an array or a source file, or from the divergence and either the spectrum or the dispersion about the
    wavelength (m)."""
    lead = source_lead(experiment)
    if experiment.sources is not None:
        return sources_from_rows(experiment.sources.array.tolist(), wavelength, detector.beam_vector, lead)
    if experiment.sourcefile is not None:
        rows = kept.get("-sourcefile", experiment.sourcefile, read_columns, "-sourcefile", experiment.sourcefile, 5)
        return sources_from_rows(rows, wavelength, detector.beam_vector, lead)
    vectors = detector.beam_vector, detector.polar_vector, detector.vert_vector
    return generated_sources(experiment, wavelength, *vectors, find_spectrum(experiment, kept))


def find_spectrum(experiment, kept):
    """(wavelengths (m), weights), (n,) each, of an Experiment's spectrum; None if it has none. kept: KeptInputs. Raises
    InputError for an unusable file."""
    given = experiment.spectrum
    if given is None:
        return None
    if isinstance(given, str):
        from nbkernel.io.tables.spectrum import read_spectrum

        wavelengths, weights = kept.get("--spectrum", given, read_spectrum, "--spectrum", given)
    else:
        wavelengths, weights = given.array.T
    return wavelengths / 1e10, weights


def with_wavelength(experiment, kept):
    """The Experiment with the mean wavelength of its spectrum, if it has one and no wavelength."""
    spectrum = find_spectrum(experiment, kept)
    if spectrum is None:
        return experiment
    wavelengths, weights = spectrum
    mean = float(np.average(wavelengths, weights=weights / weights.max()))
    return experiment.with_header({"wavelength": mean * 1e10})


def source_lead(experiment):
    """The name of an Experiment's sources in messages, option and file; None if it has no list of them."""
    if experiment.sources is not None:
        return "sources"
    if experiment.spectrum is not None:
        return f"--spectrum {experiment.spectrum}" if isinstance(experiment.spectrum, str) else "spectrum"
    return None if experiment.sourcefile is None else f"-sourcefile {experiment.sourcefile}"


def beam_fluence(experiment):
    """photons/m^2; a flux, if given, overrides the fluence."""
    beamsize = experiment.beamsize / 1000
    if experiment.flux != 0.0 and experiment.exposure > 0.0 and beamsize >= 0:
        return experiment.flux * experiment.exposure / beamsize / beamsize
    return float(experiment.fluence)
