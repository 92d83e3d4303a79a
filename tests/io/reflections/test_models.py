"""Structure factors of a model against sums over atoms and symmetry copies, and against a sphere in its solvent."""

import math
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

import nbkernel
from nbkernel.cli.main import main
from nbkernel.io.factors.of_run import rounded_down

from unique_reflections import GROUPS, Molecule

gemmi = pytest.importorskip("gemmi")

CELL = (15.1, 17.4, 19.7, 90.0, 98.6, 90.0)
GROUP = "P 1 21/c 1"
# element, fractional position, B or six U (11 22 33 12 13 23), occupancy
ATOMS = (
    ("C", (0.11, 0.23, 0.07), 20.0, 1.0),
    ("O", (0.37, 0.05, 0.19), (0.20, 0.31, 0.25, 0.05, -0.04, 0.02), 1.0),
    ("S", (0.29, 0.41, 0.33), 8.0, 0.6),
    ("ZN", (0.83, 0.61, 0.57), 35.0, 1.0),
)
DMIN = 2.0
TIGHT = 2e-4  # relative to F000: what gemmi's cut-off and float32 leave


def structure(atoms=ATOMS, cell=CELL, group=GROUP):
    made, model, chain, residue = gemmi.Structure(), gemmi.Model(1), gemmi.Chain("A"), gemmi.Residue()
    made.cell, made.spacegroup_hm = gemmi.UnitCell(*cell), group
    residue.name, residue.seqid = "UNK", gemmi.SeqId("1")
    for element, place, B, occupancy in atoms:
        atom = gemmi.Atom()
        atom.name, atom.element, atom.occ = element, gemmi.Element(element), occupancy
        atom.pos = made.cell.orthogonalize(gemmi.Fractional(*place))
        if isinstance(B, tuple):
            atom.aniso = gemmi.SMat33f(*B)
            atom.b_iso = 8.0 * math.pi**2 * sum(B[:3]) / 3.0
        else:
            atom.b_iso = B
        residue.add_atom(atom)
    chain.add_residue(residue)
    model.add_chain(chain)
    made.add_model(model)
    made.setup_entities()
    return made


@pytest.fixture(autouse=True)
def folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    Path("model.pdb").write_text(structure().make_pdb_string())
    structure().make_mmcif_document().write_file("model.cif")


def summed(indices, model="model.pdb"):
    """|F| (n,) of indices (n, 3): a sum over the atoms that the file has and all operations of the group."""
    read = gemmi.read_structure(model)
    star = np.array(read.cell.frac.mat)  # its rows are a*, b*, c*
    total = np.zeros(len(indices), complex)
    for site in read[0].all():
        atom = site.atom
        place = np.array(read.cell.fractionalize(atom.pos).tolist())
        for W, w in Molecule(GROUP, np.zeros(0)).operations():
            turned = indices @ W
            s = turned @ star
            s2 = (s * s).sum(axis=1)
            a, b, c = atom.element.it92.a, atom.element.it92.b, atom.element.it92.c
            f = c + sum(a_n * np.exp(-b_n * s2 / 4.0) for a_n, b_n in zip(a, b, strict=True))
            U = (
                np.array(atom.aniso.as_mat33().tolist())
                if atom.aniso.nonzero()
                else np.eye(3) * atom.b_iso / (8.0 * math.pi**2)
            )
            f = f * np.exp(-2.0 * math.pi**2 * np.einsum("ni,ij,nj->n", s, U, s))
            total += atom.occ * f * np.exp(2j * math.pi * (turned @ place + indices @ w))
    return np.abs(total)


def table(path):
    rows = np.loadtxt(path)
    return rows[:, :3].astype(int), rows[:, 3]


