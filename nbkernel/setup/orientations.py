"""All orientations of the crystal, phi steps times mosaic domains, and which of them each phi step uses."""

from typing import NamedTuple

import numpy as np

from nbkernel.kernels.physics.constants import RTD
from nbkernel.kernels.physics.rotations import mosaic_rotation_umat
from nbkernel.kernels.physics.vectors import rotate_axis, rotate_umat
from nbkernel.support.memory import require_memory

from .sampling import mosaic_sampling, phi_angles, spindle_sweep


class Orientations(NamedTuple):
    """table, phi_vectors, phi_slot, phi_slot_first: see `orientation_table`; mosaic_umats: rotation matrices of the mosaic
    domains, (domains, 9); angles: of the phi steps, phi_start: start of the sweep, osc: its range (radians)."""

    table: np.ndarray
    phi_vectors: np.ndarray
    phi_slot: np.ndarray
    phi_slot_first: np.ndarray
    mosaic_umats: np.ndarray
    angles: list
    phi_start: float
    osc: float


def find_orientations(experiment, crystal, spindle, shuffle):
    """The Orientations of a Crystal about a spindle (unit vector); shuffle: state of the random generator. Raises InputError
    if they do not fit into memory."""
    phi = spindle_sweep(experiment)
    phi_start = (0.0 if experiment.phi is None else experiment.phi) / RTD
    domains, spread = mosaic_sampling(
        experiment.mosaic_domains, None if experiment.mosaic_spread is None else experiment.mosaic_spread / RTD
    )
    require_memory((phi.steps + 1) * domains * 72, "-mosaic_domains, -phisteps", "the table of orientations")
    umats = mosaic_umats(domains, spread, experiment.mosaic_seed, shuffle)
    angles = phi_angles(phi_start, phi, "phi_steps" in experiment.fix)
    table = orientation_table(crystal, spindle, angles, umats, spread, "phi0" in experiment.fix)
    return Orientations(*table, np.array(umats, np.float64), angles, phi_start, phi.span)


def generator_seed(seed):
    """Initial state of the random generator for the user's `seed`."""
    return np.array([-seed], np.int64)


def mosaic_umats(domains, spread, mosaic_seed, shuffle):
    """Rotation matrices (nine numbers each) of the mosaic domains; the first is the identity."""
    seed = generator_seed(mosaic_seed)
    umats = [mosaic_rotation_umat(spread, seed, shuffle) for _ in range(domains)]
    umats[0] = (1.0, 0.0, 0.0, 0.0, 1.0, 0.0, 0.0, 0.0, 1.0)
    return umats


def orientation_table(crystal, spindle, angles, umats, spread, fix_phi0):
    """Cell vectors for each phi step and mosaic domain, and which slot each phi step uses.

    Returns orientation (slots, domains, 9); phi_vectors (slots, 9), the cell vectors before the mosaic rotation; phi_slot
    and phi_slot_first (phisteps,). Slot 0 is the unrotated crystal, slot t + 1 the one at angles[t]. The program rotates
    only if phi is not 0: a step at 0 uses the orientation of the step before it, which may be the last step of the previous
    source, sub-pixel or pixel; the very first step uses the unrotated crystal.
    """
    cell = (crystal.a, crystal.b, crystal.c)
    rotated = [cell] + [
        cell if phi == 0.0 else tuple(rotate_axis(vector, spindle, phi) for vector in cell) for phi in angles
    ]
    phi_vectors = np.array(rotated, np.float64).reshape(-1, 9)
    orientation = np.empty((len(rotated), len(umats), 9))
    for slot, vectors in enumerate(rotated):
        for domain, umat in enumerate(umats):
            turned = [rotate_umat(vector, umat) for vector in vectors] if spread > 0.0 else vectors
            orientation[slot, domain] = turned[0] + turned[1] + turned[2]
    fresh = [slot if phi != 0.0 else 0 for slot, phi in enumerate(angles, 1)]
    if fix_phi0:
        return orientation, phi_vectors, np.array(fresh, np.int64), np.array(fresh, np.int64)
    phi_slot_first = carried_slots(angles, 0)
    return orientation, phi_vectors, carried_slots(angles, int(phi_slot_first[-1])), phi_slot_first


def carried_slots(angles, slot):
    slots = []
    for tic, phi in enumerate(angles, 1):
        slot = tic if phi != 0.0 else slot
        slots.append(slot)
    return np.array(slots, np.int64)
