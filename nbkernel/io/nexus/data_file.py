"""Data files of a series: frames of one experiment in an HDF5 file, which a master file describes."""

import contextlib
from typing import NamedTuple

import numpy as np

import nbkernel
from nbkernel.errors import InputError
from nbkernel.io.files.output_files import OutputFiles
from nbkernel.io.hdf5.fields import Field
from nbkernel.io.hdf5.input import opened
from nbkernel.io.hdf5.links import Unusable
from nbkernel.io.hdf5.output import create_file
from nbkernel.io.hdf5.tree import add_field, add_group, compression, frame_chunk, set_attributes

from .instrument import panel_origins, stacked_shape

DATA, PHOTONS, TRUTH = "entry/data/data", "entry/photons/data", "entry/truth"
# counts from here on are not left in 16 bits: the XDS plugins take them as overloads (neggia) or negative (durin)
MOST_IN_16_BITS = 32767


class DataFile:
    """A data file that is being written, frame by frame; a context manager.

    It appears under its name when the `with` statement ends, complete; after an exception it does not. Frames are in
    /entry/data/data, (frames, slow, fast), with panels stacked along slow; photons beside counts in /entry/photons/data; the
    truth in /entry/truth. The same arguments and frames give the same bytes.
    """

    def __init__(self, flag, path, shapes, frames, dtype=None, with_photons=False, first=1, inputs=()):
        """flag: for messages; shapes: (slow, fast) of each panel; frames: their number.

        dtype: of /entry/data/data. np.uint16, np.int32: counts; None: counts, as uint16 if all are below 32767, which all
        programs read from 16 bits, else as int32; np.float32: photons without noise. with_photons: whether photons are kept
        beside counts. first: number of the file's first frame in the series, from 1, as detectors' files state it; inputs:
        paths that must not be overwritten. Raises InputError for a file that cannot be written.
        """
        self.flag, self.path = flag, path
        self.shapes = [tuple(map(int, shape)) for shape in shapes]
        self.shape = stacked_shape(self.shapes)
        self.frames, self.first, self.written = frames, first, 0
        self.may_widen = dtype is None
        dtype = np.dtype(np.uint16 if dtype is None else dtype)
        if dtype not in (np.uint16, np.int32, np.float32):
            raise InputError(f"{flag}: the type of counts is uint16 or int32, of photons float32, not {dtype}")
        self.dtype, self.with_photons = dtype, with_photons and dtype != np.float32
        self.files = OutputFiles(inputs)

    def __enter__(self):
        with contextlib.ExitStack() as opened:
            opened.enter_context(self.files)
            self.files.open(self.flag, self.path, by_name=True)
            with self.errors_named():
                self.creation = create_file(self.files.places[self.flag].temporary)
                self.file = opened.enter_context(self.creation)
                self.begin()
            opened.pop_all()
        return self

    def __exit__(self, kind, error, traceback):
        with self.files:
            with self.errors_named() if kind is None else contextlib.nullcontext():
                self.creation.__exit__(kind, error, traceback)
            if kind is None:
                if self.written != self.frames:
                    raise InputError(f"{self.flag}: {self.path} was to have {self.frames} frames, but has {self.written}")
                self.files.commit()

    def begin(self):
        set_attributes(
            self.file, NX_class="NXroot", default="entry", creator="nbkernel", creator_version=nbkernel.__version__
        )
        self.entry = add_group(self.file, "entry", "NXentry", default="data")
        self.data = self.add_frames(add_group(self.entry, "data", "NXdata", signal="data"), self.dtype)
        self.photons = None
        if self.with_photons or self.dtype == np.float32:
            group = add_group(self.entry, "photons", "NXdata", signal="data")
            if self.with_photons:
                self.photons = self.add_frames(group, np.float32)
            else:
                group["data"] = self.data

    def errors_named(self):
        return self.files.errors_named(self.flag, self.path)

    def add_frames(self, group, dtype):
        """The dataset of all frames."""
        shape, chunk = (self.frames, *self.shape), frame_chunk(self.shape)
        dataset = group.create_dataset("data", shape, dtype, chunks=(1, *chunk), **compression())
        set_attributes(dataset, image_nr_low=self.first, image_nr_high=self.first + self.frames - 1)
        return dataset

    def append(self, pixels, photons=None):
        """Writes the next frame. pixels: the (slow, fast) array of each panel: counts, or photons of a file of photons;
        photons: float32 of each panel, for a file that keeps both.

        Raises InputError for arrays of other shapes or kinds, for counts that the file's type does not hold, and if the file
        cannot be written.
        """
        if self.written == self.frames:
            raise InputError(f"{self.flag}: {self.path} has room for {self.frames} frames")
        if (photons is None) != (self.photons is None):
            raise InputError(
                f"{self.flag}: {self.path} was to have {'no ' if self.photons is None else ''}photons beside counts"
            )
        pixels = self.checked(pixels, "f" if self.data.dtype == np.float32 else "iu")
        with self.errors_named():
            if self.data.dtype != np.float32:
                self.make_room_for(pixels)
            self.write(self.data, pixels)
            if photons is not None:
                self.write(self.photons, self.checked(photons, "f"))
            # HDF5 keeps small frames back
            self.file.flush()
            self.file.disk.check()
        self.written += 1

    def checked(self, arrays, kinds):
        arrays = [np.asarray(array) for array in arrays]
        if [array.shape for array in arrays] != self.shapes or any(array.dtype.kind not in kinds for array in arrays):
            found = ", ".join(f"{array.dtype} of shape {array.shape}" for array in arrays)
            what = "photons (float32)" if kinds == "f" else "counts (integers)"
            raise InputError(f"{self.flag}: {self.path} needs {what} of the shapes {self.shapes}, not {found}")
        return arrays

    def make_room_for(self, counts):
        """Turns the frames written so far into int32 if uint16 does not hold these counts and the type may be chosen."""
        least, most = range_of(counts)
        if self.may_widen and self.data.dtype == np.uint16 and (least < 0 or most >= MOST_IN_16_BITS):
            group, narrow = self.data.parent, self.data
            group.move("data", "narrow")
            self.data = self.add_frames(group, np.int32)
            for number in range(self.written):
                self.data[number] = narrow[number]
            del group["narrow"]
        limits = np.iinfo(self.data.dtype)
        if least < limits.min or most > limits.max:
            raise InputError(
                f"{self.flag}: counts from {least} to {most} do not fit into {self.path}, which is {self.data.dtype}"
            )

    def write(self, dataset, arrays):
        # HDF5 would convert it, but slowly
        frame = arrays[0].astype(dataset.dtype, copy=False)
        if len(arrays) > 1:
            frame = np.zeros(self.shape, dataset.dtype)
            for array, start in zip(arrays, panel_origins(self.shapes), strict=True):
                frame[start : start + len(array), : array.shape[1]] = array
        dataset[self.written] = frame

    def add_truth(self, columns):
        """Writes /entry/truth: what each frame was made from. columns: {name: (values, units)} with one row of values
        (numbers or texts) for each frame, units as text or None; a name with a slash, as crystals/ub_matrix, is of a table
        of its own, of any number of rows.

        Raises InputError for a column of another length, and if the file cannot be written.
        """
        for name, (values, _) in columns.items():
            if "/" not in name and len(values) != self.frames:
                raise InputError(f"{self.flag}: {name} has {len(values)} rows of truth for {self.frames} frames")
        with self.errors_named():
            group = add_group(self.entry, "truth", "NXcollection")
            for name, (values, units) in columns.items():
                add_field(group, name, values if isinstance(values, (list, tuple)) else np.asarray(values), units)


