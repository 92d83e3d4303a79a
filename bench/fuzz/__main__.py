"""python -m bench.fuzz commands|series|files|lines [--seed S] [--seconds N] [--only NUMBER]

Random cases by seed for the given number of seconds. Each bug is shrunk and printed once, with the seed and number that draw
it again (--seed S --only NUMBER). Exit status 1 if there are findings.

  commands  nanoBragg.c's command lines, ordinary ones and crystals and detectors along axes: all files and statistics lines
            of --precision exact against the C program's (--c-binary PATH), double and mixed by what they promise. Without
            the C program these two are compared with exact.
  series    specifications of data sets: the files of one process, those of two shards, and single images must be the same
  files     damaged files of every kind that nbkernel reads, given to the commands that read them
  lines     broken command lines of every sub-command

For files and lines every run must end within 10 s of computing and 1 GiB, with status 0, 1 or 2, one line for an error,
no control characters, and no files except those asked for.
"""

import argparse
import sys
import tempfile
from pathlib import Path

from .campaign import campaign
from .damage.files import READERS, Files
from .damage.lines import Lines
from .parity.command_inputs import write_inputs
from .parity.commands import GENERATORS, SHRINK_SECONDS, Commands
from .parity.series import SeriesParity
from .parity.stored import store

STORED = 30


def main(argv=None):
    parser = argparse.ArgumentParser(
        prog="python -m bench.fuzz", description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("part", choices=["commands", "series", "files", "lines"])
    parser.add_argument("--c-binary", help="nanoBragg.c built for one thread")
    parser.add_argument("--seed", default="1", help="any text")
    parser.add_argument("--seconds", type=float, default=60.0)
    parser.add_argument("--only", type=int, metavar="NUMBER", help="this one case of the seed")
    parser.add_argument("--kind", choices=GENERATORS, help="of commands, all if not given")
    parser.add_argument(
        "--store", type=Path, metavar="FILE", help="of commands: keep 30 lines and digests of what the C program writes"
    )
    parser.add_argument("--whole", action="store_true", help="print cases as they were drawn, not shrunk")
    parser.add_argument("--check", default="exact,double,mixed", help="precisions to look at, with commas")
    parser.add_argument("--of", help=f"of files: {', '.join(READERS)}; with commas")
    parser.add_argument("--folder", help="for the files that printed lines name [a new one]")
    options = parser.parse_args(argv)
    folder = Path(options.folder or tempfile.mkdtemp(prefix="nbkernel-fuzz-")).resolve()
    kinds = (options.kind,) if options.kind else tuple(GENERATORS)
    seconds = 0.0 if options.whole else SHRINK_SECONDS
    if options.part == "commands":
        part = Commands(options.c_binary, write_inputs(folder), kinds, options.check.split(","), seconds)
    elif options.part == "series":
        part = SeriesParity(write_inputs(folder), seconds)
    elif options.part == "lines":
        part = Lines(seconds)
    else:
        part = Files(folder, tuple(options.of.split(",")) if options.of else tuple(READERS), seconds)
    if options.store:
        store(part, options.seed, STORED, options.store)
        return 0
    return 1 if campaign(part, options.seed, options.seconds, options.only) else 0


if __name__ == "__main__":
    sys.exit(main())
