"""NXmx groups: where the panels are, by their chains of transformations, and what beam and spindle there are.

A point p of an axis' own frame is at R p + T in the frame that the axis depends on: R turns by its value about its vector,
T is its offset, and for a translation its value times its vector (NeXus manual, NXtransformations).
"""

import math

import h5py
import numpy as np

from nbkernel.kernels.rotations import axis_angle_umat
from nbkernel.panels import Panel

LENGTHS = {"m": 1.0, "cm": 1e-2, "mm": 1e-3, "um": 1e-6, "nm": 1e-9, "pm": 1e-12, "angstrom": 1e-10}
LENGTHS |= {"meter": 1.0, "metre": 1.0, "millimeter": 1e-3, "millimetre": 1e-3, "micron": 1e-6, "µm": 1e-6, "a": 1e-10, "å": 1e-10}
ANGLES = {"deg": math.pi / 180.0, "degree": math.pi / 180.0, "rad": 1.0, "radian": 1.0, "mrad": 1e-3}
LONGEST_CHAIN = 100
DEFAULT_SPINDLE = (-1.0, 0.0, 0.0)


class Unusable(Exception):
    """What is wrong with a file; the message goes on from its name."""


class NotNXmx(Unusable):
    pass


def find_entry(file):
    """The first NXentry by NXmx. Raises NotNXmx where there is none."""
    for entry in groups_of(file, "NXentry"):
        definition = entry.get("definition")
        if isinstance(definition, h5py.Dataset) and text_of(definition[()]) == "NXmx":
            return entry
    raise NotNXmx("is HDF5 but not NXmx: it has no entry whose definition is NXmx")


def groups_of(parent, nx_class):
    # get: None where a link is broken
    nodes = (parent.get(name) for name in parent)
    return [node for node in nodes if isinstance(node, h5py.Group) and text_of(node.attrs.get("NX_class")) == nx_class]


def instrument_groups(entry, nx_class):
    return [group for instrument in groups_of(entry, "NXinstrument") for group in groups_of(instrument, nx_class)]


def text_of(value):
    """str of an attribute or field, however it is stored; empty where there is none."""
    if isinstance(value, np.ndarray) and value.size == 1:
        value = value.flat[0]
    return value.decode("utf-8", "replace") if isinstance(value, bytes) else str(value) if isinstance(value, str) else ""


def detector_fields(entry):
    """Experiment's fields of `read_nxmx_detector`. Raises Unusable where a part is missing or broken."""
    own = entry.get("nbkernel")
    to_laboratory, frame = laboratory(own) if isinstance(own, h5py.Group) else (np.eye(3), mcstas_frame(entry))
    modules = [
        (detector, module)
        for detector in instrument_groups(entry, "NXdetector")
        for module in groups_of(detector, "NXdetector_module")
    ]
    if not modules:
        raise Unusable("has no NXdetector_module, so no panel's place")
    panels = [panel_of(detector, module, to_laboratory) for detector, module in modules]
    if isinstance(own, h5py.Group):
        panels = with_sensors(panels, own)
    return {"panels": tuple(panels), "convention": "custom", **frame, **wavelength_of(entry)}


def laboratory(own):
    """Rotation from McStas' frame to the laboratory's, and the directions of our own file's run."""
    names = ("beam_vector", "polar_vector", "spindle_axis")
    for name in ("laboratory_to_mcstas", *names):
        if name not in own:
            raise Unusable(f"lacks {own.name}/{name}")
    return own["laboratory_to_mcstas"][()].T, {name: vector(own[name][()]) for name in names}


def with_sensors(panels, own):
    """The panels with names and sensors of our own file's run."""
    names = ("name", "material", "detector_abs", "detector_thick", "detector_thicksteps")
    columns = [own[f"panel_{name}"][()] for name in names]
    if any(len(column) != len(panels) for column in columns):
        raise Unusable(f"has {len(panels)} modules, but {own.name} tells of {len(columns[0])}")
    complete = []
    for panel, (name, material, depth, thick, steps) in zip(panels, zip(*columns, strict=True), strict=True):
        sensor = (None if np.isnan(depth) else float(depth), float(thick), None if np.isnan(steps) else int(steps))
        complete.append(Panel(*vectors_and_size(panel), *sensor, text_of(name), text_of(material)))
    return complete


def vectors_and_size(panel):
    return panel.pix0_vector, panel.fdet_vector, panel.sdet_vector, panel.detpixels_f, panel.detpixels_s, panel.pixel


def mcstas_frame(entry):
    """Directions of another program's file, in McStas' frame."""
    polar = (1.0, 0.0, 0.0)
    for beam in beams(entry):
        if "incident_polarization_stokes" in beam:
            _, Q, U = np.ravel(beam["incident_polarization_stokes"][()])[:3]
            angle = 0.5 * math.atan2(U, Q)
            polar = (math.cos(angle), math.sin(angle), 0.0)
    return {"beam_vector": (0.0, 0.0, 1.0), "polar_vector": polar, "spindle_axis": spindle(entry)}


def spindle(entry):
    """Direction of the axis that turns the sample: the first with several values, else the first rotation."""
    rotations = []
    for sample in groups_of(entry, "NXsample"):
        start = sample.get("depends_on")
        if isinstance(start, h5py.Dataset):
            rotations += [axis for axis in chain(target(sample, start[()])) if kind_of(axis) == "rotation"]
    if not rotations:
        return DEFAULT_SPINDLE
    axis = next((axis for axis in rotations if axis.size > 1 and np.ptp(axis[()]) != 0.0), rotations[0])
    turn, _ = composed(next_axis(axis))
    return vector(turn @ attribute_vector(axis, "vector"))


