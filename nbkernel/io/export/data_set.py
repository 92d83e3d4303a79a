"""What an NXmx file of nbkernel's states about its images, in one frame: all that other programs need to know of them."""

import os
from dataclasses import replace
from typing import NamedTuple

import numpy as np

from nbkernel.io.hdf5.input import opened
from nbkernel.io.hdf5.links import Unusable
from nbkernel.io.nexus.beam import beams, find_entry, image_of, instrument_groups
from nbkernel.io.nexus.geometry import detector_fields
from nbkernel.io.nexus.instrument import panel_origins
from nbkernel.io.nexus.mcstas import laboratory_to_mcstas
from nbkernel.io.nexus.reader import panels_apart

OMEGA = "transformations/omega"
EVEN = 1e-6  # degrees between where an image begins and the end of the one before
FIRST_PLUGIN = 256  # number of the first filter that HDF5 itself does not have
SERIES_ENDING = "_master"


class DataSet(NamedTuple):
    """The images of a file. Vectors are in McStas's frame: z along the beam, x against the electric field.

    path: of the file; frames: number of images; dtype: of their pixels; panels: Panels; first_rows: where each begins in the
    stacked image; wavelengths: (frames,) Angstrom, of a spectrum its mean; polarization: Kahn's factor, None if the images
    have no polarisation; spindle: unit vector; scan: (start of the first image, width of each) in degrees, None for stills;
    crystals: for each image the (3, 3) UB of its lattices (1/Angstrom, columns a*, b*, c*; of a rotation at spindle angle
    0); saturation: largest valid count, None for photons; needs_plugin: whether HDF5 reads the pixels only with a plugin;
    data_files: paths of further files that hold them; remarks: lines about what a description leaves out.
    """

    path: str
    frames: int
    dtype: np.dtype
    panels: tuple
    first_rows: tuple
    wavelengths: np.ndarray
    polarization: float | None
    spindle: np.ndarray
    scan: tuple | None
    crystals: tuple
    saturation: int | None
    needs_plugin: bool
    data_files: tuple
    remarks: tuple = ()

    @property
    def name(self):
        """The file's name without folder and ending, of a series the series' own."""
        return os.path.splitext(os.path.basename(self.path))[0].removesuffix(SERIES_ENDING)

    @property
    def wavelength(self):
        """Angstrom; the mean, if images differ."""
        return float(np.mean(self.wavelengths))

    @property
    def polarization_fraction(self):
        """The fraction of light that is polarised along x."""
        return 0.5 if self.polarization is None else (1.0 + self.polarization) / 2.0


def read_data_set(flag, path):
    """The DataSet of an NXmx file that nbkernel wrote: of an exposure, or the master of a series. Raises InputError,
    beginning with `flag`, for any other file, and for one whose images are not there."""
    path = os.fspath(path)
    with opened(flag, path) as root:
        if root.field("entry/definition") is None and root.group("entry/truth") is not None:
            raise Unusable("is a data file of a series; give its master file")
        entry = find_entry(root)
        if entry.group("nbkernel") is None:
            raise Unusable("is not from nbkernel; what made it tells how other programs read it")
        images = image_of(entry)
        if images is None or len(images.shape) != 3:
            raise Unusable("has no images in /entry/data/data")
        frames = images.shape[0]
        fields = detector_fields(entry, 0)
        to_mcstas = laboratory_to_mcstas(fields["beam_vector"], fields["polar_vector"])
        panels = tuple(turned(panel, to_mcstas) for panel in fields["panels"])
        if panels_apart(np.broadcast_to(0, images.shape[1:]), panels) is None:
            raise Unusable(f"has images of {images.shape[1:]} pixels (slow, fast), which are not those of its panels")
        scan, remarks = scan_of(entry, frames), []
        crystals = crystals_of(entry, frames)
        if scan is not None and any(not np.array_equal(own, crystals[0]) for own in crystals):
            remarks.append(f"{path}: its crystal differs from image to image; that of the first is written")
        return DataSet(
            path, frames, images.dtype, panels,
            tuple(panel_origins([(panel.detpixels_s, panel.detpixels_f) for panel in panels])),
            wavelengths_of(entry, frames, fields), polarization_of(entry), to_mcstas @ unit(fields["spindle_axis"]), scan,
            crystals, saturation_of(entry), needs_plugin(images), data_files_of(images, root.file_path), tuple(remarks),
        )  # fmt: skip