@pytest.mark.parametrize("name", ["model.pdb", "model.cif"])
def test_atoms_of_all_copies_are_summed(name, capsys):
    assert GROUP in GROUPS
    assert main(["structure-factors", name, "--dmin", str(DMIN), "--no-solvent", "--output", "all.hkl"]) == 0
    assert "4 atoms in P 1 21/c 1" in capsys.readouterr().out
    indices, F = table("all.hkl")
    expected = summed(indices, name)
    assert abs(F - expected).max() < TIGHT * expected.max()
    at_zero = ~indices.any(axis=1)
    electrons = 4.0 * (6.0 + 8.0 + 0.6 * 16.0 + 30.0)
    assert F[at_zero] == pytest.approx(electrons, rel=2e-3)  # the tables' sums of Gaussians are not whole
    # all that the limit encloses, once each: mates, and the absences as zeros
    d2 = gemmi.UnitCell(*CELL).calculate_1_d2_array(np.mgrid[-12:13, -12:13, -12:13].reshape(3, -1).T.astype(np.int32))
    largest = gemmi.UnitCell(*CELL).calculate_1_d2_array(indices.astype(np.int32)).max()
    listed = set(map(tuple, indices.tolist()))
    assert len(listed) == len(indices) == np.count_nonzero(d2 <= largest * (1.0 + 1e-9))
    assert DMIN <= largest**-0.5 < 1.01 * DMIN
    assert listed == {(-h, -k, -l) for h, k, l in listed}
    glides = (indices[:, 1] == 0) & (indices[:, 2] % 2 == 1)
    assert glides.any() and not F[glides].any()


def test_mtz_and_npy_have_the_same_amplitudes():
    for name in ("all.hkl", "all.npy", "unique.mtz"):
        assert main(["structure-factors", "model.pdb", "--dmin", "3", "--output", name]) == 0
    indices, F = table("all.hkl")
    rows = np.load("all.npy")
    assert np.array_equal(rows[:, :3], indices) and np.allclose(rows[:, 3], F, rtol=1e-6, atol=0)
    mtz = gemmi.read_mtz_file("unique.mtz")
    of = dict(zip(map(tuple, indices.tolist()), F.tolist(), strict=True))
    assert mtz.spacegroup.xhm() == GROUP and mtz.cell.parameters == pytest.approx(CELL)
    assert [of[tuple(h)] for h in mtz.make_miller_array().tolist()] == pytest.approx(
        mtz.column_with_label("FC").array, rel=1e-6
    )


def test_scale_and_B_multiply():
    plain = ["structure-factors", "model.pdb", "--dmin", "2.5", "--output"]
    assert main([*plain, "a.hkl"]) == 0 and main([*plain, "b.hkl", "--scale", "3", "--B", "-12"]) == 0
    (indices, F), (same, changed) = table("a.hkl"), table("b.hkl")
    assert np.array_equal(indices, same)
    s2 = gemmi.UnitCell(*CELL).calculate_1_d2_array(indices.astype(np.int32))
    assert np.allclose(changed, 3.0 * F * np.exp(12.0 / 4.0 * s2), rtol=1e-5, atol=1e-4)


def test_the_solvent_is_flat_outside_the_atoms():
    """One atom: the mask is all but a sphere of its radius, with 1.1 A of the probe added and 0.9 A taken back."""
    cell, k_sol, B_sol = (12.0, 13.0, 14.0, 90.0, 90.0, 90.0), 0.4, 30.0
    Path("one.pdb").write_text(structure((("S", (0.5, 0.5, 0.5), 20.0, 1.0),), cell, "P 1").make_pdb_string())
    plain = ["structure-factors", "one.pdb", "--dmin", "0.8", "--output"]
    assert main([*plain, "wet.hkl", "--ksol", str(k_sol), "--bsol", str(B_sol)]) == 0
    assert main([*plain, "dry.hkl", "--no-solvent"]) == 0
    (indices, wet), (same, dry) = table("wet.hkl"), table("dry.hkl")
    assert np.array_equal(indices, same)
    radius = gemmi.Element("S").vdw_r + 0.2
    s = np.sqrt(gemmi.UnitCell(*cell).calculate_1_d2_array(indices.astype(np.int32)))
    x = np.maximum(2.0 * math.pi * radius * s, 1e-3)
    sphere = 4.0 * math.pi * radius**3 * (np.sin(x) - x * np.cos(x)) / x**3
    mask = np.where(s == 0.0, 12.0 * 13.0 * 14.0, 0.0) - sphere
    # the atom's own amplitude is real and positive about its centre, so the two add up with their signs
    expected = np.abs(dry + k_sol * np.exp(-B_sol * s * s / 4.0) * mask)
    assert abs(wet - expected).max() < 0.08 * k_sol * sphere.max()  # a grid of 0.2 A rounds the sphere
    assert abs(wet - dry).max() > 5.0 * k_sol * sphere.max()


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ("--dmin 2", "--output: is needed"),
        ("--dmin 2 --intensities --output a.mtz", "model.pdb: is a model; --intensities are for tables"),
        ("--output a.mtz", "--dmin: is needed for a model"),
        ("--dmin 0 --output a.mtz", "--dmin: needs a number greater than 0, not '0'"),
        ("--dmin 1e-4 --output a.mtz", "model.pdb: to 0.0001 A it would need 3.3e+17 grid points"),
        ("--dmin 2 --output a.txt", "--output: needs a name that ends in .mtz, .hkl, .npy, not a.txt"),
        ("--dmin 2 --no-solvent --ksol 0.3 --output a.mtz", "--no-solvent: contradicts --ksol and --bsol"),
        ("--dmin 2 --output model.pdb", "--output: needs a name that ends in .mtz"),
        ("--dmin 2 --B -1e5 --output a.mtz", "--output a.mtz: amplitudes of up to"),
    ],
)
def test_unusable_options_are_one_line(arguments, message, capsys):
    assert main(["structure-factors", "model.pdb", *arguments.split()]) == 2
    err = capsys.readouterr().err
    assert (
        message in err
        and err.count("\n") == 1
        and sorted(path.name for path in Path().iterdir()) == ["model.cif", "model.pdb"]
    )


