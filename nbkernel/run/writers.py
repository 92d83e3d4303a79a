"""Files from Python: each written beside its place and renamed, so that it appears whole or not at all.

Of a list of panels, formats of one image get a file for each, with its number before the ending.
"""

import os
from collections.abc import Sequence
from os import PathLike

import numpy as np

from nbkernel.errors import InputError
from nbkernel.experiment.argument_names import naming_arguments
from nbkernel.experiment.config.writing import resolved
from nbkernel.experiment.input_files import protected
from nbkernel.experiment.outputs import DEFAULT_SMV_STYLE, SMV_STYLES
from nbkernel.image.bits import LARGEST, cut_off, cut_to
from nbkernel.image.counts import chosen_grey_scale, grey_levels
from nbkernel.image.panel_image import PanelImage, as_photons, checked_panels, plain, runs_of
from nbkernel.io.files.output_files import OutputFiles, existing_mode, is_stream
from nbkernel.io.images.pgm import pgm_header
from nbkernel.io.images.smv import smv_header
from nbkernel.io.images.smv_dials import dials_header, unsaid_lines
from nbkernel.io.picture.draw import draw, make_scene
from nbkernel.io.picture.run_view import RunView
from nbkernel.io.picture.settings import PictureSettings
from nbkernel.support.logger import LOG
from nbkernel.support.validation import number

from .record import write_record


def write_float(path: str | PathLike, images: np.ndarray | Sequence[np.ndarray]) -> None:
    """Writes the pixels as raw float32, row after row, like nanoBragg.c's -floatfile."""
    panels, _ = checked_panels("write_float", images)
    write_files("write_float", path, panels, [[as_photons(image)] for image in panels])


def write_smv(path: str | PathLike, counts: PanelImage | Sequence[PanelImage], style: str = DEFAULT_SMV_STYLE) -> None:
    """Writes counts, the (slow, fast) PanelImage of `add_noise` or `to_counts`, as an SMV image. It has 16 bits: a warning counts
    the pixels that are cut off at 65535, or at 0.

    style: "nanobragg", nanoBragg.c's header, or "dials", one from which DIALS reads the right beam centre, offset and gain; a
    warning says what it cannot hold. Raises InputError where they are not whole numbers, or their geometry is not known.
    """
    if style not in SMV_STYLES:
        raise InputError(f"style: {style!r} is not there; need {' or '.join(SMV_STYLES)}")
    panels, _ = checked_panels("write_smv", counts)
    runs = runs_of("write_smv", panels)
    for image in panels:
        if image.dtype.kind not in "iu":
            raise InputError(f"write_smv: needs counts, whole numbers, not {image.dtype}; add_noise and to_counts make them")
        if style == "dials" and image.offset_and_gain is None:
            raise InputError(
                "write_smv: the style dials needs counts as add_noise or to_counts made them, for their offset and gain"
            )
    cut = [plain(image) for image in panels]
    for line in (*cut_off_lines(os.fspath(path), cut), *smv_lines("write_smv", runs, style)):
        LOG.warning("%s", line)
    pieces = [smv_pieces(image, cut_to(16, whole), style) for image, whole in zip(panels, cut, strict=True)]
    write_files("write_smv", path, panels, pieces)


def cut_off_lines(name, panels):
    """A line where an SMV image cannot hold whole numbers as they are."""
    above, below = (sum(count) for count in zip(*(cut_off(16, image) for image in panels), strict=True))
    for pixels, limit in ((above, LARGEST[16]), (below, 0)):
        if pixels:
            yield f"{name}: {pixels} pixels are cut off at {limit}; an SMV image has 16 bits, an HDF5 file keeps more"


def smv_pieces(image, counts, style):
    """image: the PanelImage that the counts, (slow, fast) uint16, are of."""
    run = image.run
    geometry = run.detector, run.wavelength, run.phi0, run.osc
    if style == "dials":
        return dials_header(*geometry, *image.offset_and_gain), plain(counts)
    return smv_header(*geometry, noisy=image.noise is not None), plain(counts)


def smv_lines(lead, runs, style):
    """Lines about what the headers of a style cannot say, each once."""
    lines = [line for run in runs for line in unsaid_lines(run.detector, run.osc)] if style == "dials" else []
    return [f"{lead}: {line} (HDF5 has it)" for line in dict.fromkeys(lines)]


