"""From the atoms of a PDB or mmCIF file to structure factors on the absolute scale, by gemmi.

F(h) = F_atoms(h) + k_sol exp(-B_sol / (4 d^2)) F_mask(h) with a flat bulk solvent of density k_sol where there are no
atoms (Jiang & Bruenger 1994, J. Mol. Biol. 243, 100; k_sol and B_sol: Fokine & Urzhumtsev 2002, Acta Cryst. D58, 1387).
"""

import math
import os
import re
from typing import Any, NamedTuple

import numpy as np

from nbkernel.errors import InputError
from nbkernel.io.files.text import decoded_text
from nbkernel.io.reflections.symmetric_files import import_gemmi
from nbkernel.support.memory import require_memory

from .unique import Unique

KSOL, BSOL = 0.35, 46.0  # electrons/Angstrom^3, Angstrom^2: a protein's means
RATE = 2.0  # grid points of the density per d_min / 2
CUTOFF = 1e-6  # density (electrons/Angstrom^3) up to which an atom reaches
MASK_SPACING = 4.0  # of the mask's grid: d_min over this
COARSEST, FINEST = 0.4, 0.2  # spacing of the mask's grid, Angstrom
LEAST = 2.1  # points of a grid per d_min
BYTES_PER_POINT = 24  # the grid, its transform and what is copied
MOST_POINTS = 2_000_000_000
ATOMS = re.compile(rb"^(?:CRYST1|ATOM  |HETATM|\s*_atom_site\.)", re.MULTILINE)
CIF = re.compile(rb"(?:\xef\xbb\xbf)?(?:\s|#[^\n]*+)*+data_", re.IGNORECASE)


class Complex(NamedTuple):
    """Structure factors with their phases. indices: (n, 3) int32; F: (n,) complex128, electrons; structure: gemmi.Structure;
    group: gemmi.SpaceGroup; remarks, report: as of Unique."""

    indices: np.ndarray
    F: np.ndarray
    structure: Any
    group: Any
    remarks: tuple
    report: tuple


def model_factors(path, content, d_min, k_sol=KSOL, B_sol=BSOL):
    """The Unique structure factors, F000 too, of a model in a file's bytes: see `complex_factors`."""
    found = complex_factors(path, content, d_min, k_sol, B_sol)
    return Unique(found.indices, np.abs(found.F), found.structure.cell, found.group, found.remarks, found.report)


def complex_factors(path, content, d_min, k_sol=KSOL, B_sol=BSOL):
    """The Complex structure factors, F000 too, of a model in a file's bytes.

    d_min: Angstrom; k_sol: electrons/Angstrom^3, 0 for no solvent (a vacuum); B_sol: Angstrom^2. Atoms scatter as in
    International Tables vol. C (1992), without f' and f''; isotropic and anisotropic B and occupancies are the file's.
    Raises InputError for a file that is no model of a crystal.
    """
    gemmi = import_gemmi_for(path)
    structure = read_model(gemmi, path, content)
    group, remarks = checked_group(gemmi, path, structure)
    model = structure[0]
    require_grid(path, structure.cell, d_min)
    try:
        atoms = atomic_factors(gemmi, structure, model, d_min)
    except (RuntimeError, ValueError) as error:
        raise InputError(f"{os.fspath(path)}: gemmi cannot calculate its structure factors: {error}") from None
    indices, F = np.array(atoms.miller_array), np.array(atoms.value_array, complex)
    volume, ours = structure.cell.volume, "no bulk solvent"
    if k_sol > 0.0:
        mask = mask_factors(gemmi, structure, model, d_min)
        if not np.array_equal(mask.miller_array, indices):
            raise InputError(f"{os.fspath(path)}: {d_min:g} A is too close to a spacing of the lattice; change it a little")
        F += k_sol * np.exp(-0.25 * B_sol * structure.cell.calculate_1_d2_array(indices)) * mask.value_array
        share = float(np.abs(mask.value_array[at_origin(indices)])) / volume
        ours = f"bulk solvent in {100.0 * share:.1f} % of the cell, k_sol {k_sol:g} e/A^3, B_sol {B_sol:g} A^2"
    report = (
        f"{os.fspath(path)}: {model.count_atom_sites()} atoms in {group.xhm()}, cell of {volume:.0f} A^3; {ours}",
        f"{len(F)} unique reflections to {d_min:g} A; F000 {abs(F[at_origin(indices)]):.6g} electrons",
    )
    return Complex(indices, F, structure, group, remarks, report)