LINE = "ATOM      1  N   ALA A   1      {}   2.000   3.000  1.00 20.00          {:>2}\n"
CRYST = "CRYST1   20.000   21.000   22.000  90.00  90.00  90.00 {:<11}\n"
BAD = {
    "blank": ("\n", "has no atoms"),
    "words": ("this is no model\n", "has no atoms"),
    "no cell": (LINE.format(" 1.000", "N"), "has no unit cell"),
    "no group": (
        CRYST.format("Q 7") + LINE.format(" 1.000", "N"),
        "needs a space group such as P 21 21 21; it has no known one",
    ),
    "not a number": (CRYST.format("P 1") + LINE.format("   nan", "N"), "that is not a number"),
    "unknown element": (CRYST.format("P 1") + LINE.format(" 1.000", "X"), "is of no known element"),
    "reflections": ("data_a\nloop_\n_refln.index_h\n_refln.index_k\n_refln.index_l\n1 0 0\n", "has no atoms"),
    "damaged": ("data_a\nloop_\n_atom_site.id\n_atom_site.type_symbol\n1\n", "is not a PDB or mmCIF file"),
}


@pytest.mark.parametrize("name", BAD)
def test_unusable_models_are_one_line(name, capsys):
    text, message = BAD[name]
    Path("bad.pdb").write_text(text)
    assert main(["structure-factors", "bad.pdb", "--dmin", "2", "--output", "a.mtz"]) == 2
    err = capsys.readouterr().err
    assert message in err and err.startswith("nbkernel: bad.pdb: ") and err.count("\n") == 1 and not Path("a.mtz").exists()


def test_without_gemmi_the_extra_is_named(monkeypatch, capsys):
    monkeypatch.setitem(__import__("sys").modules, "gemmi", None)
    assert main(["structure-factors", "model.pdb", "--dmin", "2", "--output", "a.mtz"]) == 2
    assert "model.pdb: is a model file, which takes gemmi to read: pip install 'nbkernel[sf]'" in capsys.readouterr().err
    assert not Path("a.mtz").exists()


RUN = (
    "simulate -N 5 -lambda 1.3 -distance 40 -detpixels_f 60 -detpixels_s 50 -pixel 0.8 -oversample 1 -misset 10 20 30 -nonoise "
    "-nopgm -fluence 1e28 --precision double --device cpu"
).split()


def rendered(*arguments):
    assert main([*RUN, "-floatfile", "float.bin", "-intfile", "int.img", *arguments]) == 0
    return np.fromfile("float.bin", np.float32)


@pytest.mark.parametrize("name", ["model.pdb", "model.cif"])
def test_a_run_takes_a_model(name):
    """As the MTZ file that the command makes: bit for bit, with options and in Python, too."""
    for options in ((), ("--ksol", "0.3", "--bsol", "20"), ("--ksol", "0")):
        assert main(["structure-factors", name, "--dmin", "2.5", "--output", "model.mtz", *options]) == 0
        expected = rendered("-hkl", "model.mtz")
        assert expected.max() > 1.0
        np.testing.assert_array_equal(
            rendered("-hkl", name, "--model-dmin", "2.5", *options, "--save-config", "run.toml"), expected
        )
        again = nbkernel.simulate(nbkernel.Experiment.from_toml("run.toml"), device="cpu")
        np.testing.assert_array_equal(again.reshape(-1), expected)
        values = dict(zip(("ksol", "bsol"), map(float, options[1::2]), strict=False))
        factors = nbkernel.StructureFactors.from_model(name, 2.5, **values)
        held = replace(nbkernel.Experiment.from_toml("run.toml"), hkl=factors, model_dmin=None, ksol=0.35, bsol=46.0)
        np.testing.assert_array_equal(nbkernel.simulate(held, device="cpu").reshape(-1), expected)


