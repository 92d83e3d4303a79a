"""The C programs' outputs for random command lines. nanoBragg.c's: the selection in tests/golden, or the full set in the
folder that the environment variable NBKERNEL_GOLDEN names; those of programs that are used beside it: in
tests/golden/siblings, or NBKERNEL_GOLDEN_SIBLINGS."""

import hashlib
import json
import os
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest

SELECTION = Path(__file__).parents[1] / "golden"
FOLDER = Path(os.environ.get("NBKERNEL_GOLDEN") or SELECTION)
SIBLINGS = Path(os.environ.get("NBKERNEL_GOLDEN_SIBLINGS") or SELECTION / "siblings")
OUTPUT_FLAGS = "-floatfile float.bin -intfile int.img -pgmfile image.pgm -noisefile noise.img -noprogress".split()
# the lines that scripts read
STATISTICS = ("solid angle", "max_I =", "mean=", "intfile_scale", "pgm_scale")


@dataclass(frozen=True)
class GoldenCase:
    id: str
    args: tuple
    stdout: tuple
    sha256: dict
    folder: Path = FOLDER

    def command(self, output_flags=OUTPUT_FLAGS):
        """The arguments that the program was given in an empty folder."""
        inputs = str(self.folder / "inputs")
        return [argument.replace("{in}", inputs) for argument in self.args] + list(output_flags)

    def statistics(self):
        return statistics_lines(self.stdout)


def statistics_lines(lines):
    return [line for line in lines if line.startswith(STATISTICS) or "photons on noise image" in line]


def load_cases(folder=FOLDER, program=None):
    """The cases of a folder; of one with several programs, those of `program`."""
    with open(folder / "cases.json") as file:
        return [
            GoldenCase(case["id"], tuple(case["args"]), tuple(case["stdout"]), case["sha256"], folder)
            for case in json.load(file)["cases"]
            if case.get("program") == program
        ]


def expected_file(case_id, name, folder=FOLDER):
    """Bytes of one of the program's files, to find where nbkernel's differ."""
    import h5py

    with h5py.File(folder / "golden.h5") as file:
        return file[case_id][name][...].tobytes()


def assert_files_are_those_of(case, folder):
    """Fails unless the folder has the case's files, byte for byte."""
    for name, digest in case.sha256.items():
        ours = (folder / name).read_bytes()
        if hashlib.sha256(ours).hexdigest() != digest:
            pytest.fail(f"{name}: {difference(ours, expected_file(case.id, name, case.folder), name)}")


def difference(ours, theirs, name):
    if len(ours) != len(theirs):
        return f"{len(ours)} bytes instead of {len(theirs)}"
    kind = np.float32 if name == "float.bin" else np.uint8
    a, b = np.frombuffer(ours, kind), np.frombuffer(theirs, kind)
    where = np.flatnonzero(a != b)
    return f"{where.size} of {a.size} values differ, the first at {where[0]}: {a[where[0]]!r} instead of {b[where[0]]!r}"
