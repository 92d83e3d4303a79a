"""The initial values of a row segment's sums, the weights of their steps, and their conversion to photons."""

import numpy as np

from nbkernel.kernels.numerics.vector_loops import fill, full_vector_width, load, store
from nbkernel.kernels.physics.constants import GAUSS, R_E_SQR
from nbkernel.kernels.physics.weights import (
    FINAL_SUM,
    has_step_weights,
    is_renewed,
    mean_background,
    pixel_weight,
    step_weight,
    weigh_running_sum,
    weight_varies,
)

from .geometry import (
    CAPTURE,
    INTENSITY,
    KEPT,
    NEAREST,
    NONZERO,
    OMEGA,
    OMEGAS,
    PIXEL_WEIGHTS,
    POLAR,
    STEP,
    SX,
    SY,
    SZ,
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


def has_captures(plan):
    """Whether CAPTURE is anything but 1."""
    return plan.detector_thick != 0.0 or is_renewed(plan.oversample_thick)


def begin(plan, workspace, use_float32):
    """use_float32: whether steps are in float32."""
    work = workspace.work
    # if each step has its own weight, the background gets the mean of those weights in the end
    fill(work[INTENSITY], 0.0 if has_step_weights(plan) else plan.I_bg)
    fill(work[POLAR], 1.0 if plan.nopolar else 0.0)
    if use_float32:
        fill(workspace.nearest, np.float32(1.0))
    else:
        fill(work[NEAREST], 1.0)
    if has_step_weights(plan):
        fill(work[PIXEL_WEIGHTS], 0.0)
    if is_renewed(plan.oversample_omega):
        fill(work[OMEGAS], 0.0)


def weigh(plan, table, source, interpolate, work):
    """WEIGHT of one source's steps: 0 where dmin excludes it; with the factors that all steps have in common."""
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
    if weight_varies(plan):
        for i in range(work.shape[1]):
            scattering = (load(work[SX], i), load(work[SY], i), load(work[SZ], i))
            factors = (load(work[CAPTURE], i), load(work[POLAR], i), load(work[OMEGA], i))
            store(weights, i, step_weight(plan, load(weights, i), scattering, factors[0], factors[1], factors[2]))


def add_pixel_weights(plan, work):
    for i in range(work.shape[1]):
        work[PIXEL_WEIGHTS, i] += pixel_weight(plan, 1.0, work[CAPTURE, i], work[POLAR, i], work[OMEGA, i])


def run_on(plan, work):
    """Adds one step to the sum, which is then multiplied by the factors that weight the running sum; if F_latt is 0 the
    program leaves it unchanged. nan where NONZERO is nan."""
    for i in range(work.shape[1]):
        nonzero = work[NONZERO, i]
        if nonzero != 0.0:
            step = work[STEP, i]
            I = work[INTENSITY, i] + (0.0 if abs(step) < TINY else step) * (nonzero / nonzero)
            work[INTENSITY, i] = weigh_running_sum(plan, I, work[CAPTURE, i], work[POLAR, i], work[OMEGA, i])


def photons_per_step(plan):
    return R_E_SQR * plan.fluence / plan.steps


def without_tail(value):
    """`value`, or 0 for the tail of distant Gaussian spots: too small for a float32, but it would slow down all that
    follows."""
    return 0.0 if abs(value) < TINY else value


def scaled_product(out, scale, first, with_first, second, with_second):
    """Multiplies `out` by a number and by those of two rows that are wanted; a value smaller than TINY becomes 0."""
    full_vector_width()
    for i in range(out.shape[0]):
        value = without_tail(load(out, i)) * scale
        value *= load(first, i) if with_first else 1.0
        store(out, i, value * (load(second, i) if with_second else 1.0))


def finish(plan, work):
    """Converts INTENSITY to photons, as at the end of `pixel.render_pixel`."""
    if has_step_weights(plan):
        for i in range(work.shape[1]):
            work[INTENSITY, i] += mean_background(plan, work[PIXEL_WEIGHTS, i])
    photons = work[INTENSITY]
    with_polar = plan.oversample_polar == FINAL_SUM
    with_omega = plan.oversample_omega == FINAL_SUM
    scaled_product(photons, photons_per_step(plan), work[POLAR], with_polar, work[OMEGA], with_omega)
    if has_captures(plan) and plan.oversample_thick == FINAL_SUM:
        multiply(photons, work[CAPTURE])
