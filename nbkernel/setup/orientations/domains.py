"""Mosaic domains that nanoBragg.c does not have: a user's own, normal distributions of rotations, a spread of unit cells.

They belong to the crystal and turn with it about the spindle. Each is a matrix that multiplies the cell vectors: a rotation
times a strain.
"""

import functools
import hashlib
from statistics import NormalDist

import numpy as np

from nbkernel.errors import InputError
from nbkernel.geometry.cell_axes import cell_of_axes
from nbkernel.io.tables.rotations import read_rotations
from nbkernel.kernels.physics.constants import RTD
from nbkernel.support.memory import require_memory

DEFAULT_DOMAINS = 10  # as of nanoBragg.c's
BYTES_PER_DOMAIN = 2000  # while they are drawn
KEY_BITS = 128
PERCENT = 0.01
# an estimate of a matrix's error
ROUNDING = 1e-14


def own_domains(experiment, crystal, program_umats, kept):
    """(domains, 9) matrices, row by row, of an Experiment's mosaic domains in the frame of its Crystal before the spindle
    turns it; None if they are nanoBragg.c's.

    program_umats: a function that returns those, (domains, 9), of an Experiment with a mosaic spread; kept: KeptInputs.
    Raises InputError for unusable values.
    """
    if not has_own_domains(experiment):
        return None
    count = experiment.mosaic_domains or 0
    count = count if count > 0 else DEFAULT_DOMAINS
    require_memory(count * BYTES_PER_DOMAIN, "-mosaic_domains", "the matrices of mosaic domains")
    if experiment.mosaic_blocks is not None:
        matrices = find_blocks(experiment, kept)
    elif experiment.mosaic_sigma is not None:
        matrices = normal_rotations(experiment.mosaic_sigma, crystal, count, experiment.mosaic_seed)
    elif (experiment.mosaic_spread or 0.0) > 0.0:
        matrices = program_umats().reshape(-1, 3, 3)
    else:
        matrices = np.broadcast_to(np.eye(3), (count, 3, 3))
    if experiment.cell_spread is not None:
        matrices = matrices @ strains(experiment.cell_spread, crystal, len(matrices), experiment.mosaic_seed)
    return np.ascontiguousarray(matrices.reshape(-1, 9))


def has_own_domains(experiment):
    """Whether an Experiment's domains are not nanoBragg.c's."""
    own = experiment.mosaic_blocks, experiment.mosaic_sigma, experiment.cell_spread
    return any(value is not None for value in own)


def find_blocks(experiment, kept):
    """(n, 3, 3) rotations that an Experiment states."""
    blocks = experiment.mosaic_blocks
    if isinstance(blocks, str):
        return kept.get("--mosaic-blocks", blocks, read_rotations, "--mosaic-blocks", blocks)
    return blocks.array


def normal_rotations(sigma, crystal, count, seed):
    """(count, 3, 3) rotations about random axes, uniform on the sphere, by normally distributed angles.

    sigma: degrees, of all axes, or of rotations about a, about c* and about the axis perpendicular to both (which is b's in
    a cell with right angles), in the order a, b, c. About an axis u, in these coordinates, the standard deviation is
    1 / sqrt(sum u_i^2 / sigma_i^2), the radius of the ellipsoid (simtbx's anisotropic_mosaicity.AnisoUmats).
    """
    draws = uniforms(seed, "mosaic_sigma", count, 3)
    cosine, azimuth = 1.0 - 2.0 * draws[:, 0], 2.0 * np.pi * draws[:, 1]
    sine = np.sqrt(1.0 - cosine * cosine)
    axes = np.column_stack((sine * np.cos(azimuth), sine * np.sin(azimuth), cosine))
    widths = np.broadcast_to(np.array(sigma) / RTD, 3)
    angles = normals(draws[:, 2]) / np.sqrt(((axes / widths) ** 2).sum(axis=1))
    return rotations_about(axes @ crystal_frame(crystal), angles)


def crystal_frame(crystal):
    """(3, 3) rows: unit vectors along a, across in the plane of a and b, and along c*."""
    a, c_star = (np.array(vector) / np.linalg.norm(vector) for vector in (crystal.a, crystal.c_star))
    return np.array([a, np.cross(c_star, a), c_star])


def rotations_about(axes, angles):
    """(n, 3, 3) rotations about unit vectors (n, 3) by angles (n,) (radians), by Rodrigues' formula."""
    across = np.cross(axes[:, np.newaxis], -np.eye(3))
    sines, versines = np.sin(angles)[:, np.newaxis, np.newaxis], (1.0 - np.cos(angles))[:, np.newaxis, np.newaxis]
    return np.eye(3) + sines * across + versines * (across @ across)


def strains(spread, crystal, count, seed):
    """(count, 3, 3) symmetric matrices that give the crystal's axes the lengths and angles of cells which are normally
    distributed about its own, without turning the crystal.

    spread: standard deviations of a, b, c (percent) and, perhaps, alpha, beta, gamma (degrees). If the axes are the columns
    of A, and G is the metric tensor of the new cell, the matrix is the root of A^-T G A^-1. Raises InputError if a cell is
    impossible.
    """
    axes = 1e10 * np.array([crystal.a, crystal.b, crystal.c])
    own = np.array(cell_of_axes(axes))
    sigma = np.zeros(6)
    sigma[: len(spread)] = spread
    sigma[:3] *= PERCENT * own[:3]
    cells = own + sigma * normals(uniforms(seed, "cell_spread", count, 6))
    lengths, (alpha, beta, gamma) = cells[:, :3], np.cos(cells[:, 3:] / RTD).T
    cosines = np.empty((count, 3, 3))
    cosines[:] = np.eye(3)
    for (i, j), cosine in {(1, 2): alpha, (0, 2): beta, (0, 1): gamma}.items():
        cosines[:, i, j] = cosines[:, j, i] = cosine
    metric = lengths[:, :, np.newaxis] * cosines * lengths[:, np.newaxis]
    inverse = np.linalg.inv(axes)
    squares, directions = np.linalg.eigh(inverse @ metric @ inverse.T)
    possible = (lengths > 0.0).all(axis=1) & (squares > ROUNDING).all(axis=1)
    possible &= ((cells[:, 3:] > 0.0) & (cells[:, 3:] < 180.0)).all(axis=1)
    if not possible.all():
        number = int(np.argmin(possible))
        raise InputError(
            f"--cell-spread: domain {number} would have a cell of "
            + "{:.4g} {:.4g} {:.4g} A, {:.4g} {:.4g} {:.4g} deg".format(*cells[number])
            + ", which is impossible; give smaller deviations"
        )
    return (directions * np.sqrt(squares)[:, np.newaxis]) @ directions.transpose(0, 2, 1)


def normals(draws):
    """Normal deviates of uniform ones."""
    return np.array([NormalDist().inv_cdf(each) for each in draws.ravel().tolist()]).reshape(draws.shape)


@functools.lru_cache(maxsize=4)
def uniforms(seed, name, rows, columns):
    """(rows, columns) uniform deviates, never 0 or 1, for what is called `name`: numpy's Philox with the seed as its key, so
    that a row depends neither on how many there are nor on numpy's version."""
    word = int.from_bytes(hashlib.sha256(name.encode()).digest()[:8], "little")
    generator = np.random.Philox(counter=word << 192, key=seed % 2**KEY_BITS)
    raw = generator.random_raw(rows * columns).reshape(rows, columns)
    found = ((raw >> np.uint64(12)) + 0.5) * 2.0**-52
    found.flags.writeable = False
    return found
