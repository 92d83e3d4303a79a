"""The part `files`: damaged files of every kind that nbkernel reads, given to every command that reads them."""

import gzip
import re
import shlex
import tempfile
import time
from pathlib import Path

from bench.fuzz.campaign import Report
from bench.fuzz.draw import Draw
from bench.fuzz.shrink import without_parts

from . import byte_mutations, hdf5_mutations, sandbox
from .seed_files import CRYSTAL, DETECTOR, PLAIN, RUN, make_seeds

SHRINK_SECONDS = 30.0
SHORT = 400  # bytes of a file that are printed
PICTURE = ("--output", "out.png")
OUTPUTS = re.compile(
    r"(floatimage(_\d+)?\.bin|(int|noise)image(_\d+)?\.img|image(_\d+)?\.pgm|Fdump\.bin|good\.dump|out\.\w+|out(/.*)?)"
).fullmatch
GEOMETRY = [*CRYSTAL, *DETECTOR, "-oversample", "1", "-seed", "1", "-noprogress"]
FROM_FILE = [*CRYSTAL, "-oversample", "1", "-seed", "1", "-noprogress"]
FEW = "-roi 0 9 0 9".split()
NO_CELL = ["-N", "3", *DETECTOR, *RUN]
CPU = ("--device", "cpu", "--threads", "2")

