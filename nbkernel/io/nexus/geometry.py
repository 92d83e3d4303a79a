"""The detector of a NeXus file as an Experiment's fields."""

import numpy as np

from nbkernel.geometry.panels import Panel
from nbkernel.io.hdf5.links import Unusable

from .beam import instrument_groups, mcstas_frame, wavelength_of
from .chains import Chains
from .foreign.places import detector_place, module_place, settled
from .foreign.sizes import detector_size, module_sizes

MOST_PANELS = 20_000
DEEPEST = 5  # modules within modules
NO_MODULE = "has no NXdetector_module and no detector with an x_pixel_size, so the place of its panels is not known"


def detector_fields(entry, number=None):
    """Experiment's fields of `read_nxmx_detector`. number: of the image whose wavelength counts, if each has its own.

    Raises Unusable if a part is missing or broken.
    """
    own, chains = entry.group("nbkernel"), Chains()
    detectors = instrument_groups(entry, "NXdetector")
    modules = [(detector, leaves(detector)) for detector in detectors]
    modules = [(detector, own_modules) for detector, own_modules in modules if own_modules]
    if sum(len(each) for _, each in modules) > MOST_PANELS:
        raise Unusable(f"has more than {MOST_PANELS} modules")
    if own is not None:
        to_laboratory, frame = laboratory(own)
        panels = with_sensors(own_panels(modules, chains, to_laboratory), own)
    else:
        panels, frame = foreign_panels(entry, detectors, modules, chains), mcstas_frame(entry, chains)
    return {"panels": tuple(panels), "convention": "custom", **frame, **wavelength_of(entry, number)}


def leaves(group, depth=0):
    """The NXdetector_modules in a group that contain no others."""
    found = []
    for module in group.groups("NXdetector_module") if depth < DEEPEST else ():
        found += leaves(module, depth + 1) or [module]
    return found


def own_panels(modules, chains, to_laboratory):
    """The panels of a file that nbkernel wrote, unchanged."""
    if not modules:
        raise Unusable(NO_MODULE)
    return [
        panel_of(module_place(detector, module, chains), size, detector, to_laboratory)
        for detector, own in modules
        for module, size in zip(own, module_sizes(None, detector, own, alone=False), strict=True)
    ]


def foreign_panels(entry, detectors, modules, chains):
    if not modules:
        return plain_panels(entry, detectors, chains)
    panels = []
    only = len(modules) == 1
    for detector, own in modules:
        for module, size in zip(own, module_sizes(entry, detector, own, alone=only), strict=True):
            place = settled(module_place(detector, module, chains), detector, only and len(own) == 1)
            panels.append(panel_of(place, size, detector))
    return panels


def plain_panels(entry, detectors, chains):
    """A panel for each NXdetector without modules that gives its pixel size."""
    told = [detector for detector in detectors if detector.field("x_pixel_size") is not None]
    if not told:
        raise Unusable(NO_MODULE)
    panels = []
    for detector in told:
        place = settled(detector_place(detector, chains), detector, True)
        panels.append(panel_of(place, detector_size(entry, detector, len(told) == 1), detector))
    return panels


def panel_of(place, size, detector, to_laboratory=None):
    """The Panel, without depth, of a Place."""
    turn = np.eye(3) if to_laboratory is None else to_laboratory
    material = detector.field("sensor_material")
    return Panel(
        vector(turn @ place.corner), vector(turn @ place.fast), vector(turn @ place.slow),
        size[1], size[0], place.pixel * 1000.0,
        name=place.name.rpartition("/")[2], material="" if material is None else material.words(),
    )  # fmt: skip


def laboratory(own):
    """Rotation from McStas's frame to the laboratory's, and the directions of the run that wrote the file."""
    found = {}
    for name, count in (("laboratory_to_mcstas", 9), ("beam_vector", 3), ("polar_vector", 3), ("spindle_axis", 3)):
        field = own.field(name)
        if field is None:
            raise Unusable(f"lacks {own.name}/{name}")
        found[name] = field.numbers()
        if found[name].size != count:
            raise Unusable(f"has {found[name].size} numbers in {field.name}; need {count}")
    return found.pop("laboratory_to_mcstas").reshape(3, 3).T, {name: vector(values) for name, values in found.items()}


def with_sensors(panels, own):
    """The panels with the names and sensors of the run that wrote the file."""
    texts, numbers = ("name", "material"), ("detector_abs", "detector_thick", "detector_thicksteps")
    columns = []
    for name, kind in [*((name, "O") for name in texts), *((name, "iuf") for name in numbers)]:
        field = own.field(f"panel_{name}")
        column = None if field is None else field.values()
        if column is None or column.ndim != 1 or column.dtype.kind not in kind:
            raise Unusable(f"lacks a list of {'texts' if kind == 'O' else 'numbers'} in {own.name}/panel_{name}")
        columns.append(column.tolist())
    if any(len(column) != len(panels) for column in columns):
        raise Unusable(f"has {len(panels)} modules, but {own.name} lists {len(columns[0])}")
    complete = []
    for panel, (name, material, depth, thick, steps) in zip(panels, zip(*columns, strict=True), strict=True):
        if not np.isfinite(thick) or np.isinf(steps):
            raise Unusable(f"has a sensor of {thick} micrometres and {steps} layers in {own.name}")
        sensor = (None if np.isnan(depth) else float(depth), float(thick), None if np.isnan(steps) else int(steps))
        complete.append(Panel(*vectors_and_size(panel), *sensor, name.rstrip("\0"), material.rstrip("\0")))
    return complete


def vectors_and_size(panel):
    return panel.pix0_vector, panel.fdet_vector, panel.sdet_vector, panel.detpixels_f, panel.detpixels_s, panel.pixel


def vector(values):
    return tuple(float(value) for value in values)
