"""Unit cells and their axes as arrays: one from the other, and two of them compared."""

import numpy as np

from nbkernel.errors import InputError

from .unit_cell import LARGEST_EDGE, SMALLEST_EDGE, cell_parameters, cell_volume, standard_orientation

CELL_DIFFERENCE = 0.02  # relative: cells further apart are of different crystals, or settings


def direct_axes(cell):
    """(3, 3) rows a, b, c (Angstrom) of a cell (a b c, Angstrom, alpha beta gamma, degrees) in its standard
    orientation. Raises InputError for a cell that cannot be."""
    lengths, angles = cell_parameters(cell)
    return np.linalg.inv(np.array(standard_orientation(lengths, angles, cell_volume(lengths, angles), fixed=True))).T


def cell_of_axes(axes):
    """a b c (their unit) alpha beta gamma (degrees) of (3, 3) rows a, b, c."""
    axes = np.asarray(axes, np.float64)
    # absurd ones may overflow, and are told by their numbers
    with np.errstate(all="ignore"):
        lengths = np.linalg.norm(axes, axis=1)
        a, b, c = axes / lengths[:, np.newaxis]
        return (*lengths.tolist(), *np.degrees(np.arccos(np.clip((b @ c, c @ a, a @ b), -1.0, 1.0))).tolist())


def check_axes(where, axes):
    """Raises InputError, led by `where`, for rows a, b, c (Angstrom) that span no cell, or one that cannot be."""
    for edge in np.hypot(np.hypot(axes[:, 0], axes[:, 1]), axes[:, 2]):
        if not SMALLEST_EDGE <= edge <= LARGEST_EDGE:
            raise InputError(f"{where}: an axis of {edge:g} Angstrom is impossible; need those of a crystal's cell")
    if not abs(np.linalg.det(axes)) > 1e-9 * np.prod(np.linalg.norm(axes, axis=1)):
        raise InputError(f"{where}: its axes a, b, c span no cell")


def unit_vector(vector):
    """(3,) float64 of length 1, of any three numbers that are not all 0."""
    vector = np.array(vector, np.float64)
    vector /= np.abs(vector).max()
    return vector / np.linalg.norm(vector)


def turned_as(cell, axes):
    """Rows a, b, c of a cell in the orientation nearest to that of the rows `axes` (Kabsch 1976, Acta Cryst. A32,
    922)."""
    standard = direct_axes(cell)
    u, _, vt = np.linalg.svd(standard.T @ (axes / np.linalg.norm(axes, axis=1)[:, np.newaxis]))
    u[:, 2] *= np.sign(np.linalg.det(u @ vt))
    return standard @ u @ vt


def cell_difference(one, other):
    """The largest relative difference of an edge or angle of two cells."""
    return max(abs(a - b) / max(min(abs(a), abs(b)), 1e-300) for a, b in zip(one, other, strict=True))


def cell_text(cell):
    return "{:.5g} {:.5g} {:.5g} A, {:.5g} {:.5g} {:.5g} deg".format(*cell)
