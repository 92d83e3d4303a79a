"""The HDF5 file of `nbkernel noisify` and `nbkernel background`: an image of which only detector and beam are known."""

import platform
from typing import NamedTuple

import numpy as np

import nbkernel
from nbkernel.experiment.experiment import Experiment
from nbkernel.geometry.detector import Detector, place_detector
from nbkernel.geometry.region import whole_region
from nbkernel.run.provenance import PACKAGES, installed_version

ALONG_X = 1.0, 0.0, 0.0


class Beam(NamedTuple):
    """What NXmx states of a RenderPlan: its beam, and a sensor without depth."""

    source_incident: np.ndarray  # (sources, 3), towards the sample
    source_lambda: np.ndarray  # (sources,), m
    source_weight: np.ndarray  # (sources,)
    fluence: float  # photons/m^2
    polarization: float = 0.0
    nopolar: bool = True
    detector_thick: float = 0.0


class Exposure(NamedTuple):
    """What NXmx states of a Prepared run, without a crystal. Angles in radians."""

    experiment: Experiment
    detector: Detector
    plan: Beam
    wanted: np.ndarray  # (slow, fast) bool
    roi: tuple
    phi_start: float = 0.0
    osc: float = 0.0
    crystal: None = None
    panel: int = 0


def beam_along_x(wavelength, fluence):
    """The Beam of one source; m, photons/m^2."""
    return Beam(np.array([ALONG_X]), np.array([wavelength]), np.ones(1), fluence)


def exposure_of(experiment, beam, wanted=None, phi_start=0.0, osc=0.0):
    """The Exposure of an Experiment's detector. wanted: pixels that are measured, None for all. Raises InputError for a
    detector that cannot be, or that NXmx cannot represent."""
    from nbkernel.io.nexus.writer import check_panels

    detector = place_detector(experiment)
    shape = detector.spixels, detector.fpixels
    wanted = np.ones(shape, bool) if wanted is None else wanted
    exposure = Exposure(experiment, detector, beam, wanted, whole_region(shape), phi_start, osc)
    check_panels([exposure])
    return exposure


def write_exposure(files, path, exposure, photons, counts, noise, command):
    """Writes the file that OutputFiles has opened as --hdf5.

    path: its final name; photons: (slow, fast) float32; counts: integers, or None; noise: {"rng", "seed", "adc"} of these;
    command: the command line. Raises InputError if it cannot be written.
    """
    from nbkernel.io.nexus.writer import write_nxmx

    stated = {
        "command": command,
        "python": f"{platform.python_version()}, {platform.system()} {platform.machine()}",
        **{package.replace("-", "_"): installed_version(package) for package in PACKAGES},
        "nbkernel": nbkernel.__version__,
        **{f"noise_{name}": value for name, value in (noise if counts is not None else {}).items()},
    }
    counts = None if counts is None else [counts]
    files.write_by_name("--hdf5", lambda temporary: write_nxmx(temporary, [exposure], [photons], counts, stated, path))
