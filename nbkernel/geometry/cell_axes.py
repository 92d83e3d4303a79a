"""Unit cells as axes and as parameters: conversion and comparison, with numpy."""

import numpy as np

from nbkernel.errors import InputError

from .unit_cell import LARGEST_EDGE, SMALLEST_EDGE, cell_parameters, cell_volume, standard_orientation

CELL_DIFFERENCE = 0.02  # relative: cells that differ by more are those of different crystals, or settings


def direct_axes(cell):
    """(3, 3) rows a, b, c (Angstrom) of a cell (a b c, Angstrom, alpha beta gamma, degrees) in its standard
    orientation. Raises InputError for an impossible cell."""
    lengths, angles = cell_parameters(cell)
    return np.linalg.inv(np.array(standard_orientation(lengths, angles, cell_volume(lengths, angles), fixed=True))).T


def cell_of_axes(axes):
    """a b c (their unit) alpha beta gamma (degrees) of (3, 3) rows a, b, c."""
    axes = np.asarray(axes, np.float64)
    # absurd axes may overflow; their numbers are reported as they are
    with np.errstate(all="ignore"):
        lengths = np.linalg.norm(axes, axis=1)
        a, b, c = axes / lengths[:, np.newaxis]
        return (*lengths.tolist(), *np.degrees(np.arccos(np.clip((b @ c, c @ a, a @ b), -1.0, 1.0))).tolist())


def check_axes(where, axes):
    """Raises InputError, beginning with `where`, if the rows a, b, c (Angstrom) do not span a cell, or an impossible one."""
    for edge in np.hypot(np.hypot(axes[:, 0], axes[:, 1]), axes[:, 2]):
        if not SMALLEST_EDGE <= edge <= LARGEST_EDGE:
            raise InputError(f"{where}: an axis of {edge:g} Angstrom is impossible; need the axes of a unit cell")
    if not abs(np.linalg.det(axes)) > 1e-9 * np.prod(np.linalg.norm(axes, axis=1)):
        raise InputError(f"{where}: its axes a, b, c lie in a plane; need those of a unit cell")


def unit_vector(vector):
    """(3,) float64 of length 1 from any three numbers that are not all 0."""
    vector = np.array(vector, np.float64)
    vector /= np.abs(vector).max()
    return vector / np.linalg.norm(vector)


def mosflm_rows(axes, wavelength):
    """(3, 3) rows x, y, z of a_star, b_star, c_star (1/Angstrom) of the rows a, b, c (Angstrom), times the wavelength (m) in
    Angstrom, as in a MOSFLM matrix."""
    return wavelength * 1e10 * np.linalg.inv(axes)


def turned_as(cell, axes):
    """Rows a, b, c of a cell in the orientation closest to that of the rows `axes` (Kabsch 1976, Acta Cryst. A32, 922)."""
    standard = direct_axes(cell)
    u, _, vt = np.linalg.svd(standard.T @ (axes / np.linalg.norm(axes, axis=1)[:, np.newaxis]))
    u[:, 2] *= np.sign(np.linalg.det(u @ vt))
    return standard @ u @ vt


def cell_difference(one, other):
    """The largest relative difference of an edge or angle of two cells."""
    return max(abs(a - b) / max(min(abs(a), abs(b)), 1e-300) for a, b in zip(one, other, strict=True))


def cell_text(cell):
    return "{:.5g} {:.5g} {:.5g} A, {:.5g} {:.5g} {:.5g} deg".format(*cell)
