"""The crystal of a DIALS experiment (.expt), in the frame of its beam and detector."""

import math

import numpy as np

from nbkernel.errors import InputError
from nbkernel.geometry.cell_axes import check_axes, unit_vector
from nbkernel.geometry.detector import negative
from nbkernel.io.tables.orientation import Orientation
from nbkernel.kernels.physics.rotations import axis_angle_umat

from .detector import SPINDLE, TO_SOURCE, crystal_uses, model, spindle_axis

AXES = ("real_space_a", "real_space_b", "real_space_c")


def crystal_orientation(document):
    """The Orientation of the first crystal in a file's Value, at spindle angle 0. Raises InputError if there is none."""
    uses = list(crystal_uses(document))
    if not uses:
        raise InputError(f"{document.where}: has no crystal; need a DIALS experiment with one, such as refined.expt")
    count = len({model(container, use.at("crystal"), "crystal").key for container, use in uses})
    remarks = (f"{document.where}: has {count} crystals; the first is rendered",) if count > 1 else ()
    found = orientation_of(*uses[0])
    return found._replace(remarks=(*remarks, *found.remarks))


def orientation_of(container, use):
    """The Orientation of an experiment with a crystal, at spindle angle 0."""
    crystal = model(container, use.at("crystal"), "crystal")
    where = crystal.where
    others = {kind: model(container, use.at(kind), kind) for kind in ("beam", "goniometer", "scan") if use.has(kind)}
    remarks = []
    axes = np.array([crystal.at(key).numbers(3) for key in AXES])
    if crystal.has("A_at_scan_points") and crystal.at("A_at_scan_points").value:
        first = crystal.at("A_at_scan_points").items()[0]
        axes = inverse(first, np.array(first.numbers(9)).reshape(3, 3))
        remarks.append(f"{where}: its crystal varies along the scan; it is rendered as at the start")
    check_axes(f"{where}: {crystal.key}", axes)
    goniometer = others.get("goniometer")
    beam = others["beam"].at("direction").numbers(3) if "beam" in others else TO_SOURCE
    spindle = SPINDLE if goniometer is None else spindle_axis(goniometer)
    if goniometer is not None:
        # rows are rotated by the transpose
        axes = axes @ carried(goniometer).T
    start = first_image(others["scan"]) if "scan" in others else None
    wavelength = None
    if "beam" in others and others["beam"].has("wavelength"):
        wavelength = others["beam"].at("wavelength").number()
    rows = tuple(map(tuple, axes.tolist()))
    return Orientation(
        None, rows, negative(beam), spindle, in_panels_frame=True, start=start or (0.0, 0.0), wavelength=wavelength,
        remarks=tuple(remarks),
    )  # fmt: skip


def first_image(scan):
    """The spindle angle (degrees) at which the first image of a scan begins, and its range; None if the scan has no angles.

    Since 2023 dxtbx writes the angle of each image, and the range of a single one beside it.
    """
    if scan.has("oscillation"):
        return scan.at("oscillation").numbers(2)
    if not scan.has("properties") or not scan.at("properties").has("oscillation"):
        return None
    properties = scan.at("properties")
    angles = [angle.number() for angle in properties.at("oscillation").items()]
    if not angles:
        raise properties.at("oscillation").error("at least one angle")
    if len(angles) > 1:
        return angles[0], (angles[-1] - angles[0]) / (len(angles) - 1)
    widths = properties.at("oscillation_width").items() if properties.has("oscillation_width") else []
    return angles[0], widths[0].number() if widths else 0.0


def inverse(value, matrix):
    """The inverse of a (3, 3) array; if it has none, the error names the Value."""
    with np.errstate(all="ignore"):
        try:
            found = np.linalg.inv(matrix)
        except np.linalg.LinAlgError:
            found = np.full((3, 3), np.nan)
    if not np.isfinite(found).all():
        raise value.error("three vectors that span a cell")
    return found


def carried(goniometer):
    """(3, 3) rotation of the crystal by the axes between it and the spindle and by those that carry the spindle: setting
    times fixed rotation."""
    if goniometer.has("axes"):
        axes = [axis.numbers(3) for axis in goniometer.at("axes").items()]
        angles = list(goniometer.at("angles").numbers(len(axes)))
        angles[goniometer.at("scan_axis").number_below(len(axes))] = 0.0
        turn = np.eye(3)
        for axis, angle in zip(axes, angles, strict=True):
            if any(axis):
                turn = np.reshape(axis_angle_umat(*unit_vector(axis), math.radians(angle)), (3, 3)) @ turn
        return turn
    turn = np.eye(3)
    for key in ("fixed_rotation", "setting_rotation"):
        if goniometer.has(key):
            turn = np.array(goniometer.at(key).numbers(9)).reshape(3, 3) @ turn
    return turn
