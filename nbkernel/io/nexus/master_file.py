"""The master file of a series: an NXmx file that describes all frames, which are in data files beside it."""

import os

import h5py
import numpy as np

from nbkernel.errors import InputError
from nbkernel.io.files.output_files import OutputFiles
from nbkernel.io.hdf5.output import create_file
from nbkernel.io.hdf5.tree import add_field, add_group, set_attributes
from nbkernel.support.logger import LOG

from .data_file import DATA, PHOTONS, read_content
from .instrument import stacked_shape
from .writer import begin, check_panels, describe, stamp

# virtual datasets came with HDF5 1.10
NEWEST = "v110"


def write_master(flag, path, runs, data_files, provenance=None, time=None, inputs=()):
    """Writes the master file `path` of data files, which are in its folder or below, in the order of their frames.

    runs: Prepared of each panel of the experiment, for what is the same in all frames. What differs is in the truth of the
    data files, where these columns count: wavelength (Angstrom), fluence (1/m^2), phi and osc (degrees; start and width of a
    frame of a rotation), ub_matrix, or crystals/ub_matrix if frames have several lattices (1/Angstrom, in McStas's frame).
    provenance: as for `write_nxmx`; time: of the series (datetime), None for the present; inputs: paths that must not be
    overwritten. The file appears whole or not at all.

    Raises InputError for data files that are missing, damaged, of another detector or of different kinds, for what NXmx
    cannot represent, and if the file cannot be written. Logs a warning for data files of different types.
    """
    check_panels(runs)
    names = [name_from(flag, path, each) for each in data_files]
    contents = [read_content(flag, each) for each in data_files]
    check_contents(flag, data_files, contents, stacked_shape([run.wanted.shape for run in runs]))
    truth = joined_truth(flag, data_files, contents)
    if len({content.dtype for content in contents}) > 1:
        LOG.warning("%s: the counts of some data files have 16 bits, of others 32; XDS cannot read such a series", path)
    with OutputFiles([*inputs, *data_files]) as files:
        files.open(flag, path, by_name=True)

        def write(temporary):
            with create_file(temporary, NEWEST) as file:
                write_tree(file, os.path.basename(path), runs, names, contents, truth, provenance or {}, time)

        files.write_by_name(flag, write)
        files.commit()


def name_from(flag, master, data_file):
    """The path of a data file as the master names it: relative, so that the folder can be moved."""
    name = os.path.relpath(data_file, os.path.dirname(master) or os.curdir)
    if name.split(os.sep)[0] == os.pardir:
        raise InputError(f"{flag}: {data_file} is not in the folder of {master} or below, where its data files must be")
    return name


def check_contents(flag, paths, contents, shape):
    """Raises InputError unless all files have frames of that shape, and all or none have photons."""
    if not contents:
        raise InputError(f"{flag}: a master file needs a data file")
    for path, content in zip(paths, contents, strict=True):
        if content.shape != shape:
            raise InputError(f"{flag}: {path} has frames of {content.shape} pixels, the detector {shape} (slow, fast)")
        if what_of(content) != what_of(contents[0]):
            raise InputError(f"{flag}: {path} has {what_of(content)}, but {paths[0]} {what_of(contents[0])}")


def what_of(content):
    if content.dtype == np.float32:
        return "photons only"
    return "counts and photons" if content.has_photons else "counts only"


def joined_truth(flag, paths, contents):
    """{name: (values, units)} of all frames. A table of its own, such as crystals/, may be empty in some files."""
    names = list(dict.fromkeys(name for content in contents for name in content.truth))
    joined = {}
    for name in names:
        parts = []
        for path, content in zip(paths, contents, strict=True):
            values, units = content.truth.get(name, ((), None))
            if "/" not in name and len(values) != content.frames:
                raise InputError(f"{flag}: {path} lacks {name} of each frame, which other data files have")
            if len(values):
                parts.append(values)
                joined[name] = parts, units
        if len({part.shape[1:] for part in parts}) > 1:
            raise InputError(f"{flag}: the data files have {name} in different shapes in /entry/truth")
    return {name: (np.concatenate(parts), units) for name, (parts, units) in joined.items()}


