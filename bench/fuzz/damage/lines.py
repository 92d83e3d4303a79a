"""The part `lines`: broken command lines of every sub-command."""

import os
import re
import shlex
import tempfile
import time
from pathlib import Path

from bench.fuzz.campaign import Report
from bench.fuzz.draw import Draw
from bench.fuzz.shrink import without_parts
from nbkernel.cli import main
from nbkernel.cli.arguments import options
from nbkernel.experiment import flags

from . import sandbox
from .files import CPU, OUTPUTS, warm_commands
from .seed_files import PLAIN, make_seeds

SHRINK_SECONDS = 20.0
BESIDE = (
    "good.img", "good.bin", "good.pgm", "good.h5", "good.toml", "good.dump", "good.trace", "json.trace",
    "models.expt", "small.hkl", "group.mtz",
    "group.cif", "axes.mat", "two.src", "pink.lam", "water.stol", "blocks.txt", "lattices.toml",
    "mask.img", "header0.img", "stills.toml", "turn.toml", "shots.csv",
)  # fmt: skip
LINES = (
    ("simulate", *PLAIN),
    ("simulate", *PLAIN, "-hkl", "small.hkl", "-interpolate", "-dump", "new.dump"),
    ("simulate", *PLAIN, "--fix", "all", "--precision", "exact", "--threads", "2", "--tile", "4x8", "--device", "cpu"),
    ("simulate", *PLAIN, "--hdf5", "new.h5", "--save-config", "new.toml", "--noise-rng", "philox"),
    ("simulate", *PLAIN, "--preview", "new.png", "--preview-scale", "sqrt", "--preview-range", "5", "95",
    "--preview-rings", "5,3",
     "--preview-beam", "--preview-zoom", "2", "--preview-roi", "0", "5", "1", "6"),
    ("simulate", *PLAIN, "-floatfile", "new.bin", "-intfile", "new.img", "-pgmfile", "new.pgm", "-noisefile",
    "noise.img", "-nopgm"),
    ("simulate", *PLAIN, "-osc", "1", "-phisteps", "3", "-mosaic", "0.5", "-mosaic_dom", "3", "-dispersion", "1",
    "-dispsteps", "2"),
    ("simulate", *PLAIN, "--background", "water.stol", "--background", "water.stol,thickness=3,density=0.001,variable=Q"),
    ("simulate", *PLAIN, "--xtal-shape", "gauss_star", "--spot-metric", "hkl", "--spectrum", "pink.lam"),
    ("simulate", *PLAIN, "--mosaic-blocks", "blocks.txt", "--cell-spread", "1,1,1", "--lattices", "lattices.toml"),
    ("simulate", *PLAIN, "--mosaic-sigma", "0.1,0.2,0.3", "-mosaic_dom", "3", "-osc", "1"),
    ("simulate", *PLAIN, "-detector_abs", "100", "-detector_thick", "300", "-thicksteps", "2", "-twotheta", "10",
    "-curved_det", "-polar", "0.9"),
    ("simulate", *PLAIN, "-mask", "mask.img", "-img", "header0.img", "-roi", "1", "8", "2", "7", "-dmin", "2",
    "-water", "3"),
    ("simulate", *PLAIN, "-sourcefile", "two.src", "-mat", "axes.mat", "-misset", "10", "20", "30", "-printout_pixel",
    "3", "4", "-printout"),
    ("simulate", "-hkl", "group.mtz", "--column", "F", *PLAIN[7:]),
    ("simulate", "--config", "good.toml", "-noprogress"),
    ("simulate", "--config", "good.h5", "-noprogress", "-lambda", "2"),
    ("simulate", "--panels", "models.expt", "-cell", "50", "60", "70", "-default_F", "9", "-noprogress",
    "-oversample", "1"),
    ("trace", *PLAIN, "--pixel", "3", "4", "--all-steps"),
    ("trace", "--config", "good.h5", "--pixel", "3", "4", "--panel", "0", "--json"),
    ("show", "good.img", "--output", "new.png", "--preview-rings", "auto", "--preview-beam"),
    ("show", "good.h5:/entry/data/data", "--output", "new.png", "-distance", "100", "-pixel", "0.8"),
    ("show", "good.bin", "--shape", "11", "13"),
    ("compare", "good.img", "good.h5", "--tolerance", "mixed", "--N", "5", "--roi", "0", "4", "1", "6", "--json"),
    ("compare", "good.bin", "good.bin", "--shape", "11", "13"),
    ("compare-traces", "good.trace", "json.trace", "--tolerance", "1e-9", "--json"),
    ("noisify", "-bin", "good.bin", "-detpixels_x", "13", "-seed", "1", "-intfile", "new.img", "-pgmfile", "new.pgm",
    "-noisefile", "noise.img", "-psf", "fiber", "-psf_radius", "3", "-readout_noise", "2", "-flicker", "0.1", "-bits", "32"),
    ("noisify", "-bin", "good.img", "-header", "header0.img", "-nonoise", "-psf", "gauss", "--threads", "2"),
    ("series", "stills.toml", "--output", "new", "--shard", "1/2", *CPU),
    ("series", "stills.toml", "--output", "new", "--images", "0:2", "--precision", "exact", *CPU),
    ("series", "turn.toml", "--dry-run", "--images", "1"),
    ("info",),
    ("--version",),
    ("--help",),
    ("simulate", "-h"),
)  # fmt: skip
VALUES = (
    "", " ", "-", "--", "-1", "0", "1e308", "-1e308", "1e-320", "nan", "inf", "-inf", "2147483648", "-2147483649",
    "99999999999999999999", "0x10",
    "1_000", "1,5", "½", "٣", "abc", "1e", "random", "all", "none", "auto", "None", "[1]", "a b", "'", '"', "%s",
    "$HOME", "~", "*", "\\",
    "x" * 3000, "1" * 400, "\x1b[31mred", "new\nline", "\r", "\x07", "\u202eback", "\udcff", "é", "\u0085", "1\n",
    " 1", "1 ", "+5", "5.", ".5",
)  # fmt: skip
PATHS = (
    "missing", "directory", "directory/", "directory/new", "missing/new", "loop", "dangling", "link.img", "/dev/null",
    "/dev/zero",
    "/dev/full", "/dev/stdout", "/dev/stdin", "/proc/self/mem", "/proc/self/environ", ".", "..", "/", "empty",
    "empty.gz", "empty.h5", "binary",
    "binary.h5", "socket", "x" * 300, "a/" * 2100, "control\x1b[31m", "control\x1b[31m.h5", "new\nline.img", "\udcff",
    "good.img:/entry", "good.h5:",
    "good.h5:/", "good.h5:/gone", "good.h5:/entry", "good.h5:/entry/data/data/", "%d.img", "-", *BESIDE,
)  # fmt: skip
UNKNOWN = (
    "--nonsense",
    "-nonsense",
    "--",
    "-",
    "---",
    "--precision=",
    "--json=1",
    "--threads=",
    "-floatfil",
    "--Precision",
    "-=",
    "--\x1b[31m",
    "--a=\x1b[2J",
)
COMMANDS = (
    "simulate",
    "noisify",
    "trace",
    "show",
    "compare",
    "compare-traces",
    "series",
    "info",
    "help",
    "Simulate",
    "",
    "--",
    "sim\x1b[31mulate",
)
OPTIONS = list(dict.fromkeys(option.name for option in options.OPTIONS))
FLAGS = [spelling for entry in flags.FLAGS for spelling in entry.spellings]
PLACES = (
    "-floatfile",
    "-intfile",
    "-pgmfile",
    "-noisefile",
    "-dump",
    "--hdf5",
    "--save-config",
    "--preview",
    "--output",
    "--png",
)
# without -dump, which is written if there is -hkl: an output may well be a pipe that is read later
INPUTS = (
    "-hkl",
    "-mat",
    "-img",
    "-mask",
    "-sourcefile",
    "--spectrum",
    "--mosaic-blocks",
    "--lattices",
    "-stol",
    "--background",
    "--config",
    "--panels",
)


