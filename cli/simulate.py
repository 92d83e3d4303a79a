"""`nbkernel simulate`: nanoBragg.c's flags in, its files and statistics lines out."""

import re
import shlex
import sys

from nbkernel.engine.devices import choose, parse_device
from nbkernel.engine.options import DEFAULT_PRECISION, PRECISIONS, Engine
from nbkernel.errors import InputError
from nbkernel.experiment import flags
from nbkernel.experiment.arguments import parse_flags
from nbkernel.experiment.command_line import apart
from nbkernel.experiment.config import changed_inputs, outside_inputs, overridden, read_config
from nbkernel.experiment.experiment import Experiment
from nbkernel.experiment.outputs import DEFAULT_NOISE_RNG, DEFAULT_SMV_STYLE, NOISE_RNGS, SMV_STYLES, Outputs
from nbkernel.experiment.quirks import QUIRKS, fix_names, parse_fixes
from nbkernel.setup.place import PLACE_FIELDS

from . import options
from .double_dash import positive_whole
from .preview import picture_settings
from .terminal import note, say, warn


def help_text():
    precisions = "\n".join(f"  {name:<14} {promise}" for name, promise in PRECISIONS.items())
    rngs = "\n".join(f"  {name:<14} {what}" for name, what in NOISE_RNGS.items())
    styles = "\n".join(f"  {name:<14} {what}" for name, what in SMV_STYLES.items())
    quirks = "\n".join(f"  {name:<14} {now}; fixed: {then}" for name, (now, then) in QUIRKS.items())
    return (
        "usage: nbkernel simulate [flags of nanoBragg.c] [options]\n\n"
        "Renders the diffraction of a nanocrystal as nanoBragg.c does: the same flags, the same files.\n"
        "Needs a cell (-cell, -mat or that of an MTZ or mmCIF file) and structure factors (-hkl, -default_F or a dump file).\n\n"
        f"Options:\n{options.help_text()}\n{flags.help_text()}\n\n"
        f"Precisions, by what they promise of every pixel against nanoBragg.c's:\n{precisions}\n\n"
        f"Random numbers of the noise, both from -seed:\n{rngs}\n\n"
        f"Headers of SMV images, of --smv:\n{styles}\n\n"
        f"Quirks of nanoBragg.c, kept unless fixed with --fix NAME:\n{quirks}"
    )


def run(argv):
    """Runs the sub-command with its arguments; returns the exit status. Raises InputError for unusable input."""
    if any(argument in ("-h", "-help", "--help") for argument in argv):
        print(help_text())
        return 0
    if not argv:
        raise InputError("simulate: needs flags, at least a cell and structure factors; see nbkernel simulate -h")
    chosen, experiment, outputs, progress = read_command_line(argv)
    threads, tile_shape = thread_number(chosen), tile_size(chosen)
    precision = chosen.get("--precision", DEFAULT_PRECISION)
    choice = choose(*parse_device(chosen.get("--device", "auto")), precision)
    if choice.devices or "--device" in chosen:
        note(choice.line())

    # numpy and the compiler are imported only now that the arguments are known to be good
    from nbkernel.run.progress import progress_lines
    from nbkernel.run.progress_bar import ProgressBar
    from nbkernel.run.to_files import simulate_to_files

    engine = Engine(precision, threads, tile_shape, choice.devices, choice.falls_back)
    command = shlex.join(["nbkernel", "simulate", *argv])
    if progress and sys.stderr is not None and sys.stderr.isatty():
        bar = ProgressBar(sys.stderr)
        tell = [bar.above(function) for function in (say, warn, note)]
        simulate_to_files(experiment, outputs, *tell, engine, bar.rendering, command)
    else:
        lines = progress_lines(say) if progress else None
        simulate_to_files(experiment, outputs, say, warn, note, engine, lines, command)
    return 0


def read_command_line(argv, known=options.OPTIONS):
    """Options, Experiment, Outputs and whether to show progress. Raises InputError for unusable arguments."""
    chosen, rest = options.split_options(argv, known)
    fields = read_config("--config", chosen["--config"]) if "--config" in chosen else {}
    of_file = set(fields)
    own = {name: chosen[f"--{name}"] for name in ("fix", "column", "panels") if f"--{name}" in chosen}
    if "fix" in own:
        own["fix"] = parse_fixes(own["fix"])
    fields.update(own)
    check_engine(chosen)
    rng = one_of(chosen, "--noise-rng", NOISE_RNGS, DEFAULT_NOISE_RNG)
    smv = one_of(chosen, "--smv", SMV_STYLES, DEFAULT_SMV_STYLE)
    parsed = parse_flags(rest, fix_names("fix", fields.get("fix", ())))
    for line in parsed.warnings:
        warn(line)
    given, outputs, progress = apart(parsed.settings)
    preview, picture = preview_options(chosen)
    outputs.update(preview=preview, picture=picture, noise_rng=rng, smv=smv)
    for field, option in (("hdf5", "--hdf5"), ("config", "--save-config"), ("config_read", "--config")):
        outputs[field] = chosen.get(option)
    if "--panels" in chosen:
        # the file's own single detector gives way
        fields = {name: value for name, value in fields.items() if name not in PLACE_FIELDS}
    fields = {**overridden(fields, given), **given}
    experiment = Experiment(**fields)
    of_file = of_file.intersection(fields) - {*own, *given}
    if "--config" in chosen:
        # before any of them is read
        for line in outside_inputs("--config", chosen["--config"], experiment, of_file):
            note(line)
        for line in changed_inputs(chosen["--config"], experiment, of_file):
            warn(line)
    if "dump" in of_file:
        outputs["dump"] = None  # only the command line names files to write
    return chosen, experiment, Outputs(**outputs), progress


def preview_options(chosen):
    """File and PictureSettings of --preview; the file is None where none is asked for."""
    if "--preview" not in chosen:
        for option in options.PREVIEW_OPTIONS:
            if option.name in chosen:
                raise InputError(f"{option.name}: needs --preview FILE.png too")
    return chosen.get("--preview"), picture_settings(chosen)


def check_engine(chosen):
    precision = chosen.get("--precision", DEFAULT_PRECISION)
    if precision not in PRECISIONS:
        raise InputError(f"--precision: {precision!r} is not there; need {' or '.join(PRECISIONS)}")
    parse_device(chosen.get("--device", "auto"))


def one_of(chosen, option, known, default):
    name = chosen.get(option, default)
    if name not in known:
        raise InputError(f"{option}: {name!r} is not there; need {' or '.join(known)}")
    return name


def thread_number(chosen):
    return positive_whole("--threads", chosen["--threads"]) if "--threads" in chosen else None


def tile_size(chosen):
    text = chosen.get("--tile")
    if text is None:
        return None
    sizes = text.split("x")
    if len(sizes) != 2 or not all(re.fullmatch("0*[1-9][0-9]*", size) for size in sizes):
        raise InputError(f"--tile: needs SLOWxFAST pixels such as 64x512, not {text!r}")
    return tuple(positive_whole("--tile", size) for size in sizes)