def write_pgm(path: str | PathLike, images: np.ndarray | Sequence[np.ndarray], scale: float | None = None) -> None:
    """Writes photons times scale, cut off at 255, as an 8-bit PGM image. scale: None, or 0 or less, chooses itself from the
    `statistics` of rendered images, as nanoBragg.c does, else from the brightest pixel."""
    panels, _ = checked_panels("write_pgm", images)
    scale = chosen_grey_scale(panels) if scale is None or not number("scale", scale) > 0.0 else float(scale)
    write_files("write_pgm", path, panels, [pgm_pieces(image, scale) for image in panels])


def pgm_pieces(image, pgmscale, threads=None):
    return pgm_header(image.shape[1], image.shape[0], pgmscale), grey_levels(image, pgmscale, threads)


@naming_arguments()
def write_preview(path: str | PathLike, images: np.ndarray | Sequence[np.ndarray], **settings) -> None:
    """Draws an image, or a list of panels as the beam sees them, as a PNG: dark is strong.

    settings: those of `PictureSettings`, such as scale="linear", rings="auto", beam=True. Rings, beam and several panels
    need the PanelImage of `simulate`. Raises InputError for what cannot be drawn.
    """
    settings = PictureSettings(**settings)
    panels, single = checked_panels("write_preview", images)
    if single and not settings.needs_geometry():
        drawing = draw(make_scene(settings, panels[0].shape), plain(panels[0]))
        png, missing = drawing.png, drawing.missing
    else:
        png, missing = RunView(settings, runs_of("write_preview", panels)).draw([plain(image) for image in panels])
    for line in missing:
        LOG.warning("%s", line)
    write_files("write_preview", path, panels[:1], [[png]])


def write_hdf5(
    path: str | PathLike,
    images: PanelImage | Sequence[PanelImage],
    counts: PanelImage | Sequence[PanelImage] | None = None,
    command: str | None = None,
) -> None:
    """Writes what `simulate` returned as an HDF5 file by NeXus NXmx (docs/files/hdf5.md), with the geometry of all panels, the
    beam, and how it was made.

    counts: whole numbers of the same panels, such as those of `add_noise`, which become the data that other programs read;
    command: a command line, for the record. Raises InputError where the images are not photons of all panels of one run,
    and for what NXmx cannot hold.
    """
    panels, _ = checked_panels("write_hdf5", images)
    numbers = None if counts is None else checked_panels("write_hdf5", counts)[0]
    runs = runs_of("write_hdf5", panels)
    first = runs[0].experiment
    if any(image.dtype.kind != "f" for image in panels):
        raise InputError("write_hdf5: needs photons as simulate returns them, not counts, which are its third argument")
    known = [(number, image.run) for number, image in enumerate(numbers or ()) if getattr(image, "run", None) is not None]
    if any(run.experiment != first for run in [*runs, *(run for _, run in known)]):
        raise InputError("write_hdf5: needs images and counts of one experiment")
    if [run.panel for run in runs] != list(range(len(first.panels) or 1)) or any(
        run.panel != number for number, run in known
    ):
        raise InputError("write_hdf5: needs all panels of a run, in their order")
    path = os.fspath(path)
    with OutputFiles(protected(runs[0].inputs)) as files:
        files.open("write_hdf5", path, by_name=True)
        write_record(files, "write_hdf5", path, panels, numbers, resolved(runs[0]), command)
        files.commit()


def write_files(function, path, panels, pieces):
    """Writes the pieces (bytes or arrays) of each panel's file; none of them may be a file that a run has read."""
    inputs = [file for image in panels if getattr(image, "run", None) is not None for file in protected(image.run.inputs)]
    with OutputFiles(inputs) as files:
        names = open_numbered(files, function, os.fspath(path), len(panels))
        for name, own in zip(names, pieces, strict=True):
            files.write(name, *own)
        files.commit()


def open_numbered(files, flag, path, count):
    """Opens a file for each of `count` panels; returns the names by which OutputFiles knows them."""
    names = [flag] if count == 1 else [f"{flag} (panel {number})" for number in range(count)]
    for name, own in zip(names, numbered_paths(path, count), strict=True):
        files.open(name, own)
    return names


def numbered_paths(path, count):
    """The path of each panel's file: with its number before the ending where there are several, but for a device or a pipe."""
    if count == 1 or goes_into_one(path):
        return [path] * count
    stem, ending = os.path.splitext(path)
    digits = len(str(count - 1))
    return [f"{stem}_{number:0{digits}d}{ending}" for number in range(count)]


def goes_into_one(path):
    try:
        return is_stream(path, existing_mode(path))
    except (OSError, ValueError):
        return False
