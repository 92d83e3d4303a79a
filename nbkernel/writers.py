"""Files from Python: each written beside its place and renamed, so that it appears whole or not at all."""

import logging
import os
from os import PathLike

import numpy as np

from .config import resolved
from .counts import count_scale, grey_bytes, grey_scale, region_of
from .errors import InputError
from .io.output_files import OutputFiles
from .io.pgm import pgm_header
from .io.smv import smv_header
from .panel_image import PanelImage, as_panels, plain, run_of
from .picture.draw import draw, make_scene
from .picture.run_view import RunView
from .picture.settings import PictureSettings
from .record import write_record
from .threads import thread_count

LOG = logging.getLogger("nbkernel")


def write_float(path: str | PathLike, image: np.ndarray) -> None:
    """Writes the pixels as raw float32, row after row, like nanoBragg.c's -floatfile."""
    write_file("write_float", path, plain(image).astype("float32", copy=False))


def write_smv(path: str | PathLike, counts: PanelImage) -> None:
    """Writes counts, the (slow, fast) uint16 PanelImage of `add_noise` or `to_counts`, as an SMV image with nanoBragg.c's
    header. Raises InputError where they are no counts, or their geometry is not known."""
    prepared = run_of("write_smv", counts)
    if counts.dtype != "uint16":
        raise InputError(f"write_smv: needs counts as uint16, not {counts.dtype}; add_noise and to_counts make them")
    header = smv_header(prepared.detector, prepared.wavelength, prepared.phi0, prepared.osc)
    write_file("write_smv", path, header, plain(counts))


def write_pgm(path: str | PathLike, image: np.ndarray, scale: float | None = None) -> None:
    """Writes photons times scale, cut off at 255, as an 8-bit PGM image. scale: None or 0 chooses itself from the
    `statistics` of a rendered image, as nanoBragg.c does, else from the brightest pixel."""
    pixels = plain(image).astype("float32", copy=False)
    statistics = getattr(image, "statistics", None)
    if not scale:
        scale = count_scale(float(pixels.max()))
        scale = scale if statistics is None else grey_scale(statistics.rmsd, scale)
    grey = grey_bytes(pixels, region_of(image), float(scale), thread_count(None))
    write_file("write_pgm", path, pgm_header(pixels.shape[1], pixels.shape[0], scale), grey)


def write_preview(path: str | PathLike, images: np.ndarray | list[np.ndarray], **settings) -> None:
    """Draws an image, or a list of panels as the beam sees them, as a PNG: dark is strong.

    settings: those of `PictureSettings`, such as scale="linear", rings="auto", beam=True. Rings, beam and several panels
    need the PanelImage of `simulate`. Raises InputError for what cannot be drawn.
    """
    settings = PictureSettings(**settings)
    panels, single = as_panels(images)
    if single and not settings.needs_geometry():
        drawing = draw(make_scene(settings, images.shape), plain(images))
        png, missing = drawing.png, drawing.missing
    else:
        png, missing = RunView(settings, [run_of("write_preview", image) for image in panels]).draw([*map(plain, panels)])
    for line in missing:
        LOG.warning("%s", line)
    write_file("write_preview", path, png)


def write_hdf5(
    path: str | PathLike,
    images: PanelImage | list[PanelImage],
    counts: PanelImage | list[PanelImage] | None = None,
    command: str | None = None,
) -> None:
    """Writes what `simulate` returned as an HDF5 file by NeXus NXmx (docs/hdf5.md), with the geometry of all panels, the
    beam, and how it was made.

    counts: whole numbers of the same panels, such as those of `add_noise`, which become the data that other programs read;
    command: a command line, for the record. Raises InputError where the images are not whole panels of one run, for what
    NXmx cannot hold, and where an input file cannot be read again.
    """
    panels, _ = as_panels(images)
    numbers = None if counts is None else as_panels(counts)[0]
    runs = [run_of("write_hdf5", image) for image in panels]
    if [prepared.panel for prepared in runs] != list(range(len(runs[0].experiment.panels) or 1)):
        raise InputError("write_hdf5: needs all panels of a run, in their order")
    with OutputFiles(runs[0].experiment.input_files()) as files:
        files.open("--hdf5", os.fspath(path), by_name=True)
        write_record(files, os.fspath(path), panels, numbers, resolved(runs[0]), command)
        files.commit()


def write_file(function, path, *pieces):
    with OutputFiles() as files:
        files.open(function, path)
        files.write(function, *pieces)
        files.commit()
