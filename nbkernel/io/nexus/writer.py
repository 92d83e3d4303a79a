"""Images and their geometry as an HDF5 file of the NeXus application definition NXmx, see docs/files/hdf5.md."""

import contextlib
import math
import os
from datetime import UTC, datetime

import numpy as np

import nbkernel
from nbkernel.errors import InputError
from nbkernel.geometry.region import pixels_of, strips_of, whole_region
from nbkernel.geometry.response import as_responses, least_saturation
from nbkernel.io.hdf5.output import create_file
from nbkernel.io.hdf5.tree import ONE_CHUNK, Frame, add_field, add_group, as_stored, chunk_shape, set_attributes
from nbkernel.io.images.pixel_maps import as_map

from .instrument import add_beam, add_detector, panel_origins, stacked_shape
from .mcstas import laboratory_to_mcstas
from .sample import add_sample

GAP = 1  # bit of a NeXus pixel mask: no sensor
MAP_CHUNK = 1 << 20  # pixels


def write_nxmx(path, runs, images, counts=None, provenance=None, file_name=None):
    """Writes one exposure, of all panels, into the file `path`, which is overwritten.

    runs: Prepared of each panel, of `prepare_panels`; images: (slow, fast) float32 of each, photons; counts: integers of
    each, with noise, or None; provenance: mapping from name to a text, a number, or a list of them; file_name: the final
    name, if `path` is temporary. Raises InputError for what NXmx cannot represent, OSError if the file cannot be written.
    """
    check(runs, images, counts)
    with new_nxmx(path, runs, None if counts is None else type_of_counts(counts), file_name) as file:
        for panel, image in enumerate(images):
            file.write_photons(panel, whole_region(image.shape), np.asarray(image, np.float32))
        for panel, own in enumerate(counts or ()):
            file.write_counts(panel, whole_region(np.shape(own)), np.asarray(own))
        file.finish(provenance or {})


@contextlib.contextmanager
def new_nxmx(path, runs, counts_type=None, file_name=None):
    """A context with the NxmxFile of one exposure, to which photons and counts are written and which is then finished. The
    file `path` is overwritten.

    counts_type: of counts, None if there are none; the others as for `write_nxmx`. Raises InputError for a detector that
    NXmx cannot represent, OSError if the file cannot be written.
    """
    check_panels(runs)
    with create_file(path) as file:
        yield NxmxFile(file, os.path.basename(file_name or path), runs, counts_type)


class NxmxFile:
    """An NXmx file that is being written. Pixels are written by the panel's number and a region of it, in any order."""

    def __init__(self, file, file_name, runs, counts_type):
        """Begins an empty HDF5 file; see `new_nxmx`."""
        self.file, self.runs = file, runs
        self.shapes = [run.wanted.shape for run in runs]
        self.origins = panel_origins(self.shapes)
        self.now = stamp()
        self.entry = begin(file, file_name, "simulated diffraction image", self.now)
        self.photons, self.counts = add_frames(self.entry, stacked_shape(self.shapes), counts_type)

    def write_photons(self, panel, region, pixels):
        """Writes photons, (slow, fast) float32."""
        self.photons.write(*self.place(panel, region), pixels)

    def write_counts(self, panel, region, pixels):
        """Writes counts, (slow, fast) integers."""
        self.counts.write(*self.place(panel, region), pixels)

    def place(self, panel, region):
        slow, fast = pixels_of(region)
        start = self.origins[panel]
        return slice(start + slow.start, start + slow.stop), fast

    def finish(self, provenance):
        """Writes all that is not pixels, see `write_nxmx`."""
        data = self.photons.dataset
        self.photons.finish()
        if self.counts is not None:
            self.counts.finish()
            data = self.counts.dataset
        describe(self.entry, self.runs, data, self.now, provenance)
        self.entry["instrument/detector/data_000001"] = data


def stamp(time=None):
    """A time (datetime), or the present, as NeXus has it."""
    return (time or datetime.now(UTC)).strftime("%Y-%m-%dT%H:%M:%SZ")


def begin(file, file_name, title, now):
    """Begins an empty HDF5 file; returns its entry. now: the text of a time."""
    set_attributes(
        file, NX_class="NXroot", default="entry", file_name=file_name, file_time=now,
        creator="nbkernel", creator_version=nbkernel.__version__,
    )  # fmt: skip
    entry = add_group(file, "entry", "NXentry", default="data", version="1.0")
    add_field(entry, "definition", "NXmx")
    add_field(entry, "title", title)
    add_field(entry, "start_time", now)
    add_field(entry, "end_time_estimated", now)
    return entry


def describe(entry, runs, data, now, provenance, beam=None, sample=None):
    """Writes all that is not pixels, see `write_nxmx`. data: the dataset of /entry/data, (frames, slow, fast); beam, sample:
    what differs between frames, as further arguments of `add_beam` and `add_sample`."""
    to_mcstas = laboratory_to_mcstas(runs[0].detector.beam_vector, runs[0].detector.polar_vector)
    instrument = add_group(entry, "instrument", "NXinstrument")
    add_field(instrument, "name", "nbkernel")
    detector = add_detector(instrument, runs, to_mcstas, len(data))
    detector["data"] = data
    if data.dtype != np.float32:
        responses = as_responses(runs[0].experiment.response)
        add_count_range(detector, data.dtype, responses)
        add_scale(entry["data"], runs, responses)
    detector["detectorSpecific/pixel_mask"] = add_mask(detector, runs)
    add_beam(instrument, runs[0], to_mcstas, **beam or {})
    source = add_group(entry, "source", "NXsource")
    add_field(source, "name", "simulated")
    add_sample(entry, runs[0], to_mcstas, **sample or {})
    add_process(entry, now, provenance)
    add_own(entry, runs, to_mcstas)