# kind: (mutations, extension of the name, companions, argument lists); FILE is the damaged file
IMAGE_COMMANDS = (
    ("show", "FILE", *PICTURE),
    ("show", "FILE", *PICTURE, "--preview-rings", "auto", "--preview-beam"),
    ("compare", "FILE", "good.img"),
    ("compare", "good.img", "FILE", "--json"),
)
READERS = {
    "smv": (
        byte_mutations.HEADED, ".img", ("good.img",),
        (*IMAGE_COMMANDS, ("simulate", *GEOMETRY, "-img", "FILE"), ("simulate", *GEOMETRY, "-mask", "FILE"),
        ("simulate", *FROM_FILE, *FEW, "-img", "FILE")),
    ),
    "float": (
        byte_mutations.ANY, ".bin", ("good.img", "good.bin"),
        (("compare", "FILE", "good.bin"), ("compare", "good.img", "FILE"), ("show", "FILE", *PICTURE), ("show",
        "FILE", "--shape", "11", "13", *PICTURE)),
    ),
    "pgm": (byte_mutations.HEADED, ".pgm", ("good.img",), IMAGE_COMMANDS),
    "hkl": (byte_mutations.TEXT, ".hkl", (), (("simulate", *PLAIN, "-hkl", "FILE"), ("trace", *PLAIN, "-hkl", "FILE",
    "--pixel", "1", "2"))),
    "dump": (byte_mutations.HEADED, ".dump", (), (("simulate", *PLAIN, "-dump", "FILE"),)),
    "matrix": (byte_mutations.TEXT, ".mat", (), (("simulate", *NO_CELL, "-default_F", "9", "-mat", "FILE"), ("simulate",
    *PLAIN, "-mat", "FILE"))),
    "xparm": (byte_mutations.TEXT, ".XDS", (), (("simulate", *NO_CELL, "-default_F", "9", "-mat", "FILE"),)),
    "sources": (
        byte_mutations.TEXT, ".src", (),
        (("simulate", *PLAIN, "-sourcefile", "FILE"), ("simulate", *PLAIN, "-sourcefile", "FILE", "--fix", "all"),
         ("simulate", *PLAIN, "-sourcefile", "FILE", "--hdf5", "out.h5")),
    ),
    "rotations": (
        byte_mutations.TEXT, ".txt", (),
        (("simulate", *PLAIN, "--mosaic-blocks", "FILE"), ("trace", *PLAIN, "--mosaic-blocks", "FILE", "--pixel", "1", "2")),
    ),
    "lattices": (byte_mutations.TEXT, ".toml", (), (("simulate", *PLAIN, "--lattices", "FILE"),)),
    "spectrum": (
        byte_mutations.TEXT, ".lam", (),
        (("simulate", *PLAIN, "--spectrum", "FILE"), ("trace", *PLAIN, "--spectrum", "FILE", "--pixel", "1", "2")),
    ),
    "stol": (
        byte_mutations.TEXT, ".stol", (),
        (("simulate", *PLAIN, "--background", "FILE"),
         ("trace", *PLAIN, "--background", "FILE", "--pixel", "1", "2")),
    ),
    "toml": (
        byte_mutations.TOML, ".toml", ("models.expt", "small.hkl"),
        (("simulate", "--config", "FILE", "-seed", "1", "-noprogress"),
         ("simulate", "--config", "FILE", "-noprogress", "--save-config", "out.toml")),
    ),
    "series": (
        byte_mutations.TOML, ".toml", ("small.hkl", "shots.csv"),
        (("series", "FILE", "--output", "out", "--images", "0:2", *CPU), ("series", "FILE", "--dry-run", "--images", "0:2")),
    ),
    "json": (
        byte_mutations.JSON, ".expt", (),
        (("simulate", *FROM_FILE, "--panels", "FILE"), ("simulate", *FROM_FILE, "--panels", "FILE", "--hdf5", "out.h5"),
         ("simulate", "-N", "3", "-default_F", "9", "-mat", "FILE", *DETECTOR, *RUN)),
    ),
    "trace": (
        byte_mutations.TEXT, ".trace", ("good.trace", "c.trace"),
        (("compare-traces", "FILE", "good.trace"), ("compare-traces", "good.trace", "FILE", "--json"),
        ("compare-traces", "FILE", "c.trace"),
         ("compare-traces", "FILE", "FILE")),
    ),
    "json trace": (
        byte_mutations.JSON, ".json", ("good.trace",), (("compare-traces", "FILE", "good.trace"), ("compare-traces",
        "good.trace", "FILE", "--json")),
    ),
    "hdf5": (
        hdf5_mutations.STRUCTURAL * 3 + byte_mutations.ANY, ".h5", ("good.img", "small.hkl", "models.expt"),
        (("show", "FILE", *PICTURE), ("show", "FILE", *PICTURE, "--preview-rings", "auto", "--preview-beam"),
        ("compare", "FILE", "good.img"),
         ("compare", "good.img", "FILE", "--json"),
         ("simulate", *FROM_FILE, "--panels", "FILE"), ("simulate", *FROM_FILE, "--panels", "FILE", "--hdf5", "out.h5"),
         ("simulate", "--config", "FILE", "-noprogress"), ("simulate", *PLAIN, "--spectrum", "FILE"),
         ("trace", "--config", "FILE", "--pixel", "3", "3")),
    ),
    "mtz": (byte_mutations.HEADED, ".mtz", (), (("simulate", "-hkl", "FILE", *NO_CELL), ("simulate", *PLAIN, "-hkl",
    "FILE"))),
    "npy": (byte_mutations.HEADED, ".npy", (), (("simulate", *PLAIN, "-hkl", "FILE"),)),
    "cif": (
        byte_mutations.TEXT, ".cif", (),
        (("simulate", "-hkl", "FILE", *NO_CELL), ("simulate", *PLAIN, "-hkl", "FILE"),
         ("simulate", "-hkl", "FILE", "--column", "F_meas_au", *NO_CELL)),
    ),
}  # fmt: skip


