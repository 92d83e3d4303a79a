"""A rotation that DIALS processes from spots to scaled intensities: what it finds is what was put in."""

import csv
import json
import math
import os
import subprocess
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import pytest

import nbkernel

from dxtbx_python import is_there
from running import command

pytestmark = [pytest.mark.slow, pytest.mark.dials]
gemmi = pytest.importorskip("gemmi")

CELL = (58.0, 58.0, 40.0, 90.0, 90.0, 90.0)
GROUP = "P 43 21 2"
DMIN, B = 3.0, 20.0  # Angstrom, Angstrom^2
TO_DXTBX = np.diag([-1, 1, -1])
# rotations of a tetragonal lattice: signed permutations of a and b, with c so that the determinant is 1
ROTATIONS = [
    np.array([[p, q, 0], [r, s, 0], [0, 0, p * s - q * r]])
    for p, q, r, s in [(1, 0, 0, 1), (0, -1, 1, 0), (-1, 0, 0, -1), (0, 1, -1, 0), (0, 1, 1, 0), (1, 0, 0, -1), (0, -1, -1, 0), (-1, 0, 0, 1)]
]  # fmt: skip


def random_reflections():
    """(indices (n, 3), |F| (n,)) of the unique reflections, with Wilson's statistics."""
    group, cell = gemmi.SpaceGroup(GROUP), gemmi.UnitCell(*CELL)
    operations = group.operations()
    indices = gemmi.make_miller_array(cell, group, DMIN)
    indices = np.array([index for index in indices if not operations.is_systematically_absent(index.tolist())])
    random = np.random.default_rng(1)
    centric = np.array([operations.is_reflection_centric(index) for index in indices.tolist()])
    epsilon = np.array([operations.epsilon_factor_without_centering(index) for index in indices.tolist()])
    E2 = np.where(centric, random.normal(size=len(indices)) ** 2, random.exponential(size=len(indices)))
    return indices, 100.0 * np.sqrt(E2 * epsilon * np.exp(-B * cell.calculate_1_d2_array(indices) / 2.0))


def program(*arguments):
    """Runs a program of DIALS in the current folder; returns what it prints."""
    environment = {name: text for name, text in os.environ.items() if not name.startswith("PYTHON")}
    environment["OMP_NUM_THREADS"] = "1"
    if find_spec("hdf5plugin") is not None:
        import hdf5plugin

        environment["HDF5_PLUGIN_PATH"] = str(Path(hdf5plugin.PLUGIN_PATH))
    done = subprocess.run(arguments, capture_output=True, text=True, env=environment)
    assert done.returncode == 0, f"{' '.join(arguments)}: {done.stdout[-2000:]}{done.stderr[-2000:]}"
    return done.stdout


@pytest.fixture(scope="module")
def processed(tmp_path_factory):
    """A folder where a rotation of 90 degrees has been simulated, exported and processed, without priors."""
    if not is_there():
        pytest.skip("no DIALS for /usr/bin/python3 (apt-get install dials python3-dials)")
    folder, before = tmp_path_factory.mktemp("dials"), Path.cwd()
    os.chdir(folder)
    try:
        indices, F = random_reflections()
        mtz = gemmi.Mtz(with_base=True)
        mtz.spacegroup = gemmi.SpaceGroup(GROUP)
        mtz.set_cell_for_all(gemmi.UnitCell(*CELL))
        mtz.add_dataset("true")
        mtz.add_column("F", "F")
        mtz.set_data(np.column_stack([indices, F]).astype(np.float32))
        mtz.write_to_file("true.mtz")
        # spots of 1/600 A, a pixel wide; in a Gaussian crystal the width is that of the number of cells
        experiment = nbkernel.Experiment(
            hkl="true.mtz", cell=CELL, Na=10, Nb=10, Nc=15, xtal_shape="gauss", fudge=0.16, misset=(10, 20, 30), dump=None,
            wavelength=1.0, fluence=3e28, water=0.03, fix="all", oversample=4,
            distance=230, detpixels_f=512, detpixels_s=500, pixel=0.3,
        )  # fmt: skip
        sweep = dict(kind="rotation", images=90, start=0.0, width=1.0, steps=8, seed=7, name="sweep")
        with nbkernel.Series({"series": sweep}, experiment, precision="mixed") as series:
            series.run("sweep")
        assert command("export", "sweep/sweep_master.h5", "--to", "dials")[0] == 0
        program("dials.import", "sweep/sweep_master.h5", "output.experiments=imported.expt")
        program("dials.find_spots", "sweep/sweep_imported.expt", "nproc=2")
        program("dials.index", "sweep/sweep_imported.expt", "strong.refl")
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
    with open(processed / "sweep" / "sweep_truth.csv") as file:
        row = next(csv.DictReader(file))
    UB = np.array([float(value) for name, value in row.items() if name.startswith("ub_matrix")]).reshape(3, 3)
    true = np.linalg.inv(TO_DXTBX @ UB)
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
