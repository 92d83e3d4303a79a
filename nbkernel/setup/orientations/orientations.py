"""All orientations of the crystal, phi steps times mosaic domains, and which of them each phi step uses."""

import functools
from typing import NamedTuple

import numpy as np

from nbkernel.kernels.exact.orientations import fill_mosaic_umats, fill_orientations
from nbkernel.kernels.physics.constants import RTD
from nbkernel.kernels.physics.vectors import rotate_axis, rotate_umat
from nbkernel.setup.sampling import mosaic_sampling, phi_angles, spindle_sweep
from nbkernel.support.memory import require_memory

from .domains import own_domains

# domains or angles from which on they are found by compiled code
MANY = 2000


class Orientations(NamedTuple):
    """table, phi_vectors, phi_slot, phi_slot_first: see `orientation_table` and `turning_table`; mosaic_umats: matrices of
    the mosaic domains, (domains, 9); angles: of the phi steps (phisteps,), phi_start: start of the sweep, osc: its range
    (radians)."""

    table: np.ndarray
    phi_vectors: np.ndarray
    phi_slot: np.ndarray
    phi_slot_first: np.ndarray
    mosaic_umats: np.ndarray
    angles: np.ndarray
    phi_start: float
    osc: float


def find_orientations(experiment, crystal, spindle, shuffle, kept):
    """The Orientations of a Crystal about a spindle (unit vector); shuffle: state of the random generator; kept: KeptInputs.
    Raises InputError if they do not fit into memory, and for unusable domains."""
    phi = spindle_sweep(experiment)
    phi_start = (0.0 if experiment.phi is None else experiment.phi) / RTD
    domains, spread = mosaic_sampling(
        experiment.mosaic_domains, None if experiment.mosaic_spread is None else experiment.mosaic_spread / RTD
    )

    def program_umats():
        require_memory((phi.steps + 1) * domains * 72, "-mosaic_domains, -phisteps", "the table of orientations")
        return mosaic_umats(domains, spread, experiment.mosaic_seed, shuffle)

    own = own_domains(experiment, crystal, program_umats, kept)
    umats = program_umats() if own is None else own
    angles = phi_angles(phi_start, phi, "phi_steps" in experiment.fix)
    if own is None:
        vectors = orientation_table(crystal, spindle, angles, umats, spread)
    else:
        require_memory((phi.steps + 1) * len(own) * 144, "--mosaic-blocks, -phisteps", "the table of orientations")
        vectors = turning_table(crystal, spindle, angles, own)
    slots = slots_of(angles, "phi0" in experiment.fix)
    return Orientations(*vectors, *slots, umats, angles, phi_start, phi.span)


def generator_seed(seed):
    """Initial state of the random generator for the user's `seed`."""
    return np.array([-seed], np.int64)


def mosaic_umats(domains, spread, mosaic_seed, shuffle):
    """Rotation matrices (domains, 9) of the mosaic domains; the first is the identity."""
    umats, shuffle[:] = drawn_umats(domains, spread, mosaic_seed, tuple(shuffle.tolist()))
    return umats


@functools.lru_cache(maxsize=4)
def drawn_umats(domains, spread, mosaic_seed, before):
    """`mosaic_umats`, and the state of the random generator after `before`. The same for all images of a series."""
    umats, shuffle = np.empty((domains, 9)), np.array(before, np.int64)
    fill = fill_mosaic_umats.function if domains < MANY else fill_mosaic_umats
    fill(spread, generator_seed(mosaic_seed), shuffle, umats)
    for array in (umats, shuffle):
        array.flags.writeable = False
    return umats, shuffle


def orientation_table(crystal, spindle, angles, umats, spread):
    """Cell vectors for each phi step and mosaic domain: orientation (slots, domains, 9), and phi_vectors (slots, 9), the
    cell vectors before the mosaic rotation. Slot 0 is the unrotated crystal, slot t + 1 the one at angles[t]."""
    cell = (crystal.a, crystal.b, crystal.c)
    phi_vectors = np.empty((1 + len(angles), 9))
    orientation = np.empty((1 + len(angles), len(umats), 9))
    if len(angles) < MANY:
        turn_by_numpy(cell, tuple(spindle), angles, umats, spread, phi_vectors, orientation)
    else:
        fill_orientations(cell, tuple(spindle), angles, umats, spread, phi_vectors, orientation)
    return orientation, phi_vectors


def turning_table(crystal, spindle, angles, matrices):
    """The same of domains that the spindle turns with the crystal. If it turns them, there are no cell vectors of a phi step
    from which those of all domains follow: then phi_vectors has those of each, (slots x domains, 9)."""
    cell = [rotate_umat(vector, matrices.T) for vector in (crystal.a, crystal.b, crystal.c)]
    orientation = np.empty((1 + len(angles), len(matrices), 9))
    for slot, phi in enumerate((0.0, *angles.tolist())):
        for m, vector in enumerate(cell):
            turned = rotate_axis(vector, tuple(spindle), phi) if phi != 0.0 else vector
            orientation[slot, :, 3 * m : 3 * m + 3] = np.array(turned).T
    if angles.any():
        return orientation, orientation.reshape(-1, 9)
    return orientation, np.tile(np.concatenate((crystal.a, crystal.b, crystal.c)), (1 + len(angles), 1))


def slots_of(angles, fix_phi0):
    """phi_slot and phi_slot_first (phisteps,): which slot each phi step uses. The program rotates only if phi is not 0: a
    step at 0 uses the orientation of the step before it, which may be the last step of the previous source, sub-pixel or
    pixel; the very first step uses the unrotated crystal."""
    # the slot of each step's own angle, 0 if that is 0
    fresh = np.where(angles != 0.0, np.arange(1, len(angles) + 1), 0)
    if fix_phi0:
        return fresh, fresh
    phi_slot_first = np.maximum.accumulate(fresh)
    return np.where(phi_slot_first == 0, phi_slot_first[-1], phi_slot_first), phi_slot_first


def turn_by_numpy(cell, spindle, angles, umats, spread, phi_vectors, table):
    """The same as `fill_orientations`, which has to be compiled, with the same bits."""
    phi_vectors[0] = sum(cell, ())
    for slot, phi in enumerate(angles.tolist(), 1):
        phi_vectors[slot] = phi_vectors[0]
        if phi != 0.0:
            phi_vectors[slot] = sum((rotate_axis(vector, spindle, phi) for vector in cell), ())
    table[:] = phi_vectors[:, np.newaxis]
    if spread > 0.0:
        for first in (0, 3, 6):
            vectors = phi_vectors[:, first : first + 3].T[:, :, np.newaxis]
            for i, turned in enumerate(rotate_umat(vectors, umats.T), first):
                table[:, :, i] = turned