def broken(line, draw):
    """A command line (tuple of words) with something wrong in it."""
    line = list(line)
    for _ in range(draw.pick(1, 1, 1, 2, 3)):
        place = draw.randrange(len(line)) if line else 0
        kind = draw.randrange(14)
        if kind == 0:
            del line[place:]
        elif kind == 1:
            del line[place : place + 1]
        elif kind <= 3 and line:
            line[place] = draw.choice(VALUES)
        elif kind <= 5 and line:
            line[place] = draw.choice(PATHS)
        elif kind == 6:
            line.insert(place, draw.choice(UNKNOWN))
        elif kind == 7:
            line += [draw.choice(OPTIONS), *([draw.choice(VALUES)] if draw.some(0.7) else [])]
        elif kind == 8:
            line += [draw.choice(FLAGS), *(draw.choice(VALUES) for _ in range(draw.pick(0, 1, 1, 3)))]
        elif kind == 9:
            line += [draw.choice(PLACES), draw.choice(PATHS)]
        elif kind == 10:
            line += [draw.choice(INPUTS), draw.choice(("pipe", *PATHS))]
        elif kind == 11:
            line += [f"{draw.choice(OPTIONS)}={draw.choice(VALUES)}"]
        elif kind == 12 and line:
            line[0] = draw.choice(COMMANDS)
        else:
            line[place:place] = draw.choice(LINES)[1:]
    # no argument of a process can have it
    return tuple(word.replace("\0", "") for word in line)


