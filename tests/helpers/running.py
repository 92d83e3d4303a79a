"""Runs of nbkernel inside the test process, and readers and writers of their files."""

import contextlib
import io
import warnings
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from nbkernel.cli.main import main

# a small fast run: 50 x 60 x 70 A cell, 1 A, 100 mm, one sub-pixel
CRYSTAL = "-cell 50 60 70 90 90 90 -default_F 100 -N 3"
BASE = f"{CRYSTAL} -lambda 1 -distance 100 -pixel 0.1 -oversample 1 -fluence 1e28 -seed 1 -noprogress"
WARNING = "nbkernel: warning: "


@dataclass(frozen=True)
class Run:
    status: int
    out: str
    err: str

    @property
    def warnings(self):
        return [line.removeprefix(WARNING) for line in self.err.splitlines() if line.startswith(WARNING)]

    @property
    def errors(self):
        return [line for line in self.err.splitlines() if not line.startswith(WARNING)]


def remarks_of(run):
    """Warnings except the one of too few sub-pixels, which quick runs give."""
    return [line for line in run.warnings if not line.startswith("-oversample 1: spots")]


def command(*arguments):
    """Runs nbkernel: status, lines of standard output and of standard error."""
    out, err = io.StringIO(), io.StringIO()
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
        status = main(list(arguments))
    return status, out.getvalue().splitlines(), err.getvalue().splitlines()


def simulate(command, *more):
    """Runs `nbkernel simulate` in the current folder. command: arguments in one string; more: single arguments.

    The precision is `exact` unless --precision is given: most tests are about what nanoBragg.c does.
    """
    arguments = [*command.split(), *(str(argument) for argument in more)]
    if arguments and "--precision" not in arguments:
        arguments += ["--precision", "exact"]
    out, err = io.StringIO(), io.StringIO()
    with (
        contextlib.redirect_stdout(out),
        contextlib.redirect_stderr(err),
        warnings.catch_warnings(record=True) as caught,
    ):
        warnings.simplefilter("default")
        status = main(["simulate", *arguments])
    # the warnings that Python would show the user
    shown = [str(w.message) for w in caught if not issubclass(w.category, (DeprecationWarning, ResourceWarning))]
    return Run(status, out.getvalue(), err.getvalue() + "".join(f"{text}\n" for text in shown))


def image(command, *more):
    """The float image (slow, fast) of a run that must succeed."""
    return image_and_run(command, *more)[0]


def image_and_run(command, *more):
    run = simulate(command, "-floatfile", "float.bin", "-intfile", "int.img", "-nopgm", "-nonoise", *more)
    assert run.status == 0, run.err
    return read_float("float.bin", "int.img"), run


def read_float(floatfile, intfile):
    header = Path(intfile).read_bytes()[:512].decode("latin-1")
    width, height = (int(header.split(f"{keyword}=")[1].split(";")[0]) for keyword in ("SIZE1", "SIZE2"))
    return np.fromfile(floatfile, np.float32).reshape(height, width)


def smv_bytes(pixels, header=""):
    """An SMV file of a (slow, fast) array, with further lines in its header."""
    pixels = np.asarray(pixels, np.uint16)
    text = (
        f"{{\nHEADER_BYTES=512;\nBYTE_ORDER=little_endian;\nSIZE1={pixels.shape[1]};\nSIZE2={pixels.shape[0]};\n{header}}}\f"
    )
    return text.encode().ljust(512) + pixels.tobytes()


def write_hkl(path, F, first=(0, 0, 0)):
    """Writes a text table of the (h, k, l) array F, whose first element has the indices `first`."""
    with open(path, "w") as file:
        for (i, j, m), value in np.ndenumerate(F):
            file.write(f"{i + first[0]} {j + first[1]} {m + first[2]} {float(value)!r}\n")
