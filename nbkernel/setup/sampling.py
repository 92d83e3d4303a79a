"""The number of steps of each kind: nanoBragg.c's automatic choices, by which of count, range and step are given.

The functions return counts and step sizes in SI units; inputs that are not given are None.
"""

import math
from typing import NamedTuple

import numpy as np

from nbkernel.errors import InputError
from nbkernel.kernels.physics.constants import RTD

from .panels import sampled_distance


class Sweep(NamedTuple):
    """`steps` values, `step` apart, over `span` (radians, or a fraction for the wavelength)."""

    steps: int
    step: float
    span: float


ONE_POINT = Sweep(1, 0.0, 0.0)


def c_ceil(value):
    """`value` rounded up to a C int; a value that does not fit becomes the most negative one, as on x86-64."""
    return math.ceil(value) if abs(value) < 2147483647.0 else -2147483648


def source_sweep(steps, span, step):
    """Sweep over divergence or dispersion. A count alone spans 1 (radian!); a step alone gives two steps."""
    steps = 0 if steps is None else steps
    span = -1.0 if span is None else span
    step = -1.0 if step is None else step
    if span < 0.0:
        if step > 0.0:
            steps, span = 2, step
        elif steps > 0:
            span = 1.0
            step = span / steps
    elif steps <= 0:
        if step <= 0.0:
            steps, step = 2, span
        else:
            steps = c_ceil(span / step)
    elif step <= 0.0:
        steps = max(steps, 2)
        step = span / (steps - 1)
    if span <= 0.0 or step <= 0.0 or steps <= 0:
        return ONE_POINT
    return Sweep(steps, step, span)


def phi_sweep(phisteps, osc, phistep):
    """Sweep of the spindle (radians). A count alone spans 1 degree; a range alone is divided into two steps."""
    phistep = -1.0 if phistep is None else phistep
    osc = -1.0 if osc is None else osc
    if phisteps is None or phisteps < 0:
        if osc < 0.0:
            if phistep <= 0.0:
                return ONE_POINT
            return Sweep(2, phistep, phistep)
        if phistep <= 0.0:
            return Sweep(2, osc / 2.0, osc)
        return Sweep(c_ceil(osc / phistep), phistep, osc)
    phisteps = max(phisteps, 1)
    if osc < 0.0:
        if phistep <= 0.0:
            osc = 1.0 / RTD
            return Sweep(phisteps, osc / phisteps, osc)
        return Sweep(2, phistep, phistep)
    if phistep < 0.0:
        phistep = osc / phisteps
    return Sweep(phisteps, phistep, osc)


def phi_angles(phi_start, sweep, fixed):
    """Angle (radians) of each step of the spindle from phi_start on, (steps,). The program's are at the beginning of their
    intervals, one given step apart; corrected, they are in the middle of equal intervals of the range."""
    tics = np.arange(sweep.steps)
    if fixed and sweep.span > 0.0:
        return phi_start + sweep.span * (tics + 0.5) / sweep.steps
    return phi_start + sweep.step * tics


def divergence_sweeps(experiment):
    """Sweeps of an Experiment's horizontal and vertical divergence."""
    return (
        source_sweep(experiment.hdivsteps, milliradians(experiment.hdivrange), milliradians(experiment.hdivstep)),
        source_sweep(experiment.vdivsteps, milliradians(experiment.vdivrange), milliradians(experiment.vdivstep)),
    )


def milliradians(value):
    return None if value is None else value / 1000.0


def is_centred(sweep):
    """Whether the points of a `source_sweep`, which begins half its span below the centre, are centred."""
    return abs(sweep.step * (sweep.steps - 1) - sweep.span) <= 1e-9 * sweep.span


def first_point(sweep, fixed):
    """Angle from the beam (radians) at which a sweep of divergence begins. The program's sweeps begin half the span below
    the beam; corrected, their points are centred on it, with the same step."""
    return -sweep.step * (sweep.steps - 1) / 2.0 if fixed and not is_centred(sweep) else -sweep.span / 2.0


def mosaic_sampling(domains, spread):
    """Number of mosaic domains and spread (radians). A spread without a count gives 10 domains."""
    if spread is None or spread <= 0.0:
        return 1, 0.0
    if domains is None or domains <= 0:
        return 10, spread
    return domains, spread


def recommended_oversample(xtalsize_max, reciprocal_pixel_size):
    """Sub-pixels per pixel edge that resolve a crystal of this size (both m)."""
    if reciprocal_pixel_size == 0.0:
        return 1
    return max(c_ceil(3.0 * xtalsize_max / reciprocal_pixel_size), 1)


def spindle_sweep(experiment):
    """Sweep of an Experiment's spindle. Raises InputError if range and step give no usable number of steps."""

    def radians(value):
        return None if value is None else value / RTD

    sweep = phi_sweep(experiment.phisteps, radians(experiment.osc), radians(experiment.phistep))
    if sweep.steps < 1:
        raise InputError(
            f"-phistep: steps of {experiment.phistep:g} deg over a range of {experiment.osc:g} deg (-osc, or OSC_RANGE in a "
            "header) give no usable number of phi steps"
        )
    return sweep


def oversampling(experiment, crystal, detectors, wavelength):
    """Sub-pixels per pixel edge: the user's number, else the number that resolves the crystal's spots on all detectors."""
    if experiment.oversample is not None and experiment.oversample > 0:
        return experiment.oversample
    size = max(crystal.size)
    return max(
        recommended_oversample(size, wavelength * sampled_distance(experiment, detector) / detector.pixel_size)
        for detector in detectors
    )


def interpolation_on(experiment):
    """Whether to interpolate: the user's choice, else if the crystal is at most two cells wide along some edge (by -N, not
    by -xtalsize)."""
    if experiment.interpolate is not None:
        return experiment.interpolate
    return experiment.Na <= 2 or experiment.Nb <= 2 or experiment.Nc <= 2
