"""From symmetry-unique amplitudes to all of P1: |F| is the same at all hR, and at -hR unless Friedel's law is broken.

R are the rotations of the space group, h a row of indices. International Tables vol. B, section 1.4.2.
"""

from typing import NamedTuple

import numpy as np

from nbkernel.errors import InputError
from nbkernel.geometry.unit_cell import cell_parameters, cell_volume, standard_orientation

from .amplitude_columns import type_remarks
from .reflections import BAD_INDEX, LARGEST_INDEX, Reflections, SymmetricFile, empty_grid, value_remarks
from .space_group import cell_remark

SAME = 1e-3  # relative difference of one value as different programs write it
MOST_ABSENT, FEW_ABSENT = 0.05, 10  # fraction and number of the values that may belong to systematic absences
WEAK = 0.25  # mean value of true absences over that of the others


class Merged(NamedTuple):
    """Reflections, none a symmetry copy of another; Friedel mates count as two."""

    indices: np.ndarray  # (n, 3) int64
    F: np.ndarray  # (n,) float64
    has_mate: np.ndarray  # (n,) bool: the Friedel mate is among them, or the reflection is its own
    unique: int  # mates counted once
    values: int  # that were merged
    further: int  # values in a column for a reflection that already has one
    apart: np.ndarray  # of reflections with several values: range over mean


class Given(NamedTuple):
    """Values in a file's columns: indices (n, 3) int32, amplitudes (n,), the column's number (n,), and remarks."""

    indices: np.ndarray
    F: np.ndarray
    column: np.ndarray
    remarks: list


def expand_to_P1(data, columns, default_F):
    """Reflections of the columns (one label, or those of F(+) and F(-)) of a SymmetricData; absent ones are default_F.

    F(-) belongs to -h and its symmetry copies. Several values of one reflection, such as F(+) and F(-) of a centric
    one, are averaged. If one of two Friedel mates has no value, it gets the other's. Systematic absences are 0,
    whatever the file says. Raises InputError if there is no value.
    """
    operations, rotations = data.group.operations, data.group.rotations()
    given = given_amplitudes(data, columns)
    absent = operations.systematic_absences(given.indices)
    if absent.all():
        raise InputError(f"-hkl {data.path}: {','.join(columns)} has no value but for systematic absences")
    merged = merge(data.path, given.indices[~absent], given.F[~absent], given.column[~absent], rotations)
    limits = np.max([np.abs(merged.indices @ rotation).max(axis=0) for rotation in rotations], axis=0)
    grid = empty_grid(data.path, -limits, limits, np.nan, merged.F.size * len(rotations))
    spread(merged, rotations, grid, limits)
    lacking = np.isnan(grid)
    grid[lacking] = default_F
    if default_F != 0.0:
        zero_absences(grid, limits, operations)
    cell, star = usable_cell(data.cell(columns[0]))
    file = SymmetricFile(
        data.path, columns, data.group.name, cell, merged.unique,
        unpaired=int(np.count_nonzero(~merged.has_mate)) if len(columns) == 2 else 0,
        absent=int(np.count_nonzero(absent)),
        resolution=resolution(merged.indices, star),
        further=merged.further,
        block=data.block,
        group=data.group,
    )  # fmt: skip
    repeated = [label for label in columns if label in data.repeated]
    remarks = [f"-hkl {data.path}: has several columns {label}; the first is taken" for label in repeated]
    remarks += [*data.group.remarks, *type_remarks(data.path, data.types, columns), *given.remarks]
    remarks += value_remarks(f"-hkl {data.path}", merged.F)
    if cell is not None:
        remarks += filter(None, [cell_remark(f"-hkl {data.path}", cell, data.group)])
    remarks += absence_remarks(data, given.F, absent) + further_remarks(data.path, merged)
    return Reflections(grid, *(-limits).tolist(), int(np.count_nonzero(~lacking)), file=file, remarks=tuple(remarks))


def given_amplitudes(data, columns):
    """The Given of all values that the columns have."""
    indices = np.concatenate([data.indices, -data.indices][: len(columns)])
    F = np.concatenate([data.values(label) for label in columns])
    column = np.repeat(np.arange(len(columns)), len(data.indices))
    there = np.isfinite(F)
    names, remarks = ",".join(columns), []
    if not there.any():
        raise InputError(f"-hkl {data.path}: {names} has no value")
    infinite, negative = int(np.count_nonzero(np.isinf(F))), int(np.count_nonzero(F[there] < 0.0))
    if infinite:
        remarks.append(f"-hkl {data.path}: {values_of(infinite, names)} infinite and counts as missing")
    if negative:
        remarks.append(
            f"-hkl {data.path}: {values_of(negative, names)} negative, which no amplitude is; the sign is left out"
        )
    return Given(indices[there], np.abs(F[there]), column[there], remarks)


