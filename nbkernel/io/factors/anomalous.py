"""Structure factors of a model at several wavelengths, with f' and f'' of some elements.

F(h) = F_0(h) + sum over elements of (f' + i f'') D(h), where F_0 is that of `model.complex_factors` and D that of points in
place of the element's atoms; D(-h) is the conjugate of D(h). f' and f'' are those of free atoms, by Cromer and Liberman
(1970, J. Chem. Phys. 53, 1891), as gemmi calculates them.
"""

import math

import numpy as np

from nbkernel.errors import InputError
from nbkernel.kernels.physics.constants import HC_EV_ANGSTROM

from .model import complex_factors, import_gemmi_for

TERMS = 1 << 20  # of the sum over atoms at a time


def anomalous_factors(path, content, d_min, k_sol, B_sol, elements, wavelengths):
    """(Complex, amplitudes): amplitudes (wavelengths, 2, n) of its n reflections and of their Friedel mates.

    elements: their symbols; wavelengths: Angstrom; the others are those of `model_factors`. Raises InputError for an element
    that the model does not have, and as `model_factors` does.
    """
    gemmi = import_gemmi_for(path)
    found = complex_factors(path, content, d_min, k_sol, B_sol)
    atoms = [site.atom for site in found.structure[0].all()]
    known = sorted({atom.element.name.upper() for atom in atoms})
    missing = [element for element in elements if element.upper() not in known]
    if missing:
        raise InputError(f"--anomalous: {path} has no atom of {missing[0]}; it has {', '.join(known)}")
    regular = np.repeat(found.F[np.newaxis], len(wavelengths), axis=0)
    imaginary = np.zeros_like(regular)
    for element in elements:
        own = [atom for atom in atoms if atom.element.name.upper() == element.upper()]
        points = point_factors(found, own)
        for number, wavelength in enumerate(wavelengths):
            f1, f2 = gemmi.cromer_liberman(z=own[0].element.atomic_number, energy=HC_EV_ANGSTROM / wavelength)
            regular[number] += f1 * points
            imaginary[number] += f2 * points
    return found, np.stack([np.abs(regular + 1j * imaginary), np.abs(regular - 1j * imaginary)], axis=1)


def point_factors(found, atoms):
    """(n,) complex: the sum over atoms and their copies by the space group of occupancy, displacement factor and phase, for
    the reflections of a Complex."""
    cell = found.structure.cell
    star = np.array(cell.frac.mat.tolist())  # its rows are a*, b*, c*
    places = np.array([cell.fractionalize(atom.pos).tolist() for atom in atoms])
    occupancy = np.array([atom.occ for atom in atoms])
    U = np.array([displacement(atom) for atom in atoms])
    total = np.zeros(len(found.indices), complex)
    rows = max(1, TERMS // len(atoms))
    for operation in found.group.operations():
        rotation, shift = np.array(operation.rot) / operation.DEN, np.array(operation.tran) / operation.DEN
        for start in range(0, len(total), rows):
            indices = found.indices[start : start + rows]
            turned = indices @ rotation
            s = turned @ star
            factor = occupancy * np.exp(-2.0 * math.pi**2 * np.einsum("ni,aij,nj->na", s, U, s, optimize=True))
            phase = turned @ places.T + (indices @ shift)[:, np.newaxis]
            total[start : start + rows] += (factor * np.exp(2j * math.pi * phase)).sum(axis=1)
    return total


def displacement(atom):
    """U (Angstrom^2) of a gemmi.Atom, (3, 3)."""
    if atom.aniso.nonzero():
        return np.array(atom.aniso.as_mat33().tolist())
    return np.eye(3) * atom.b_iso / (8.0 * math.pi**2)
