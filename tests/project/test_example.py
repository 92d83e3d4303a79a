"""examples/random_chain.py: amplitudes of a fictitious molecule."""

import importlib.util
import sys
from pathlib import Path

import numpy as np
import pytest

SCRIPT = Path(__file__).parents[2] / "examples" / "random_chain.py"
CELL = (20, 22, 24, 85, 95, 100)
ATOMS = 40


@pytest.fixture(scope="module")
def example():
    spec = importlib.util.spec_from_file_location("random_chain", SCRIPT)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="module")
def chain(example):
    """Elements, fractional positions, and {index: amplitude} calculated from them."""
    rng = np.random.default_rng(3)
    positions = example.random_chain(example.cell_axes(*CELL), ATOMS, rng)
    elements = rng.choice(3, size=ATOMS, p=example.PROPORTIONS)
    hkl, F = example.chain_amplitudes(CELL, ATOMS, 3.0, 3, 20.0)
    return elements, positions, {tuple(index): amplitude for index, amplitude in zip(hkl.tolist(), F)}


def test_F000_is_the_number_of_electrons(example, chain):
    elements, _, F = chain
    assert F[0, 0, 0] == pytest.approx(sum((6, 7, 8)[element] for element in elements), rel=1e-12)


def test_friedel_mates_are_equal(chain):
    for (h, k, l), amplitude in chain[2].items():
        assert chain[2][-h, -k, -l] == pytest.approx(amplitude, abs=1e-9)


def test_every_reflection_within_the_resolution_is_present(chain):
    """Spacings from the metric tensor: 1/d^2 = h . G^-1 . h."""
    a, b, c, *angles = CELL
    alpha, beta, gamma = np.cos(np.radians(angles))
    metric = np.array(
        [
            [a * a, a * b * gamma, a * c * beta],
            [a * b * gamma, b * b, b * c * alpha],
            [a * c * beta, b * c * alpha, c * c],
        ]
    )
    inverse = np.linalg.inv(metric)
    expected = set()
    for index in np.ndindex(25, 25, 25):
        h = np.array(index) - 12
        if h @ inverse @ h <= 1 / 9.0:
            expected.add(tuple(h.tolist()))
    assert set(chain[2]) == expected


@pytest.mark.parametrize("h", [(1, 0, 0), (0, -2, 1), (3, 1, -2), (-4, 3, 2)])
def test_amplitudes_are_the_direct_sum_over_atoms(example, chain, h):
    elements, positions, F = chain
    axes = example.cell_axes(*CELL)
    s = np.linalg.inv(axes) @ np.array(h)  # reciprocal vector, 1/Angstrom
    quarter = s @ s / 4
    total = 0j
    for element, position in zip(elements, positions):
        a, b, c = example.GAUSS_A[element], example.GAUSS_B[element], example.GAUSS_C[element]
        f = sum(a[i] * np.exp(-b[i] * quarter) for i in range(4)) + c
        f *= (6, 7, 8)[element] / (a.sum() + c)
        total += f * np.exp(-20.0 * quarter) * np.exp(2j * np.pi * (s @ (position @ axes)))
    assert F[h] == pytest.approx(abs(total), rel=1e-10)


def test_lengths_of_bonds_and_contacts(example, chain):
    axes = example.cell_axes(*CELL)
    positions = chain[1]
    bonds = np.linalg.norm(np.diff(positions, axis=0) @ axes, axis=1)
    np.testing.assert_allclose(bonds, 1.5, rtol=1e-12)
    shifts = np.array(list(np.ndindex(3, 3, 3))) - 1
    for i in range(ATOMS):
        for j in range(i + 2, ATOMS):
            apart = np.linalg.norm((positions[j] - positions[i] + shifts) @ axes, axis=1).min()
            assert apart >= 2.4 - 1e-9


def test_the_simulation_reads_the_file(example, tmp_path, monkeypatch, capsys):
    from nbkernel.io.reflections.structure_factors import read_structure_factors

    out = tmp_path / "chain.hkl"
    assert not example.main([str(out), "--cell", *map(str, CELL), "--atoms", "40", "--dmin", "4", "--seed", "3"])
    hkl, F = example.chain_amplitudes(CELL, ATOMS, 4.0, 3, 20.0)
    table = read_structure_factors(str(out), 0.0)
    assert table.count == len(hkl)
    first = (table.h_min, table.k_min, table.l_min)
    read = [table.F[tuple(index)] for index in hkl - first]
    np.testing.assert_allclose(read, F, atol=5.1e-5)  # four decimals


def test_the_mtz_file_holds_the_same_molecule(example, tmp_path):
    """It has one of each pair of Friedel mates; expanded, the table is the same to float32."""
    pytest.importorskip("gemmi", reason="gemmi (the extra sf) writes MTZ files")
    from nbkernel.experiment.experiment import Experiment
    from nbkernel.experiment.kept_inputs import KeptInputs
    from nbkernel.io.reflections.structure_factors import find_reflections

    found = []
    for name in ("chain.hkl", "chain.mtz"):
        out = tmp_path / name
        assert not example.main([str(out), "--cell", *map(str, CELL), "--atoms", "40", "--dmin", "4", "--seed", "3"])
        found.append(find_reflections(Experiment(hkl=str(out)), KeptInputs()))
    text, mtz = found
    assert mtz.file.cell == pytest.approx(CELL)
    assert (mtz.h_min, mtz.k_min, mtz.l_min) == (text.h_min, text.k_min, text.l_min)
    np.testing.assert_allclose(mtz.F, text.F, rtol=1e-6, atol=5.1e-5)


def test_without_gemmi_an_mtz_file_gives_one_clear_line(example, tmp_path, monkeypatch, capsys):
    monkeypatch.setitem(sys.modules, "gemmi", None)
    with pytest.raises(SystemExit):
        example.main([str(tmp_path / "chain.mtz"), "--cell", *map(str, CELL), "--atoms", "40", "--dmin", "4"])
    assert "needs gemmi" in capsys.readouterr().err
    assert not list(tmp_path.iterdir())
