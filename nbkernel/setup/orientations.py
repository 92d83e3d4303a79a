"""Every orientation of the crystal: phi steps times mosaic domains, and which of them a phi step uses."""

import numpy as np

from nbkernel.kernels.physics.rotations import mosaic_rotation_umat
from nbkernel.kernels.physics.vectors import rotate_axis, rotate_umat


def generator_seed(seed):
    """State of a random generator that starts afresh from the user's `seed`."""
    return np.array([-seed], np.int64)


def mosaic_umats(domains, spread, mosaic_seed, shuffle):
    """Rotation matrices (nine numbers each) of the mosaic domains; the first is the identity."""
    seed = generator_seed(mosaic_seed)
    umats = [mosaic_rotation_umat(spread, seed, shuffle) for _ in range(domains)]
    umats[0] = (1.0, 0.0, 0.0, 0.0, 1.0, 0.0, 0.0, 0.0, 1.0)
    return umats


def orientation_table(crystal, spindle, angles, umats, spread, fix_phi0):
    """Cell vectors by phi step and mosaic domain, and which entry each phi step uses.

    Returns orientation (slots, domains, 9), what it is made of, phi_vectors (slots, 9), and phi_slot and phi_slot_first
    (phisteps,). Slot 0 is the unrotated crystal, slot t + 1 the one at angles[t]. The program rotates only where phi is
    not 0: a step at 0 uses the step before it, which is the last step of the source, sub-pixel or pixel before, or at
    the very first the unrotated crystal.
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
