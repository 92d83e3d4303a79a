"""One run from Experiment to files, as `nbkernel simulate` does it: the functions of the Python API, but all files are
opened before the work starts and renamed to their final names together."""

import contextlib
import itertools
import operator
from dataclasses import replace

import numpy as np

from nbkernel.errors import InputError
from nbkernel.experiment.input_files import protected_paths
from nbkernel.experiment.quirks import warning
from nbkernel.geometry.panels import panel_name
from nbkernel.image.bits import LARGEST, cut_to
from nbkernel.image.counts import (
    Noise,
    count_scale,
    count_strips,
    grey_scale,
    kept,
    noisy_strips,
    photon_strips,
    scaled_above,
)
from nbkernel.image.panel_image import as_ndarray
from nbkernel.image.seeds import fresh_seed, seed_line
from nbkernel.io.files.output_files import OutputFiles
from nbkernel.io.files.text import c_format
from nbkernel.io.images.raw_pixels import pixel_pieces
from nbkernel.kernels.compile.object_cache import CACHE
from nbkernel.setup.checks.remarks import run_remarks
from nbkernel.setup.prepare import prepare_panels

from .simulate import dark_lines, interpolation_ended, panel_images, quirk_warnings, render_on, settled
from .summary import summary_lines
from .writers import open_numbered, pgm_contents, smv_header_of, smv_lines


def simulate_to_files(experiment, outputs, say, warn, note, engine, progress=None, command=None):
    """Renders an Experiment by an Engine and writes its files, all or none; with several panels, one of each kind per panel.

    say: called with lines for standard output; warn, note: with lines for standard error. progress: called with the
    Prepared panels, returns a context manager for the duration of rendering, whose value is called with the number of
    pixels done. command: the command line, for the provenance. Raises InputError for unusable input.
    """
    CACHE.say = note
    runs = prepare_panels(experiment, fresh_seed())
    if outputs.seed is None:
        outputs = replace(outputs, seed=fresh_seed())
    # parts that most runs do without, because importing them takes time
    shows_pixels = outputs.printout or outputs.trace_pixel is not None
    if shows_pixels:
        from .single_pixels import check_single_pixels, show_pixels

        check_single_pixels(outputs, runs)
    if outputs.preview is not None:
        from nbkernel.io.picture.run_view import RunView

        view = RunView(outputs.picture, runs)
    configs = []
    if outputs.config is not None:
        from nbkernel.experiment.config.writing import config_files, resolved_experiment

        configs = config_files("--save-config", resolved_experiment(runs[0]), outputs.config)
    if outputs.hdf5 is not None:
        from .hdf5_output import check_hdf5, finish_hdf5, open_hdf5

        check_hdf5(runs)
    for line in (*quirk_warnings(runs), *run_remarks(runs)):
        warn(line)
    inputs = [*protected_paths(runs[0].inputs), outputs.config_read]
    if experiment.response is not None:
        from nbkernel.image.response.detect import check_responses
        from nbkernel.image.response.maps import map_paths

        inputs += map_paths(experiment.response)
        if outputs.noisefile is not None:
            check_responses(runs, experiment.response)
    with OutputFiles(filter(None, inputs)) as files:
        names = open_outputs(files, outputs, len(runs))
        for name, path, _ in configs:
            files.open(name, path)
        makes_dump = open_dump(files, experiment, outputs.dump, warn)
        for line in filter(None, [*summary_lines(runs), seed_line(runs[0], outputs.noisefile and outputs.seed)]):
            say(line)
        engine = settled(engine, runs, note)
        with contextlib.nullcontext() if progress is None else progress(runs) as on_pixels:
            renderings, engine = render_on(engine, runs, on_pixels, note)
        if interpolation_ended(renderings):
            warn(warning("interpolation"))
        if shows_pixels:
            show_pixels(runs[0], renderings[0], outputs, say, warn, engine.precision)
        images = panel_images(renderings, runs, engine)
        for line in dark_lines(images):
            warn(line)
        for name, image in zip(names["-floatfile"], images, strict=True):
            files.write_meanwhile(name, pixel_pieces(image.shape, np.float32, photon_strips(image)))
        for line in smv_lines("--smv dials", runs, outputs.smv):
            warn(line)
        statistics = [image.statistics for image in images]
        say_statistics(images, statistics, say)
        write_images(files, names, outputs, images, statistics, say, warn)
        has_noise = outputs.noisefile is not None
        with contextlib.ExitStack() as opened:
            hdf5 = None
            if outputs.hdf5 is not None:
                hdf5 = opened.enter_context(open_hdf5(files, "--hdf5", outputs.hdf5, runs, has_noise))
            noise = write_noise(files, names, outputs, images, hdf5, say, warn, note) if has_noise else None
            if hdf5 is not None:
                finish_hdf5(hdf5, images, None if noise is None else noise.properties(32), outputs.hdf5, command)
        if outputs.labels is not None:
            from .hdf5_output import fill_labels

            fill_labels(files, "--labels", images, outputs.labels, command)
        if outputs.preview is not None:
            write_preview(files, view, images, warn)
        if makes_dump:
            from nbkernel.io.reflections.fdump import dump_pieces

            files.write("-dump", *dump_pieces(runs[0].as_read))
        for name, _, content in configs:
            files.write(name, content)
        files.commit()


