"""The space group, which a file may state in several ways: symmetry operations, names, number.

The operations take precedence, then the Hermann-Mauguin symbol, the Hall symbol, the number in International Tables (or
CCP4's). Only a group's effect on amplitudes matters here: which are equal, and which are 0. So P 41 and P 43 are the same,
and so are two origins.
"""

import contextlib
import os
from typing import NamedTuple

import numpy as np

from nbkernel.errors import InputError
from nbkernel.geometry.cell_axes import cell_text

MOST_OPERATIONS = 192  # of F m -3 m
BOX = 6  # every kind of systematic absence occurs up to this index
EDGE_TOLERANCE, ANGLE_TOLERANCE = 0.005, 0.5  # relative, degrees: more than the rounding of cells in files


class StatedGroup(NamedTuple):
    """What a file states: operations such as 'x,y,z', symbols, a number; empty or None if it does not."""

    operations: tuple = ()
    symbols: tuple = ()  # Hermann-Mauguin
    hall: str | None = None
    number: int | None = None


class SpaceGroup(NamedTuple):
    """operations: gemmi.GroupOps; remarks: lines about contradictions in the file."""

    name: str
    operations: object
    remarks: tuple

    def rotations(self):
        """(n, 3, 3) integers W of x' = W x + w."""
        return rotations_of(self.operations)


def rotations_of(operations):
    return np.array([operation.rot for operation in operations.sym_ops]) // operations.sym_ops[0].DEN


def find_space_group(path, stated, cell):
    """The SpaceGroup of a file; cell (a b c alpha beta gamma or None) decides the setting of a rhombohedral one.

    Raises InputError if nothing that is stated can be used.
    """
    import gemmi

    lead = f"-hkl {os.fspath(path)}"
    found, remarks, known = [], [], None
    if stated.operations:
        try:
            found.append(("symmetry operations", operations_of(gemmi, stated.operations)))
        except ValueError as error:
            remarks.append(f"{lead}: its symmetry operations cannot be used: {error}")
    for what, group in named_groups(gemmi, stated, cell):
        known = known or group
        found.append((what, group.operations()))
    if stated.hall:
        with contextlib.suppress(RuntimeError, ValueError):
            hall = ("Hall symbol", gemmi.symops_from_hall(stated.hall))
            # a number states only the standard setting
            found.insert(next((n for n, (what, _) in enumerate(found) if "number" in what), len(found)), hall)
    if not found:
        if remarks:
            raise InputError(remarks[0])
        raise InputError(
            f"{lead}: names no known space group; need its symmetry operations, or its Hermann-Mauguin symbol such as "
            "P 21 21 21"
        )
    (what, operations), *others = found
    for other, theirs in others:
        if not equal_amplitudes(operations, theirs):
            remarks.append(
                f"{lead}: its {what} ({name_of(gemmi, operations)}) and its {other} ({name_of(gemmi, theirs)}) are of "
                f"different space groups; the {what} {'are' if what.endswith('s') else 'is'} taken"
            )
    same = known if known is not None and equal_amplitudes(operations, known.operations()) else None
    return SpaceGroup(name_of(gemmi, operations) if same is None else same.xhm(), operations, tuple(remarks))


def named_groups(gemmi, stated, cell):
    """(what, gemmi.SpaceGroup) of the names and the number that gemmi knows; rhombohedral ones in the cell's
    setting."""
    alpha, gamma = (0.0, 0.0) if cell is None else (cell[3], cell[5])
    for symbol in stated.symbols:
        group = gemmi.find_spacegroup_by_name(symbol, alpha, gamma)
        if group is not None:
            yield "space group name", group
    group = gemmi.find_spacegroup_by_number(stated.number) if stated.number else None
    if group is not None:
        yield (
            "space group number",
            gemmi.find_spacegroup_by_name(group.hm, alpha, gamma) if group.ext in ("H", "R") else group,
        )


def operations_of(gemmi, texts):
    """gemmi.GroupOps of operations such as 'x,y,z'. Raises ValueError, with the reason, if they do not form a space
    group."""
    if len(texts) > MOST_OPERATIONS:
        raise ValueError(f"there are {len(texts)}, more than any space group has")
    try:
        operations = [gemmi.Op(text) for text in texts]
    except (RuntimeError, ValueError) as error:
        raise ValueError(str(error).splitlines()[0]) from None
    if "x,y,z" not in (operation.wrap().triplet() for operation in operations):
        operations.append(gemmi.Op("x,y,z"))
    group = gemmi.GroupOps(operations)
    parts = [operation.rot for operation in group.sym_ops]
    if np.any(np.array(parts) % gemmi.Op.DEN):
        raise ValueError("they are not whole-numbered")
    rotations = rotations_of(group)
    distinct = {rotation.tobytes() for rotation in rotations}
    products = {(a @ b).tobytes() for a in rotations for b in rotations}
    if len(distinct) != len(rotations) or products != distinct:
        raise ValueError("they do not make a group")
    return group


def name_of(gemmi, operations):
    group = gemmi.find_spacegroup_by_ops(operations)
    return f"{len(operations.sym_ops) * len(operations.cen_ops)} operations" if group is None else group.xhm()


def equal_amplitudes(one, other):
    """Whether two gemmi.GroupOps make the same amplitudes equal and the same ones 0."""
    if {r.tobytes() for r in rotations_of(one)} != {r.tobytes() for r in rotations_of(other)}:
        return False
    box = np.mgrid[-BOX : BOX + 1, -BOX : BOX + 1, -BOX : BOX + 1].reshape(3, -1).T.astype(np.int32)
    box = np.ascontiguousarray(box)
    return np.array_equal(one.systematic_absences(box), other.systematic_absences(box))


def cell_remark(source, cell, group):
    """A remark if a cell (a b c, Angstrom, alpha beta gamma, degrees) does not have the symmetry of a SpaceGroup, else
    None; source: flag and file of the cell."""
    nearest = nearest_cell(cell, group.rotations())
    edges = max(abs(there / here - 1.0) for here, there in zip(cell[:3], nearest[:3], strict=True))
    angles = max(abs(there - here) for here, there in zip(cell[3:], nearest[3:], strict=True))
    if edges <= EDGE_TOLERANCE and angles <= ANGLE_TOLERANCE:
        return None
    return (
        f"{source}: a cell of {cell_text(cell)} does not have the symmetry of {group.name}; the nearest that has is "
        f"{cell_text(nearest)}"
    )


def nearest_cell(cell, rotations):
    """The cell whose metric tensor is the mean over all symmetry copies of that of `cell`: W^T G W for each W."""
    a, b, c = cell[:3]
    cos_alpha, cos_beta, cos_gamma = np.cos(np.radians(cell[3:]))
    ab, ac, bc = a * b * cos_gamma, a * c * cos_beta, b * c * cos_alpha
    metric = np.array([[a * a, ab, ac], [ab, b * b, bc], [ac, bc, c * c]])
    mean = (rotations.transpose(0, 2, 1) @ metric @ rotations).mean(axis=0)
    edges = np.sqrt(np.diag(mean))
    cosines = np.array([mean[1, 2], mean[0, 2], mean[0, 1]]) / (edges.prod() / edges)
    return (*edges.tolist(), *np.degrees(np.arccos(np.clip(cosines, -1.0, 1.0))).tolist())
