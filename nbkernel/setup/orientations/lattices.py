"""The crystals of the lattices in an exposure: each as if it were alone, turned by its twin law and its rotation."""

import numpy as np

from nbkernel.errors import InputError
from nbkernel.geometry.lattice import twin_matrix

# relative difference of an axis that a twin law maps onto another, from which on it is no law of the lattice
LARGEST_OBLIQUITY = 0.1


def turned_crystal(crystal, lattice):
    """The Crystal of a Lattice, from that of its Experiment with the lattice's own values. Raises InputError for a twin law
    that does not map the cell onto itself."""
    if lattice.twin is None and lattice.rotation is None:
        return crystal
    axes = np.array([crystal.a, crystal.b, crystal.c])
    if lattice.twin is not None:
        axes = axes @ twin_rotation(axes, lattice.twin)
    if lattice.rotation is not None:
        axes = axes @ np.array(lattice.rotation).T
    stars = np.linalg.inv(1e10 * axes).T
    vectors = [tuple(vector.tolist()) for vector in (*axes, *stars)]
    return crystal._replace(**dict(zip(("a", "b", "c", "a_star", "b_star", "c_star"), vectors, strict=True)))


def twin_rotation(axes, operator):
    """(3, 3) rotation by which the rows a, b, c become those of the twin, whose indices are the operator's of h, k, l: the
    closest one (Kabsch 1976, Acta Cryst. A32, 922), since a law of pseudo-merohedry maps the cell only nearly onto
    itself."""
    wanted = np.array(twin_matrix(operator)) @ axes
    lengths = np.linalg.norm(axes, axis=1)[:, np.newaxis]
    u, _, vt = np.linalg.svd((axes / lengths).T @ (wanted / lengths))
    u[:, 2] *= np.sign(np.linalg.det(u @ vt))
    apart = (np.linalg.norm(axes @ u @ vt - wanted, axis=1) / lengths[:, 0]).max()
    if not apart < LARGEST_OBLIQUITY:
        raise InputError(
            f"twin: {operator} maps the cell onto another one, with an axis that differs by {100.0 * apart:.3g} %; need an "
            "operator of the lattice's own, at least nearly"
        )
    return u @ vt
