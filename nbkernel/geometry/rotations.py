"""Rotation matrices: checks, with numpy."""

import numpy as np

from nbkernel.errors import InputError

TOLERANCE = 1e-6  # of a matrix written with seven digits
NUMBERS = 9


def checked_rotations(lead, matrices):
    """(n, 3, 3) float64 of an array of rotations, (n, 3, 3) or (n, 9). Raises InputError, beginning with `lead`, for
    anything else."""
    matrices = np.asarray(matrices)
    shape = matrices.shape
    if matrices.dtype.kind not in "iuf" or shape[1:] not in ((3, 3), (NUMBERS,)) or not len(matrices):
        raise InputError(
            f"{lead}: has {matrices.dtype} of shape {' x '.join(map(str, shape)) or 'a single number'}; need rotation "
            "matrices, numbers of n x 3 x 3 or n x 9"
        )
    matrices = matrices.astype(np.float64).reshape(-1, 3, 3)
    wrong = np.flatnonzero(~are_rotations(matrices))
    if wrong.size:
        raise InputError(
            f"{lead}: matrix {wrong[0] + 1} is not a rotation: its rows need length 1 and right angles, its determinant "
            "must be 1"
        )
    return matrices


def are_rotations(matrices):
    """(n,) bool: whether each of (n, 3, 3) matrices is a rotation."""
    with np.errstate(all="ignore"):
        error = np.abs(matrices @ matrices.transpose(0, 2, 1) - np.eye(3)).max(axis=(1, 2))
        return (error < TOLERANCE) & (np.linalg.det(matrices) > 0.0)