def range_of(counts):
    """The smallest and the largest value in arrays of integers; 0 for the smallest if none is below 0."""
    if all(array.dtype == np.int32 for array in counts):
        # read as unsigned, counts below 0 are larger than all others: one search instead of two
        most = max(int(array.view(np.uint32).max()) for array in counts)
        if most <= np.iinfo(np.int32).max:
            return 0, most
    return min(int(array.min()) for array in counts), max(int(array.max()) for array in counts)


class Content(NamedTuple):
    """What a data file holds. shape: (slow, fast) of a frame; dtype: of /entry/data/data; truth: {name: (values, units)}, as
    `DataFile.add_truth` writes it."""

    frames: int
    shape: tuple
    dtype: np.dtype
    has_photons: bool
    truth: dict


def read_content(flag, path):
    """The Content of a data file. Raises InputError, beginning with `flag`, for a file that is none."""
    with opened(flag, path) as root:
        data = root.field(DATA)
        if data is None or len(data.shape) != 3:
            raise Unusable(f"has no frames in /{DATA}; need a data file of a series")
        photons = data.dtype != np.float32 and root.field(PHOTONS) is not None
        return Content(data.shape[0], data.shape[1:], data.dtype, photons, dict(truth_in(root.group(TRUTH))))


def truth_in(group, prefix=""):
    for name, member in () if group is None else group.members():
        if isinstance(member, Field):
            yield prefix + name, (member.values(), member.text("units") or None)
        else:
            yield from truth_in(member, f"{prefix}{name}/")
