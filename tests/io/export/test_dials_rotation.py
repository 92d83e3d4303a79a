"""A rotation with a background and the response of a detector that DIALS processes from spots to scaled intensities: what it
finds is what was put in."""

import json
import math
import os
from pathlib import Path

import numpy as np
import pytest

import nbkernel

from dxtbx_python import program, skip_without_dials
from running import command
from sharp_spots import CELL, GROUP, experiment_of_spots, gemmi, random_reflections, true_crystals

pytestmark = [pytest.mark.slow, pytest.mark.dials]

# scatter of water, and a detector that spreads photons and has noise, a gain and a pedestal of its own
WATER = nbkernel.Material([[0.0, 2.57], [0.08, 2.9], [0.12, 3.9], [0.16, 6.3], [0.25, 5.1], [0.6, 2.6]], volume=1e-14)
RESPONSE = nbkernel.Response(
    flicker=0.01, calibration=0.01, psf="gauss", psf_fwhm=100.0, gain=1.5, readout_noise=1.0, pedestal=20.0, bits=16
)
# rotations of a tetragonal lattice: signed permutations of a and b, with c so that the determinant is 1
ROTATIONS = [
    np.array([[p, q, 0], [r, s, 0], [0, 0, p * s - q * r]])
    for p, q, r, s in [(1, 0, 0, 1), (0, -1, 1, 0), (-1, 0, 0, -1), (0, 1, -1, 0), (0, 1, 1, 0), (1, 0, 0, -1), (0, -1, -1, 0), (-1, 0, 0, 1)]
]  # fmt: skip


@pytest.fixture(scope="module")
def processed(tmp_path_factory):
    """A folder where a rotation of 90 degrees has been simulated, exported and processed, without priors."""
    skip_without_dials()
    folder, before = tmp_path_factory.mktemp("dials"), Path.cwd()
    os.chdir(folder)
    try:
        experiment = experiment_of_spots(misset=(10, 20, 30), background=WATER, response=RESPONSE)
        sweep = dict(kind="rotation", images=90, start=0.0, width=1.0, steps=4, seed=7, name="sweep")
        with nbkernel.Series({"series": sweep}, experiment, precision="mixed") as series:
            series.run("sweep")
        assert command("export", "sweep/sweep_master.h5", "--to", "dials")[0] == 0
        program("dials.import", "sweep/sweep_master.h5", "output.experiments=imported.expt")
        program("dials.find_spots", "sweep/sweep_imported.expt", "nproc=2")
        # of the vectors found only the best are tried, and refined twice, where all are sharp
        short = ("basis_vector_combinations.max_refine=3", "refinement_protocol.n_macro_cycles=2")
        program("dials.index", "sweep/sweep_imported.expt", "strong.refl", *short)
        program("dials.integrate", "indexed.expt", "indexed.refl", "nproc=2")
        program("dials.symmetry", "integrated.expt", "integrated.refl")
        # nothing was absorbed, and the errors are those of counting
        simple = ("physical.absorption_correction=False", "error_model=None", "full_matrix=False")
        program("dials.scale", "symmetrized.expt", "symmetrized.refl", *simple)
        program("dials.export", "scaled.expt", "scaled.refl", "mtz.hklout=scaled.mtz")
    finally:
        os.chdir(before)
    return folder


def read_json(path):
    return json.loads(path.read_text())


def test_a_rotation_is_one_sweep(processed):
    (imported,) = read_json(processed / "imported.expt")["scan"]
    assert imported["image_range"] == [1, 90]
    np.testing.assert_allclose(imported["oscillation"], (0.0, 1.0), atol=1e-12)


def test_the_lattice_is_found_without_priors(processed):
    (crystal,) = read_json(processed / "symmetrized.expt")["crystal"]
    group = gemmi.find_spacegroup_by_ops(gemmi.symops_from_hall(crystal["space_group_hall_symbol"]))
    assert group.point_group_hm() == "422" and group.centring_type() == "P"
    edges = [np.linalg.norm(crystal[name]) for name in ("real_space_a", "real_space_b", "real_space_c")]
    np.testing.assert_allclose(edges, CELL[:3], rtol=5e-4)


def test_the_orientation_is_found(processed):
    """Within 0.05 degrees of the truth, whichever of the equivalent axes is called a."""
    (crystal,) = read_json(processed / "symmetrized.expt")["crystal"]
    found = np.array([crystal[name] for name in ("real_space_a", "real_space_b", "real_space_c")])
    true = np.linalg.inv(true_crystals(processed / "sweep" / "sweep_truth.csv")[0])
    found, true = (axes / np.linalg.norm(axes, axis=1)[:, None] for axes in (found, true))
    angles = [math.degrees(math.acos(min(1.0, (np.trace((turn @ found).T @ true) - 1.0) / 2.0))) for turn in ROTATIONS]
    assert min(angles) < 0.05


def test_scaled_intensities_are_those_put_in(processed):
    """I against |F|^2 of d below 12 A, where a reflection's rocking curve is not much wider than that of the others."""
    indices, F = random_reflections()
    true = {tuple(index): value**2 for index, value in zip(indices.tolist(), F.tolist(), strict=True)}
    mtz = gemmi.read_mtz_file(str(processed / "scaled.mtz"))
    mtz.switch_to_original_hkl()
    group = gemmi.SpaceGroup(GROUP)
    unique, operations = gemmi.ReciprocalAsu(group), group.operations()
    sums = {}
    resolutions = mtz.make_d_array()
    for index, intensity, d in zip(mtz.make_miller_array().tolist(), np.array(mtz.column_with_label("I")), resolutions):
        if d < 12.0:
            sums.setdefault(tuple(unique.to_asu(index, operations)[0]), []).append(intensity)
    pairs = np.array([(np.mean(values), true[index]) for index, values in sums.items() if index in true])
    assert len(pairs) > 0.8 * len(true)
    assert np.corrcoef(pairs.T)[0, 1] > 0.99
