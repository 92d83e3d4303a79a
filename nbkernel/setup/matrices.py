"""Converts the crystal's orientation, as stated by a file or the user, to the run's frame."""

import math

import numpy as np

from nbkernel.errors import InputError
from nbkernel.geometry.cell_axes import mosflm_rows, unit_vector
from nbkernel.io.tables.orientation import Orientation

# cosine of the angle up to which two beams count as the same
SAME_BEAM = math.cos(math.radians(5.0))


def find_orientation(experiment, inputs, kept):
    """The Orientation that an Experiment's `mat` states, None if there is none. inputs: see `matrix_option`; kept:
    KeptInputs."""
    if experiment.mat is None:
        return None
    if isinstance(experiment.mat, str):
        from nbkernel.io.tables.matrix import read_orientation

        option = matrix_option(experiment, inputs)
        found = kept.get(option, experiment.mat, read_orientation, experiment.mat, option)
        return found._replace(name=f"{option} {experiment.mat}")
    return Orientation(tuple(number for row in experiment.mat for number in row))


def matrix_option(experiment, inputs):
    """The flag or option that set an Experiment's `mat`: a panel file may have a crystal, too. inputs: the InputFiles that
    the user names."""
    named = not isinstance(experiment.mat, str) or any(file.field == "mat" for file in inputs)
    return "-mat" if named else "--panels"


def mosflm_matrix(orientation, experiment, wavelength, detector):
    """Nine numbers: rows x, y, z of a_star, b_star, c_star (1/Angstrom) in the run's frame, times the wavelength in
    Angstrom, as in a MOSFLM matrix. wavelength: the run's, m; detector: its Detector, which has the beam and the spindle.

    An orientation in another program's frame is rotated so that its beam becomes the run's beam and the component of its
    spindle perpendicular to the beam becomes the run's. The crystal of a DIALS experiment with panels is already in their
    frame if the beams differ by a few degrees at most.
    """
    if orientation.numbers is not None:
        return orientation.numbers
    axes = np.array(orientation.axes)
    beam = unit_vector(orientation.beam)
    if not (experiment.panels and orientation.in_panels_frame and beam @ detector.beam_vector > SAME_BEAM):
        theirs = frame(beam, orientation.spindle, orientation.name, orientation.name)
        ours = frame(detector.beam_vector, detector.spindle_vector, "-spindle_axis", orientation.name)
        axes = axes @ theirs.T @ ours
    return tuple(mosflm_rows(axes, wavelength).reshape(-1).tolist())


def frame(beam, spindle, lead, matrix):
    """(3, 3) orthonormal rows: the direction of the beam, that of the spindle's component perpendicular to it, and the
    direction perpendicular to both.

    beam, spindle: vectors of any length; matrix: name of the orientation in messages. Raises InputError, beginning with
    `lead`, if beam and spindle are parallel.
    """
    beam, across = unit_vector(beam), unit_vector(spindle)
    across = across - beam * (beam @ across)
    length = np.linalg.norm(across)
    if not length > 1e-6:
        raise InputError(
            f"{lead}: the spindle is along the beam, so that the rotation of the crystal in {matrix} about the beam is "
            "unknown"
        )
    across /= length
    return np.array([beam, across, np.cross(beam, across)])
