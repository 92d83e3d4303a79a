"""One run from Experiment to files, as `nbkernel simulate` does it."""

import contextlib
import os
import time

from nbkernel.kernels.ahead import CACHE

from .config import config_text, resolved
from .counts import count_scale, grey_bytes, grey_scale, to_counts
from .errors import InputError
from .io.fdump import dump_pieces
from .io.output_files import OutputFiles
from .io.pgm import pgm_header
from .io.smv import smv_header
from .io.text import c_format
from .noise import noisy_panels
from .panel_image import PanelImage, plain
from .picture.run_view import RunView
from .prepare import prepare_panels
from .printout import Printout
from .quirks import warning
from .record import write_record
from .rendering import (
    interpolation_ended,
    quirk_warnings,
    render_on,
    with_statistics,
)
from .summary import summary_lines
from .threads import thread_count
from .trace import check_pixel, render_one_pixel, require_in_image, trace_pixel


def simulate_to_files(experiment, outputs, say, warn, note, engine, progress=None, command=None):
    """Renders an Experiment by an Engine and writes its files, all or none; of several panels, one of each kind for each.

    say: called with lines for standard output; warn, note: with lines for standard error. progress: called with the
    Prepared panels; returns a context manager for the time of rendering, whose value is called with the number of pixels
    done. command: the command line, for the record. Raises InputError for unusable input.
    """
    now = int(time.time())
    CACHE.say = note
    runs = prepare_panels(experiment, now)
    check_single_pixels(outputs, runs)
    view = None if outputs.preview is None else RunView(outputs.picture, runs)
    for line in quirk_warnings(runs):
        warn(line)
    inputs = [*experiment.input_files(), outputs.config_read]
    with OutputFiles(filter(None, inputs)) as files:
        open_outputs(files, outputs, runs)
        makes_dump = open_dump(files, experiment, warn)
        for line in summary_lines(runs):
            say(line)
        renderings, engine = render_with_progress(runs, engine, progress, note)
        if interpolation_ended(renderings):
            warn(warning("interpolation"))
        if len(runs) == 1:
            show_pixels(runs[0], renderings[0], outputs, say, warn, engine.precision)
        for rendering, name in zip(renderings, names_of("-floatfile", runs), strict=True):
            files.write_meanwhile(name, rendering.image)
        images = [with_statistics(*pair, engine) for pair in zip(renderings, runs, strict=True)]
        say_statistics(images, say)
        noisy = write_images(files, runs, outputs, images, now, say, engine, note)
        if outputs.hdf5 is not None:
            write_record(files, outputs.hdf5, images, noisy, resolved(runs[0]), command)
        if view is not None:
            write_preview(files, view, images, warn)
        if makes_dump:
            files.write("-dump", *dump_pieces(runs[0].reflections))
        if outputs.config is not None:
            files.write("--save-config", config_text(resolved(runs[0]), outputs.config).encode())
        files.commit()


def check_single_pixels(outputs, runs):
    """Raises InputError where a pixel is asked for that is not there, or that could be any panel's."""
    if len(runs) > 1:
        for flag, asked in (("-trace_pixel", outputs.trace_pixel is not None), ("-printout", outputs.printout)):
            if asked:
                raise InputError(f"{flag}: the detector has {len(runs)} panels; use nbkernel trace --panel N --pixel FAST SLOW")
    elif outputs.trace_pixel is not None:
        check_pixel("-trace_pixel", runs[0], *reversed(outputs.trace_pixel))


def open_outputs(files, outputs, runs):
    for flag, path in (
        ("-floatfile", outputs.floatfile),
        ("-intfile", outputs.intfile),
        ("-pgmfile", outputs.pgmfile),
        ("-noisefile", outputs.noisefile),
    ):
        if path is not None:
            for name, own in zip(names_of(flag, runs), paths_of(path, runs), strict=True):
                files.open(name, own)
    if outputs.hdf5 is not None:
        files.open("--hdf5", outputs.hdf5, by_name=True)
    for option, path in (("--preview", outputs.preview), ("--save-config", outputs.config)):
        if path is not None:
            files.open(option, path)


def names_of(flag, runs):
    """A flag for each panel's file, to name it by."""
    return [flag] if len(runs) == 1 else [f"{flag} (panel {prepared.panel})" for prepared in runs]


def paths_of(path, runs):
    """The path of each panel's file: with its number where there are several."""
    if len(runs) == 1:
        return [path]
    stem, ending = os.path.splitext(path)
    digits = len(str(len(runs) - 1))
    return [f"{stem}_{prepared.panel:0{digits}d}{ending}" for prepared in runs]


