"""Whether a run may take the exact engine's vectorised way (kernels.certified), and what it needs for that."""

import math

import numpy as np
from llvmlite import binding

from nbkernel.kernels.certified import relative_error
from nbkernel.kernels.constants import PI, ROUND, SQUARE
from nbkernel.kernels.plan import SquaredTable
from nbkernel.kernels.sine import LARGEST_ARGUMENT

LARGEST_TABLE = 2**31 - 1


def certification(plan, carried):
    """(SquaredTable, relative error) for a run that qualifies, else None."""
    if math.prod(n + 2 for n in plan.Fhkl.shape) > LARGEST_TABLE:
        return None
    if plan.fudge < 0.0 or plan.interpolate or len(carried.axis) > 1:
        return None
    if plan.oversample_thick or plan.oversample_polar or plan.oversample_omega or plan.own_thick:
        return None
    if not binding.get_host_cpu_features().get("fma", False):
        return None
    if plan.source_lambda.min() <= 0.0:
        return None
    # far beyond both limits for any real wavelength; sines' products must neither lose their reduction nor underflow
    if plan.xtal_shape in (SQUARE, ROUND) and not 1e-60 < largest_sine_argument(plan) < LARGEST_ARGUMENT / 2:
        return None
    if plan.source_weight.min() < 0.0 or plan.I_bg < 0.0:
        return None  # terms that cancel have no bound
    terms = plan.steps * plan.detector_thicksteps
    return squared_table(plan), relative_error(terms)


def largest_sine_argument(plan):
    if plan.xtal_shape == ROUND:
        # at most half a cell from a whole index along each axis
        return PI * math.sqrt((plan.Na**2 + plan.Nb**2 + plan.Nc**2) * plan.fudge)
    # no scattering vector is longer than 2 / lambda
    longest_cell = math.sqrt(float((plan.orientation.reshape(-1, 3) ** 2).sum(axis=1).max()))
    largest_index = longest_cell * 2.0 / float(plan.source_lambda.min())
    return PI * largest_index * max(plan.Na, plan.Nb, plan.Nc)


def squared_table(plan):
    """The plan's F_cell^2 with its border."""
    if plan.Fhkl.size == 0:
        return SquaredTable(np.array([plan.default_F * plan.default_F]), *[0.0] * 8)
    padded = np.full([n + 2 for n in plan.Fhkl.shape], plan.default_F * plan.default_F)
    padded[1:-1, 1:-1, 1:-1] = plan.Fhkl * plan.Fhkl
    nh, nk, nl = padded.shape
    return SquaredTable(
        padded.reshape(-1),
        plan.h_min - 1.0, plan.k_min - 1.0, plan.l_min - 1.0,
        nh - 1.0, nk - 1.0, nl - 1.0,
        float(nk * nl), float(nl),
    )  # fmt: skip
