"""Axes of a NeXus file and the chains in which they depend on one another.

A point p in an axis's own frame is at R p + T in the frame that the axis depends on: R rotates by its value about its
vector, T is its offset plus, for a translation, its value times its vector (NeXus manual, NXtransformations).
"""

import re

import numpy as np

from nbkernel.io.hdf5.fields import LARGEST, Field
from nbkernel.io.hdf5.links import Unusable
from nbkernel.kernels.physics.rotations import axis_angle_umat
from nbkernel.support.printable import shortened

from .units import ANGLES, LENGTHS, quantity, unit

LONGEST_CHAIN = 100
UNIT_LENGTH = 1e-3  # tolerance of a unit vector's length


class Chains:
    """Compositions of a file's axes, each computed once even if many modules share it."""

    def __init__(self):
        self.found = {}

    def composed(self, axis, above=0):
        """(3, 3) R and (3,) T, in metres, of an axis (or None) and all that it depends on. Raises Unusable if one is
        missing or the chain never ends."""
        if axis is None:
            return np.eye(3), np.zeros(3)
        if axis not in self.found:
            if above >= LONGEST_CHAIN:
                raise Unusable(f"has a chain of more than {LONGEST_CHAIN} axes to {axis.name}; depends_on must end at '.'")
            turn, shift = self.composed(next_axis(axis), above + 1)
            R, T = step(axis)
            self.found[axis] = turn @ R, turn @ T + shift
        return self.found[axis]


def chain(axis):
    """The axis (or None) and those that it depends on, in order. Raises Unusable if one is missing or the chain never
    ends."""
    links = []
    while axis is not None:
        links.append(axis)
        if len(links) > LONGEST_CHAIN:
            raise Unusable(f"has a chain of more than {LONGEST_CHAIN} axes from {links[0].name}; depends_on must end at '.'")
        axis = next_axis(axis)
    return links


def step(axis):
    """R and T of one axis at its first value. Raises Unusable for an axis that is neither rotation nor translation."""
    direction, kind = attribute_vector(axis, "vector"), kind_of(axis)
    if kind == "translation":
        value = quantity(axis, LENGTHS, "m")
        length = np.linalg.norm(direction)
        if value != 0.0 and abs(length - 1.0) > UNIT_LENGTH:
            axis.source.warn(f"has a vector of length {length:g}, not 1, in {axis.name}; it counts as it stands")
        return np.eye(3), value * direction + offset(axis)
    if kind == "rotation":
        angle = quantity(axis, ANGLES, "deg")
        length = np.linalg.norm(direction)
        if length == 0.0:
            if angle == 0.0:
                return np.eye(3), offset(axis)
            raise Unusable(f"turns about a vector without a direction in {axis.name}")
        return np.reshape(axis_angle_umat(*(direction / length), angle), (3, 3)), offset(axis)
    raise Unusable(f"has a transformation_type {shortened(repr(kind), 40)} in {axis.name}; need translation or rotation")


def next_axis(axis):
    return target(axis.parent, axis.text("depends_on"))


def target(group, path):
    """The axis at a path from a group; None at the chain's end. Raises Unusable if there is none."""
    path = path.strip()
    if path in ("", "."):
        return None
    axis = group.get(path)
    if not isinstance(axis, Field):
        raise Unusable(f"lacks the axis {path}, on which something in {group.name} depends")
    return axis


def kind_of(axis):
    return axis.text("transformation_type").strip().lower()


def attribute_vector(axis, name):
    """Three numbers in an attribute, however they are stored. Raises Unusable if they are missing."""
    values = axis.attribute(name)
    if values is not None and values.dtype == object:
        # some write them as text
        numbers = [re.split(r"[\s,;]+", text.strip(" \t[](){}")) for text in values.ravel().tolist()]
        try:
            values = np.array([float(number) for part in numbers for number in part])
        except ValueError:
            values = None
    if values is None or values.size != 3:
        raise Unusable(f"lacks three numbers in the attribute {name} of {axis.name}")
    values = values.ravel().astype(np.float64)
    if not (abs(values) < LARGEST).all():
        raise Unusable(
            f"has {' '.join(map(str, values))} in the attribute {name} of {axis.name}; need three numbers of a vector"
        )
    return values


def offset(axis):
    """The axis's offset in metres, 0 if it has none."""
    values = axis.attribute("offset")
    if values is None or (values.size == 1 and values.dtype != object and not values.any()):
        return np.zeros(3)
    values = attribute_vector(axis, "offset")
    if not values.any():
        return values
    if axis.text("offset_units").strip():
        return values * unit(axis, LENGTHS, "m", "offset_units")
    if kind_of(axis) == "rotation":
        axis.source.warn(f"names no unit of the offset of {axis.name}; taken as m")
        return values
    # some detectors' files give the offset's unit as the axis's
    return values * unit(axis, LENGTHS, "m")
