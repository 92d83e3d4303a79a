"""Images and detectors in HDF5 files: nbkernel's own and any others of the NeXus application definition NXmx."""

import math

import numpy as np

from nbkernel.errors import InputError
from nbkernel.geometry.detector import frame_of
from nbkernel.geometry.direct_beam import direct_beam
from nbkernel.geometry.panels import place_panel
from nbkernel.io.files.input_limit import check_size
from nbkernel.io.hdf5.fields import Field
from nbkernel.io.hdf5.input import opened
from nbkernel.io.hdf5.links import Unusable
from nbkernel.io.images.image import Image

from .beam import NotNXmx, find_entry, image_of, instrument_groups, spectrum_of
from .geometry import detector_fields
from .instrument import panel_origins

FRAME_FIELDS = ("beam_vector", "polar_vector", "spindle_axis")
OWN_PHOTONS = "photons/data"
OWN_PROVENANCE = "entry/simulation/provenance"
NORMAL_MASK_BITS = 0xFFFF  # the upper bits are properties of good pixels
PERPENDICULAR = 1e-12


def read_nxmx_detector(path, flag="panels"):
    """What an NXmx file states about the detector, as Experiment's fields: panels (a tuple of Panel), convention ("custom"),
    beam_vector, polar_vector, spindle_axis and, if it is known, wavelength (Angstrom).

    nbkernel's own files give the laboratory frame and the sensors of their run; others McStas's frame (beam along z),
    panels without depth, and a spindle along -x if the file has none. Raises InputError, starting with `flag`, for a file
    that cannot be used.
    """
    with opened(flag, path) as root:
        return detector_fields(find_entry(root))


def read_nxmx_spectrum(path, flag="spectrum"):
    """(wavelengths (Angstrom), weights), (n,) each, of the beam of an NXmx file; of several spectra, one for each image, the
    first, with a warning. Raises InputError, starting with `flag`, for a file that cannot be used or has none."""
    with opened(flag, path) as root:
        return spectrum_of(find_entry(root))


def panels_apart(pixels, panels):
    """The images (slow, fast) of Panels from one in which nbkernel stacked them; None for any other image."""
    shapes = [(panel.detpixels_s, panel.detpixels_f) for panel in panels]
    if not shapes or pixels.shape != (sum(slow for slow, _ in shapes), max(fast for _, fast in shapes)):
        return None
    return [pixels[start : start + slow, :fast] for start, (slow, fast) in zip(panel_origins(shapes), shapes, strict=True)]


def read_provenance(path, flag, names):
    """{name: text} of those names that are in the provenance record of a file of nbkernel's; empty for other files. Raises
    InputError, starting with `flag`, for a file that cannot be read, and if one of them is not a text."""
    with opened(flag, path) as root:
        group, found = root.group(OWN_PROVENANCE), {}
        for name in names if group is not None else ():
            node = group.get(name)
            if node is None:
                continue
            values = node.values() if isinstance(node, Field) else None
            if values is None or values.dtype != object or values.size != 1:
                raise Unusable(f"has no text in {node.name}; its record is broken")
            found[name] = values.item()
        return found


def read_recorded_bytes(path, flag, name):
    """The bytes of an array in the provenance record of a file of nbkernel's; None if there is no such array."""
    with opened(flag, path) as root:
        group = root.group(OWN_PROVENANCE)
        node = None if group is None else group.get(name)
        values = node.values() if isinstance(node, Field) else None
        return values.tobytes() if values is not None and values.dtype == np.uint8 and values.ndim == 1 else None


def read_hdf5_image(command, path, file_path, dataset=None, masked_as_nan=False, frame=0):
    """A frame of an HDF5 file as an Image: from `dataset`, else the photons without noise of nbkernel's files, else the data
    of an NXmx file. Panels are stacked as they are stored.

    path: as the user gave it; masked_as_nan: whether pixels that the file's mask excludes are nan; frame: its number, from
    0; it does not matter if there is only one. Raises InputError, starting with `command`, for a file that cannot be read.
    """
    with opened(command, file_path, quiet=not masked_as_nan) as root:
        source = chosen_dataset(root, dataset)
        whole = source.dtype.kind in "iu"
        saturated = float(np.iinfo(source.dtype).max) if whole else np.inf
        frame = checked_frame(source, frame)
        frames = source.shape[0] if len(source.shape) > 2 else 1
        pixels = frame_of_field(source, frame)
        try:
            entry = find_entry(root)
        except Unusable:
            return Image(path, "HDF5", pixels, whole, None, None, saturated=saturated, frames=frames)
        pedestal, trusted = None, None
        if masked_as_nan:
            pixels[excluded(entry, pixels.shape)] = np.nan
            if whole:
                pedestal, trusted = pedestal_of(entry, pixels.shape), trusted_of(entry)
        try:
            fields = detector_fields(entry, frame)
        except (Unusable, InputError):
            # a picture does not need them, and rings will be refused
            fields = {}
    center, fields = placed(fields, pixels.shape)
    known = file_path if fields else None
    return Image(path, "HDF5", pixels, whole, center, known, fields, saturated, frames, pedestal, trusted)


