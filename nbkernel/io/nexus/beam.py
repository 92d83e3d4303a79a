"""NXmx groups: which entry counts, and what it states about beam and spindle."""

import math

import numpy as np

from nbkernel.io.hdf5.fields import Field
from nbkernel.io.hdf5.links import Unusable

from .chains import attribute_vector, chain, kind_of, next_axis, target
from .units import ENERGIES, LENGTHS, unit

DEFAULT_SPINDLE = (-1.0, 0.0, 0.0)
HC = 12398.419843320026  # eV Angstrom, exact by the SI
STEADY = 1e-3  # relative; wavelengths of images that differ by less need no warning


class NotNXmx(Unusable):
    """An HDF5 file of another application definition, or of none."""


def find_entry(root):
    """The first NXentry of NXmx, or of an older EIGER. Raises NotNXmx if there is none."""
    entries = root.groups("NXentry")
    for entry in entries:
        definition = entry.field("definition")
        if definition is not None and definition.words().strip() == "NXmx":
            return entry
    for entry in entries:
        if entry.get("definition") is None and any(
            is_eiger(detector) for detector in instrument_groups(entry, "NXdetector")
        ):
            return entry
    raise NotNXmx("is HDF5 but not NXmx: it has no entry whose definition is NXmx")


def is_eiger(detector):
    """Whether DECTRIS's filewriter made it: its early files name no definition."""
    if detector.get("detectorSpecific/eiger_fw_version") is not None:
        return True
    description = detector.field("description")
    return description is not None and "dectris eiger" in description.words().lower()


def instrument_groups(entry, nx_class):
    return [group for instrument in entry.groups("NXinstrument") for group in instrument.groups(nx_class)]


def mcstas_frame(entry, chains):
    """Directions in another program's file, in McStas's frame."""
    polar = (1.0, 0.0, 0.0)
    for beam in beams(entry):
        stokes = beam.field("incident_polarization_stokes")
        if stokes is not None:
            values = stokes.numbers()
            if values.size < 3:
                raise Unusable(f"has {values.size} numbers in {stokes.name}; need four Stokes parameters")
            angle = 0.5 * math.atan2(values[2], values[1])
            polar = (math.cos(angle), math.sin(angle), 0.0)
    return {"beam_vector": (0.0, 0.0, 1.0), "polar_vector": polar, "spindle_axis": spindle(entry, chains)}


def spindle(entry, chains):
    """Direction of the axis that turns the sample: the first with several values, else the first rotation. Its sense is
    that of growing scan angles."""
    rotations = []
    for sample in entry.groups("NXsample"):
        start = sample.field("depends_on")
        if start is not None:
            rotations += [axis for axis in chain(target(sample, start.words())) if kind_of(axis) == "rotation"]
    if not rotations:
        return DEFAULT_SPINDLE
    axis = next((axis for axis in rotations if axis.size > 1 and np.ptp(axis.numbers()) != 0.0), rotations[0])
    turn, _ = chains.composed(next_axis(axis))
    return tuple((sense(axis) * (turn @ attribute_vector(axis, "vector"))).tolist())


def sense(axis):
    """-1.0 if the values of a scanned axis fall, else 1.0."""
    values, end = axis.numbers(), axis.parent.field(axis.name.rpartition("/")[2] + "_end")
    if values.size > 1:
        steps = np.diff(values)
    elif end is not None and end.size == values.size == 1:
        steps = end.numbers() - values
    else:
        return 1.0
    return -1.0 if np.median(steps) < 0.0 else 1.0


def beams(entry):
    # in older files it is beside the sample
    beside = [beam for sample in entry.groups("NXsample") for beam in sample.groups("NXbeam")]
    return instrument_groups(entry, "NXbeam") + beside


