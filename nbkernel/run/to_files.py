"""One run from Experiment to files, as `nbkernel simulate` does it: the functions of the Python API, but all files are
opened before the work starts and renamed to their final names together."""

import contextlib
from dataclasses import replace

from nbkernel.errors import InputError
from nbkernel.experiment.input_files import protected_paths
from nbkernel.experiment.quirks import warning
from nbkernel.geometry.panels import panel_name
from nbkernel.image.bits import LARGEST
from nbkernel.image.counts import count_scale, draw_noise, grey_scale, scaled_above, to_counts
from nbkernel.image.panel_image import as_ndarray
from nbkernel.image.seeds import fresh_seed, seed_line
from nbkernel.io.files.output_files import OutputFiles
from nbkernel.io.files.text import c_format
from nbkernel.kernels.compile.object_cache import CACHE
from nbkernel.setup.checks.remarks import run_remarks
from nbkernel.setup.prepare import prepare_panels

from .simulate import dark_lines, interpolation_ended, panel_images, quirk_warnings, render_on
from .summary import summary_lines
from .writers import open_numbered, pgm_contents, smv_contents, smv_lines


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
    if outputs.config is not None:
        from nbkernel.experiment.config.writing import config_text, resolved_experiment

        config = config_text(resolved_experiment(runs[0]), outputs.config)
    if outputs.hdf5 is not None:
        from .hdf5_output import check_hdf5, fill_hdf5

        check_hdf5(runs)
    for line in (*quirk_warnings(runs), *run_remarks(runs)):
        warn(line)
    with OutputFiles(filter(None, [*protected_paths(runs[0].inputs), outputs.config_read])) as files:
        names = open_outputs(files, outputs, len(runs))
        makes_dump = open_dump(files, experiment, outputs.dump, warn)
        for line in filter(None, [*summary_lines(runs), seed_line(runs[0], outputs.noisefile and outputs.seed)]):
            say(line)
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
            files.write_meanwhile(name, as_ndarray(image))
        for line in smv_lines("--smv dials", runs, outputs.smv):
            warn(line)
        statistics = [image.statistics for image in images]
        say_statistics(images, statistics, say)
        noisy = write_images(files, names, outputs, images, statistics, say, warn, note)
        if outputs.hdf5 is not None:
            fill_hdf5(files, "--hdf5", outputs.hdf5, images, noisy, command)
        if outputs.preview is not None:
            write_preview(files, view, images, warn)
        if makes_dump:
            from nbkernel.io.reflections.fdump import dump_pieces

            files.write("-dump", *dump_pieces(runs[0].reflections))
        if outputs.config is not None:
            files.write("--save-config", config.encode())
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
    for option, path in (("--preview", outputs.preview), ("--save-config", outputs.config)):
        if path is not None:
            files.open(option, path)
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


def write_images(files, names, outputs, images, statistics, say, warn, note):
    """Fills the opened files from the float images; prints scales and photons, and warns of pixels that do not fit into 16
    bits. Returns the noisy counts in 32 bits, if there are any and the HDF5 file needs them."""
    engine = images[0].engine
    threads = engine.threads
    max_I = max(own.max_I for own in statistics)
    scale = outputs.scale if outputs.scale > 0.0 else count_scale(max_I)
    say(c_format("intfile_scale = %g", scale))
    for name, counts in zip(names["-intfile"], to_counts(images, scale, adc=outputs.adc, threads=threads), strict=True):
        files.write_meanwhile(name, *smv_contents(counts, counts, outputs.smv))
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
            files.write(name, *pgm_contents(image, pgmscale, threads))
    if outputs.noisefile is None:
        return None
    noise = draw_noise(images, outputs.seed, outputs.noise_rng, float(outputs.adc), engine, note)
    say(c_format("%.0f photons on noise image (%d overloads)", noise.properties["photons"], noise.overloads[16]))
    for line in noise.lines(outputs.noisefile, 16):
        warn(line)
    wraps = "adc" not in images[0].run.experiment.fix and noise.has_negative()
    if wraps:
        warn(warning("adc"))
    for name, counts in zip(names["-noisefile"], noise.images(16, wraps), strict=True):
        files.write(name, *smv_contents(counts, counts, outputs.smv))
    if outputs.hdf5 is None:
        return None
    if noise.overloads[32]:
        for line in noise.lines(outputs.hdf5, 32):
            warn(line)
    return noise.images(32)


def write_preview(files, view, images, warn):
    png, missing = view.draw([as_ndarray(image) for image in images])
    files.write("--preview", png)
    for line in missing:
        warn(line)