def is_model(content):
    """Whether a file's bytes have atoms of PDB or mmCIF format."""
    return ATOMS.search(content) is not None


def at_origin(indices):
    return int(np.flatnonzero(~indices.any(axis=1))[0])


def import_gemmi_for(path):
    """gemmi, or the error that names the extra."""
    try:
        return import_gemmi(path, "a model")
    except InputError as error:
        raise InputError(str(error).removeprefix("-hkl ")) from None


def read_model(gemmi, path, content):
    """The gemmi.Structure in a PDB or mmCIF file's bytes, with the copies that its non-crystallographic operations make."""
    decoded_text("structure-factors", path, content)
    lead = os.fspath(path)
    try:
        if CIF.match(content):
            blocks = gemmi.cif.read_string(content)
            structure = next((found for found in map(gemmi.make_structure_from_block, blocks) if len(found)), None)
        else:
            structure = gemmi.read_pdb_string(content)
        if structure is not None and any(not operation.given for operation in structure.ncs):
            structure.expand_ncs(gemmi.HowToNameCopiedChain.Dup)
    except (RuntimeError, ValueError, IndexError) as error:
        raise InputError(f"{lead}: is not a PDB or mmCIF file: {(str(error).splitlines() or ['damaged'])[0]}") from None
    if structure is None or not len(structure) or not structure[0].count_atom_sites():
        raise InputError(f"{lead}: has no atoms; need a model in PDB or mmCIF format")
    for site in structure[0].all():
        atom = site.atom
        values = (*atom.pos.tolist(), atom.occ, atom.b_iso, *atom.aniso.elements_pdb())
        if not all(map(math.isfinite, values)):
            raise InputError(f"{lead}: atom {site} has a position, B or occupancy that is not a number")
        if atom.element.atomic_number == 0 or atom.element.it92 is None:
            raise InputError(f"{lead}: atom {site} is of no known element; need an element with scattering factors")
    return structure


def checked_group(gemmi, path, structure):
    """The gemmi.SpaceGroup of a structure, and remarks. Raises InputError if it has no cell or no space group."""
    lead = os.fspath(path)
    if not structure.cell.is_crystal() or not structure.cell.volume > 1.0:
        raise InputError(f"{lead}: has no unit cell; need the CRYST1 record of a crystal, or _cell. items")
    group = structure.find_spacegroup()
    if group is None:
        stated = f"no known one: {structure.spacegroup_hm!r}" if structure.spacegroup_hm else "none"
        raise InputError(f"{lead}: needs a space group such as P 21 21 21; it has {stated}")
    if len(structure) > 1:
        return group, (f"{lead}: has {len(structure)} models; the first is taken",)
    return group, ()


def require_grid(path, cell, d_min):
    """Raises InputError for a grid that memory cannot hold."""
    points = cell.volume / min(0.5 * d_min / RATE, mask_spacing(d_min)) ** 3
    lead = f"{os.fspath(path)}: to {d_min:g} A"
    if not points < MOST_POINTS:
        raise InputError(f"{lead} it would need {points:.2g} grid points; need a larger spacing")
    require_memory(BYTES_PER_POINT * int(points), lead, "the density")


def atomic_factors(gemmi, structure, model, d_min):
    """gemmi's ComplexAsuData of the atoms: the transform of their density, sharp atoms broadened and sharpened again."""
    density = gemmi.DensityCalculatorX()
    density.d_min, density.rate, density.cutoff = d_min, RATE, CUTOFF
    density.set_refmac_compatible_blur(model)
    density.grid.setup_from(structure)
    density.put_model_density_on_grid(model)
    return gemmi.transform_map_to_f_phi(density.grid, half_l=True).prepare_asu_data(
        dmin=d_min, unblur=density.blur, with_000=True
    )


def mask_factors(gemmi, structure, model, d_min):
    """gemmi's ComplexAsuData of a mask: 1 where there is solvent, else 0."""
    mask = gemmi.FloatGrid()
    mask.setup_from(structure, mask_spacing(d_min))
    gemmi.SolventMasker(gemmi.AtomicRadiiSet.Cctbx).put_mask_on_float_grid(mask, model)
    return gemmi.transform_map_to_f_phi(mask, half_l=True).prepare_asu_data(dmin=d_min, with_000=True)


def mask_spacing(d_min):
    """Angstrom: what a grid point stands for is rounded, so it is fine even where d_min is not."""
    return min(max(d_min / MASK_SPACING, FINEST), COARSEST, d_min / LEAST)