def test_a_model_is_calculated_as_far_as_the_detector_reaches(capsys):
    """The farthest corner from the beam, by trigonometry: 1 % less, to two digits; -dmin limits it."""
    rendered("-hkl", "model.pdb", "-Xbeam", "10", "-Ybeam", "30")
    # MOSFLM's X is along slow, from the first pixel's centre
    corner = max(math.hypot(fast - 30.4, slow - 10.4) for fast in (0, 48) for slow in (0, 40))
    d = 1.3 / (2.0 * math.sin(math.atan2(corner, 40.0) / 2.0))
    text = capsys.readouterr().out
    stated = float(text.split(" A\ncell of model.pdb")[0].rsplit("to ", 1)[1])
    expected = math.floor(0.99 * d * 10) / 10
    assert 1.0 < expected < 10.0 and expected <= stated < expected * 1.01
    rendered("-hkl", "model.pdb", "-dmin", "3.05")
    text = capsys.readouterr().out
    assert 3.0 <= float(text.split(" A\ncell of model.pdb")[0].rsplit("to ", 1)[1]) < 3.05


@pytest.mark.parametrize(
    ("value", "digits"), [(1.9999, 1.9), (2.0, 2.0), (0.3, 0.3), (0.0999, 0.099), (12.7, 12.0), (0.57, 0.57)]
)
def test_the_spacing_has_two_digits(value, digits):
    assert rounded_down(value) == digits


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ("-hkl model.cif --column FC", "--column: -hkl model.cif is a model; omit it"),
        (
            "-default_F 10 -cell 20 20 20 90 90 90 --model-dmin 3",
            "--model-dmin: is for a model; give one, PDB or mmCIF, with -hkl FILE",
        ),
        ("-default_F 10 -cell 20 20 20 90 90 90 --ksol 0", "--ksol: is for a model"),
        ("-hkl model.pdb --model-dmin 0", "--model-dmin: needs a number greater than 0"),
        ("-hkl nocell.pdb", "nocell.pdb: has no unit cell"),
    ],
)
def test_a_run_refuses_what_does_not_fit_a_model(arguments, message, capsys):
    Path("nocell.pdb").write_text(LINE.format(" 1.000", "N"))
    assert main([*RUN, *arguments.split()]) == 2
    *_, last = capsys.readouterr().err.splitlines()
    assert last.startswith("nbkernel: ") and message in last and len(list(Path().iterdir())) == 3


def test_a_run_with_a_model_needs_gemmi(monkeypatch, capsys):
    monkeypatch.setitem(__import__("sys").modules, "gemmi", None)
    assert main([*RUN, "-hkl", "model.pdb"]) == 2
    assert "model.pdb: is a model file, which takes gemmi to read: pip install 'nbkernel[sf]'" in capsys.readouterr().err


def test_in_memory_factors_say_how_a_model_becomes_some():
    with pytest.raises(nbkernel.InputError, match="hkl model.pdb: is a model; calculate its structure factors first"):
        nbkernel.StructureFactors.read("model.pdb")
    with pytest.raises(nbkernel.InputError, match="^dmin: needs a number greater than 0, not 0"):
        nbkernel.StructureFactors.from_model("model.pdb", 0)


