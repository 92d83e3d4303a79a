"""Whether a run can use the exact engine's vectorised loop (kernels/exact/bounded.py), and the inputs of that loop."""

import math

from nbkernel.engine.squared_table import LARGEST_TABLE
from nbkernel.kernels.compile.environment import has_fma
from nbkernel.kernels.exact.lattice_factor import relative_error
from nbkernel.kernels.numerics.sine import LARGEST_ARGUMENT
from nbkernel.kernels.physics.constants import PI, ROUND, SQUARE
from nbkernel.kernels.physics.weights import weighs_final_sum_only

from .precision import largest_index
from .reach import find_reach


def table_reach_and_error(plan, history, tables, panel):
    """(SquaredTable, Reach, bound on the relative error of a pixel) for a run that can use the vectorised loop, else None.

    history: the panel's History; tables: the run's SquaredTables; panel: the Tile that is a whole panel.
    """
    if math.prod(n + 2 for n in plan.Fhkl.shape) > LARGEST_TABLE:
        return None
    if plan.fudge < 0.0 or plan.interpolate or len(history.axis) > 1:
        return None
    if not weighs_final_sum_only(plan):
        return None
    if not has_fma():
        return None
    if plan.source_lambda.min() <= 0.0:
        return None
    # any real wavelength is far within both limits; sines must be reduced correctly, and their products must not underflow
    if plan.xtal_shape in (SQUARE, ROUND) and not 1e-60 < largest_sine_argument(plan) < LARGEST_ARGUMENT / 2:
        return None
    if plan.source_weight.min() < 0.0 or plan.I_bg < 0.0:
        return None  # no bound if terms cancel
    terms = plan.steps * plan.detector_thicksteps
    return tables.get(plan), find_reach(plan, panel, False), relative_error(terms)


def largest_sine_argument(plan):
    """Bound (radians) on the arguments of a lattice factor's sines. plan: a RenderPlan."""
    if plan.xtal_shape == ROUND:
        # at most half a cell from an integer index along each axis
        return PI * math.hypot(plan.Na, plan.Nb, plan.Nc) * math.sqrt(plan.fudge)
    return PI * largest_index(plan) * max(plan.Na, plan.Nb, plan.Nc)
