"""One run from Experiment to files, as `nbkernel simulate` does it."""

import time

import numpy as np

from nbkernel.kernels.cpu_images import scaled_bytes, scaled_counts

from .errors import InputError
from .io.output_files import OutputFiles
from .io.pgm import pgm_header
from .io.png import png_bytes, preview_bytes
from .io.smv import smv_header
from .io.structure_factors import write_dump
from .io.text import c_format
from .noise import poisson_image
from .prepare import generator_seed, prepare
from .progress import ProgressLines
from .quirks import warning
from .render import render_exact
from .statistics import image_statistics
from .summary import summary_lines


def simulate_to_files(experiment, outputs, say, warn, threads=None, tile_shape=None, progress=True):
    """Renders an Experiment with `--precision exact` and writes its files, all or none.

    say, warn: called with lines for standard output and standard error. Raises InputError for unusable input.
    """
    now = int(time.time())
    prepared = prepare(experiment, now)
    for name in prepared.quirks:
        warn(warning(name))
    with OutputFiles() as files:
        open_outputs(files, outputs)
        dump = open_dump(files, experiment, warn)
        for line in summary_lines(prepared):
            say(line)
        image, statistics = render(prepared, say, warn, threads, tile_shape, progress)
        say(statistics.max_line())
        say(statistics.mean_line())
        write_images(files, prepared, outputs, image, statistics, now, say)
        if dump is not None:
            write_dump(dump, prepared.reflections)
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
    """The dump file, if this run makes one; like the program, a run goes on where it cannot be written."""
    if experiment.hkl is None:
        return None
    try:
        return files.open("-dump", experiment.dump)
    except InputError as error:
        warn(f"{error}; going on without a dump file")
        return None


def render(prepared, say, warn, threads, tile_shape, progress):
    """The image (slow, fast) float32 and its Statistics; says the progress and the solid angle."""
    on_pixels = ProgressLines(prepared.roi_flags, say) if progress else None
    image, omega_sum, latched = render_exact(prepared, threads, tile_shape, on_pixels)
    if latched:
        warn(warning("interpolation"))
    statistics = image_statistics(
        image, prepared.wanted, prepared.roi, prepared.plan, prepared.detector.pixel_size, omega_sum
    )
    say("")
    say(statistics.solid_angle_line())
    return image, statistics


def write_images(files, prepared, outputs, image, statistics, now, say):
    """Fills the opened files from the float image; says the scales and the photons."""
    header = smv_header(prepared.detector, prepared.wavelength, prepared.phi0, prepared.osc)
    roi = prepared.roi
    image.tofile(files["-floatfile"])

    scale = outputs.scale
    if scale <= 0.0:
        scale = 55000.0 / statistics.max_I if statistics.max_I > 0.0 else 1.0
    say(c_format("intfile_scale = %g", scale))
    counts = np.empty(image.shape, np.uint16)
    scaled_counts(image, roi, scale, float(outputs.adc), counts)
    files["-intfile"].write(header)
    counts.tofile(files["-intfile"])

    if outputs.pgmfile is not None:
        pgmscale = outputs.pgmscale
        if pgmscale <= 0.0:
            pgmscale = 250.0 / (5.0 * statistics.rmsd) if statistics.rmsd > 0.0 else scale
        say(c_format("pgm_scale = %g", pgmscale))
        grey = np.empty(image.shape, np.uint8)
        scaled_bytes(image, roi, pgmscale, grey)
        files["-pgmfile"].write(pgm_header(image.shape[1], image.shape[0], pgmscale))
        grey.tofile(files["-pgmfile"])
        del grey

    if outputs.noisefile is not None:
        seed = generator_seed(now if outputs.seed is None else outputs.seed)
        photons, overloads = poisson_image(image, roi, float(outputs.adc), seed, prepared.shuffle, counts)
        say(c_format("%.0f photons on noise image (%d overloads)", photons, overloads))
        files["-noisefile"].write(header)
        counts.tofile(files["-noisefile"])

    if outputs.preview is not None:
        files["--preview"].write(png_bytes(preview_bytes(image)))
