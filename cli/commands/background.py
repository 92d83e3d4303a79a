"""`nbkernel background`: nonBragg.c's flags in, its files out."""

import shlex

from nbkernel.errors import InputError
from nbkernel.experiment import flags
from nbkernel.run.siblings.background_flags import FLAGS, GROUPS, parse_background

from ..arguments.options import options_of, options_text
from ..arguments.parsing import parse
from ..terminal import note, say, warn


def help_text():
    return (
        "usage: nbkernel background -stol FILE [flags of nonBragg.c] [options]\n\n"
        "Renders what an amorphous material (water, air, ...) scatters, as nonBragg.c does: the same flags, the same\n"
        "files.\n\n"
        f"Options:\n{options_text(options_of('background'))}\n{flags.help_text(GROUPS, FLAGS)}"
    )


def run(argv):
    """Runs the sub-command with its arguments; returns the exit status. Raises InputError for unusable input."""
    if not argv:
        raise InputError("background: needs flags, at least -stol FILE; see nbkernel background -h")
    chosen, rest = parse("background", argv)
    asked, warnings = parse_background(rest)
    for line in warnings:
        warn(line)

    # imports numpy, which can wait until the arguments have been checked
    from nbkernel.run.siblings.background import background_to_files

    command = shlex.join(["nbkernel", "background", *argv])
    background_to_files(asked, say, note, chosen.get("--threads"), chosen.get("--hdf5"), command)
    return 0
