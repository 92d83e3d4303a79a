"""The sensor of a panel: its layers, and how the factors weight the sum."""

import math
from typing import NamedTuple

from nbkernel.errors import InputError
from nbkernel.kernels.physics.weights import EACH_LAYER, EACH_STEP, FINAL_SUM, RUNNING_SUM


class Sensor(NamedTuple):
    """Layers of the detector's sensor: their number, thickness of one (m) and of all (m), attenuation (1/m)."""

    layers: int
    thickstep: float
    thick: float
    mu: float


def sensor_layers(thick, layers, mu, fix_thickness):
    """The Sensor for a thickness (m), a number of layers and an attenuation (1/m; None: 1/thickness, 0: no absorption)."""
    layers = 0 if layers is None else layers
    mu = -1.0 if mu is None else mu
    if fix_thickness:
        if thick <= 0.0 or mu == 0.0:
            return Sensor(1, 0.0, 0.0, mu)
        layers = layers if layers > 0 else 2
        thickstep = thick / layers
    elif thick < 0.0 and layers > 0:
        thick = 0.5e-6
        thickstep = thick / layers
    elif layers <= 0:
        layers = 2
        thickstep = thick / layers
    else:
        layers = max(layers, 2)
        thickstep = thick / (layers - 1)
    if thick > 0.0 and mu < 0.0:
        mu = 1.0 / thick
    if thick <= 0.0 or thickstep <= 0.0:
        return Sensor(1, 0.0, 0.0, mu)
    return Sensor(layers, thickstep, thick, mu)


def sensor_and_weights(experiment, owner):
    """Fields of the plan for the sensor's layers and for how the factors weight the sum. owner: the Panel, or the Experiment
    itself, with the sensor's settings."""
    depth = owner.detector_abs
    if depth is None:
        mu = None
    else:
        if abs(depth) < 1e-300 and depth != 0.0:
            raise InputError(f"-detector_abs: {depth:g} um is not an attenuation depth; give inf for no absorption")
        mu = 0.0 if depth == 0.0 or math.isinf(depth) else 1.0 / (depth * 1e-6)
    fix_thickness = "thickness" in experiment.fix
    sensor = sensor_layers(owner.detector_thick * 1e-6, owner.detector_thicksteps, mu, fix_thickness)
    return dict(
        detector_thick=sensor.thick,
        detector_thickstep=sensor.thickstep,
        detector_thicksteps=sensor.layers,
        detector_mu=sensor.mu,
        **weights_of_factors(experiment, sensor),
    )


def weights_of_factors(experiment, sensor):
    """The plan's `oversample_thick`, `oversample_polar` and `oversample_omega`, see kernels/physics/weights.py.

    The program multiplies the running sum by the oversampled factors, and the final sum by the others. Corrected, an
    oversampled factor multiplies each step, and each layer has its own capture fraction, instead of the last layer's for
    all. sensor: the Sensor.
    """
    thick, polar, omega = experiment.oversample_thick, experiment.oversample_polar, experiment.oversample_omega
    oversampled = RUNNING_SUM
    if "oversample" in experiment.fix:
        oversampled = EACH_STEP
        thick = thick and sensor.thick > 0.0
        polar = polar and not experiment.nopolar
    once = EACH_LAYER if "thickness" in experiment.fix and sensor.layers > 1 else FINAL_SUM
    return dict(
        oversample_thick=oversampled if thick else once,
        oversample_polar=oversampled if polar else FINAL_SUM,
        oversample_omega=oversampled if omega else FINAL_SUM,
    )
