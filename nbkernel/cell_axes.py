"""Unit cells and their axes as arrays: one from the other, and two of them compared."""

import numpy as np

from .cell import cell_parameters, cell_volume, standard_orientation

CELL_DIFFERENCE = 0.02  # relative: cells further apart are of different crystals, or settings


def direct_axes(cell):
    """(3, 3) rows a, b, c (Angstrom) of a cell (a b c, Angstrom, alpha beta gamma, degrees) in its standard orientation. Raises
    InputError for a cell that cannot be."""
    lengths, angles = cell_parameters(cell)
    return np.linalg.inv(np.array(standard_orientation(lengths, angles, cell_volume(lengths, angles), fixed=True))).T


def cell_of_axes(axes):
    """a b c (their unit) alpha beta gamma (degrees) of (3, 3) rows a, b, c."""
    axes = np.asarray(axes, np.float64)
    lengths = np.linalg.norm(axes, axis=1)
    a, b, c = axes / lengths[:, np.newaxis]
    return (*lengths.tolist(), *np.degrees(np.arccos(np.clip((b @ c, c @ a, a @ b), -1.0, 1.0))).tolist())


def turned_as(cell, axes):
    """Rows a, b, c of a cell in the orientation nearest to that of the rows `axes` (Kabsch 1976, Acta Cryst. A32, 922)."""
    standard = direct_axes(cell)
    u, _, vt = np.linalg.svd(standard.T @ (axes / np.linalg.norm(axes, axis=1)[:, np.newaxis]))
    u[:, 2] *= np.sign(np.linalg.det(u @ vt))
    return standard @ u @ vt


def cell_difference(one, other):
    """The largest relative difference of an edge or angle of two cells."""
    return max(abs(a - b) / max(min(abs(a), abs(b)), 1e-300) for a, b in zip(one, other, strict=True))


def cell_text(cell):
    return "{:.5g} {:.5g} {:.5g} A, {:.5g} {:.5g} {:.5g} deg".format(*cell)
