"""The cell vectors of every orientation, from the table and from the rotations that it is computed from."""

import numba
import numpy as np
import pytest

from nbkernel.experiment.experiment import Experiment
from nbkernel.kernels.compile.jit import REGISTRY
from nbkernel.kernels.physics.orientations import from_rotations, from_table
from nbkernel.setup.prepare import prepare

CELL = "-cell 70 80 90 75 85 95 -misset 10 20 30 -lambda 1 -distance 100 -detpixels 4 -default_F 1 -N 5"
SPREAD = {
    "mosaic and phi": f"{CELL} -mosaic 1.3 -mosaic_dom 7 -phi 10 -osc 3 -phisteps 4",
    "mosaic and a step at phi 0": f"{CELL} -mosaic 0.01 -mosaic_dom 5 -phi -1 -osc 3 -phisteps 3",
    "mosaic": f"{CELL} -mosaic 5 -mosaic_dom 9",
    "mosaic, zeros among the vectors": f"{CELL} -cell 70 80 90 90 90 90 -misset 0 0 0 -mosaic 5 -mosaic_dom 9",
}
UNSPREAD = {
    "neither": CELL,
    "phi": f"{CELL} -phi 10 -osc 3 -phisteps 4",
    "domains without spread": f"{CELL} -mosaic_dom 5",
    "spread below 0": f"{CELL} -mosaic -1 -mosaic_dom 5",
    "zeros among the vectors": f"{CELL} -cell 70 80 90 90 90 90 -misset 0 180 0 -osc 180 -phisteps 2",
}


def all_orientations(vectors, plan):
    found = np.empty_like(plan.orientation)
    for slot in range(plan.orientation.shape[0]):
        for mos_tic in range(plan.orientation.shape[1]):
            a, b, c = vectors(plan, slot, mos_tic)
            for i in range(3):
                found[slot, mos_tic, i], found[slot, mos_tic, 3 + i], found[slot, mos_tic, 6 + i] = a[i], b[i], c[i]
    return found


def compiled(vectors):
    call = numba.njit(REGISTRY.register_called(vectors))
    return numba.njit(lambda plan, slot, mos_tic: call(plan, slot, mos_tic))


@pytest.mark.slow
@pytest.mark.parametrize("form", [lambda function: function, compiled], ids=["bare", "compiled"])
@pytest.mark.parametrize("name", [*SPREAD, *UNSPREAD])
def test_rotations_give_the_bits_of_the_table(name, form):
    plan = prepare(Experiment.from_command_line((SPREAD | UNSPREAD)[name].split()), 1).plan
    found = all_orientations(form(from_rotations), plan)
    assert np.array_equal(all_orientations(form(from_table), plan), plan.orientation)
    if name in SPREAD:
        assert found.tobytes() == plan.orientation.tobytes()
    else:
        # zeros may differ in sign
        assert np.array_equal(found, plan.orientation)
    assert plan.mosaic_umats.shape == (plan.orientation.shape[1], 9)