def open_dump(files, experiment, warn):
    """Whether this run makes a dump file; like the program, it goes on where none can be written."""
    if experiment.hkl is None:
        return False
    try:
        files.open("-dump", experiment.dump)
    except InputError as error:
        warn(f"{error}; going on without a dump file")
        return False
    return True


def render_with_progress(runs, engine, progress, note):
    with contextlib.nullcontext() if progress is None else progress(runs) as on_pixels:
        return render_on(engine, runs, on_pixels, note)


def show_pixels(prepared, rendering, outputs, say, warn, precision):
    """Says what -printout, -printout_pixel and -trace_pixel ask for. Raises InternalError where trace and image
    differ."""
    image, _, carried = rendering
    if outputs.printout:
        for text in printouts(Printout(prepared, carried, image), outputs.printout_pixel, warn):
            say(text)
    if outputs.trace_pixel is not None:
        spixel, fpixel = outputs.trace_pixel
        trace = trace_pixel(prepared, carried, fpixel, spixel)
        for line in trace.lines():
            say(line)
        if trace.stopped:
            warn(trace.stopped)
        else:
            # the trace has the program's own operations
            exact = image if precision == "exact" else render_one_pixel(prepared, carried, fpixel, spixel)
            require_in_image(trace, exact)


def printouts(printout, pixel, warn):
    """Texts of -printout for one pixel (fast, slow), or for all."""
    if pixel is None or pixel[0] < 0:
        return printout.texts(warn)
    try:
        check_pixel("-printout_pixel", printout.prepared, *pixel)
    except InputError as error:
        warn(f"{error}; nothing is printed")
        return []
    return filter(None, [printout.one_text(*pixel, warn)])


def say_statistics(images, say):
    """The lines that scripts read; of several panels, one line for each."""
    say("")
    if len(images) > 1:
        for image in images:
            say(f"{panel_name(image.run)}: {image.statistics.max_line()}, {image.statistics.mean_line()}")
        return
    (statistics,) = (image.statistics for image in images)
    say(statistics.solid_angle_line())
    say(statistics.max_line())
    say(statistics.mean_line())


def panel_name(prepared):
    name = prepared.experiment.panels[prepared.panel].name
    return f"panel {prepared.panel}" + (f" ({name})" if name else "")


def write_images(files, runs, outputs, images, now, say, engine, note):
    """Fills the opened files from the float images; says the scales and the photons. Returns the noisy counts, if any."""
    threads = thread_count(engine.threads)
    headers = [smv_header(prepared.detector, prepared.wavelength, prepared.phi0, prepared.osc) for prepared in runs]
    scale = outputs.scale
    if scale <= 0.0:
        scale = count_scale(max(image.statistics.max_I for image in images))
    say(c_format("intfile_scale = %g", scale))
    counts = to_counts(images, scale, adc=outputs.adc, threads=threads)
    for name, header, own in zip(names_of("-intfile", runs), headers, counts, strict=True):
        files.write_meanwhile(name, header, own)

    if outputs.pgmfile is not None:
        pgmscale = outputs.pgmscale
        if pgmscale <= 0.0:
            pgmscale = grey_scale(max(image.statistics.rmsd for image in images), scale)
        say(c_format("pgm_scale = %g", pgmscale))
        for name, image in zip(names_of("-pgmfile", runs), images, strict=True):
            pixels = plain(image)
            files.write(name, pgm_header(*reversed(pixels.shape), pgmscale), grey_bytes(pixels, image.run.roi, pgmscale, threads))

    if outputs.noisefile is None:
        return None
    seed = now if outputs.seed is None else outputs.seed
    noisy, photons, overloads = noisy_panels(
        [plain(image) for image in images], [prepared.roi for prepared in runs], float(outputs.adc), seed,
        outputs.noise_rng, runs[0].shuffle, engine, note,
    )  # fmt: skip
    say(c_format("%.0f photons on noise image (%d overloads)", photons, overloads))
    for name, header, own in zip(names_of("-noisefile", runs), headers, noisy, strict=True):
        files.write(name, header, own)
    noise = {"rng": outputs.noise_rng, "seed": seed, "adc": float(outputs.adc)}
    return [PanelImage(own, image.run, image.engine, noise=noise) for own, image in zip(noisy, images, strict=True)]


def write_preview(files, view, images, warn):
    png, missing = view.draw([plain(image) for image in images])
    files.write("--preview", png)
    for line in missing:
        warn(line)
