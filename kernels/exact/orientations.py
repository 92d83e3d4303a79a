"""All orientations of the crystal, with the program's own operations: rotations of the mosaic domains, and cell vectors."""

from nbkernel.kernels.compile.kernel import Kernel
from nbkernel.kernels.physics.rotations import mosaic_rotation_umat
from nbkernel.kernels.physics.vectors import rotate_axis, rotate_umat

IDENTITY = (1.0, 0.0, 0.0, 0.0, 1.0, 0.0, 0.0, 0.0, 1.0)


@Kernel
def fill_mosaic_umats(spread, seed, shuffle, umats):
    """umats (domains, 9): rotation matrices of the mosaic domains, row by row; the first is the identity. spread: radians;
    seed, shuffle: the random generator's state, see `ran1`."""
    for domain in range(umats.shape[0]):
        umat = mosaic_rotation_umat(spread, seed, shuffle)
        if domain == 0:
            umat = IDENTITY
        for i in range(9):
            umats[domain, i] = umat[i]


@Kernel
def fill_orientations(cell, spindle, angles, umats, spread, phi_vectors, table):
    """phi_vectors (slots, 9): the cell's vectors, three tuples, unrotated in slot 0, rotated about the spindle by angles[t]
    in slot t + 1; table (slots, domains, 9): the same turned by each of `umats`, unless nothing is spread."""
    for slot in range(phi_vectors.shape[0]):
        phi = angles[slot - 1] if slot > 0 else 0.0
        for m in range(3):
            vector = cell[m]
            # the program rotates only if phi is not 0
            if phi != 0.0:
                vector = rotate_axis(vector, spindle, phi)
            for i in range(3):
                phi_vectors[slot, 3 * m + i] = vector[i]
            for domain in range(umats.shape[0]):
                turned = vector
                if spread > 0.0:
                    umat = (
                        umats[domain, 0], umats[domain, 1], umats[domain, 2],
                        umats[domain, 3], umats[domain, 4], umats[domain, 5],
                        umats[domain, 6], umats[domain, 7], umats[domain, 8],
                    )  # fmt: skip
                    turned = rotate_umat(vector, umat)
                for i in range(3):
                    table[slot, domain, 3 * m + i] = turned[i]
