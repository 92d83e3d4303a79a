"""The frame of NeXus files, McStas's: z along the beam, y up if the beam's electric field is horizontal.

nanoBragg's directions are in the laboratory frame of the convention; NeXus's x is minus the electric field's direction
(`polar_vector`, made orthogonal to the beam), so that MOSFLM's flat detector has fast -x and slow -y, as DIALS expects.
"""

import functools

import numpy as np

HORIZONTAL = 1e-12  # length of a unit vector's component that still gives a direction


def laboratory_to_mcstas(beam_vector, polar_vector):
    """(3, 3) float64 rotation that takes laboratory vectors to McStas's: its rows are McStas's x, y and z.

    beam_vector, polar_vector: three numbers, of any length; if they are parallel, any direction serves as x.
    """
    return rotation_to_mcstas(tuple(beam_vector), tuple(polar_vector))


@functools.lru_cache(maxsize=4)
def rotation_to_mcstas(beam_vector, polar_vector):
    """The same for tuples, read-only; once for all images of a series."""
    z = np.array(beam_vector, np.float64)
    z /= np.linalg.norm(z)
    x = across(np.array(polar_vector, np.float64), z)
    if x is None:
        x = across(np.eye(3)[np.argmin(np.abs(z))], z)
    rotation = np.array([-x, np.cross(z, -x), z])
    rotation.flags.writeable = False
    return rotation


def across(vector, z):
    """The unit vector along the part of `vector` that is orthogonal to the unit vector z; None if there is none."""
    length = np.linalg.norm(vector)
    if length == 0.0:
        return None
    rest = vector / length
    # twice, because for a nearly parallel vector the first pass leaves a rounding error
    for _ in range(2):
        rest = rest - z * (z @ rest)
        length = np.linalg.norm(rest)
        if length < HORIZONTAL:
            return None
        rest /= length
    return rest
