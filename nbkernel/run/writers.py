"""Writing files from Python: each is written under a temporary name beside its final one and renamed, so that it appears
complete or not at all.

For a list of panels, formats with one image per file get a file per panel, with its number before the extension.
"""

import os
from collections.abc import Sequence
from os import PathLike
from typing import Any

import numpy as np

from nbkernel.engine.threads import thread_count
from nbkernel.errors import InputError
from nbkernel.experiment.argument_names import naming_arguments
from nbkernel.experiment.input_files import protected_paths
from nbkernel.experiment.outputs import DEFAULT_SMV_STYLE, SMV_STYLES
from nbkernel.image.bits import LARGEST, cut_off, cut_to
from nbkernel.image.counts import chosen_grey_scale, grey_strips
from nbkernel.image.panel_image import PanelImage, as_ndarray, as_photons, checked_panels, runs_of
from nbkernel.io.files.output_files import OutputFiles, existing_mode, is_stream
from nbkernel.io.images.pgm import pgm_header
from nbkernel.io.images.raw_pixels import pixel_pieces, strips_with_bits
from nbkernel.io.images.smv_dials import dials_header, unsaid_lines
from nbkernel.io.images.smv_nanobragg import smv_header
from nbkernel.io.picture.settings import PictureSettings
from nbkernel.support.logger import LOG
from nbkernel.support.validation import number


def write_float(path: str | PathLike, images: np.ndarray | Sequence[np.ndarray]) -> None:
    """Writes the pixels as raw float32, row by row, like nanoBragg.c's -floatfile.

    path: the file; of several panels each has its own, with its number before the ending. images: a (slow, fast) array, or
    a list of them, one per panel. Raises InputError for anything else, or if the file cannot be written.
    """
    panels, _ = checked_panels("write_float", images)
    write_files("write_float", path, panels, [[float_pieces(as_photons(image))] for image in panels])


def write_smv(path: str | PathLike, counts: PanelImage | Sequence[PanelImage], style: str = DEFAULT_SMV_STYLE) -> None:
    """Writes counts, the (slow, fast) PanelImage from `add_noise` or `to_counts`, as an SMV image. It has 16 bits: a warning
    says how many pixels are cut off at 65535, or at 0.

    path: as for `write_float`. style: "nanobragg", nanoBragg.c's header, or "dials", one from which DIALS reads the correct
    beam centre, offset and gain; a warning says what it cannot represent. Raises InputError if the counts are not integers
    or their geometry is unknown.
    """
    if style not in SMV_STYLES:
        raise InputError(f"style: {style!r} is not supported; need {' or '.join(SMV_STYLES)}")
    panels, _ = checked_panels("write_smv", counts)
    runs = runs_of("write_smv", panels)
    for image in panels:
        if image.dtype.kind not in "iu":
            raise InputError(
                f"write_smv: needs counts, which are whole numbers, not {image.dtype}; use add_noise or to_counts"
            )
        if style == "dials" and image.offset_and_gain is None:
            raise InputError(
                "write_smv: the style dials needs unmodified counts from add_noise or to_counts, for their offset and gain"
            )
    cut = [as_ndarray(image) for image in panels]
    for line in (*cut_off_lines(os.fspath(path), cut), *smv_lines("write_smv", runs, style)):
        LOG.warning("%s", line)
    contents = [
        (smv_header_of(image.run, style, image.offset_and_gain, image.noise is not None), count_pieces(counts))
        for image, counts in zip(panels, cut, strict=True)
    ]
    write_files("write_smv", path, panels, contents)


def cut_off_lines(name, panels):
    """Warnings about counts that do not fit into an SMV image."""
    above, below = (sum(count) for count in zip(*(cut_off(16, image) for image in panels), strict=True))
    for pixels, limit in ((above, LARGEST[16]), (below, 0)):
        if pixels:
            yield f"{name}: {pixels} pixels are cut off at {limit}; an SMV image has 16 bits, an HDF5 file has 32"


def float_pieces(image):
    """The pixels of a float file, in pieces."""
    return pixel_pieces(image.shape, np.float32, strips_with_bits(image))


def count_pieces(counts):
    """The pixels of an SMV file, in pieces, from counts (slow, fast) of any integers."""
    strips = ((strip, cut_to(16, pixels)) for strip, pixels in strips_with_bits(counts))
    return pixel_pieces(counts.shape, np.uint16, strips)


def smv_header_of(run, style, offset_and_gain, noisy):
    """Header of an SMV file for counts of a Prepared panel; offset_and_gain: see PanelImage; noisy: whether they have
    noise."""
    geometry = run.detector, run.wavelength, run.phi_start, run.osc
    if style == "dials":
        return dials_header(*geometry, *offset_and_gain)
    return smv_header(*geometry, noisy=noisy)


def smv_lines(lead, runs, style):
    """Warnings about what the headers of a style cannot represent, each once."""
    lines = [line for run in runs for line in unsaid_lines(run.detector, run.osc)] if style == "dials" else []
    return [f"{lead}: {line} (HDF5 has it)" for line in dict.fromkeys(lines)]


def write_pgm(path: str | PathLike, images: np.ndarray | Sequence[np.ndarray], scale: float | None = None) -> None:
    """Writes photons times scale, cut off at 255, as an 8-bit PGM image.

    path, images: as for `write_float`. scale: None, 0 or less takes it from the `statistics` of rendered images, as
    nanoBragg.c does, or from the brightest pixel of other arrays. Raises InputError like `write_float`.
    """
    panels, _ = checked_panels("write_pgm", images)
    scale = chosen_grey_scale(panels) if scale is None or not number("scale", scale) > 0.0 else float(scale)
    write_files("write_pgm", path, panels, [pgm_contents(image, scale, thread_count(None)) for image in panels])


