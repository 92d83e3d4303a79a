"""One run from Experiment to files, as `nbkernel simulate` does it."""

import time

import numpy as np

from nbkernel.kernels.cpu_images import scaled_bytes, scaled_counts
from nbkernel.kernels.jit import compilation_ahead

from .errors import InputError
from .interruptible import interruptible
from .io.output_files import OutputFiles
from .io.pgm import pgm_header
from .io.png import png_bytes, preview_bytes
from .io.smv import smv_header
from .io.structure_factors import dump_pieces
from .io.text import c_format
from .noise import poisson_image
from .orientation import generator_seed
from .prepare import prepare
from .printout import Printout
from .progress import ProgressLines
from .quirks import warning
from .render import render_exact
from .statistics import image_statistics
from .summary import summary_lines
from .trace import check_pixel, require_in_image, trace_pixel


def simulate_to_files(experiment, outputs, say, warn, note, threads=None, tile_shape=None, progress=True):
    """Renders an Experiment with `--precision exact` and writes its files, all or none.

    say: called with lines for standard output; warn, note: with lines for standard error. Raises InputError for
    unusable input.
    """
    now = int(time.time())
    prepared = prepare(experiment, now)
    if outputs.trace_pixel is not None:
        check_pixel("-trace_pixel", prepared, *reversed(outputs.trace_pixel))
    for name in prepared.quirks:
        warn(warning(name))
    with OutputFiles(experiment.input_files()) as files:
        open_outputs(files, outputs)
        makes_dump = open_dump(files, experiment, warn)
        for line in summary_lines(prepared):
            say(line)
        if (line := compilation_ahead()) is not None:
            note(line)
        image, statistics = render(prepared, outputs, say, warn, threads, tile_shape, progress)
        say(statistics.max_line())
        say(statistics.mean_line())
        write_images(files, prepared, outputs, image, statistics, now, say)
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


def render(prepared, outputs, say, warn, threads, tile_shape, progress):
    """The image (slow, fast) float32 and its Statistics; says the progress, single pixels and the solid angle."""
    on_pixels = ProgressLines(prepared.roi_flags, say) if progress else None
    image, omega_sum, carried = interruptible(render_exact, prepared, threads, tile_shape, on_pixels)
    if carried.latch_pixel < image.size:
        warn(warning("interpolation"))
    show_pixels(prepared, carried, outputs, image, say, warn)
    statistics = image_statistics(
        image, prepared.wanted, prepared.roi, prepared.plan, prepared.detector.pixel_size, omega_sum
    )
    say("")
    say(statistics.solid_angle_line())
    return image, statistics


def show_pixels(prepared, carried, outputs, image, say, warn):
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
            require_in_image(trace, image)


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


def write_images(files, prepared, outputs, image, statistics, now, say):
    """Fills the opened files from the float image; says the scales and the photons."""
    header = smv_header(prepared.detector, prepared.wavelength, prepared.phi0, prepared.osc)
    roi = prepared.roi
    files.write("-floatfile", image)

    scale = outputs.scale
    if scale <= 0.0:
        scale = 55000.0 / statistics.max_I if statistics.max_I > 0.0 else 1.0
    say(c_format("intfile_scale = %g", scale))
    counts = np.empty(image.shape, np.uint16)
    scaled_counts(image, roi, scale, float(outputs.adc), counts)
    files.write("-intfile", header, counts)

    if outputs.pgmfile is not None:
        pgmscale = outputs.pgmscale
        if pgmscale <= 0.0:
            pgmscale = 250.0 / (5.0 * statistics.rmsd) if statistics.rmsd > 0.0 else scale
        say(c_format("pgm_scale = %g", pgmscale))
        grey = np.empty(image.shape, np.uint8)
        scaled_bytes(image, roi, pgmscale, grey)
        files.write("-pgmfile", pgm_header(image.shape[1], image.shape[0], pgmscale), grey)
        del grey

    if outputs.noisefile is not None:
        seed = generator_seed(now if outputs.seed is None else outputs.seed)
        photons, overloads = poisson_image(image, roi, float(outputs.adc), seed, prepared.shuffle, counts)
        say(c_format("%.0f photons on noise image (%d overloads)", photons, overloads))
        files.write("-noisefile", header, counts)

    if outputs.preview is not None:
        files.write("--preview", png_bytes(preview_bytes(image)))