def open_outputs(files, outputs, panels):
    """Opens all files except the dump; returns {flag: names in `files`} for those with one file per panel."""
    paths = {
        "-floatfile": outputs.floatfile,
        "-intfile": outputs.intfile,
        "-pgmfile": outputs.pgmfile,
        "-noisefile": outputs.noisefile,
    }
    names = {flag: open_numbered(files, flag, path, panels) for flag, path in paths.items() if path is not None}
    if outputs.hdf5 is not None:
        files.open("--hdf5", outputs.hdf5, by_name=True)
    if outputs.labels is not None:
        files.open("--labels", outputs.labels, by_name=True)
    if outputs.preview is not None:
        files.open("--preview", outputs.preview)
    return names


def open_dump(files, experiment, path, warn):
    """Whether this run makes a dump file; like the program, it continues if none can be written."""
    if experiment.hkl is None or experiment.dump is None:
        return False
    if path is None:
        warn(f"{experiment.dump}: no dump file is written there, because only -dump on the command line can name one")
        return False
    try:
        files.open("-dump", path)
    except InputError as error:
        warn(f"{error}; continuing without a dump file")
        return False
    return True


def say_statistics(images, statistics, say):
    """Prints the lines that scripts read; with several panels, one line per panel."""
    say("")
    if len(images) > 1:
        for image, own in zip(images, statistics, strict=True):
            panel = image.run.panel
            say(f"{panel_name(panel, image.run.experiment.panels[panel])}: {own.max_line()}, {own.mean_line()}")
        return
    say(statistics[0].solid_angle_line())
    say(statistics[0].max_line())
    say(statistics[0].mean_line())


def write_images(files, names, outputs, images, statistics, say, warn):
    """Fills the opened integer and PGM files from the float images; prints scales, and warns of pixels that do not fit into
    16 bits."""
    max_I = max(own.max_I for own in statistics)
    scale, adc = outputs.scale if outputs.scale > 0.0 else count_scale(max_I), float(outputs.adc)
    say(c_format("intfile_scale = %g", scale))
    for name, image in zip(names["-intfile"], images, strict=True):
        header = smv_header_of(image.run, outputs.smv, (adc, scale), noisy=False)
        files.write_meanwhile(name, header, pixel_pieces(image.shape, np.uint16, count_strips(image, scale, adc)))
    if max_I * scale + outputs.adc > LARGEST[16]:
        above = scaled_above(LARGEST[16], images, scale, outputs.adc)
        warn(
            f"{outputs.intfile}: {above} pixels are cut off at {LARGEST[16]}, the most that 16 bits can hold; use a smaller "
            "-scale"
        )
    if outputs.pgmfile is not None:
        pgmscale = outputs.pgmscale if outputs.pgmscale > 0.0 else grey_scale(max(own.rmsd for own in statistics), scale)
        say(c_format("pgm_scale = %g", pgmscale))
        for name, image in zip(names["-pgmfile"], images, strict=True):
            files.write_meanwhile(name, *pgm_contents(image, pgmscale))


def write_noise(files, names, outputs, images, hdf5, say, warn, note):
    """Draws the noise and fills its opened files; prints photons, and warns of pixels that do not fit. hdf5: the NxmxFile
    that gets the counts in 32 bits, or None. Returns the Noise."""
    noisy = strips_with_noise(images, outputs, note)
    adc, response = noisy.adc_offset, images[0].run.experiment.response
    wraps = response is None and "adc" not in images[0].run.experiment.fix and adc < 0.0
    lowest, held = 0, []

    def in_16_bits(strips):
        nonlocal lowest
        for panel, strip, counts in strips:
            lowest = min(lowest, int(counts.min())) if wraps else 0
            if hdf5 is not None:
                hdf5.write_counts(panel, strip, kept(noisy, 32, counts))
            yield strip, cut_to(16, counts, wraps)

    for panel, strips in itertools.groupby(noisy, operator.itemgetter(0)):
        image, name = images[panel], names["-noisefile"][panel]
        header = smv_header_of(image.run, outputs.smv, noisy.offset_and_gain(), noisy=True)
        pixels = pixel_pieces(image.shape, np.uint16, in_16_bits(strips))
        if files.is_stream(name):
            held.append((name, header, *pixels))
        else:
            files.write(name, header, pixels)
    noise = Noise(images, noisy.totals(), noisy.rng, outputs.seed, adc, noisy.saturation)
    say(c_format("%.0f photons on noise image (%d overloads)", noise.totals.photons, noise.totals.overloads[16]))
    for line in noise.lines(outputs.noisefile, 16):
        warn(line)
    if lowest < 0:
        warn(warning("adc"))
    for pieces in held:
        files.write(*pieces)
    if hdf5 is not None and noise.totals.overloads[32]:
        for line in noise.lines(outputs.hdf5, 32):
            warn(line)
    return noise


def strips_with_noise(images, outputs, note):
    """The NoisyStrips of a run, or the DetectedStrips if its detector has a response."""
    experiment, engine = images[0].run.experiment, images[0].engine
    if experiment.response is None:
        return noisy_strips(images, outputs.seed, outputs.noise_rng, float(outputs.adc), engine, note)
    from nbkernel.image.response.detect import detected_strips
    from nbkernel.image.response.maps import checked_responses

    responses = checked_responses("response", experiment.response, len(images))
    return detected_strips(images, responses, outputs.seed, engine, note)


def write_preview(files, view, images, warn):
    png, missing = view.draw([as_ndarray(image) for image in images], [image.run.roi for image in images])
    files.write("--preview", png)
    for line in missing:
        warn(line)
