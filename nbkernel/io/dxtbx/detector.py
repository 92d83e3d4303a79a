"""Detectors of dxtbx and DIALS: the geometry in an ExperimentList (.expt), an older DataBlock or sweep, or a single
detector, all JSON. Their frame is imgCIF's: the beam comes from +z, the spindle is along x."""

import math
import os
from typing import NamedTuple

from nbkernel.errors import InputError
from nbkernel.geometry.detector import negative
from nbkernel.geometry.panels import Panel
from nbkernel.io.files.json_values import parse_json
from nbkernel.io.files.opening import read_bytes
from nbkernel.kernels.physics.vectors import cross_product, dot_product, magnitude, rotate_axis, unitize

KINDS = ("detector", "beam", "goniometer")
TO_SOURCE, POLARIZATION_NORMAL, SPINDLE = (0.0, 0.0, 1.0), (0.0, 1.0, 0.0), (1.0, 0.0, 0.0)
MOST_SKEW = 1e-3  # cosine between fast and slow axis
SQUARE = 1e-6  # relative difference of a pixel's edges
NO_DEPTH = 1.5e-6  # mm; NXmx files must name a sensor, and state one of 1 nm where it has no depth

Vector = tuple[float, ...]


class Frame(NamedTuple):
    """Position of a panel or group of panels: corner (mm) and unit vectors."""

    origin: Vector
    fast: Vector
    slow: Vector


LABORATORY = Frame((0.0, 0.0, 0.0), (1.0, 0.0, 0.0), (0.0, 1.0, 0.0))


def read_dxtbx_detector(path):
    """Fields of an Experiment from a dxtbx file: panels, convention, beam_vector, polar_vector, spindle_axis, wavelength
    (Angstrom) if the beam has a single one, and mat, the file itself, if it has a crystal.

    Beam and goniometer are the first experiment's, or those of dxtbx's frame if the file has none. Raises InputError for a
    file that is damaged, lacks a key, or whose experiments have different detectors.
    """
    document = parse_json("--panels", path, read_bytes("--panels", path))
    fields = detector_fields(document)
    return {**fields, "mat": os.fspath(path)} if any(crystal_uses(document)) else fields


def detector_fields(document):
    """The same from a file's Value, without mat."""
    experiments = find_experiments(document)
    detectors = {found["detector"].key: found["detector"] for found in experiments}
    different = list(dict.fromkeys(read_panels(detector) for detector in detectors.values()))
    if len(different) > 1:
        raise InputError(
            f"{document.where}: its experiments have {len(different)} different detectors; need one, as in the files that "
            "dials.split_experiments writes"
        )
    first = experiments[0]
    return {
        "panels": different[0],
        "convention": "custom",
        **beam_fields(first.get("beam")),
        "spindle_axis": spindle_axis(first.get("goniometer")),
    }


def find_experiments(document):
    """The models of each experiment in a file, a list of {kind: Value} for KINDS."""
    containers = document.items() if document.is_list() else [document]
    if containers and all(container.has("detector") for container in containers):
        return [models(container, use) for container in containers for use in uses(container)]
    if not document.is_list() and not any(document.has(key) for key in ("panels", "origin")):
        raise InputError(f"{document.where}: has no detector; need a file of dxtbx or DIALS with a detector's panels")
    return [{"detector": detector} for detector in detectors_in(document)]


def crystal_uses(document):
    """(container, use) of each experiment with a crystal in an ExperimentList; empty for other files."""
    for container in document.items() if document.is_list() else [document]:
        if container.has("experiment") and container.at("experiment").is_list():
            yield from ((container, use) for use in container.at("experiment").items() if use.has("crystal"))


def uses(container):
    """The parts of an ExperimentList, DataBlock or sweep that state which models belong together."""
    for key in ("experiment", "imageset"):
        parts = container.at(key).items() if container.has(key) else []
        # stills in a DataBlock have their models image by image
        parts = [inner for part in parts for inner in (part.at("images").items() if has_models(part) else [part])]
        if parts:
            return parts
    return [container]


def has_models(part):
    return part.has("images") and any(image.has("detector") for image in part.at("images").items())


def models(container, use):
    use.at("detector")
    return {kind: model(container, use.at(kind), kind) for kind in KINDS if use.has(kind)}


def model(container, reference, kind):
    """The model that a reference names by its number in the container, or the reference itself if it is a model."""
    if isinstance(reference.value, int):
        return container.at(kind).item(reference)
    if isinstance(reference.value, str):
        raise reference.error("the model itself or its number, not the name of another file")
    inner = detectors_in(reference) if kind == "detector" else reference.items() if reference.is_list() else [reference]
    if len(inner) != 1:
        raise reference.error(f"one {kind}, or an experiment that says which")
    return inner[0]


def detectors_in(value):
    """Values of the detectors in: a list of detectors, one with panels, a list of panels, or one panel."""
    if value.is_list():
        items = value.items()
        if items and all(item.has("panels") or item.is_list() for item in items):
            return items
    return [value]


def read_panels(detector):
    """Panels of a detector in dxtbx's frame, in the file's order; local frames are relative to the groups of the
    hierarchy."""
    found = detector if detector.is_list() else detector.at("panels") if not detector.has("origin") else None
    panels = [detector] if found is None else found.items()
    if found is not None and not panels:
        raise found.error("at least one panel")
    parents = [LABORATORY] * len(panels)
    if detector.has("hierarchy"):
        parents = find_parents(detector.at("hierarchy"), len(panels))
    return tuple(read_panel(panel, parent) for panel, parent in zip(panels, parents, strict=True))


