"""`nbkernel export`: what DIALS, CrystFEL or XDS need to process images."""

from nbkernel.errors import InputError

from ..arguments.options import options_of, options_text
from ..arguments.parsing import file_names, parse
from ..terminal import say


def help_text():
    return (
        "usage: nbkernel export FILE.h5 --to PROGRAM [--output FOLDER]\n\n"
        "Writes what the program needs beside the images, and prints what to type. FILE.h5 is an image of\n"
        "nbkernel simulate --hdf5, or the master file of a series (docs/files/export.md).\n\n"
        f"Options:\n{options_text(options_of('export'))}"
    )


def run(argv):
    """Runs the sub-command with its arguments; returns the exit status. Raises InputError for unusable input."""
    chosen, rest = parse("export", argv)
    (path,) = file_names("export", rest, ["FILE.h5"])
    if "--to" not in chosen:
        raise InputError("--to: name the program that will process the images; see nbkernel export -h")

    from nbkernel.io.export.export import export

    written, advice = export(path, chosen["--to"], chosen.get("--output"))
    for name in written:
        say(name)
    say("to go on, in that folder:")
    for line in advice:
        say(f"  {line}")
    return 0
