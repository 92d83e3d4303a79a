"""Detector images of any format that can be read, see `formats`."""

from nbkernel.errors import InputError
from nbkernel.io.files.opening import read_bytes
from nbkernel.io.formats import IMAGE, START, ImageFile, find_format, format_names
from nbkernel.io.hdf5.path import split_dataset


def read_image(command, path, shape=None, to_look_at=False, frame=0):
    """The Image in a file; FILE:/path/in/file names a dataset of an HDF5 file. shape: (slow, fast) of a float file, looked
    up in the SMV files beside it if None; to_look_at: formats that keep too little for a comparison are accepted, and
    masked pixels are nan; frame: number of the image, from 0, in files of several.

    Raises InputError, starting with `command`, for a file that cannot be read.
    """
    file_path, dataset = split_dataset(path)
    found = find_format(IMAGE, read_bytes(command, file_path, most=START))
    if dataset is not None and found.name != "HDF5":
        raise InputError(f"{command}: {file_path} is not an HDF5 file, so has no dataset {dataset}")
    if found.read is None or not (found.keeps_values or to_look_at):
        names = format_names(IMAGE, "keeps_values")
        raise InputError(f"{command}: {path} is a {found.name} file; need an image of the format {names}")
    return found.read(ImageFile(command, path, file_path, dataset, shape, to_look_at, frame))
