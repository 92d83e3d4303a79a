"""A made-up crystal whose spots are round and sharp, for programs that process images. Without gemmi tests are skipped."""

import csv

import numpy as np
import pytest

import nbkernel

gemmi = pytest.importorskip("gemmi")

CELL = (58.0, 58.0, 40.0, 90.0, 90.0, 90.0)
GROUP = "P 43 21 2"
DMIN, B = 4.0, 20.0  # Angstrom, Angstrom^2


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


def experiment_of_spots(**more):
    """An Experiment whose structure factors it writes to true.mtz in the current folder. Spots are a pixel wide, of 1/600 A:
    in a Gaussian crystal that is the number of cells."""
    indices, F = random_reflections()
    mtz = gemmi.Mtz(with_base=True)
    mtz.spacegroup = gemmi.SpaceGroup(GROUP)
    mtz.set_cell_for_all(gemmi.UnitCell(*CELL))
    mtz.add_dataset("true")
    mtz.add_column("F", "F")
    mtz.set_data(np.column_stack([indices, F]).astype(np.float32))
    mtz.write_to_file("true.mtz")
    return nbkernel.Experiment(
        hkl="true.mtz", cell=CELL, Na=10, Nb=10, Nc=15, xtal_shape="gauss", fudge=0.16, dump=None,
        wavelength=1.0, fluence=3e28, water=0.03, fix="all", oversample=2,
        distance=230, detpixels_f=400, detpixels_s=390, pixel=0.3, **more,
    )  # fmt: skip


def true_crystals(path):
    """UB matrices of a series' images, from its table, in the frame of DIALS."""
    with open(path) as file:
        rows = [[float(text) for name, text in row.items() if name.startswith("ub_matrix")] for row in csv.DictReader(file)]
    return np.diag([-1, 1, -1]) @ np.reshape(rows, (-1, 3, 3))