def write_tree(file, file_name, runs, names, contents, truth, provenance, time):
    now = stamp(time)
    entry = begin(file, file_name, "simulated diffraction images", now)
    data = add_data(entry, names, contents)
    beam = {"wavelengths": wavelengths_of(runs[0], truth), "fluences": column(truth, "fluence")}
    sample = {"scan": scan_of(runs[0], truth, len(data)), "UB": orientations_of(truth)}
    describe(entry, runs, data, now, provenance, beam, sample)
    if truth:
        group = add_group(entry, "truth", "NXcollection")
        for name, (values, units) in truth.items():
            add_field(group, name, values.tolist() if values.dtype == object else values, units)


def add_data(entry, names, contents):
    """The frames of all data files as one virtual dataset, and a link to each file, as EIGER's masters have them; the
    dataset is returned.

    The group's name comes before any other NXdata's, because DIALS takes the first. Frames whose file is missing read as
    overloads, not as 0.
    """
    group = add_group(entry, "data", "NXdata", signal="data")
    photons = add_group(entry, "photons", "NXdata", signal="data")
    dtypes = {content.dtype for content in contents}
    dtype = np.result_type(*dtypes)
    data = add_virtual(group, names, contents, f"/{DATA}", dtype)
    if len(dtypes) == 1:
        # neggia, which reads no virtual datasets, takes the first file's type for all: no link is better than wrong counts
        for number, name in enumerate(names, 1):
            group[f"data_{number:06d}"] = h5py.ExternalLink(name, f"/{DATA}")
    if dtype == np.float32:
        photons["data"] = data
    elif contents[0].has_photons:
        add_virtual(photons, names, contents, f"/{PHOTONS}", np.dtype(np.float32))
    else:
        del entry["photons"]
    if "photons" in entry:
        set_attributes(photons["data"], long_name="photons per pixel, without noise")
    return data


def add_virtual(group, names, contents, source, dtype):
    """A virtual dataset of all frames in the datasets `source`. By HDF5's own functions, as h5py's would write the time."""
    properties = h5py.h5p.create(h5py.h5p.DATASET_CREATE)
    properties.set_obj_track_times(False)
    missing = np.nan if dtype == np.float32 else np.iinfo(dtype).max
    properties.set_fill_value(np.array(missing, dtype))
    shape = contents[0].shape
    whole = h5py.h5s.create_simple((sum(content.frames for content in contents), *shape))
    first = 0
    for name, content in zip(names, contents, strict=True):
        own = (content.frames, *shape)
        part = whole.copy()
        part.select_hyperslab((first, 0, 0), (1, 1, 1), block=own)
        properties.set_virtual(part, os.fsencode(name), source.encode(), h5py.h5s.create_simple(own))
        first += content.frames
    return h5py.Dataset(h5py.h5d.create(group.id, b"data", h5py.h5t.py_create(dtype), whole, properties))


def column(truth, name):
    """A number for each frame, or a single one if they are the same; None if the truth has none."""
    values, _ = truth.get(name, (None, None))
    if values is None:
        return None
    return values if np.ptp(values) != 0.0 else values[0]


def wavelengths_of(run, truth):
    """As `column`; None if all frames have the run's spectrum."""
    wavelengths = column(truth, "wavelength")
    return None if np.ndim(wavelengths) == 0 and np.ptp(run.plan.source_lambda) != 0.0 else wavelengths


def scan_of(run, truth, frames):
    """(start, width) of each frame of a rotation, in degrees; None for stills."""
    if "phi" in truth and "osc" in truth:
        start, width = truth["phi"][0], truth["osc"][0]
    else:
        start, width = (np.full(frames, np.degrees(angle)) for angle in (run.phi_start, run.osc))
    return (start, width) if width.any() else None


def orientations_of(truth):
    """(n, 3, 3) UB of each frame, or of each lattice; a single one if all are the same, None if the truth has none."""
    for name in ("ub_matrix", "crystals/ub_matrix"):
        if name in truth:
            UB = truth[name][0]
            return UB[:1] if (UB == UB[:1]).all() else UB
    return None
