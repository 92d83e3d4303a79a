"""The random numbers of a series: those of an image are a function of the specification and the image's number alone."""

import functools
import hashlib
import math
import threading

import numpy as np

from nbkernel.image.seeds import LARGEST_SEED
from nbkernel.kernels.physics.rotations import axis_angle_umat

WORD = 0xFFFFFFFFFFFFFFFF
OWN, EMPTY = threading.local(), np.zeros(4, np.uint64)


def uniforms(seed, name, image, lattice, count):
    """`count` uniform deviates, never 0 or 1, for what is called `name` in a lattice (number) of an image (number).

    Numpy's Philox with the seed as its key and everything else in its counter: no draw depends on which others there are,
    and the bits are the same with every version of numpy.
    """
    counter = np.array([0, lattice, image, word_of(name)], np.uint64)
    key = np.array([seed & WORD, seed >> 64 & WORD], np.uint64)
    raw = philox(counter, key).random_raw(count)
    return [(int(word >> np.uint64(12)) + 0.5) * 2.0**-52 for word in raw]


def philox(counter, key):
    """This thread's Philox, beginning at a counter; a new one would first ask the system for randomness."""
    if not hasattr(OWN, "philox"):
        OWN.philox = np.random.Philox(0)
    OWN.philox.state = {
        "bit_generator": "Philox", "state": {"counter": counter, "key": key}, "buffer": EMPTY, "buffer_pos": len(EMPTY),
        "has_uint32": 0, "uinteger": 0,
    }  # fmt: skip
    return OWN.philox


@functools.cache
def word_of(name):
    """A number below 2^64 that stands for a name."""
    return int.from_bytes(hashlib.sha256(name.encode()).digest()[:8], "little")


def draw(specification, name, image, lattice=0):
    """The value of what varies under this name."""
    (uniform,) = uniforms(specification.seed, name, image, lattice, 1)
    return specification.vary[name].value(uniform, image)


def orientation(specification, image, lattice):
    """Nine numbers, row by row, of the rotation of a lattice."""
    distribution = specification.vary["orientation"]
    if distribution.kind == "values":
        return distribution.numbers[image]
    return uniform_rotation(*uniforms(specification.seed, "orientation", image, lattice, 3))


def uniform_rotation(u1, u2, u3):
    """Nine numbers, row by row, of a rotation that is uniform on SO(3) if the deviates are uniform from 0 to 1: a turn about
    z, then one that takes z to a point of the sphere, by its polar angle and azimuth."""
    about_z, azimuth = (axis_angle_umat(0.0, 0.0, 1.0, 2.0 * math.pi * u) for u in (u1, u3))
    polar = axis_angle_umat(0.0, 1.0, 0.0, math.acos(1.0 - 2.0 * u2))
    turn, tilt, around = (np.reshape(matrix, (3, 3)) for matrix in (about_z, polar, azimuth))
    return tuple((around @ tilt @ turn).ravel().tolist())


def lattice_count(specification, image):
    """The number of lattices in an image."""
    return draw(specification, "crystals", image) if "crystals" in specification.vary else 1


def most_lattices(specification):
    """The largest number of lattices in any image of the series."""
    if "crystals" not in specification.vary:
        return 1
    return max(lattice_count(specification, image) for image in range(specification.images))


def draws_of(specification, image):
    """What is drawn for an image: {"image": its number, name: value, "crystals": a list with {name: value} of each lattice},
    of which orientation has nine numbers. Raises InputError for an impossible value, which a distribution's tail may
    have."""
    shot, own = specification.varied_by_shot(), specification.varied_by_crystal()
    found = {"image": image, **{name: draw(specification, name, image) for name in shot}}
    lattices = []
    for lattice in range(lattice_count(specification, image)):
        drawn = {name: draw(specification, name, image, lattice) for name in own}
        if "orientation" in specification.vary:
            drawn["orientation"] = orientation(specification, image, lattice)
        elif specification.experiment.misset == "random" and specification.experiment.misset_seed is None:
            (uniform,) = uniforms(specification.seed, "misset_seed", image, lattice, 1)
            drawn.setdefault("misset_seed", 1 + int(uniform * LARGEST_SEED))
        lattices.append(drawn)
    for drawn in (found, *lattices):
        specification.check_drawn(image, drawn)
    found["crystals"] = lattices
    return found