def find_parents(hierarchy, count):
    """The Frames of the groups that `count` panels are in, by the panels' numbers."""
    parents: list[Frame | None] = [None] * count
    groups = [(hierarchy, LABORATORY)]
    while groups:
        group, parent = groups.pop()
        if any(group.has(key) for key in ("origin", "fast_axis", "slow_axis")):
            parent = inside(parent, local_frame(group))
        for child in group.at("children").items():
            if not child.has("panel"):
                groups.append((child, parent))
                continue
            number = child.at("panel").number_below(count)
            if parents[number] is not None:
                raise child.at("panel").error("each panel in one group only")
            parents[number] = parent
    if None in parents:
        raise InputError(f"{hierarchy.where}: {hierarchy.key} leaves out panel {parents.index(None)}; need all of them")
    return parents


def local_frame(part):
    """The Frame of a panel or group within its group."""
    axes = []
    for key in ("fast_axis", "slow_axis"):
        axis = unitize(part.at(key).numbers(3))
        if magnitude(axis) == 0.0:
            raise part.at(key).error("a direction")
        axes.append(axis)
    if not abs(dot_product(*axes)) < MOST_SKEW:
        raise part.at("slow_axis").error("an axis at a right angle to fast_axis")
    return Frame(part.at("origin").numbers(3), *axes)


def inside(parent, frame):
    """A Frame given in the axes of another (its fast, slow and normal), in the laboratory."""
    axes = parent.fast, parent.slow, cross_product(parent.fast, parent.slow)

    def turned(vector):
        return tuple(sum(part * axis[i] for part, axis in zip(vector, axes, strict=True)) for i in range(3))

    origin = tuple(map(sum, zip(turned(frame.origin), parent.origin, strict=True)))
    return Frame(origin, turned(frame.fast), turned(frame.slow))


def read_panel(panel, parent):
    frame = inside(parent, local_frame(panel))
    detpixels_f, detpixels_s = panel.at("image_size").numbers(2)
    pixel, pixel_s = panel.at("pixel_size").numbers(2)
    if detpixels_f != int(detpixels_f) or detpixels_s != int(detpixels_s) or min(detpixels_f, detpixels_s) < 1:
        raise panel.at("image_size").error("two numbers of pixels, fast and slow")
    if not (min(pixel, pixel_s) > 0.0 and math.isclose(pixel, pixel_s, rel_tol=SQUARE)):
        raise panel.at("pixel_size").error("the two equal edges (mm) of square pixels")
    thickness, mu = sensor(panel)
    return Panel(
        pix0_vector=tuple(x / 1000.0 for x in frame.origin),
        fdet_vector=frame.fast,
        sdet_vector=frame.slow,
        detpixels_f=int(detpixels_f),
        detpixels_s=int(detpixels_s),
        pixel=pixel,
        detector_abs=1000.0 / mu if thickness > 0.0 and mu > 0.0 else None,
        detector_thick=1000.0 * thickness,
        name=panel.at("name").text() if panel.has("name") else "",
        material=panel.at("material").text() if panel.has("material") else "",
    )


def sensor(panel):
    """Thickness (mm) and attenuation (1/mm) of a panel's sensor, 0 if unknown; those of a parallax correction take
    precedence, as in dxtbx."""
    strategy = panel.at("px_mm_strategy") if panel.has("px_mm_strategy") else panel
    pair = (strategy, "t0"), (strategy, "mu")
    if not (strategy.has("t0") and strategy.has("mu")):
        pair = (panel, "thickness"), (panel, "mu")
    found = []
    for owner, key in pair:
        value = owner.at(key).number() if owner.has(key) else 0.0
        if value < 0.0:
            raise owner.at(key).error("0 or more")
        found.append(value)
    return found if found[0] > NO_DEPTH else [0.0, found[1]]


def beam_fields(beam):
    """beam_vector, polar_vector and, if there is one, wavelength; beam: a Value or None."""
    to_source, normal, fields = TO_SOURCE, POLARIZATION_NORMAL, {}
    if beam is not None:
        to_source = beam.at("direction").numbers(3)
        if beam.has("polarization_normal"):
            normal = beam.at("polarization_normal").numbers(3)
        if beam.has("wavelength"):
            fields["wavelength"] = beam.at("wavelength").number()
            if fields["wavelength"] <= 0.0:
                raise beam.at("wavelength").error("a wavelength in Angstrom")
        if magnitude(to_source) == 0.0:
            raise beam.at("direction").error("the direction from the sample to the source")
    beam_vector = negative(unitize(to_source))
    # electric field, beam and normal are perpendicular
    polar_vector = unitize(cross_product(normal, beam_vector))
    if magnitude(polar_vector) == 0.0:
        raise beam.error("a polarization_normal that is not along the direction")
    return {"beam_vector": beam_vector, "polar_vector": polar_vector, **fields}


def spindle_axis(goniometer):
    """Axis of the scan in the laboratory, with the axes that carry it at their angles (degrees); a Value or None."""
    if goniometer is None:
        return SPINDLE
    if goniometer.has("axes"):
        axes = [axis.numbers(3) for axis in goniometer.at("axes").items()]
        angles = goniometer.at("angles").numbers(len(axes))
        scanned = goniometer.at("scan_axis").number_below(len(axes))
        axis = axes[scanned]
        # from the crystal to the base
        for carrier, angle in zip(axes[scanned + 1 :], angles[scanned + 1 :], strict=True):
            axis = rotate_axis(axis, unitize(carrier), math.radians(angle))
    else:
        axis = goniometer.at("rotation_axis").numbers(3)
        if goniometer.has("setting_rotation"):
            matrix = goniometer.at("setting_rotation").numbers(9)
            axis = tuple(dot_product(matrix[row : row + 3], axis) for row in (0, 3, 6))
    if magnitude(axis) == 0.0:
        raise goniometer.error("a rotation axis that is not 0 0 0")
    return unitize(axis)
