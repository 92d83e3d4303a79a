"""The crystal's orientation in the run's frame, from what a file or the user says of it in another."""

import math

import numpy as np

from nbkernel.errors import InputError
from nbkernel.geometry.cell_axes import unit_vector
from nbkernel.io.tables.matrix import read_orientation
from nbkernel.io.tables.orientation import Orientation

# cosine of the angle up to which two beams are the same
SAME_BEAM = math.cos(math.radians(5.0))


def find_orientation(experiment, inputs):
    """The Orientation that an Experiment's mat is, None where there is none. inputs: see `matrix_option`."""
    if experiment.mat is None:
        return None
    if isinstance(experiment.mat, str):
        option = matrix_option(experiment, inputs)
        return read_orientation(experiment.mat, option)._replace(name=f"{option} {experiment.mat}")
    numbers = tuple(number for row in experiment.mat for number in row)
    if not all(map(math.isfinite, numbers)):
        raise InputError("-mat: needs nine finite numbers, three reciprocal cell vectors")
    return Orientation(numbers)


def matrix_option(experiment, inputs):
    """The flag or option that gave an Experiment's mat: a file of panels may have a crystal too. inputs: InputFiles that
    the user names."""
    named = not isinstance(experiment.mat, str) or any(file.field == "mat" for file in inputs)
    return "-mat" if named else "--panels"


def matrix_of(orientation, experiment, wavelength, detector):
    """Nine numbers: rows x, y, z of a_star, b_star, c_star (1/Angstrom) in the run's frame, times the wavelength in
    Angstrom, as MOSFLM has them. wavelength: the run's, m; detector: its Detector, which says where beam and spindle are.

    What is in another program's frame is turned so that its beam becomes the run's and its spindle, as far as it is at
    a right angle to the beam, the run's; a crystal of a DIALS experiment beside panels is in their frame already, if
    the beam is the same but for a few degrees.
    """
    if orientation.numbers is not None:
        return orientation.numbers
    axes = np.array(orientation.axes)
    beam = unit_vector(orientation.beam)
    if not (experiment.panels and orientation.in_panels_frame and beam @ detector.beam_vector > SAME_BEAM):
        theirs = frame(beam, orientation.spindle, orientation.name, orientation.name)
        ours = frame(detector.beam_vector, detector.spindle_vector, "-spindle_axis", orientation.name)
        axes = axes @ theirs.T @ ours
    return tuple((wavelength * 1e10 * np.linalg.inv(axes)).reshape(-1).tolist())


def frame(beam, spindle, lead, matrix):
    """(3, 3) orthonormal rows: the beam's direction, the spindle's across it, and what is at a right angle to both.

    beam, spindle: vectors of any length; matrix: what is turned, as messages call it. Raises InputError, led by `lead`,
    where both are one direction.
    """
    beam, across = unit_vector(beam), unit_vector(spindle)
    across = across - beam * (beam @ across)
    length = np.linalg.norm(across)
    if not length > 1e-6:
        raise InputError(
            f"{lead}: the spindle is along the beam, so it does not say how the crystal of {matrix} is turned about it"
        )
    across /= length
    return np.array([beam, across, np.cross(beam, across)])
