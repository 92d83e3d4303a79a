"""The file formats that are recognised by content: one row each; the first that fits counts.

`read_image`, `read_detector_file` and `read_structure_factors` use this table, help and error messages name its formats, and
a test looks for each of them in docs/files. Readers are imported when a file needs them: h5py and gemmi take time.
"""

import re
from collections.abc import Callable
from typing import NamedTuple

from nbkernel.io.hdf5.path import HDF5_START
from nbkernel.io.images.smv_header import SMV

START = 512  # bytes of an image or detector file that show its format


IMAGE, DETECTOR, REFLECTIONS = "image", "detector", "reflections"


class Format(NamedTuple):
    """name: in messages and documents; holds: IMAGE, DETECTOR or REFLECTIONS; begins: how its first bytes look;
    read: the reader, function of an ImageFile, of a path, or of the arguments of `reflections_of`, None for files that are
    only recognised; keeps_values: False for
    images whose pixels are only to be looked at, since they are not the computed values; has_columns: whether --column
    chooses."""

    name: str
    holds: str
    begins: re.Pattern
    read: Callable | None
    keeps_values: bool = True
    has_columns: bool = False


class ImageFile(NamedTuple):
    """path: as the user gave it; file_path, dataset: the two parts of FILE:/path/in/file; shape: (slow, fast) of an
    image whose file does not contain it, or None; to_look_at: whether pixels that the file masks are nan; frame: number of
    the image in a file of several, from 0."""

    command: str
    path: str
    file_path: str
    dataset: str | None
    shape: tuple | None
    to_look_at: bool
    frame: int = 0


def hdf5_image(file):
    from nbkernel.io.nexus.reader import read_hdf5_image

    return read_hdf5_image(file.command, file.path, file.file_path, file.dataset, file.to_look_at, file.frame)


def smv_image(file):
    from nbkernel.io.images.smv import read_smv_image

    return read_smv_image(file.command, file.path)


def pgm_image(file):
    from nbkernel.io.images.pgm import read_pgm_image

    return read_pgm_image(file.command, file.path)


def float_image(file):
    from nbkernel.io.images.float_image import read_float_image

    return read_float_image(file.command, file.path, file.shape)


def nxmx_detector(path):
    from nbkernel.io.nexus.reader import read_nxmx_detector

    return read_nxmx_detector(path, "--panels")


def dxtbx_detector(path):
    from nbkernel.io.dxtbx.detector import read_dxtbx_detector

    return read_dxtbx_detector(path)


def crystfel_detector(path):
    from nbkernel.io.tables.crystfel_geometry import read_crystfel_detector

    return read_crystfel_detector(path)


def xds_detector(path):
    from nbkernel.io.tables.xds_inp import read_xds_detector

    return read_xds_detector(path)


def mtz_reflections(content, path, default_F, column):
    from nbkernel.io.reflections.amplitude_columns import choose_columns
    from nbkernel.io.reflections.expansion import expand_to_P1
    from nbkernel.io.reflections.symmetric_files import read_mtz

    data = read_mtz(path, content)
    return expand_to_P1(data, choose_columns(path, data.types, column), default_F)


def cif_reflections(content, path, default_F, column):
    from nbkernel.io.reflections.expansion import expand_to_P1
    from nbkernel.io.reflections.refln_cif import read_cif

    return expand_to_P1(*read_cif(path, content, column), default_F)


def text_reflections(content, path, default_F, _column):
    from nbkernel.io.reflections.hkl_text import table_reflections

    return table_reflections(content, path, default_F)


def npy_reflections(content, path, default_F, _column):
    from nbkernel.io.reflections.hkl_array import npy_reflections as read

    return read(content, path, default_F)


HDF5 = re.compile(re.escape(HDF5_START))
JSON = re.compile(rb"(?:\xef\xbb\xbf)?\s*(?:\{|\[(?!\[?\s*[A-Za-z]))")  # [name] and [[name]] are TOML
CIF = re.compile(rb"(?:\xef\xbb\xbf)?(?:\s|#[^\n]*+)*+(?:data|loop)_", re.IGNORECASE)
# a comment, or a line with one of the keywords that stand first
GEOM = re.compile(
    rb"\s*(?:;|(?:[^\s/=;]+/)?(?:wavelength|photon_energy|clen|coffset|res|data|dim\d|mask|adu_per_|max_adu|m(?:in|ax)_[fs]s|"
    rb"[fs]s\s*=|corner_[xy]|rigid_group|group_|peak_list|bandwidth|detector_shift_[xy])[^=\n]*=)"
)
XDS_INP = re.compile(rb"\s*(?:!|[A-Z][A-Z0-9_/.-]*\s*=)")
ANYTHING = re.compile(rb"")

FORMATS = (
    Format("HDF5", IMAGE, HDF5, hdf5_image),
    Format("SMV", IMAGE, SMV, smv_image),
    Format("PGM", IMAGE, re.compile(rb"P5[ \n]"), pgm_image, keeps_values=False),
    Format("PNG", IMAGE, re.compile(rb"\x89PNG"), None, keeps_values=False),
    Format("float", IMAGE, ANYTHING, float_image),
    Format("NXmx", DETECTOR, HDF5, nxmx_detector),
    Format("dxtbx", DETECTOR, JSON, dxtbx_detector),
    Format("CrystFEL", DETECTOR, GEOM, crystfel_detector),
    Format("XDS", DETECTOR, XDS_INP, xds_detector),
    Format("MTZ", REFLECTIONS, re.compile(rb"MTZ "), mtz_reflections, has_columns=True),
    Format("mmCIF", REFLECTIONS, CIF, cif_reflections, has_columns=True),
    Format("NumPy", REFLECTIONS, re.compile(rb"\x93NUMPY"), npy_reflections),
    Format("text", REFLECTIONS, ANYTHING, text_reflections),
)


def find_format(holds, start):
    """The Format of a file by its first bytes (of reflections: all of them); None if none fits."""
    return next((row for row in FORMATS if row.holds == holds and row.begins.match(start)), None)


def format_names(holds, property=None):
    """Names of the formats that can be read, joined as in a sentence; only those with a `property` such as keeps_values."""
    rows = [row for row in FORMATS if row.holds == holds and row.read is not None]
    names = [row.name for row in rows if property is None or getattr(row, property)]
    return " or ".join(filter(None, (", ".join(names[:-1]), names[-1])))