def wavelength_of(entry, frame=None):
    """{"wavelength": Angstrom}; empty if there is none. The weighted mean of a spectrum; of a list with one per image, that
    of image number `frame`, or the first if that is None."""
    for group in beams(entry) + instrument_groups(entry, "NXmonochromator"):
        for name, factors, default in (
            ("incident_wavelength", LENGTHS, "angstrom"), ("wavelength", LENGTHS, "angstrom"),
            ("incident_energy", ENERGIES, "ev"), ("energy", ENERGIES, "ev"),
        ):  # fmt: skip
            field = group.field(name)
            if field is None or not field.size:
                continue
            value = mean_of(group, field, frame) * unit(field, factors, default)
            wavelength = value * 1e10 if factors is LENGTHS else HC / value if value else math.inf
            if not 0.0 < wavelength < math.inf:
                raise Unusable(f"has a wavelength of {wavelength:g} A in {field.name}; need one greater than 0")
            return {"wavelength": float(wavelength)}
    return {}


def spectrum_of(entry):
    """(wavelengths (Angstrom), weights), (n,) each: an incident wavelength or energy with weights, or the variant that it
    names. Raises Unusable if there is none."""
    for group in beams(entry):
        for name, factors, default in (("incident_wavelength", LENGTHS, "angstrom"), ("incident_energy", ENERGIES, "ev")):
            field = group.field(name)
            if field is None:
                continue
            variant = field.text("variant")
            named = group.field(variant) if variant and "/" not in variant else None
            for own in (field, named):
                if own is None or weights_of(group, own) is None:
                    continue
                values, weights = first_spectrum(group, own)
                values = values * unit(own, factors, default)
                return (values * 1e10 if factors is LENGTHS else HC / values), weights
    raise Unusable("has no spectrum: need incident_wavelength, or its variant, with weights")


def first_spectrum(group, field):
    """A field's values and their weights, (n,) each; the first image's of several, with a warning."""
    weights = weights_of(group, field)
    count = field.shape[-1] if field.shape else 1
    values, weight = field.numbers().ravel()[:count], weights.numbers().ravel()
    if weight.size > count:
        field.source.warn(f"has {weight.size // count} spectra in {weights.name}; the first image's counts")
        weight = weight[:count]
    if weight.size != values.size or not values.all():
        raise Unusable(f"has weights in {weights.name} that do not fit the {count} values of {field.name}")
    return values, weight


def mean_of(group, field, frame=None):
    """The value that represents a field of wavelengths or energies, in its own unit; frame: see `wavelength_of`."""
    weights = weights_of(group, field)
    if field.size == 1:
        return field.first()
    if weights is None:
        values = field.numbers()
        if frame is not None and frame < values.size:
            return float(values[frame])
        if np.ptp(values) > STEADY * abs(values[0]):
            field.source.warn(
                f"has a value for each image in {field.name}, from {values.min():g} to {values.max():g}; "
                f"the first image's, {values[0]:g}, counts"
            )
        return float(values[0])
    # the first of several images
    count = field.shape[-1] if len(field.shape) > 1 else field.size
    values, weight = field.numbers()[:count], weights.numbers()[:count]
    if weight.size != values.size or not weight.sum() > 0.0 or (weight < 0.0).any():
        raise Unusable(f"has weights in {weights.name} that do not fit the {count} values of {field.name}")
    return float(np.average(values, weights=weight))


def weights_of(group, field):
    name = field.name.rpartition("/")[2]
    return group.field(f"{name}_weights") or group.field(f"{name}_weight")


def image_of(entry):
    """The Field of the entry's images, None if there is none, or its file is missing."""
    for group in entry.groups("NXdata"):
        signal = group.text("signal")
        for name in (*([signal] if signal else []), "data", "data_000001"):
            found = group.get(name)
            if isinstance(found, Field) and len(found.shape) > 1:
                return found
        names = sorted(name for name in group.names() if name.startswith("data"))
        for name in names:
            found = group.get(name)
            if isinstance(found, Field) and len(found.shape) > 1:
                group.source.warn(f"links to no {names[0]} that is there; {name} is taken")
                return found
    for detector in instrument_groups(entry, "NXdetector"):
        found = detector.get("data")
        if isinstance(found, Field) and len(found.shape) > 1:
            return found
    return None