def add_mask(detector, runs):
    """The pixel mask from the panels' wanted pixels, and from the masks of their Responses.

    For one panel it is contiguous, because the XDS plugin neggia reads no other; for a very large one, or for several, which
    XDS cannot use, it is compressed in a way that every HDF5 library knows.
    """
    shapes = [run.wanted.shape for run in runs]
    shape = stacked_shape(shapes)
    own = response_masks(runs)
    kind = np.int32 if any(mask.max() > np.iinfo(np.int8).max for mask in own) else np.int8
    if len(runs) == 1 and math.prod(shape) <= ONE_CHUNK:
        return add_field(
            detector, "pixel_mask", np.where(runs[0].wanted, own[0].astype(kind) if own else kind(0), kind(GAP))
        )
    mask = detector.create_dataset(
        "pixel_mask", shape, kind, chunks=chunk_shape(shape, MAP_CHUNK), fillvalue=GAP,
        compression="gzip", compression_opts=1,
    )  # fmt: skip
    for panel, (run, start) in enumerate(zip(runs, panel_origins(shapes), strict=True)):
        for strip in strips_of(run.roi):
            slow, fast = pixels_of(strip)
            usable = own[panel][slow, fast] if own else kind(0)
            mask[start + slow.start : start + slow.stop, fast] = np.where(run.wanted[slow, fast], usable, kind(GAP))
    return mask


def response_masks(runs):
    """The mask (slow, fast) int32 of each panel's Response; empty if none has one."""
    responses = as_responses(runs[0].experiment.response)
    return list(response_maps("mask", runs, responses)) if any(response.mask for response in responses) else []


def response_maps(name, runs, responses):
    """The map (slow, fast) `name` of each panel's Response."""
    each = responses if len(responses) == len(runs) else responses[:1] * len(runs)
    for run, own in zip(runs, each, strict=True):
        yield np.broadcast_to(as_map(name, getattr(own, name), run.wanted.shape), run.wanted.shape)


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


def add_count_range(detector, dtype, responses):
    """Trusted counts: all but the largest, which may have been clipped. A detector with a Response may have counts below
    0."""
    most = min(np.iinfo(dtype).max, least_saturation(responses) if responses else math.inf)
    add_field(detector, "bit_depth_readout", 8 * dtype.itemsize)
    add_field(detector, "underload_value", np.iinfo(dtype).min if responses else 0)
    add_field(detector, "saturation_value", most - 1)


def add_scale(group, runs, responses):
    """What counts become photons by: (counts + data_offset) * data_scaling_factor. A number, or a map (float32) where pixels
    differ; what changes nothing is left out."""
    for field, name, idle, of_photons in (
        ("data_offset", "pedestal", 0.0, np.negative),
        ("data_scaling_factor", "gain", 1.0, np.reciprocal),
    ):
        values = {getattr(own, name) for own in responses}
        if values <= {idle}:
            continue
        if len(values) == 1 and isinstance(value := values.pop(), float):
            add_field(group, field, of_photons(value))
            continue
        shapes = [run.wanted.shape for run in runs]
        shape = stacked_shape(shapes)
        whole = group.create_dataset(
            field, shape, np.float32, chunks=chunk_shape(shape, MAP_CHUNK), fillvalue=of_photons(idle) + 0.0,
            compression="gzip", compression_opts=1, shuffle=True,
        )  # fmt: skip
        for own, start in zip(response_maps(name, runs, responses), panel_origins(shapes), strict=True):
            whole[start : start + own.shape[0], : own.shape[1]] = of_photons(own)


def add_frames(entry, shape, counts_type):
    """The Frames of photons and of counts, which are None without `counts_type`; /entry/data/data, for other programs, is
    that of counts if there are any.

    The group's name comes before any other NXdata's, because DIALS takes the first.
    """
    group = add_group(entry, "data", "NXdata", signal="data")
    photons = add_group(entry, "photons", "NXdata", signal="data")
    counts = None
    if counts_type is None:
        frame = Frame(group, "data", shape, np.float32)
        photons["data"] = frame.dataset
    else:
        counts = Frame(group, "data", shape, counts_type)
        frame = Frame(photons, "data", shape, np.float32)
    set_attributes(photons["data"], long_name="photons per pixel, without noise")
    return frame, counts


def type_of_counts(arrays):
    """The type of counts in a file: that of 16-bit ones as it is, of others int32. DIALS refuses uint32, and the XDS plugin
    durin reads uint16 of 32768 and more as negative. Raises InputError for what int32 cannot hold."""
    dtype = np.result_type(*arrays)
    if dtype in (np.uint16, np.int32):
        return dtype
    least, most = min(int(array.min()) for array in arrays), max(int(array.max()) for array in arrays)
    limits = np.iinfo(np.int32)
    if least < limits.min or most > limits.max:
        raise InputError(f"counts: from {least} to {most}; a NeXus file that programs read holds up to {limits.max}")
    return np.dtype(np.int32)


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