class Files:
    """Draws, runs and shrinks damaged files. folder: for files that show a bug; kinds: names of READERS."""

    def __init__(self, folder, kinds=tuple(READERS), seconds=SHRINK_SECONDS):
        self.folder, self.kinds, self.seconds = folder, kinds, seconds
        with tempfile.TemporaryDirectory() as seed_folder:
            seeds = make_seeds(seed_folder)
            self.content = {path.name: path.read_bytes() for path in Path(seed_folder).iterdir()}
            sandbox.warm_up(warm_commands(), seed_folder)
        self.seeds = seeds

    def case(self, seed, number):
        """kind, name of the file to damage, its companions, [(mutation, number)], how it is compressed, argument
        list."""
        draw = Draw(seed, number)
        kind = draw.choice(self.kinds)
        damage, ending, beside, commands = READERS[kind]
        name, own = draw.choice(self.seeds[kind])
        steps = [(draw.choice(damage), n) for n in range(draw.pick(1, 1, 2, 3, 5))]
        # HDF5's library reads only intact trees
        steps.sort(key=lambda step: not hasattr(step[0], "structural"))
        packed = draw.pick("", "", "", "", "", "", "packed", "damaged pack")
        argv = draw.choice(commands)
        return kind, name, (*own, *beside), steps, packed, f"input{ending}{'.gz' if packed else ''}", argv

    def damaged(self, seed, number, name, steps, packed):
        """The file's bytes."""
        data = self.content[name]
        if packed == "damaged pack":
            data = gzip.compress(data, mtime=0)
            steps = [(byte_mutations.ANY[n % len(byte_mutations.ANY)], n) for _, n in steps]
        for mutation, n in steps:
            data = mutation(data, Draw(f"{seed} {number}", n))
        return gzip.compress(data, mtime=0) if packed == "packed" else data

    def run(self, seed, number):
        kind, name, beside, steps, packed, file, argv = self.case(seed, number)
        argv = [file if word == "FILE" else word for word in argv]

        def found(data):
            given = {file: data, **{other: self.content[other] for other in beside}}
            result = sandbox.run(argv, given)
            return result, dict(sandbox.complaints(argv, result, OUTPUTS))

        data = self.damaged(seed, number, name, steps, packed)
        result, wrong = found(data)
        reports = []
        for what in wrong:
            small, line = self.shrunk(seed, number, name, steps, packed, found, what, wrong[what])
            place = self.folder / f"{seed}-{number}"
            keep(place, {file: small, **{other: self.content[other] for other in beside}})
            text = f"{what}: {line}\n  cd {place}; nbkernel {shlex.join(argv)}"
            if len(small) <= SHORT:
                text += f"\n  {file}: {small!r}"
            reports.append(Report((kind, argv[0], what), text))
        return f"{kind}: status {result.status}", reports

    def shrunk(self, seed, number, name, steps, packed, found, what, line):
        """The bytes with as few of the mutations, and of a text's lines, as still show it."""
        deadline = time.monotonic() + self.seconds
        lines = [line]

        def fails(data):
            wrong = found(data)[1]
            if what in wrong:
                lines.append(wrong[what])
            return what in wrong

        def apply(some):
            return self.damaged(seed, number, name, some, packed)

        steps = without_parts(steps, lambda some: fails(apply(some)), deadline)
        data = apply(steps)
        if not packed and data.count(b"\n") < 2000:
            smaller = b"".join(without_parts(data.splitlines(True), lambda some: fails(b"".join(some)), deadline))
            data = smaller if len(smaller) < len(data) else data
        return data, lines[-1]


def keep(folder, given):
    """Writes the files of a case, so that it can be run again."""
    folder.mkdir(parents=True, exist_ok=True)
    for name, content in given.items():
        (folder / name).write_bytes(content)


def warm_commands():
    """One run of every command, so that modules and kernels are loaded."""
    yield ["simulate", *PLAIN, "-hkl", "small.hkl"]
    yield ["simulate", *PLAIN, "-hkl", "small.hkl", "-sourcefile", "two.src", "--fix", "all"]
    yield ["simulate", *PLAIN, "-interpolate", "-hkl", "small.hkl", "--precision", "mixed", "--preview", "w.png"]
    yield ["simulate", *PLAIN, "-hkl", "group.mtz", "--precision", "exact"]
    yield ["simulate", *PLAIN, "-hkl", "group.cif"]
    yield ["simulate", *FROM_FILE, "--panels", "models.expt", "--hdf5", "w.h5"]
    yield ["simulate", *FROM_FILE, "--panels", "panels.h5"]
    yield ["simulate", "--config", "good.toml", "-noprogress"]
    yield ["simulate", "--config", "good.h5", "-noprogress"]
    yield ["trace", *PLAIN, "--pixel", "1", "2", "--json"]
    yield ["show", "good.img", *PICTURE, "--preview-rings", "auto"]
    yield ["show", "good.h5", *PICTURE]
    yield ["compare", "good.img", "good.h5", "--json"]
    yield ["compare", "good.bin", "good.bin"]
    yield ["compare-traces", "good.trace", "json.trace"]
    yield ["series", "stills.toml", "--output", "w", *CPU]
    yield ["series", "turn.toml", "--dry-run"]