def summed_with_dispersion(indices, path, group, wavelength, elements):
    """|F| (n,) of indices (n, 3): a sum over all atoms and copies of f0 + f' + i f''."""
    read = gemmi.read_structure(path)
    star = np.array(read.cell.frac.mat)
    total = np.zeros(len(indices), complex)
    for site in read[0].all():
        atom = site.atom
        place = np.array(read.cell.fractionalize(atom.pos).tolist())
        f1, f2 = gemmi.cromer_liberman(z=atom.element.atomic_number, energy=12398.42 / wavelength)
        if atom.element.name.upper() not in elements:
            f1 = f2 = 0.0
        for W, w in Molecule(group, np.zeros(0)).operations():
            turned = indices @ W
            s = turned @ star
            s2 = (s * s).sum(axis=1)
            a, b, c = atom.element.it92.a, atom.element.it92.b, atom.element.it92.c
            f = c + sum(a_n * np.exp(-b_n * s2 / 4.0) for a_n, b_n in zip(a, b, strict=True)) + f1 + 1j * f2
            U = np.eye(3) * atom.b_iso / (8.0 * math.pi**2)
            if atom.aniso.nonzero():
                U = np.array(atom.aniso.as_mat33().tolist())
            f = f * np.exp(-2.0 * math.pi**2 * np.einsum("ni,ij,nj->n", s, U, s))
            total += atom.occ * f * np.exp(2j * math.pi * (turned @ place + indices @ w))
    return np.abs(total)


def test_anomalous_scatterers_at_each_energy():
    """Both Friedel mates, of all of P1, to 3e-4 of F000: S and Zn with their dispersion, C and O without."""
    group, wavelengths = "C 1 2 1", (1.0, 1.28, 1.9)
    Path("polar.pdb").write_text(structure(group=group).make_pdb_string())
    experiment = nbkernel.Experiment(
        hkl="polar.pdb", anomalous=("S", "Zn"), ksol=0, model_dmin=2.2, spectrum=(wavelengths, (1, 2, 3)), Na=3, Nb=3, Nc=3,
        distance=40, detpixels_f=10, detpixels_s=10, pixel=4, oversample=1, dump=None, fix="all",
    )  # fmt: skip
    parts = nbkernel.simulate(experiment, device="cpu").run.parts
    assert len(parts) == 3
    for wavelength, part in zip(wavelengths, parts, strict=True):
        table = part.reflections
        at = np.argwhere(table.F > 0.0)
        indices = at + (table.h_min, table.k_min, table.l_min)
        F = table.F[tuple(at.T)]
        expected = summed_with_dispersion(indices, "polar.pdb", group, wavelength, ("S", "ZN"))
        assert len(F) > 900 and abs(F - expected).max() < 3e-4 * expected.max()
        mates = dict(zip(map(tuple, indices.tolist()), F.tolist(), strict=True))
        differences = [abs(mates[h] - mates[tuple(-i for i in h)]) for h in mates]
        assert max(differences) > 0.5  # electrons
        assert part.plan.source_lambda * 1e10 == pytest.approx([wavelength])


def test_an_anomalous_element_must_be_there(capsys):
    arguments = ["-hkl", "model.pdb", "--anomalous", "S,Fe"]
    assert main([*RUN, *arguments]) == 2
    assert capsys.readouterr().err.splitlines()[-1].endswith("--anomalous: model.pdb has no atom of Fe; it has C, O, S, ZN")


def test_copies_by_operations_of_the_file_are_there():
    """MTRIX records that are not given: the same as a file with gemmi's own expansion of them."""
    made = structure(group="P 1")
    turn = gemmi.Transform()
    turn.mat.fromlist([[-1, 0, 0], [0, -1, 0], [0, 0, 1]])
    turn.vec.fromlist([7.0, 9.0, 2.5])
    made.ncs.append(gemmi.NcsOp(turn, "2", False))
    Path("half.pdb").write_text(made.make_pdb_string())
    made.make_mmcif_document().write_file("half.cif")
    assert "MTRIX" in Path("half.pdb").read_text()
    whole, other = structure(group="P 1"), structure(group="P 1")
    for atom in other[0][0][0]:
        atom.pos = gemmi.Position(7.0 - atom.pos.x, 9.0 - atom.pos.y, atom.pos.z + 2.5)
        if atom.aniso.nonzero():
            atom.aniso = atom.aniso.transformed_by(turn.mat)
        whole[0][0][0].add_atom(atom.clone())
    Path("whole.pdb").write_text(whole.make_pdb_string())
    found = {}
    for name in ("half.pdb", "half.cif", "whole.pdb"):
        assert main(["structure-factors", name, "--dmin", "2.5", "--output", "out.hkl"]) == 0
        found[name] = table("out.hkl")
    for name in ("half.pdb", "half.cif"):
        np.testing.assert_array_equal(found[name][0], found["whole.pdb"][0])
        np.testing.assert_allclose(found[name][1], found["whole.pdb"][1], atol=TIGHT * found[name][1].max())
