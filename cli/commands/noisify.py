"""`nbkernel noisify`: noisify.c's flags in, its files out."""

import shlex

from nbkernel.errors import InputError
from nbkernel.experiment import flags
from nbkernel.run.siblings.noisify_flags import FLAGS, GROUPS, parse_noisify

from ..arguments.options import options_of, options_text
from ..arguments.parsing import parse
from ..terminal import note, say, warn


def help_text():
    return (
        "usage: nbkernel noisify -floatfile FILE [flags of noisify.c] [options]\n\n"
        "Gives a float image the noise, point spread and read-out of a detector as noisify.c does: the same flags,\n"
        "the same files.\n\n"
        f"Options:\n{options_text(options_of('noisify'))}\n{flags.help_text(GROUPS, FLAGS)}"
    )


def run(argv):
    """Runs the sub-command with its arguments; returns the exit status. Raises InputError for unusable input."""
    if not argv:
        raise InputError("noisify: needs flags, at least -floatfile FILE; see nbkernel noisify -h")
    chosen, rest = parse("noisify", argv)
    asked, warnings = parse_noisify(rest)
    for line in warnings:
        warn(line)

    rng = chosen.get("--noise-rng", "ran1")
    if rng != "ran1" and "--precision" in chosen:
        raise InputError(f"--precision: exact needs noisify.c's random numbers, --noise-rng ran1, not {rng}")

    # imports numpy, which can wait until the arguments have been checked
    from nbkernel.run.siblings.noisify import noisify_to_files

    command = shlex.join(["nbkernel", "noisify", *argv])
    noisify_to_files(asked, say, warn, note, chosen.get("--threads"), rng, chosen.get("--hdf5"), command)
    return 0
