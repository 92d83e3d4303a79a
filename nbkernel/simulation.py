"""One run from Experiment to files, as `nbkernel simulate` does it."""

import contextlib
import time

import numpy as np

from nbkernel.kernels.ahead import CACHE
from nbkernel.kernels.cpu_images import scaled_bytes, scaled_counts

from .errors import DeviceError, InputError
from .interruptible import interruptible
from .io.fdump import dump_pieces
from .io.output_files import OutputFiles
from .io.pgm import pgm_header
from .io.smv import smv_header
from .io.text import c_format
from .noise import counted_poisson_image, poisson_image
from .orientation import generator_seed
from .picture.draw import draw, make_scene
from .prepare import prepare
from .printout import Printout
from .quirks import warning
from .render import render
from .statistics import image_statistics
from .summary import summary_lines
from .threads import share_rows, thread_count
from .trace import check_pixel, render_one_pixel, require_in_image, trace_pixel


def simulate_to_files(experiment, outputs, say, warn, note, engine, progress=None):
    """Renders an Experiment by an Engine and writes its files, all or none.

    say: called with lines for standard output; warn, note: with lines for standard error. progress: called with the
    Prepared run; returns a context manager for the time of rendering, whose value is called with the number of pixels
    done. Raises InputError for unusable input.
    """
    now = int(time.time())
    CACHE.say = note
    prepared = prepare(experiment, now)
    if outputs.trace_pixel is not None:
        check_pixel("-trace_pixel", prepared, *reversed(outputs.trace_pixel))
    scene = None if outputs.preview is None else preview_scene(prepared, outputs)
    for name in prepared.quirks:
        warn(warning(name))
    with OutputFiles(experiment.input_files()) as files:
        open_outputs(files, outputs)
        makes_dump = open_dump(files, experiment, warn)
        for line in summary_lines(prepared):
            say(line)
        image, omega_sum = make_image(prepared, outputs, say, warn, note, engine, progress)
        files.write_meanwhile("-floatfile", image)
        statistics = image_statistics(
            image, prepared.wanted, prepared.roi, prepared.plan, prepared.detector.pixel_size, omega_sum,
            None if engine.precision == "exact" else thread_count(engine.threads),
        )  # fmt: skip
        say("")
        say(statistics.solid_angle_line())
        say(statistics.max_line())
        say(statistics.mean_line())
        write_images(files, prepared, outputs, image, statistics, now, say, thread_count(engine.threads))
        if scene is not None:
            write_preview(files, scene, image, warn)
        if makes_dump:
            files.write("-dump", *dump_pieces(prepared.reflections))
        files.commit()


def open_outputs(files, outputs):
    for flag, path in (
        ("-floatfile", outputs.floatfile),
        ("-intfile", outputs.intfile),
        ("-pgmfile", outputs.pgmfile),
        ("-noisefile", outputs.noisefile),
        ("--preview", outputs.preview),
    ):
        if path is not None:
            files.open(flag, path)


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


def make_image(prepared, outputs, say, warn, note, engine, progress):
    """The image (slow, fast) float32 and the sum of its solid angles; says single pixels."""
    with contextlib.nullcontext() if progress is None else progress(prepared) as on_pixels:
        image, omega_sum, carried = interruptible(render_by, engine, prepared, on_pixels, note)
    if carried.latch_pixel < image.size:
        warn(warning("interpolation"))
    show_pixels(prepared, carried, outputs, image, say, warn, engine.precision)
    return image, omega_sum


def render_by(engine, prepared, on_pixels, note):
    """`render` by an Engine; on the CPU where its devices fail and it may."""
    arguments = (prepared, engine.precision, engine.threads, engine.tile_shape, on_pixels)
    try:
        return render(*arguments, engine.devices)
    except DeviceError as error:
        if not engine.falls_back:
            raise
        note(f"{error}; rendering on the CPU")
        return render(*arguments)


def show_pixels(prepared, carried, outputs, image, say, warn, precision):
    """Says what -printout, -printout_pixel and -trace_pixel ask for. Raises InternalError where trace and image
    differ."""
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


def write_images(files, prepared, outputs, image, statistics, now, say, threads):
    """Fills the opened files from the float image; says the scales and the photons."""
    header = smv_header(prepared.detector, prepared.wavelength, prepared.phi0, prepared.osc)
    roi = prepared.roi
    scale = outputs.scale
    if scale <= 0.0:
        scale = 55000.0 / statistics.max_I if statistics.max_I > 0.0 else 1.0
    say(c_format("intfile_scale = %g", scale))
    counts = np.empty(image.shape, np.uint16)
    in_rows(threads, scaled_counts, image, roi, scale, float(outputs.adc), counts)
    files.write_meanwhile("-intfile", header, counts)

    if outputs.pgmfile is not None:
        pgmscale = outputs.pgmscale
        if pgmscale <= 0.0:
            pgmscale = 250.0 / (5.0 * statistics.rmsd) if statistics.rmsd > 0.0 else scale
        say(c_format("pgm_scale = %g", pgmscale))
        grey = np.empty(image.shape, np.uint8)
        in_rows(threads, scaled_bytes, image, roi, pgmscale, grey)
        files.write("-pgmfile", pgm_header(image.shape[1], image.shape[0], pgmscale), grey)
        del grey

    if outputs.noisefile is not None:
        seed, adc = now if outputs.seed is None else outputs.seed, float(outputs.adc)
        noisy = np.empty(image.shape, np.uint16)
        if outputs.noise_rng == "philox":
            photons, overloads = counted_poisson_image(image, roi, adc, seed, threads, noisy)
        else:
            photons, overloads = poisson_image(image, roi, adc, generator_seed(seed), prepared.shuffle, noisy)
        say(c_format("%.0f photons on noise image (%d overloads)", photons, overloads))
        files.write("-noisefile", header, noisy)


def preview_scene(prepared, outputs):
    return make_scene(outputs.picture, prepared.wanted.shape, prepared.detector, prepared.wavelength * 1e10)


def write_preview(files, scene, image, warn):
    drawing = draw(scene, image)
    files.write("--preview", drawing.png)
    for line in drawing.missing:
        warn(line)


def in_rows(threads, kernel, image, *arguments):
    """kernel(image, *arguments, start, stop) for all rows, on threads."""
    share_rows(lambda: kernel.over_rows(image, *arguments), 0, image.shape[0], threads)
