"""Images and detectors of HDF5 files: our own and any others by the NeXus application definition NXmx."""

import contextlib

import h5py
import numpy as np

from nbkernel.direct_beam import direct_beam
from nbkernel.errors import InputError
from nbkernel.experiment import Experiment
from nbkernel.panels import place_panel

from .hdf5_path import HDF5_START
from .image import Image
from .nxmx_geometry import (
    NotNXmx,
    Unusable,
    detector_fields,
    find_entry,
    groups_of,
    instrument_groups,
    text_of,
)
from .nxmx_instrument import panel_origins
from .opening import read_bytes

OWN_PHOTONS = "photons/data"
OWN_PROVENANCE = "entry/simulation/provenance"
NORMAL_MASK_BITS = 0xFFFF  # the upper ones tell of good pixels' properties
PERPENDICULAR = 1e-12


def read_nxmx_detector(path, flag="panels"):
    """What an NXmx file says of the detector, as Experiment's fields: panels (a tuple of Panel), convention ("custom"),
    beam_vector, polar_vector, spindle_axis and, where it is known, wavelength (Angstrom).

    Our own files give the laboratory frame and the sensors of the run that they are from; others McStas' frame (beam along
    z), panels without depth, a spindle along -x where the file has none. Raises InputError, led by `flag`, for a file that
    cannot be used.
    """
    with opened(flag, path) as file:
        return detector_fields(find_entry(file))


def panels_apart(pixels, panels):
    """The images (slow, fast) of Panels from one in which a file of ours has stacked them; None where it is not such one."""
    shapes = [(panel.detpixels_s, panel.detpixels_f) for panel in panels]
    if not shapes or pixels.shape != (sum(slow for slow, _ in shapes), max(fast for _, fast in shapes)):
        return None
    return [pixels[start : start + slow, :fast] for start, (slow, fast) in zip(panel_origins(shapes), shapes, strict=True)]


def read_provenance(path, flag):
    """{name: text or number} of how a file of ours was made, empty for others. Raises InputError, led by `flag`, for a file
    that cannot be read."""
    with opened(flag, path) as file:
        found = file.get(OWN_PROVENANCE, {})
        values = {name: found[name][()] for name in found}
    return {name: value.decode() if isinstance(value, bytes) else value for name, value in values.items()}


def read_hdf5_image(command, path, file_path, dataset=None, masked_as_nan=False):
    """Image of the first frame of an HDF5 file: of `dataset`, else the photons without noise of our files, else the data
    of an NXmx file. Panels are stacked as they are stored.

    path: as the user gave it; masked_as_nan: pixels that the file's mask excludes are nan. Raises InputError, led by
    `command`, for a file that cannot be read.
    """
    with opened(command, file_path) as file:
        source = chosen_dataset(file, dataset)
        whole = source.dtype.kind in "iu"
        pixels = first_frame(source)
        try:
            entry = find_entry(file)
        except NotNXmx:
            return Image(path, "HDF5", pixels, whole, None, None)
        if masked_as_nan:
            pixels[excluded(entry, pixels.shape)] = np.nan
        try:
            fields = detector_fields(entry)
        except (Unusable, LookupError, ValueError, TypeError):
            # a picture does not need it, and rings will be refused
            fields = {}
    center, fields = placed(fields, pixels.shape)
    return Image(path, "HDF5", pixels, whole, center, file_path if fields else None, fields)


@contextlib.contextmanager
def opened(command, path):
    """The open file; errors of the block in it become InputErrors."""
    # says what is wrong where there is no file
    if not read_bytes(command, path, len(HDF5_START)).startswith(HDF5_START):
        raise InputError(f"{command}: {path} is not an HDF5 file")
    with contextlib.suppress(ImportError):
        # registers what most detectors' files are compressed by
        import hdf5plugin  # noqa: F401
    try:
        with h5py.File(path, "r") as file:
            yield file
    except Unusable as error:
        raise InputError(f"{command}: {path} {error}") from None
    except (OSError, LookupError, RuntimeError, ValueError, TypeError) as error:
        reason = str(error).splitlines()[0] if str(error) else type(error).__name__
        if "filter" in reason or "can't open directory" in reason:
            # HDF5 looks for its filters in a folder
            reason = "its compression needs hdf5plugin (pip install 'nbkernel[hdf5]')"
        raise InputError(f"{command}: cannot read the HDF5 file {path}: {reason}") from None


def chosen_dataset(file, name):
    """The dataset of that name, or the one that the file means. Raises Unusable where there is none."""
    if name is not None:
        found = file.get(name)
        if not isinstance(found, h5py.Dataset):
            raise Unusable(f"has no dataset {name}")
        return found
    try:
        entry = find_entry(file)
    except NotNXmx:
        raise NotNXmx("is HDF5 but not NXmx; name the dataset: FILE:/path/in/file") from None
    own = entry.get(OWN_PHOTONS)
    if isinstance(own, h5py.Dataset) and "nbkernel" in entry:
        return own
    for group in groups_of(entry, "NXdata"):
        for name in (text_of(group.attrs.get("signal", "data")), "data", "data_000001"):
            # get: a link may lead to a file that is not there
            if isinstance(group.get(name), h5py.Dataset):
                return group[name]
    raise Unusable("has no image in its NXdata group; its files of data may be missing")


def first_frame(source):
    """(slow, fast) float32. Raises Unusable for what is no image."""
    if source.dtype.kind not in "iuf" or not 2 <= source.ndim <= 4 or 0 in source.shape:
        raise Unusable(f"has no image in {source.name}, but {source.dtype} of shape {source.shape}")
    frame = source[()] if source.ndim == 2 else source[0]
    # where modules have a dimension of their own, they are stacked along slow
    return frame.reshape(-1, frame.shape[-1]).astype(np.float32)


def excluded(entry, shape):
    """bool of the pixels that the mask excludes; none where the mask has another shape."""
    for detector in instrument_groups(entry, "NXdetector"):
        mask = detector.get("pixel_mask")
        if isinstance(mask, h5py.Dataset) and mask.shape[-2:] == shape and mask.dtype.kind in "iu":
            mask = mask[()] if mask.ndim == 2 else mask[0]
            return mask & mask.dtype.type(min(NORMAL_MASK_BITS, np.iinfo(mask.dtype).max)) != 0
    return np.zeros(shape, np.bool_)


def placed(fields, shape):
    """Beam centre (fast, slow, pixels), and the Experiment's fields with pixel size and distance of a detector of one
    panel that is the image; no fields where the panel is another, or nowhere."""
    panels = fields.get("panels", ())
    if len(panels) > 1:
        return None, fields
    if not panels or shape != (panels[0].detpixels_s, panels[0].detpixels_f):
        return None, {}
    try:
        detector = place_panel(panels[0], 0, Experiment(**fields))
    except InputError:
        return None, {}
    return direct_beam(detector), {**fields, "pixel": panels[0].pixel, **plain_distance(detector)}


def plain_distance(detector):
    """The distance (mm) of a detector across the beam; of others it would tell too little."""
    if abs(detector.distance - detector.close_distance) > PERPENDICULAR * abs(detector.close_distance):
        return {}
    return {"distance": detector.distance * 1000.0}
