"""`nbkernel show`: a picture of an image file."""

from nbkernel.errors import InputError
from nbkernel.experiment import flags
from nbkernel.experiment.arguments import parse_flags
from nbkernel.experiment.command_line import split_settings
from nbkernel.experiment.experiment import Experiment
from nbkernel.io.formats import IMAGE, format_names
from nbkernel.io.hdf5.path import split_dataset
from nbkernel.io.picture.settings import PictureSettings

from ..arguments.options import options_of, options_text
from ..arguments.parsing import parse
from ..terminal import say, warn


def help_text():
    return (
        "usage: nbkernel show FILE [options] [geometry flags of simulate]\n\n"
        f"Draws an image ({format_names(IMAGE)}) as a PNG: dark is strong. A float file has the shape of the SMV\n"
        "image beside it.\n"
        "FILE.h5 is the noise-free image of nbkernel's files, else another's; FILE.h5:/path/in/file is any dataset;\n"
        "of several images --frame chooses one.\n"
        "Rings and beam centre need a geometry: that of the header, unless flags say otherwise, such as -distance,\n"
        "-pixel, -lambda, -Xbeam, -Ybeam, -twotheta, -detector_rotx or -img FILE. All flags of simulate are accepted.\n\n"
        f"Options:\n{options_text(options_of('show'))}\n{flags.help_text((flags.DETECTOR, flags.GEOMETRY))}"
    )


def run(argv):
    """Runs the sub-command with its arguments; returns the exit status. Raises InputError for unusable input."""
    chosen, rest = parse("show", argv)
    if not rest or rest[0].startswith("-"):
        raise InputError("show: needs the name of an image file before any flag; see nbkernel show -h")
    path = rest[0]
    from_options = chosen.fields("Experiment")
    parsed = parse_flags(rest[1:], from_options.get("fix", frozenset()))
    for line in parsed.warnings:
        warn(line)
    experiment = Experiment(**from_options, **split_settings(parsed.settings)[0])
    output = chosen.get("--output", f"{split_dataset(path)[0]}.png")
    settings = PictureSettings(**chosen.fields("PictureSettings"))

    # imports numpy, which can wait until the arguments have been checked
    from nbkernel.diagnose.images.show import show_to_file

    shown = show_to_file(path, output, settings, experiment, chosen.get("--shape"), warn, chosen.get("--frame", 0))
    for line in report(output, *shown):
        say(line)
    return 0


def report(output, image, scene, drawing):
    """The lines of the report."""
    import numpy as np

    slow, fast = image.pixels.shape
    yield f"{output}: {image.path}, {image.kind}, {slow} x {fast} pixels (slow x fast)"
    view = scene.view
    if (view.slow.stop - view.slow.start, view.fast.stop - view.fast.start) != (slow, fast):
        yield f"region: fast {view.fast.start} to {view.fast.stop - 1}, slow {view.slow.start} to {view.slow.stop - 1}"
    if view.up > 1:
        yield f"zoom: {view.up} x {view.up} picture pixels per pixel"
    if view.down > 1:
        yield f"zoom: each picture pixel is the largest of {view.down} x {view.down} pixels"
    if drawing.limits is None:
        yield "no pixel is greater than 0"
    else:
        yield f"{scene.settings.scale} scale: white up to {drawing.limits[0]:g}, black from {drawing.limits[1]:g}"
    if image.pedestal is not None and np.any(image.pedestal):
        least, most = np.min(image.pedestal), np.max(image.pedestal)
        yield f"pedestal: {least:g}{f' to {most:g}' if most > least else ''} counts, subtracted"
    if drawing.masked or drawing.saturated:
        yield f"marked: {drawing.masked} masked pixels (green), {drawing.saturated} saturated (orange)"
    if drawing.rings:
        yield f"rings: {' '.join(f'{d:g}' for d in drawing.rings)} Angstrom"
    if drawing.beam is not None:
        yield f"direct beam: fast {drawing.beam[0]:.6g} slow {drawing.beam[1]:.6g} pixels"
