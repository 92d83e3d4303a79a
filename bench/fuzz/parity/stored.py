"""What the C program wrote for a few drawn command lines, kept as digests: tests compare --precision exact with
them without the program.

python -m bench.fuzz commands --c-binary PATH --kind aligned --seed S --store FILE writes such a file.
"""

import hashlib
import json
import tempfile
from pathlib import Path

from bench.fuzz.draw import words

from .differential import DUMP, FILES, OUTPUT_FLAGS, simulate, statistics_lines

DIGITS = 16  # of a digest in hexadecimal
INPUTS = "{inputs}"  # stands for the folder of the input files


def store(part, seed, count, path):
    """Writes the first `count` lines that a Commands part draws, the C program renders to more than zeros, and `exact`
    renders to the same."""
    cases, number = [], 0
    while len(cases) < count:
        arguments = words(part.line(seed, number))
        number += 1
        outcome = part.differential.examine(arguments)
        if outcome.kind != "compared" or any(finding.check not in ("double", "mixed") for finding in outcome.findings):
            continue
        with tempfile.TemporaryDirectory() as folder:
            text = part.differential.reference.run(arguments, folder)
            if any(Path(folder, "float.bin").read_bytes()):
                line = " ".join(arguments).replace(str(part.folder), INPUTS)
                cases.append({"line": line, "statistics": statistics_lines(text), "files": digests(folder)})
    path.write_text(json.dumps({"cases": cases}, indent=0) + "\n")


def digests(folder):
    """{name: start of its SHA-256} of what a run wrote."""
    found = (Path(folder, name) for name in (*FILES, DUMP))
    return {path.name: hashlib.sha256(path.read_bytes()).hexdigest()[:DIGITS] for path in found if path.exists()}


def load(path):
    return json.loads(Path(path).read_text())["cases"]


def rendered_again(case, inputs):
    """The same of --precision exact in the current folder; inputs: folder of the input files."""
    arguments = case["line"].replace(INPUTS, str(inputs)).split()
    status, out, err, _ = simulate([*arguments, *OUTPUT_FLAGS, "--precision", "exact"])
    if status != 0:
        return err
    return {"line": case["line"], "statistics": statistics_lines(out), "files": digests(".")}
