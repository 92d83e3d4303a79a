"""Images and their geometry as an HDF5 file of the NeXus application definition NXmx, see docs/files/hdf5.md."""

import os
from datetime import UTC, datetime

import numpy as np

import nbkernel
from nbkernel.errors import InputError
from nbkernel.io.hdf5.output import create_file
from nbkernel.io.hdf5.tree import add_field, add_group, add_images, as_stored, set_attributes

from .instrument import add_beam, add_detector, panel_origins
from .mcstas import laboratory_to_mcstas
from .sample import add_sample

GAP = 1  # bit of a NeXus pixel mask: no sensor
LARGEST_CHUNK = 1 << 32  # bytes
PLAIN_MASK = 1 << 25  # pixels
MASK_CHUNK = 1 << 20  # bytes


def write_nxmx(path, runs, images, counts=None, provenance=None, file_name=None):
    """Writes one exposure, of all panels, into the file `path`, which is overwritten.

    runs: Prepared of each panel, of `prepare_panels`; images: (slow, fast) float32 of each, photons; counts: integers of
    each, with noise, or None; provenance: mapping from name to a text, a number, or a list of them; file_name: the final
    name, if `path` is temporary. Raises InputError for what NXmx cannot represent, OSError if the file cannot be written.
    """
    check(runs, images, counts)
    with create_file(path) as file:
        write_tree(file, os.path.basename(file_name or path), runs, images, counts, provenance or {})


def check(runs, images, counts):
    """Raises InputError for what NXmx cannot represent."""
    check_panels(runs)
    shapes = [run.wanted.shape for run in runs]
    for what, arrays in (("images", images), ("counts", counts)):
        if arrays is not None and [np.shape(array) for array in arrays] != shapes:
            raise InputError(f"{what}: have the shapes {[np.shape(array) for array in arrays]}, the panels {shapes}")
    if counts is not None:
        for array in counts:
            if np.asarray(array).dtype.kind not in "iu":
                raise InputError(f"counts: need integers, not {np.asarray(array).dtype}")


def check_panels(runs):
    """Raises InputError for a detector that NXmx cannot represent."""
    if any(run.detector.curved for run in runs):
        raise InputError("-curved_det: a NeXus file has flat panels only; leave out the option or the HDF5 file")
    shapes = [run.wanted.shape for run in runs]
    if 4 * sum(slow for slow, _ in shapes) * max(fast for _, fast in shapes) >= LARGEST_CHUNK:
        raise InputError("a NeXus file has one piece (chunk) per frame, of less than 4 GiB; this detector has more pixels")


def write_tree(file, file_name, runs, images, counts, provenance):
    now = datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    set_attributes(
        file, NX_class="NXroot", default="entry", file_name=file_name, file_time=now,
        creator="nbkernel", creator_version=nbkernel.__version__,
    )  # fmt: skip
    entry = add_group(file, "entry", "NXentry", default="data", version="1.0")
    add_field(entry, "definition", "NXmx")
    add_field(entry, "title", "simulated diffraction image")
    add_field(entry, "start_time", now)
    add_field(entry, "end_time_estimated", now)
    data = add_data(entry, runs, images, counts)

    to_mcstas = laboratory_to_mcstas(runs[0].detector.beam_vector, runs[0].detector.polar_vector)
    instrument = add_group(entry, "instrument", "NXinstrument")
    add_field(instrument, "name", "nbkernel")
    detector = add_detector(instrument, runs, to_mcstas)
    detector["data"] = detector["data_000001"] = data
    if counts is not None:
        add_count_range(detector, data.dtype)
    detector["detectorSpecific/pixel_mask"] = add_mask(detector, [run.wanted for run in runs])
    add_beam(instrument, runs[0], to_mcstas)
    source = add_group(entry, "source", "NXsource")
    add_field(source, "name", "simulated")
    add_sample(entry, runs[0], to_mcstas)
    add_process(entry, now, provenance)
    add_own(entry, runs, to_mcstas)