def unit(vector):
    return np.array(vector) / np.linalg.norm(vector)


def turned(panel, rotation):
    """A Panel with unit vectors, in another frame."""
    pix0, fast, slow = np.array(panel.pix0_vector), unit(panel.fdet_vector), unit(panel.sdet_vector)
    vectors = (tuple((rotation @ vector).tolist()) for vector in (pix0, fast, slow))
    return replace(panel, **dict(zip(("pix0_vector", "fdet_vector", "sdet_vector"), vectors, strict=True)))


def wavelengths_of(entry, frames, fields):
    if "wavelength" not in fields:
        raise Unusable("has no wavelength")
    for beam in beams(entry):
        field = beam.field("incident_wavelength")
        if field is not None and field.size == frames:
            return field.numbers()
    return np.full(frames, fields["wavelength"])


def polarization_of(entry):
    """Kahn's factor along x, the second of the Stokes parameters; None if the file has none."""
    for beam in beams(entry):
        stokes = beam.field("incident_polarization_stokes")
        if stokes is not None and stokes.size >= 4:
            return float(stokes.numbers()[1])
    return None


def scan_of(entry, frames):
    """(start, width) in degrees of an even rotation; None for stills."""
    for sample in entry.groups("NXsample"):
        omega, end = sample.field(OMEGA), sample.field(f"{OMEGA}_end")
        if omega is None or end is None:
            continue
        start, end = omega.numbers(), end.numbers()
        if not frames == start.size == end.size:
            raise Unusable(f"has {start.size} angles in {omega.name} for {frames} images")
        width = float((end[-1] - start[0]) / frames)
        if np.abs(start - start[0] - width * np.arange(frames)).max() > EVEN or width == 0.0:
            raise Unusable(f"has images in {omega.name} that do not follow each other evenly; need one rotation")
        return float(start[0]), width
    return None


def crystals_of(entry, frames):
    """For each image the UB of its lattices."""
    numbers, UB, owners = entry.field("truth/image"), entry.field("truth/ub_matrix"), None
    if UB is None:
        UB, owners = entry.field("truth/crystals/ub_matrix"), entry.field("truth/crystals/image")
    if numbers is None or numbers.size != frames:
        return ((*matrices_in(entry),),) * frames
    if UB is None:
        # images without a lattice
        return ((),) * frames
    numbers, UB = numbers.numbers(), UB.numbers().reshape(-1, 3, 3)
    owners = numbers if owners is None else owners.numbers()
    if len(owners) != len(UB):
        raise Unusable(f"has {len(UB)} matrices of {len(owners)} lattices in /entry/truth")
    return tuple(tuple(UB[place] for place in np.flatnonzero(owners == number)) for number in numbers)


def matrices_in(entry):
    for sample in entry.groups("NXsample"):
        UB = sample.field("ub_matrix")
        if UB is not None and UB.size % 9 == 0:
            return UB.numbers().reshape(-1, 3, 3)
    return ()


def saturation_of(entry):
    for detector in instrument_groups(entry, "NXdetector"):
        field = detector.field("saturation_value")
        if field is not None:
            return int(field.first())
    return None


def needs_plugin(images):
    source = images.source_of(0) if images.virtual else images
    properties = source.properties
    return any(properties.get_filter(number)[0] >= FIRST_PLUGIN for number in range(properties.get_nfilters()))


def data_files_of(images, path):
    if not images.virtual:
        return ()
    sources = (images.source_of(number).file_path for number in range(images.properties.get_virtual_count()))
    return tuple(dict.fromkeys(source for source in sources if source != path))
