"""What the sums of a piece of a row begin with, what weighs their steps, and what makes photons of them."""

import numpy as np

from nbkernel.kernels.numerics.vector_loops import fill, full_vector_width, load, store
from nbkernel.kernels.physics.constants import GAUSS, R_E_SQR

from .geometry import (
    CAPTURE,
    INTENSITY,
    KEPT,
    NEAREST,
    OMEGA,
    OMEGAS,
    OWN,
    POLAR,
    STEP,
    THERE,
    WEIGHT,
)

TINY = 1e-280


def multiply(out, factors):
    full_vector_width()
    for i in range(out.shape[0]):
        store(out, i, load(out, i) * load(factors, i))


def add(out, terms):
    full_vector_width()
    for i in range(out.shape[0]):
        store(out, i, load(out, i) + load(terms, i))


def is_running(plan):
    return plan.running_thick or plan.running_polar or plan.running_omega


def has_captures(plan):
    """Whether CAPTURE is anything but 1."""
    return plan.detector_thick != 0.0 or plan.oversample_thick


def has_own_weights(plan):
    return plan.own_thick or plan.own_polar or plan.own_omega


def begin(plan, space, single):
    """single: whether steps are in float32."""
    work = space.work
    # where each step has its own weight, the background gets the mean of those weights in the end
    fill(work[INTENSITY], 0.0 if has_own_weights(plan) else plan.I_bg)
    fill(work[POLAR], 1.0 if plan.nopolar else 0.0)
    if single:
        fill(space.nearest, np.float32(1.0))
    else:
        fill(work[NEAREST], 1.0)
    if has_own_weights(plan):
        fill(work[OWN], 0.0)
    if plan.oversample_omega:
        fill(work[OMEGAS], 0.0)


def weigh(plan, table, source, interpolate, work):
    """WEIGHT of one source's steps: 0 where dmin cuts it; with what all steps have in common."""
    full_vector_width()
    scale = plan.source_weight[source]
    if plan.xtal_shape == GAUSS:
        scale *= (plan.Na * plan.Nb * plan.Nc) ** 2
    if table.h_stride == 0.0:
        scale *= table.F_squared[0]
    elif not interpolate:
        scale *= table.largest
    weights, kepts = work[WEIGHT], work[KEPT]
    if plan.dmin > 0.0:
        for i in range(work.shape[1]):
            store(weights, i, load(kepts, i) * scale)
    else:
        fill(weights, scale)
    if plan.own_thick:
        multiply(weights, work[CAPTURE])
    if plan.own_polar:
        multiply(weights, work[POLAR])
    if plan.own_omega:
        multiply(weights, work[OMEGA])


def add_own_weights(plan, work):
    for i in range(work.shape[1]):
        work[OWN, i] += (
            (work[CAPTURE, i] if plan.own_thick else 1.0)
            * (work[POLAR, i] if plan.own_polar else 1.0)
            * (work[OMEGA, i] if plan.own_omega else 1.0)
        )


def run_on(plan, work):
    """The sum takes up one step, and is then multiplied by the factors that weigh the running sum; where F_latt is 0 the
    program leaves it alone. nan where THERE is."""
    for i in range(work.shape[1]):
        there = work[THERE, i]
        if there != 0.0:
            step = work[STEP, i]
            I = work[INTENSITY, i] + (0.0 if abs(step) < TINY else step) * (there / there)
            if plan.running_thick:
                I *= work[CAPTURE, i]
            if plan.running_polar:
                I *= work[POLAR, i]
            if plan.running_omega:
                I *= work[OMEGA, i]
            work[INTENSITY, i] = I


def photons_per_step(plan):
    return R_E_SQR * plan.fluence / plan.steps


def without_tail(value):
    """`value`, or 0 for what far Gaussian spots leave: no float32, but it would slow down all that follows."""
    return 0.0 if abs(value) < TINY else value


def scaled_product(out, scale, first, with_first, second, with_second):
    """Multiplies `out` by a number and those of two rows that are to count; what is smaller than TINY becomes 0."""
    full_vector_width()
    for i in range(out.shape[0]):
        value = without_tail(load(out, i)) * scale
        value *= load(first, i) if with_first else 1.0
        store(out, i, value * (load(second, i) if with_second else 1.0))


def finish(plan, work):
    """INTENSITY becomes photons, as at the end of `pixel.render_pixel`."""
    if has_own_weights(plan):
        layers = 1 if plan.own_thick else plan.detector_thicksteps
        for i in range(work.shape[1]):
            work[INTENSITY, i] += plan.I_bg * work[OWN, i] / (layers * plan.oversample * plan.oversample)
    photons = work[INTENSITY]
    with_polar = not (plan.running_polar or plan.own_polar)
    with_omega = not (plan.running_omega or plan.own_omega)
    scaled_product(photons, photons_per_step(plan), work[POLAR], with_polar, work[OMEGA], with_omega)
    if has_captures(plan) and not (plan.running_thick or plan.own_thick):
        multiply(photons, work[CAPTURE])
