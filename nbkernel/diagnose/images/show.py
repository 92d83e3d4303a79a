"""A picture of an image file, with the geometry from the file and from the user's flags."""

import math
from dataclasses import replace

from nbkernel.errors import InputError
from nbkernel.experiment.experiment import Experiment
from nbkernel.experiment.kept_inputs import KeptInputs
from nbkernel.geometry.detector import directions, place_detector
from nbkernel.geometry.direct_beam import direct_beam
from nbkernel.geometry.panels import place_panel
from nbkernel.io.files.output_files import OutputFiles
from nbkernel.io.hdf5.path import split_dataset
from nbkernel.io.images.read import read_image
from nbkernel.io.images.smv import first_number, read_smv, value_of
from nbkernel.io.picture.assembly import assemble, make_assembly
from nbkernel.io.picture.counts import Marked, assembled, marked_image
from nbkernel.io.picture.draw import draw, make_scene
from nbkernel.setup.headers import read_headers

CENTRE_FIELDS = ("Xbeam", "Ybeam", "Xclose", "Yclose", "ORGX", "ORGY", "Ybeam_from_far_edge")
NEEDED = {"distance": ("distance", "-distance"), "pixel": ("pixel size", "-pixel"), "wavelength": ("wavelength", "-lambda")}


def show_to_file(path, output, settings, experiment, shape, warn, frame=0):
    """Draws an image file by PictureSettings into the PNG file `output`; returns Image, Scene and Drawing.

    experiment: an Experiment with the flags given, which override the file's header; shape: (slow, fast) of a float file
    or None; warn: called with lines for standard error; frame: number of the image in a file of several. Raises InputError
    for unusable input.
    """
    _, experiment, remarks = read_headers(experiment, KeptInputs())
    for line in remarks:
        warn(line)
    if shape is None and None not in (experiment.detpixels_s, experiment.detpixels_f):
        shape = experiment.detpixels_s, experiment.detpixels_f
    image, marked = along_beam(read_image("show", path, shape, to_look_at=True, frame=frame), warn)
    placed = find_geometry(image, experiment, warn) if settings.needs_geometry() else ()
    read = split_dataset(path)[0], image.header_path, experiment.img, experiment.mask
    with OutputFiles(filter(None, read)) as files:
        files.open("--output", output)
        scene = make_scene(settings, image.pixels.shape, *placed)
        drawing = draw(scene, image.pixels, marked=marked)
        files.write("--output", drawing.png)
        files.commit()
    for line in drawing.missing:
        warn(line)
    return image, scene, drawing


def along_beam(image, warn):
    """An Image and its Marked, None if it has no counts; of several stacked panels as seen along the beam."""
    panels, marked = image.experiment.get("panels", ()), marked_image(image)
    if len(panels) < 2:
        return image, marked
    # h5py is installed, as only HDF5 files have panels
    from nbkernel.io.nexus.reader import panels_apart

    parts = panels_apart(image.pixels, panels)
    if parts is None:
        return image, marked
    experiment = Experiment(**image.experiment)
    frame = directions(experiment)
    assembly = make_assembly([place_panel(panel, number, frame) for number, panel in enumerate(panels)])
    for line in assembly.missing_lines():
        warn(line)
    if marked is not None:
        apart = (panels_apart(array, panels) for array in marked)
        marked = assembled(assembly, [Marked(*own) for own in zip(*apart, strict=True)])
    image = replace(
        image, pixels=assemble(assembly, parts), beam_center=direct_beam(assembly.detector),
        experiment={**image.experiment, "panels": (assembly.panel,)},
    )  # fmt: skip
    return image, marked