def add_mask(detector, wanted):
    """The pixel mask from the panels' (slow, fast) bool. For one panel it is contiguous, because the XDS plugin neggia reads
    no other; for a very large one, or for several, which XDS cannot use, it is compressed in a way that every HDF5 library
    knows."""
    mask = stacked([np.where(own, 0, GAP).astype(np.int8) for own in wanted], GAP)
    if len(wanted) == 1 and mask.size <= PLAIN_MASK:
        return add_field(detector, "pixel_mask", mask)
    rows = min(len(mask), 1 + MASK_CHUNK // mask.shape[1])
    return detector.create_dataset(
        "pixel_mask", data=mask, chunks=(rows, mask.shape[1]), compression="gzip", compression_opts=1
    )


def add_count_range(detector, dtype):
    """Trusted counts: all but the largest of the data's type, which may have been clipped."""
    add_field(detector, "bit_depth_readout", 8 * dtype.itemsize)
    add_field(detector, "underload_value", 0)
    add_field(detector, "saturation_value", np.iinfo(dtype).max - 1)


def add_data(entry, runs, images, counts):
    """The images; returns the dataset for other programs: counts if there are any, else photons.

    The group's name comes before any other NXdata's, because DIALS takes the first.
    """
    group = add_group(entry, "data", "NXdata", signal="data")
    photons = add_group(entry, "photons", "NXdata", signal="data")
    image = stacked([np.asarray(image, np.float32) for image in images], 0)
    if counts is None:
        data = add_images(group, "data", image)
        photons["data"] = data
    else:
        data = add_images(group, "data", safe_integers(stacked([np.asarray(array) for array in counts], 0)))
        add_images(photons, "data", image)
    set_attributes(photons["data"], long_name="photons per pixel, without noise")
    return data


def safe_integers(counts):
    """Counts: 16-bit ones as they are, others as int32. DIALS refuses uint32, and the XDS plugin durin reads uint16 of 32768
    and more as negative. Raises InputError for what int32 cannot hold."""
    if counts.dtype in (np.uint16, np.int32):
        return counts
    least, most = int(counts.min()), int(counts.max())
    limits = np.iinfo(np.int32)
    if least < limits.min or most > limits.max:
        raise InputError(f"counts: from {least} to {most}; a NeXus file that programs read holds up to {limits.max}")
    return counts.astype(np.int32)


def stacked(arrays, padding):
    """(slow, fast) arrays stacked along slow, filled up to the widest with `padding`."""
    if len(arrays) == 1:
        return arrays[0]
    width = max(array.shape[1] for array in arrays)
    whole = np.full((sum(len(array) for array in arrays), width), padding, np.result_type(*arrays))
    for array, start in zip(arrays, panel_origins([array.shape for array in arrays]), strict=True):
        whole[start : start + len(array), : array.shape[1]] = array
    return whole


def add_process(entry, now, provenance):
    process = add_group(entry, "simulation", "NXprocess")
    add_field(process, "program", "nbkernel")
    add_field(process, "version", nbkernel.__version__)
    add_field(process, "date", now)
    parameters = add_group(process, "provenance", "NXparameters")
    for name, value in provenance.items():
        if value is not None:
            parameters.create_dataset(name, data=as_stored(value))


def add_own(entry, runs, to_mcstas):
    """What NeXus has no fields for: the laboratory frame of the run, each panel's sensor, and all sources."""
    detector, plan = runs[0].detector, runs[0].plan
    own = add_group(entry, "nbkernel", "NXcollection")
    add_field(own, "laboratory_to_mcstas", to_mcstas)
    directions = dict(
        beam_vector=detector.beam_vector, polar_vector=detector.polar_vector, spindle_axis=detector.spindle_vector
    )  # fmt: skip
    for name, vector in directions.items():
        add_field(own, name, np.array(vector))
    owners = [run.experiment.panels[run.panel] if run.experiment.panels else run.experiment for run in runs]
    for name in ("name", "material"):
        add_field(own, f"panel_{name}", [getattr(owner, name, "") for owner in owners])
    for name, unit in (("detector_abs", "um"), ("detector_thick", "um"), ("detector_thicksteps", None)):
        values = [getattr(owner, name) for owner in owners]
        add_field(own, f"panel_{name}", np.array([np.nan if value is None else value for value in values]), unit)
    sources = np.column_stack((-plan.source_incident, plan.source_weight, plan.source_lambda))
    add_field(own, "sources", sources, columns="x y z weight wavelength_m, as in -sourcefile: directions to the source")
