"""`nbkernel simulate`: nanoBragg.c's flags in, its files and statistics lines out."""

import shlex
import sys
from dataclasses import replace

from nbkernel.engine.devices import choose_device
from nbkernel.engine.options import PRECISIONS, Engine
from nbkernel.errors import InputError
from nbkernel.experiment import flags
from nbkernel.experiment.arguments import parse_flags
from nbkernel.experiment.command_line import split_settings
from nbkernel.experiment.config.tables import without_overridden
from nbkernel.experiment.experiment import Experiment
from nbkernel.experiment.outputs import NOISE_RNGS, SMV_STYLES, Outputs
from nbkernel.experiment.quirks import QUIRKS, fix_names
from nbkernel.io.picture.settings import PictureSettings
from nbkernel.setup.panels import PLACE_FIELDS
from nbkernel.support.garbage_collection import without_garbage_collection

from ..arguments.options import options_of, options_text
from ..arguments.parsing import parse
from ..terminal import note, say, warn


def help_text():
    precisions = "\n".join(f"  {name:<14} {promise}" for name, promise in PRECISIONS.items())
    rngs = "\n".join(f"  {name:<14} {what}" for name, what in NOISE_RNGS.items())
    styles = "\n".join(f"  {name:<14} {what}" for name, what in SMV_STYLES.items())
    quirks = "\n".join(f"  {name:<14} {now}; fixed: {then}" for name, (now, then) in QUIRKS.items())
    return (
        "usage: nbkernel simulate [flags of nanoBragg.c] [options]\n\n"
        "Renders the diffraction of a nanocrystal as nanoBragg.c does: the same flags, the same files.\n"
        "Needs a cell (-cell, -mat or that of an MTZ or mmCIF file) and structure factors (-hkl, -default_F or a dump "
        f"file).\n\nOptions:\n{options_text(options_of('simulate'))}\n{flags.help_text()}\n\n"
        f"Precisions (--precision), with their promise for every pixel compared with nanoBragg.c's:\n{precisions}\n\n"
        f"Random numbers of the noise (--noise-rng), both seeded by -seed:\n{rngs}\n\n"
        f"Headers of SMV images (--smv):\n{styles}\n\n"
        f"Quirks of nanoBragg.c, kept unless fixed with --fix NAME:\n{quirks}"
    )


def run(argv):
    """Runs the sub-command with its arguments; returns the exit status. Raises InputError for unusable input."""
    if not argv:
        raise InputError("simulate: needs flags, at least a cell and structure factors; see nbkernel simulate -h")
    chosen, experiment, outputs, progress = read_command_line("simulate", argv)
    engine = Engine(**chosen.fields("Engine"))
    choice = choose_device(*chosen.get("--device", ("auto", ())), engine.precision)
    engine = replace(engine, devices=choice.devices, falls_back=choice.falls_back, reason=choice.reason)
    if not choice.falls_back and (choice.devices or "--device" in chosen):
        note(choice.line())

    # import numpy and the compiler, which can wait until the arguments have been checked
    with without_garbage_collection():
        from nbkernel.run.progress import progress_lines
        from nbkernel.run.progress_bar import ProgressBar
        from nbkernel.run.to_files import simulate_to_files

    command = shlex.join(["nbkernel", "simulate", *argv])
    if progress and sys.stderr is not None and sys.stderr.isatty():
        bar = ProgressBar(sys.stderr)
        printers = [bar.above(function) for function in (say, warn, note)]
        simulate_to_files(experiment, outputs, *printers, engine, bar.rendering, command)
    else:
        lines = progress_lines(say) if progress else None
        simulate_to_files(experiment, outputs, say, warn, note, engine, lines, command)
    return 0


def read_command_line(command, argv):
    """Chosen options, Experiment, Outputs and whether to show progress, for a sub-command that takes nanoBragg.c's flags.
    Raises InputError for unusable arguments."""
    chosen, rest = parse(command, argv)
    file = None
    if "--config" in chosen:
        from nbkernel.experiment.config.reading import read_config

        file = read_config("--config", chosen["--config"])
    fields = {} if file is None else dict(file.fields)
    from_file = set(fields)
    from_options = chosen.fields("Experiment")
    parsed = parse_flags(rest, fix_names("fix", {**fields, **from_options}.get("fix", ())))
    for line in parsed.warnings:
        warn(line)
    from_flags, outputs, progress = split_settings(parsed.settings)
    for name in from_options.keys() & from_flags.keys():
        option = next(row.name for row in options_of(command) if row.sets == f"Experiment.{name}")
        raise InputError(f"{option}: a flag of nanoBragg.c sets {name}, too; give one of them")
    outputs.update(chosen.fields("Outputs"), picture=PictureSettings(**chosen.fields("PictureSettings")))
    if "--panels" in chosen:
        # the panels replace the single detector of the file
        fields = {name: value for name, value in fields.items() if name not in PLACE_FIELDS}
    given = {**from_options, **from_flags}
    fields = {**without_overridden(fields, given), **given}
    experiment = Experiment(**fields)
    from_file = from_file.intersection(fields) - {*given}
    if file is not None:
        from nbkernel.experiment.config.input_warnings import changed_inputs, outside_inputs

        # before any input file is read
        for line in outside_inputs("--config", file, experiment, from_file):
            note(line)
        for line in changed_inputs("--config", file, experiment, from_file):
            warn(line)
    if "dump" in from_file:
        outputs["dump"] = None  # only the command line names files to write
    return chosen, experiment, Outputs(**outputs), progress