def chosen_dataset(root, name):
    """The Field of that name, or the file's usual one. Raises Unusable if there is none."""
    if name is not None:
        found = root.field(name)
        if found is None:
            raise Unusable(f"has no dataset {name}")
        return found
    try:
        entry = find_entry(root)
    except NotNXmx:
        raise NotNXmx("is HDF5 but not NXmx; name the dataset: FILE:/path/in/file") from None
    own = entry.field(OWN_PHOTONS)
    if own is not None and entry.group("nbkernel") is not None:
        return own
    found = image_of(entry)
    if found is None:
        raise Unusable("has no image in its NXdata group; its files of data may be missing")
    return found


def checked_frame(field, frame):
    """The number of a frame; 0 if the field has only one. Raises Unusable for anything but images, InputError for a number
    out of range."""
    if field.dtype.kind not in "iuf" or not 2 <= len(field.shape) <= 4 or 0 in field.shape:
        raise Unusable(f"has no image in {field.name}, but {field.dtype} of shape {field.shape}")
    count = 1 if len(field.shape) == 2 else field.shape[0]
    if count == 1:
        return 0
    if frame >= count:
        raise InputError(f"--frame: {frame} is not in {field.source.path}, which has frames 0 to {count - 1}")
    return frame


def frame_of_field(field, frame):
    """(slow, fast) float32."""
    shape = field.shape if len(field.shape) == 2 else (1, *field.shape[1:])
    # small integers take four times as much memory as pixels
    check_size(field.source.flag, field.file_path, math.prod(shape) * (field.dtype.itemsize + 4), field.name)
    pixels = one_of(field, 2, frame)
    # if modules have a dimension of their own, they are stacked along slow
    with np.errstate(over="ignore"):
        return pixels.reshape(-1, pixels.shape[-1]).astype(np.float32)


def one_of(field, dimensions, frame=0):
    """An image of a field with one per first index, or its only image."""
    if len(field.shape) == dimensions:
        return field.part((), field.shape)
    return field.part(frame, (1, *field.shape[1:]), (frame, *(0,) * (len(field.shape) - 1)))


def pedestal_of(entry, shape):
    """The counts of no photon that a file states: a number or a (slow, fast) map, or those of nbkernel's record; else 0."""
    for place, name, sign in (("data", "data_offset", -1.0), ("simulation/provenance", "noise_adc", 1.0)):
        group = entry.group(place)
        field = None if group is None else group.field(name)
        if field is None or field.dtype.kind not in "iuf":
            continue
        if field.shape == shape:
            return sign * field.part((), field.shape)
        if field.size == 1:
            return sign * float(field.first())
    return 0.0


def trusted_of(entry):
    """The saturation_value of a file's detector; None if it has none."""
    for detector in instrument_groups(entry, "NXdetector"):
        field = detector.field("saturation_value")
        if field is not None and field.dtype.kind in "iuf" and field.size == 1:
            return float(field.first())
    return None


def excluded(entry, shape):
    """(slow, fast) bool of the pixels that the mask excludes; all False if the mask has another shape."""
    for detector in instrument_groups(entry, "NXdetector"):
        for name in ("pixel_mask", "detectorSpecific/pixel_mask"):
            mask = detector.field(name)
            if mask is not None and 2 <= len(mask.shape) <= 3 and mask.shape[-2:] == shape and mask.dtype.kind in "iu":
                mask = one_of(mask, 2)
                return mask & mask.dtype.type(min(NORMAL_MASK_BITS, np.iinfo(mask.dtype).max)) != 0
    return np.zeros(shape, np.bool_)


def placed(fields, shape):
    """Beam centre (fast, slow, pixels), and Experiment's fields with pixel size and distance, of a detector whose only panel
    is the image; no fields if the panel is another, or has no position."""
    panels = fields.get("panels", ())
    if len(panels) > 1:
        return None, fields
    if not panels or shape != (panels[0].detpixels_s, panels[0].detpixels_f):
        return None, {}
    try:
        detector = place_panel(panels[0], 0, frame_of(*(fields[name] for name in FRAME_FIELDS)))
    except InputError:
        return None, {}
    return direct_beam(detector), {**fields, "pixel": panels[0].pixel, **plain_distance(detector)}


def plain_distance(detector):
    """The distance (mm) of a detector perpendicular to the beam; for others it would not be enough."""
    if abs(detector.distance - detector.close_distance) > PERPENDICULAR * abs(detector.close_distance):
        return {}
    return {"distance": detector.distance * 1000.0}
