"""nanoBragg.c's outputs for random command lines: the selection in tests/golden, or the full set in the folder that the
environment variable NBKERNEL_GOLDEN names."""

import json
import os
from dataclasses import dataclass
from pathlib import Path

SELECTION = Path(__file__).parents[1] / "golden"
FOLDER = Path(os.environ.get("NBKERNEL_GOLDEN") or SELECTION)
OUTPUT_FLAGS = "-floatfile float.bin -intfile int.img -pgmfile image.pgm -noisefile noise.img -noprogress".split()
# the lines that scripts read
STATISTICS = ("solid angle", "max_I =", "mean=", "intfile_scale", "pgm_scale")


@dataclass(frozen=True)
class GoldenCase:
    id: str
    args: tuple
    stdout: tuple
    sha256: dict

    def command(self):
        """The arguments that nanoBragg.c was given in an empty folder."""
        inputs = str(FOLDER / "inputs")
        return [argument.replace("{in}", inputs) for argument in self.args] + OUTPUT_FLAGS

    def statistics(self):
        return statistics_lines(self.stdout)


def statistics_lines(lines):
    return [line for line in lines if line.startswith(STATISTICS) or "photons on noise image" in line]


def load_cases():
    with open(FOLDER / "cases.json") as file:
        return [
            GoldenCase(case["id"], tuple(case["args"]), tuple(case["stdout"]), case["sha256"])
            for case in json.load(file)["cases"]
        ]


def expected_file(case_id, name):
    """Bytes of one of nanoBragg.c's files, to find where nbkernel's differ."""
    import h5py

    with h5py.File(FOLDER / "golden.h5") as file:
        return file[case_id][name][...].tobytes()
