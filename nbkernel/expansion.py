"""From symmetry-unique amplitudes to all of P1: |F| is the same at all hR, and at -hR unless Friedel's law is broken.

R are the rotations of the space group, h a row of indices. International Tables vol. B, section 1.4.2.
"""

from typing import NamedTuple

import numpy as np

from .cell import cell_parameters, cell_volume, standard_orientation
from .errors import InputError
from .io.reflections import LARGEST_INDEX, Reflections, SymmetricFile, empty_grid


class Merged(NamedTuple):
    """Reflections of which none is a symmetry copy of another; Friedel mates are two."""

    indices: np.ndarray  # (n, 3) int64
    F: np.ndarray  # (n,) float64
    has_mate: np.ndarray  # (n,) bool: the Friedel mate is among them, or the reflection is its own
    unique: int  # mates counted once


def expand_to_P1(data, columns, default_F):
    """Reflections of the columns (one label, or those of F(+) and F(-)) of a SymmetricData; absent ones are default_F.

    F(-) belongs to -h and its symmetry copies. Several values of one reflection, such as F(+) and F(-) of a centric one,
    are averaged. Where one of two Friedel mates has no value, it gets the other's. Systematic absences are 0, whatever
    the file says. Raises InputError where no value is there.
    """
    group = data.space_group.operations()
    rotations = np.array([operation.rot for operation in group.sym_ops]) // group.sym_ops[0].DEN
    indices, F = given_amplitudes(data, columns)
    absent = group.systematic_absences(indices)
    if absent.all():
        raise InputError(f"-hkl {data.path}: {','.join(columns)} has no value but for systematic absences")
    merged = merge(data.path, indices[~absent], F[~absent], rotations)
    limits = np.max([np.abs(merged.indices @ rotation).max(axis=0) for rotation in rotations], axis=0)
    grid = empty_grid(data.path, -limits, limits, np.nan)
    spread(merged, rotations, grid, limits)
    lacking = np.isnan(grid)
    grid[lacking] = default_F
    if default_F != 0.0:
        zero_absences(grid, limits, group)
    cell, star = usable_cell(data.cell(columns[0]))
    file = SymmetricFile(
        data.path, columns, data.space_group.xhm(), cell, merged.unique,
        unpaired=int(np.count_nonzero(~merged.has_mate)) if len(columns) == 2 else 0,
        absent=int(np.count_nonzero(absent)),
        resolution=resolution(merged.indices, star),
    )  # fmt: skip
    return Reflections(grid, *(-limits).tolist(), int(np.count_nonzero(~lacking)), file=file)


def given_amplitudes(data, columns):
    """Indices (n, 3) int32 and amplitudes (n,) of all values that the columns have."""
    indices = np.concatenate([data.indices, -data.indices][: len(columns)])
    F = np.concatenate([data.values(label) for label in columns])
    there = np.isfinite(F)
    if not there.any():
        raise InputError(f"-hkl {data.path}: {','.join(columns)} has no value")
    return indices[there], F[there]


def merge(path, indices, F, rotations):
    """The Merged reflections of indices (n, 3) and amplitudes (n,): symmetry copies averaged."""
    indices = indices.astype(np.int64)
    largest = max(int(np.abs(indices @ rotation).max()) for rotation in rotations)
    if largest > LARGEST_INDEX:
        raise InputError(f"-hkl {path}: has an index that is no usable whole number")
    base = 2 * largest + 1

    def keys_of(indices):
        """One whole number for each reflection and all its copies: the largest of theirs."""
        digits = np.array([base * base, base, 1])
        return np.max([(indices @ rotation + largest) @ digits for rotation in rotations], axis=0)

    keys, which = np.unique(keys_of(indices), return_inverse=True)
    F = np.bincount(which, F) / np.bincount(which)
    indices = np.column_stack([keys // base**2, keys // base % base, keys % base]) - largest
    mates = keys_of(-indices)
    return Merged(indices, F, np.isin(mates, keys), np.unique(np.maximum(keys, mates)).size)


def spread(merged, rotations, grid, limits):
    """Fills a grid from -limits to limits: each value at all copies, and at their mates where those have no own."""
    alone = ~merged.has_mate
    for rotation in rotations:
        rotated = merged.indices @ rotation
        grid[tuple((limits + rotated).T)] = merged.F
        grid[tuple((limits - rotated[alone]).T)] = merged.F[alone]


def zero_absences(grid, limits, group):
    """Sets the systematic absences in a grid from -limits to limits to 0."""
    k, l = np.mgrid[-limits[1] : limits[1] + 1, -limits[2] : limits[2] + 1].astype(np.int32)
    for h, plane in zip(range(-limits[0], limits[0] + 1), grid, strict=True):
        indices = np.stack([np.full_like(k, h), k, l], axis=-1).reshape(-1, 3)
        plane[group.systematic_absences(indices).reshape(plane.shape)] = 0.0


def usable_cell(cell):
    """The cell and its reciprocal vectors, a row each (1/Angstrom); None, None where there is none that can be."""
    if cell is None:
        return None, None
    try:
        lengths, angles = cell_parameters(cell)
        return cell, np.array(standard_orientation(lengths, angles, cell_volume(lengths, angles), fixed=True))
    except InputError:
        return None, None


def resolution(indices, star):
    """Largest and smallest spacing (Angstrom), F000 left out; None without reciprocal vectors."""
    indices = indices[indices.any(axis=1)]
    if star is None or not len(indices):
        return None
    inverse_d = np.linalg.norm(indices @ star, axis=1)
    return float(1.0 / inverse_d.min()), float(1.0 / inverse_d.max())
