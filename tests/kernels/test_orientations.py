"""The cell vectors of every orientation, from the table and from the rotations that it is computed from."""

import numba
import numpy as np
import pytest

from nbkernel.experiment.experiment import Experiment
from nbkernel.kernels.compile.jit import REGISTRY
from nbkernel.kernels.physics.constants import RTD
from nbkernel.kernels.physics.orientations import from_rotations, from_table
from nbkernel.kernels.physics.rotations import mosaic_rotation_umat
from nbkernel.kernels.physics.vectors import rotate_axis, rotate_umat
from nbkernel.setup.orientations import orientations
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


MANY = {
    "domains": "-mosaic 1.3 -mosaic_dom 3000",
    "phi steps": "-phi -10 -osc 30 -phisteps 3000",
    "phi steps at 0": "-phi -1 -osc 2 -phisteps 2000",
    "both": "-mosaic 20 -mosaic_dom 60 -phi 10 -osc 3 -phisteps 50",
}


@pytest.mark.slow
@pytest.mark.parametrize("name", MANY)
def test_many_orientations_have_the_bits_of_few(name, monkeypatch):
    flags = f"{CELL} {MANY[name]}".split()
    found = []
    for many in (0, 10**9):
        monkeypatch.setattr(orientations, "MANY", many)
        orientations.drawn_umats.cache_clear()
        orientations.drawn_umats.cache_clear()
        plan = prepare(Experiment.from_command_line(flags), 1).plan
        found.append([array.tobytes() for array in plan if isinstance(array, np.ndarray)])
    assert found[0] == found[1]


def test_orientations_one_by_one():
    """Rotations drawn and applied one after another, and the slot of a step at phi = 0, as the program has them."""
    prepared = prepare(
        Experiment.from_command_line(f"{CELL} -mosaic 1.3 -mosaic_dom 5 -phi -1 -osc 2 -phisteps 4".split()), 1
    )
    plan, crystal, spindle = prepared.plan, prepared.crystal, prepared.detector.spindle_vector
    seed, shuffle = np.array([-prepared.experiment.mosaic_seed], np.int64), np.zeros(33, np.int64)
    umats = [mosaic_rotation_umat(1.3 / RTD, seed, shuffle) for _ in range(5)]
    umats[0] = (1, 0, 0, 0, 1, 0, 0, 0, 1)
    assert plan.mosaic_umats.tolist() == [list(map(float, umat)) for umat in umats]
    angles = [prepared.phi_start + prepared.osc / 4 * tic for tic in range(4)]
    assert angles[2] == 0.0
    expected = np.empty((5, 5, 9))
    for slot, phi in enumerate([0.0, *angles]):
        vectors = [rotate_axis(v, spindle, phi) if phi else v for v in (crystal.a, crystal.b, crystal.c)]
        for domain, umat in enumerate(umats):
            expected[slot, domain] = sum((rotate_umat(vector, umat) for vector in vectors), ())
    assert plan.orientation.tobytes() == expected.tobytes()
    assert plan.phi_slot.tolist() == plan.phi_slot_first.tolist() == [1, 2, 2, 4]
    starts_at_0 = prepare(Experiment.from_command_line(f"{CELL} -phi 0 -osc 2 -phisteps 4".split()), 1).plan
    assert starts_at_0.phi_slot_first.tolist() == [0, 2, 3, 4] and starts_at_0.phi_slot.tolist() == [4, 2, 3, 4]