def values_of(count, names):
    return f"a value of {names} is" if count == 1 else f"each of {count} values of {names} is"


def absence_remarks(data, F, absent):
    """A remark if the space group makes many values 0 that are as large as the others."""
    count = int(np.count_nonzero(absent))
    if count <= max(FEW_ABSENT, MOST_ABSENT * F.size) or F[absent].mean() <= WEAK * F[~absent].mean():
        return []
    return [
        (
            f"-hkl {data.path}: {count} of {F.size} values are for reflections that the space group {data.group.name} makes "
            f"0, on average {F[absent].mean():.3g}, the others {F[~absent].mean():.3g}; is it the right group?"
        )
    ]


def further_remarks(path, merged):
    """A remark if reflections have several, different values."""
    apart = merged.apart[merged.apart > SAME]
    if not apart.size:
        return []
    kind = "unmerged observations, it seems: further ones" if merged.apart.size > merged.unique / 2 else "further values"
    return [
        (
            f"-hkl {path}: {merged.further} of {merged.values} values (of {merged.unique} unique reflections) are {kind} "
            f"of an index or its symmetry copies, {100.0 * np.median(apart):.3g} % apart in the median, "
            f"{100.0 * apart.max():.0f} % at most; their mean is taken (aimless and dials.merge merge observations)"
        )
    ]


def merge(path, indices, F, column, rotations):
    """The Merged reflections of indices (n, 3), amplitudes (n,) and the numbers of their columns (n,): symmetry copies
    averaged."""
    keys_of = reflection_keys(path, indices, rotations)
    keys, which = np.unique(keys_of.of(indices), return_inverse=True)
    mean = np.bincount(which, F) / np.bincount(which)
    indices = keys_of.indices(keys)
    mates = keys_of.of(-indices)
    unique = np.unique(np.maximum(keys, mates)).size
    return Merged(indices, mean, np.isin(mates, keys), unique, F.size, *repeated(F, 2 * which + column))


def repeated(F, which):
    """How many of the amplitudes F (n,) are not the first of their reflection, and range over mean of each reflection with
    several; which: (n,) the reflection's number."""
    counts = np.bincount(which)
    further = F.size - int(np.count_nonzero(counts))
    if not further:
        return 0, np.zeros(0)
    smallest, largest = np.full(counts.size, np.inf), np.zeros(counts.size)
    np.minimum.at(smallest, which, F)
    np.maximum.at(largest, which, F)
    several = (counts > 1) & (largest > 0.0)
    return further, (largest - smallest)[several] * counts[several] / np.bincount(which, F)[several]


class ReflectionKeys(NamedTuple):
    """One integer for each reflection and all its copies."""

    rotations: np.ndarray
    largest: int  # index

    def of(self, indices):
        """(n,) int64: the largest of the copies' numbers."""
        base = 2 * self.largest + 1
        digits = np.array([base * base, base, 1])
        indices = indices.astype(np.int64)
        return np.max([(indices @ rotation + self.largest) @ digits for rotation in self.rotations], axis=0)

    def indices(self, keys):
        """(n, 3) indices of the copies that the numbers belong to."""
        base = 2 * self.largest + 1
        return np.column_stack([keys // base**2, keys // base % base, keys % base]) - self.largest


def reflection_keys(path, indices, rotations):
    """The ReflectionKeys for indices (n, 3) and their mates. Raises InputError for indices that are too large."""
    indices = indices.astype(np.int64)
    largest = max(int(np.abs(indices @ rotation).max()) for rotation in rotations)
    if largest > LARGEST_INDEX:
        raise InputError(f"-hkl {path}: {BAD_INDEX}")
    return ReflectionKeys(rotations, largest)


def spread(merged, rotations, grid, limits):
    """Fills a grid from -limits to limits: each value at all copies, and at their mates if those have none of their own."""
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
    """The cell and its reciprocal vectors, one per row (1/Angstrom); None, None if there is no possible cell."""
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