def wavelength_of(entry):
    """{"wavelength": Angstrom}, weighted where the beam has several; nothing where there is none."""
    for beam in beams(entry):
        if "incident_wavelength" not in beam:
            continue
        field = beam["incident_wavelength"]
        values = np.ravel(field[()]) * unit(field, "units", LENGTHS) * 1e10
        weights = beam.get("incident_wavelength_weights", beam.get("incident_wavelength_weight"))
        if weights is not None and np.size(weights) == values.size:
            return {"wavelength": float(np.average(values, weights=np.ravel(weights[()])))}
        return {"wavelength": float(values[0])}
    return {}


def beams(entry):
    # older files have it beside the sample
    beside = [beam for sample in groups_of(entry, "NXsample") for beam in groups_of(sample, "NXbeam")]
    return instrument_groups(entry, "NXbeam") + beside


def panel_of(detector, module, to_laboratory):
    """The Panel, without depth, of an NXdetector_module. Raises Unusable where a part is missing or broken."""
    for name in ("fast_pixel_direction", "slow_pixel_direction", "data_size"):
        if not isinstance(module.get(name), h5py.Dataset):
            raise Unusable(f"lacks {module.name}/{name}")
    fast, slow = module["fast_pixel_direction"], module["slow_pixel_direction"]
    sizes = [first_value(axis) * unit(axis, "units", LENGTHS) for axis in (fast, slow)]
    if not math.isclose(*sizes, rel_tol=1e-6):
        size = " x ".join(f"{length * 1000:g}" for length in sizes)
        raise Unusable(f"has pixels of {size} mm in {module.name}; only square ones can be rendered")
    start = next_axis(fast)
    if start is None and isinstance(module.get("module_offset"), h5py.Dataset):
        # some detectors' files end the chain too early
        start = module["module_offset"]
    turn, shift = composed(start)
    slow_turn = composed(next_axis(slow))[0] if next_axis(slow) is not None else turn
    corner = turn @ offset(fast if "offset" in fast.attrs else slow) + shift
    spixels, fpixels = (int(size) for size in np.ravel(module["data_size"][()])[-2:])
    return Panel(
        vector(to_laboratory @ corner),
        vector(to_laboratory @ turn @ attribute_vector(fast, "vector")),
        vector(to_laboratory @ slow_turn @ attribute_vector(slow, "vector")),
        fpixels, spixels, sizes[0] * 1000.0,
        name=module.name.rsplit("/", 1)[-1],
        material=text_of(detector["sensor_material"][()]) if "sensor_material" in detector else "",
    )  # fmt: skip


def composed(axis):
    """(3, 3) R and (3,) T, in metres, of an axis (or None) and all that it depends on."""
    turn, shift = np.eye(3), np.zeros(3)
    for link in chain(axis):
        R, T = step(link)
        turn, shift = R @ turn, R @ shift + T
    return turn, shift


def step(axis):
    """R and T of one axis at its first value. Raises Unusable for an axis that is neither rotation nor translation."""
    direction, kind = attribute_vector(axis, "vector"), kind_of(axis)
    if kind == "translation":
        return np.eye(3), first_value(axis) * unit(axis, "units", LENGTHS) * direction + offset(axis)
    if kind == "rotation":
        angle = first_value(axis) * unit(axis, "units", ANGLES)
        length = np.linalg.norm(direction)
        if length == 0.0:
            raise Unusable(f"turns about a vector without a direction in {axis.name}")
        return np.reshape(axis_angle_umat(*(direction / length), angle), (3, 3)), offset(axis)
    raise Unusable(f"has a transformation_type {kind!r} in {axis.name}; need translation or rotation")


def chain(axis):
    """The axis (or None) and those that it depends on, in turn. Raises Unusable where one is missing or they never end."""
    links = []
    while axis is not None:
        links.append(axis)
        if len(links) > LONGEST_CHAIN:
            raise Unusable(f"has a chain of more than {LONGEST_CHAIN} axes from {links[0].name}; depends_on must end at '.'")
        axis = next_axis(axis)
    return links


def next_axis(axis):
    return target(axis.parent, axis.attrs.get("depends_on"))


def target(group, depends_on):
    """The axis at a path from a group; None at the chain's end. Raises Unusable where there is none."""
    path = text_of(depends_on)
    if path in ("", "."):
        return None
    axis = group.get(path)
    if not isinstance(axis, h5py.Dataset):
        raise Unusable(f"lacks the axis {path}, on which something in {group.name} depends")
    return axis


def kind_of(axis):
    return text_of(axis.attrs.get("transformation_type"))


def first_value(axis):
    values = np.ravel(axis[()])
    if not values.size:
        raise Unusable(f"has no value in {axis.name}")
    return float(values[0])


def attribute_vector(axis, name):
    values = np.ravel(axis.attrs.get(name, ()))
    if values.shape != (3,) or values.dtype.kind not in "iuf":
        raise Unusable(f"lacks three numbers in the attribute {name} of {axis.name}")
    return values.astype(np.float64)


def offset(axis):
    """The axis' offset in metres, 0 where it has none."""
    if "offset" not in axis.attrs:
        return np.zeros(3)
    values = attribute_vector(axis, "offset")
    if not values.any():
        return values
    # some detectors' files give the offset's unit as the axis'
    return values * unit(axis, "offset_units" if "offset_units" in axis.attrs else "units", LENGTHS)


def unit(node, attribute, table):
    name = text_of(node.attrs.get(attribute)).strip()
    factor = table.get(name.lower().removesuffix("s") if len(name) > 2 else name.lower())
    if factor is None:
        raise Unusable(f"has the unit {name!r} in {node.name}; need one of {', '.join(table)}")
    return factor


def vector(values):
    return tuple(float(value) for value in values)
