"""HDF5 files as detectors' own programs write them: a master with its data file beside it. The detector is small, 60
pixels along fast and 80 along slow, perpendicular to the beam at 100 mm, with the beam at pixel 35, 30."""

import h5py
import numpy as np

DETECTOR = "entry/instrument/detector"
MODULE = f"{DETECTOR}/module"
SHAPE = (80, 60)
# the first pixel's corner (m) in the McStas frame
CORNER = np.array([35 * 75e-6, 30 * 75e-6, 0.1])


def group(parent, name, nx_class):
    child = parent.create_group(name)
    child.attrs["NX_class"] = nx_class
    return child


def field(parent, name, value, units=None, **attributes):
    parent[name] = value
    if units is not None:
        attributes["units"] = units
    parent[name].attrs.update(attributes)
    return parent[name]


def axis(parent, name, value, units, kind, vector, depends_on=None, **attributes):
    if depends_on is not None:
        attributes["depends_on"] = depends_on
    return field(parent, name, value, units, transformation_type=kind, vector=np.array(vector), **attributes)


def eiger(path="x_master.h5", module=True, data=True, frames=1):
    """Writes the master and x_data_000001.h5; tests reopen the master to change it."""
    with h5py.File(path, "w") as file:
        entry = group(file, "entry", "NXentry")
        entry["definition"] = "NXmx"
        images = group(entry, "data", "NXdata")
        images.attrs["signal"] = "data"
        images["data_000001"] = h5py.ExternalLink("x_data_000001.h5", "/entry/data/data")
        instrument = group(entry, "instrument", "NXinstrument")
        beam = group(instrument, "beam", "NXbeam")
        field(beam, "incident_wavelength", 1.0, "angstrom")
        detector = group(instrument, "detector", "NXdetector")
        for name, value, units in (
            ("beam_center_x", 35.0, "pixel"), ("beam_center_y", 30.0, "pixel"), ("detector_distance", 0.1, "m"),
            ("x_pixel_size", 75e-6, "m"), ("y_pixel_size", 75e-6, "m"), ("sensor_thickness", 450e-6, "m"),
        ):  # fmt: skip
            field(detector, name, value, units)
        detector["sensor_material"] = "Si"
        specific = group(detector, "detectorSpecific", "NXcollection")
        specific["eiger_fw_version"] = "release-2022.1.2"
        specific["x_pixels_in_detector"], specific["y_pixels_in_detector"] = 60, 80
        specific["pixel_mask"] = np.zeros(SHAPE, np.uint32)
        if module:
            add_module(detector)
    if data:
        with h5py.File(path.replace("x_master", "x_data_000001"), "w") as file:
            file["entry/data/data"] = np.arange(frames * SHAPE[0] * SHAPE[1], dtype=np.uint32).reshape(frames, *SHAPE)


def add_module(detector):
    detector["depends_on"] = f"/{DETECTOR}/transformations/translation"
    transformations = group(detector, "transformations", "NXtransformations")
    axis(transformations, "translation", 0.1, "m", "translation", [0.0, 0.0, 1.0], ".")
    module = group(detector, "module", "NXdetector_module")
    module["data_origin"], module["data_size"] = [0, 0], list(SHAPE)
    axis(
        module, "module_offset", 0.0, "m", "translation", [0.0, 0.0, 1.0], f"/{DETECTOR}/transformations/translation",
        offset=CORNER * (1, 1, 0), offset_units="m",
    )  # fmt: skip
    for name, vector in (("fast", [-1.0, 0.0, 0.0]), ("slow", [0.0, -1.0, 0.0])):
        axis(module, f"{name}_pixel_direction", 75e-6, "m", "translation", vector, f"/{MODULE}/module_offset")