def pgm_contents(image, pgmscale, threads=1):
    """Header and pixels of a PGM file, in pieces."""
    return pgm_header(image.shape[1], image.shape[0], pgmscale), pixel_pieces(
        image.shape, np.uint8, grey_strips(image, pgmscale, threads)
    )


@naming_arguments()
def write_preview(path: str | PathLike, images: np.ndarray | Sequence[np.ndarray], **settings: Any) -> None:
    """Draws an image, or a list of panels as seen along the beam, as a PNG: dark is strong. Counts are drawn without their
    pedestal, masked pixels green and saturated ones orange.

    path: the file; images: as for `write_float`. settings: those of `PictureSettings`, such as scale="linear", rings="auto",
    beam=True. Rings, beam and several panels need a PanelImage from `simulate`. Raises InputError for what cannot be drawn.
    """
    from nbkernel.io.picture.counts import marked_panel
    from nbkernel.io.picture.draw import draw, make_scene
    from nbkernel.io.picture.run_view import RunView

    chosen = PictureSettings(**settings)
    panels, is_single = checked_panels("write_preview", images)
    marked = [marked_panel(image) for image in panels]
    if is_single and not chosen.needs_geometry():
        drawing = draw(make_scene(chosen, panels[0].shape), as_ndarray(panels[0]), marked=marked[0])
        png, missing = drawing.png, drawing.missing
    else:
        view = RunView(chosen, runs_of("write_preview", panels))
        png, missing = view.draw([as_ndarray(image) for image in panels], marked=None if None in marked else marked)
    for line in missing:
        LOG.warning("%s", line)
    write_files("write_preview", path, panels[:1], [[png]])


def write_hdf5(
    path: str | PathLike,
    images: PanelImage | Sequence[PanelImage],
    counts: PanelImage | Sequence[PanelImage] | None = None,
    command: str | None = None,
) -> None:
    """Writes what `simulate` returned as a NeXus NXmx HDF5 file (docs/files/hdf5.md), with the geometry of all panels, the
    beam, and the provenance.

    path: the file; images: all panels of one run. counts: integers for the same panels, such as those of `add_noise`, which
    become the data that other programs read; command: a command line, for the provenance. Raises InputError if the images
    are not photons of all panels of one run, and for what NXmx cannot represent.
    """
    from .hdf5_output import fill_hdf5

    panels, _ = checked_panels("write_hdf5", images)
    numbers = None if counts is None else checked_panels("write_hdf5", counts)[0]
    runs = runs_of("write_hdf5", panels)
    first = runs[0].experiment
    if any(image.dtype.kind != "f" for image in panels):
        raise InputError("write_hdf5: needs photons as returned by simulate; counts are its third argument")
    known = [(number, image.run) for number, image in enumerate(numbers or ()) if getattr(image, "run", None) is not None]
    if any(run.experiment != first for run in [*runs, *(run for _, run in known)]):
        raise InputError("write_hdf5: needs images and counts of the same experiment")
    if [run.panel for run in runs] != list(range(len(first.panels) or 1)) or any(
        run.panel != number for number, run in known
    ):
        raise InputError("write_hdf5: needs all panels of a run, in order")
    path = os.fspath(path)
    with OutputFiles(protected_paths(runs[0].inputs)) as files:
        files.open("write_hdf5", path, by_name=True)
        fill_hdf5(files, "write_hdf5", path, panels, numbers, command)
        files.commit()


def write_labels(path: str | PathLike, images: PanelImage | Sequence[PanelImage], command: str | None = None) -> None:
    """Writes the Labels of images, as `label` finds them, as HDF5 (docs/physics/labels.md), with the provenance.

    path: the file; images: what `simulate` returned, one image or all panels; command: a command line, for the provenance.
    Raises InputError for anything else, or if the file cannot be written.
    """
    from .hdf5_output import fill_labels

    panels, _ = checked_panels("write_labels", images)
    runs = runs_of("write_labels", panels)
    path = os.fspath(path)
    with OutputFiles(protected_paths(runs[0].inputs)) as files:
        files.open("write_labels", path, by_name=True)
        fill_labels(files, "write_labels", panels, path, command)
        files.commit()


def write_files(function, path, panels, contents):
    """Writes the contents (bytes or arrays) of each panel's file; none of the files may be one that a run has read."""
    inputs = [
        file for image in panels if getattr(image, "run", None) is not None for file in protected_paths(image.run.inputs)
    ]
    with OutputFiles(inputs) as files:
        names = open_numbered(files, function, os.fspath(path), len(panels))
        for name, own in zip(names, contents, strict=True):
            files.write(name, *own)
        files.commit()


def open_numbered(files, flag, path, count):
    """Opens a file for each of `count` panels; returns their names in OutputFiles."""
    names = [flag] if count == 1 else [f"{flag} (panel {number})" for number in range(count)]
    for name, own in zip(names, numbered_paths(path, count), strict=True):
        files.open(name, own)
    return names


def numbered_paths(path, count):
    """The path of each panel's file: if there are several, with the panel's number before the extension, except for a device
    or pipe, which takes them all."""
    if count == 1 or takes_all(path):
        return [path] * count
    stem, extension = os.path.splitext(path)
    digits = len(str(count - 1))
    return [f"{stem}_{number:0{digits}d}{extension}" for number in range(count)]


def takes_all(path):
    try:
        return is_stream(path, existing_mode(path))
    except (OSError, ValueError):
        return False