def find_geometry(image, experiment, warn):
    """Detector and wavelength (Angstrom) of an Image from the user's flags, then from its header.

    Raises InputError if distance, pixel size or wavelength is in neither, or if there are several panels.
    """
    panels = image.experiment.get("panels", ())
    if len(panels) > 1:
        raise InputError(f"show: {image.path} has {len(panels)} panels; rings and beam centre need an image of one panel")
    if panels and has_no_position(experiment):
        stated = (
            image.experiment if experiment.wavelength is None else image.experiment | {"wavelength": experiment.wavelength}
        )
        experiment = Experiment(**stated)
        return place_panel(panels[0], 0, directions(experiment), experiment.point_pixel), checked_wavelength(
            image, experiment
        )
    return placed_by_flags(image, experiment, warn)


def placed_by_flags(image, experiment, warn):
    """The same where flags give the detector's position, and the header fills in what they leave out."""
    if says_tilted(image) and not (is_tilted(experiment) and experiment.distance is not None):
        warn(tilt_warning(image))
    stated = dict(image.experiment)
    if experiment.distance is not None:
        # otherwise the header's close_distance would override it
        stated.pop("close_distance", None)
    if image.beam_center is not None and is_plain(experiment):
        # DENZO's is the only convention that counts from the corner of the first pixel; its axes are MOSFLM's
        fast, slow = image.beam_center
        stated.update(Xbeam=slow * stated["pixel"], Ybeam=fast * stated["pixel"])
        experiment = replace(experiment, convention="denzo")
    experiment = experiment.with_header(stated)
    if experiment.distance is None:
        experiment = replace(experiment, distance=experiment.close_distance)
    checked_wavelength(image, experiment)
    slow, fast = image.pixels.shape
    return place_detector(replace(experiment, detpixels_f=fast, detpixels_s=slow)), experiment.wavelength


def checked_wavelength(image, experiment):
    """The wavelength (Angstrom). Raises InputError if it or the detector's position is unknown or impossible."""
    needed = NEEDED if not experiment.panels else ("wavelength",)
    missing = [name for name in needed if getattr(experiment, name) is None]
    if missing:
        names, flags = (" and ".join(NEEDED[name][i] for name in missing) for i in (0, 1))
        raise InputError(f"show: {image.path} does not contain the {names}, which rings and beam centre need; give {flags}")
    if not 0.0 < experiment.wavelength < math.inf:
        raise InputError(f"show: a wavelength of {experiment.wavelength:g} Angstrom is impossible; give -lambda")
    return experiment.wavelength


def has_no_position(experiment):
    """Whether no flag says where the detector is: then a file that has its full geometry is used."""
    sizes = experiment.distance, experiment.close_distance, experiment.pixel
    return is_plain(experiment) and sizes == (None, None, None)


def is_plain(experiment):
    """Whether no flag gives a convention, a beam centre or a tilt: then a header's keywords are taken literally."""
    return (
        experiment.convention == "mosflm"
        and all(getattr(experiment, name) is None for name in CENTRE_FIELDS)
        and not is_tilted(experiment)
    )


def says_tilted(image):
    if image.header_path is None:
        return False
    if image.kind == "HDF5":
        return "distance" not in image.experiment
    header = read_smv("show", image.header_path).header
    if value_of(header.text, "TWOTHETA"):
        return True
    # the exact keyword: the program's own search would find CLOSE_DISTANCE
    along_beam = header.keywords.get("DISTANCE")
    close_distance = image.experiment.get("close_distance")
    if along_beam is None or close_distance is None:
        return False
    # headers have six significant digits
    return not math.isclose(first_number(along_beam), close_distance, rel_tol=1e-4)


def tilt_warning(image):
    if image.kind == "HDF5":
        return f"{image.header_path} has a tilted detector, which your flags replace; leave them out to get its rings"
    return (
        f"the header of {image.header_path} says that the detector is tilted, but not how; for correct rings give the flags "
        "of the run: -distance and -twotheta, -detector_rotx, -detector_roty or -detector_rotz"
    )


def is_tilted(experiment):
    return experiment.convention == "custom" or any(
        (experiment.twotheta, experiment.detector_rotx, experiment.detector_roty, experiment.detector_rotz)
    )