def obstacles(folder):
    """What is in the folder besides ordinary valid files."""
    (folder / "directory").mkdir()
    (folder / "directory" / "inside").write_text("x")
    os.mkfifo(folder / "pipe")
    for name, target in (("loop", "loop"), ("dangling", "nowhere/at/all"), ("link.img", "good.img")):
        (folder / name).symlink_to(target)
    for name in ("empty", "empty.gz", "empty.h5"):
        (folder / name).write_bytes(b"")
    for name in ("binary", "binary.h5", "control\x1b[31m", "new\nline.img"):
        (folder / name).write_bytes(bytes(range(256)) * 20)


class Lines:
    """Draws, runs and shrinks broken command lines."""

    def __init__(self, seconds=SHRINK_SECONDS):
        self.seconds = seconds
        with tempfile.TemporaryDirectory() as folder:
            make_seeds(folder)
            self.given = {name: Path(folder, name).read_bytes() for name in BESIDE}
            sandbox.warm_up([*warm_commands(), ["info"]], folder)

    def run(self, seed, number):
        draw = Draw(seed, number)
        argv = broken(draw.choice(LINES), draw)
        command = argv[0] if argv and argv[0] in main.COMMANDS else "other"
        result, wrong = self.found(argv)
        reports = []
        for what in wrong:
            small, line = self.shrunk(argv, what, wrong[what])
            reports.append(Report((what, command, line[:24]), f"{what}: {line}\n  nbkernel {quoted(small)}"))
        return f"{command}: status {result.status}", reports

    def found(self, argv):
        result = sandbox.run(argv, self.given, obstacles)
        wrong = dict(sandbox.complaints(argv, result, lambda name: may_write(argv, name)))
        wrong.pop("too long", None)  # it was asked for a long computation
        if "/dev/stdout" in argv:
            wrong = {what: line for what, line in wrong.items() if "standard output" not in what}
        return result, wrong

    def shrunk(self, argv, what, line):
        lines = [line]

        def fails(some):
            wrong = self.found(some)[1]
            if what in wrong:
                lines.append(wrong[what])
            return what in wrong

        return without_parts(argv, fails, time.monotonic() + self.seconds), lines[-1]


def may_write(argv, name):
    """Whether a command line lets a run write a file: it is named there, with several panels with a number, or has the
    default name."""
    named = {
        part for word in argv for part in (word, f"{word}.png", word.partition("=")[2], f"{word.partition(':')[0]}.png")
    }
    if "link.img" in named:
        named.add("good.img")
    # a series writes files into the folder that is named
    named.update(word for word in argv[1:] if name.startswith(f"{os.path.normpath(word)}/"))
    return (
        bool(OUTPUTS(name))
        or name in named
        or name.partition("/")[0] in named
        or re.sub(r"_\d+(\.\w+)?$", r"\1", name) in named
    )


def quoted(argv):
    """For a shell; control characters as $'...'."""
    return " ".join("$" + repr(word) if not word.isprintable() else shlex.quote(word) for word in argv)
