"""One command line, rendered by the C program and by nbkernel in each precision: where do they differ?"""

import contextlib
import io
import math
import os
import re
import shutil
import subprocess
import tempfile
import traceback
import warnings
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from nbkernel.cli.main import main
from nbkernel.diagnose.images.compare import judge, local_error, make_pair, ulp_distance
from nbkernel.engine.bounds.precision import sharpness
from nbkernel.engine.render import render
from nbkernel.errors import InputError
from nbkernel.experiment.experiment import Experiment
from nbkernel.io.images.image import Image
from nbkernel.setup.prepare import prepare

FILES = ("float.bin", "int.img", "image.pgm", "noise.img")
OUTPUT_FLAGS = "-floatfile float.bin -intfile int.img -pgmfile image.pgm -noisefile noise.img -noprogress".split()
DUMP = "Fdump.bin"
# lines of standard output that scripts read
STATISTICS = ("solid angle", "max_I =", "mean=", "intfile_scale", "pgm_scale")
FAST = ("double", "mixed")
MOST_STEPS = 3e6  # of a case, all pixels together
SECONDS = 20  # for the C program


@dataclass(frozen=True)
class Finding:
    """check: what differs (a file, a precision, ...); numbers: as text; pixel: (fast, slow) of the worst, if there is
    one."""

    check: str
    numbers: str
    pixel: tuple | None = None


@dataclass
class Outcome:
    """kind: compared, refused (by nbkernel alone or by both if there are two), too large, or the C program failed;
    refusal: our line."""

    kind: str
    findings: list = field(default_factory=list)
    refusal: str = ""
    shape: tuple = (0, 0)  # slow, fast


class Reference:
    """nanoBragg.c, run in an empty folder for each command line."""

    def __init__(self, binary):
        self.binary = os.path.abspath(binary)

    def run(self, arguments, folder):
        """Standard output, or None if the program fails or does not end in time."""
        try:
            done = subprocess.run(
                [self.binary, *arguments, *OUTPUT_FLAGS], cwd=folder, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL,
                timeout=SECONDS, check=False,
            )  # fmt: skip
        except subprocess.TimeoutExpired:
            return None
        return done.stdout.decode("latin-1") if done.returncode == 0 else None


class Differential:
    """Compares command lines. checks: names of precisions to look at; reference: a Reference, or None for our `exact`,
    with which lines with a --fix are compared, too."""

    def __init__(self, reference, checks=("exact", *FAST)):
        self.reference, self.checks = reference, checks
        self.compared = 0  # cases

    def examine(self, arguments):
        """The Outcome of a command line (list of words, without files to write)."""
        before = os.getcwd()
        base = tempfile.mkdtemp(prefix="case")
        try:
            theirs, ours = Path(base, "theirs"), Path(base, "ours")
            theirs.mkdir()
            ours.mkdir()
            os.chdir(ours)
            return self.compare(arguments, theirs, ours)
        finally:
            os.chdir(before)
            shutil.rmtree(base)

    def compare(self, arguments, theirs, ours):
        flags, fixes = without_fixes(arguments)
        reference = None if fixes else self.reference
        with np.errstate(all="ignore"):
            try:
                prepared = prepare(Experiment.from_command_line(flags, fixes), 1)
            except InputError as error:
                return refused(reference, arguments, theirs, str(error))
            except Exception:
                return Outcome("compared", [Finding("traceback", traceback.format_exc(limit=-3))])
        steps = int(prepared.wanted.sum()) * prepared.plan.steps * prepared.plan.detector_thicksteps
        shape = prepared.wanted.shape
        if steps > MOST_STEPS:
            return Outcome("too large")
        self.compared += 1
        if reference is None:
            expected, omega_sum, _ = render(prepared, "exact", threads=1)
            solid_angle, findings = omega_sum / prepared.plan.steps, []
        else:
            text = reference.run(arguments, theirs)
            if text is None:
                return Outcome("the C program failed")
            expected = np.fromfile(theirs / "float.bin", np.float32)
            if expected.size != prepared.wanted.size:
                size = f"{expected.size} pixels in the C program's image, {shape[1]} x {shape[0]} in ours"
                return Outcome("compared", [Finding("size", size)])
            expected, solid_angle = expected.reshape(shape), printed_solid_angle(text)
            findings = self.exact_findings(arguments, text, theirs, ours, expected) if "exact" in self.checks else []
        for precision in FAST:
            if precision in self.checks:
                findings += precision_findings(prepared, precision, expected, solid_angle)
        return Outcome("compared", findings, shape=shape)

    def exact_findings(self, arguments, text, theirs, ours, expected):
        """Bytes of all files, and the lines that scripts read."""
        status, out, err, shown = simulate([*arguments, *OUTPUT_FLAGS, "--precision", "exact"])
        findings = [Finding("warning of Python", line) for line in shown]
        if status != 0:
            return [*findings, Finding("status", f"{status}, {err.strip()}")]
        names = [*FILES, DUMP] if (theirs / DUMP).exists() else FILES
        for name in names:
            a, b = (folder / name for folder in (theirs, ours))
            contents = [path.read_bytes() if path.exists() else b"" for path in (a, b)]
            if contents[0] != contents[1]:
                found = byte_finding(name, *contents, expected.shape)
                if found is not None:
                    findings.append(found)
        ours_lines, their_lines = statistics_lines(out), statistics_lines(text)
        for mine, other in zip(ours_lines, their_lines, strict=False):
            if mine != other:
                findings.append(Finding("lines", f"{mine!r} for {other!r}"))
        if len(ours_lines) != len(their_lines):
            findings.append(Finding("lines", f"{len(ours_lines)} for {len(their_lines)} lines"))
        return findings


def without_fixes(arguments):
    """A command line without its --fix, and the names after that flag."""
    if "--fix" not in arguments:
        return arguments, ()
    place = arguments.index("--fix")
    return arguments[:place] + arguments[place + 2 :], arguments[place + 1].split(",")


def refused(reference, arguments, folder, line):
    """The Outcome of a line that nbkernel refuses."""
    if reference is None:
        return Outcome("refused", refusal=line)
    if reference.run(arguments, folder) is None:
        return Outcome("refused by both", refusal=line)
    return Outcome("refused by nbkernel", refusal=line)


def simulate(arguments):
    """Status, standard output, standard error and warnings of Python's of `nbkernel simulate` in this process."""
    out, err = io.StringIO(), io.StringIO()
    with (
        contextlib.redirect_stdout(out),
        contextlib.redirect_stderr(err),
        warnings.catch_warnings(record=True) as shown,
    ):
        warnings.simplefilter("always")
        try:
            status = main(["simulate", *arguments])
        except Exception:
            status = traceback.format_exc(limit=-3)
    return (
        status,
        out.getvalue(),
        err.getvalue(),
        sorted({f"{w.message} ({Path(w.filename).name}:{w.lineno})" for w in shown}),
    )


def statistics_lines(text):
    # the sign of nan depends on the machine
    lines = (line.replace("-nan", "nan") for line in text.splitlines())
    return [line for line in lines if line.startswith(STATISTICS) or "photons on noise image" in line]


def byte_finding(name, theirs, ours, shape):
    """The Finding for two files of different bytes, None if only the bits of nan differ."""
    if len(theirs) != len(ours):
        return Finding(name, f"{len(ours)} bytes for {len(theirs)}")
    if name != "float.bin":
        differ = np.flatnonzero(np.frombuffer(theirs, np.uint8) != np.frombuffer(ours, np.uint8))
        first = int(differ[0])
        around = slice(max(first - 20, 0), first + 12)
        return Finding(name, f"{differ.size} bytes differ, from {first} on: {ours[around]!r} for {theirs[around]!r}")
    a, b = (np.frombuffer(content, np.float32).reshape(shape) for content in (theirs, ours))
    differ = (a.view(np.int32) != b.view(np.int32)) & ~(np.isnan(a) & np.isnan(b))
    if not differ.any():
        return None
    with np.errstate(all="ignore"):
        apart = np.where(differ, np.abs(a.astype(np.float64) - b) / np.abs(a), -1.0)
    slow, fast = np.unravel_index(np.argmax(np.where(np.isnan(apart), np.inf, apart)), shape)
    numbers = (
        f"{int(differ.sum())} of {a.size} pixels differ; fast {fast} slow {slow}: {b[slow, fast]!s} for {a[slow, fast]!s}"
    )
    return Finding(name, numbers, (int(fast), int(slow)))


def printed_solid_angle(text):
    """The number of the C program's line."""
    return float(re.search(r"^solid angle subtended by detector = (\S+)", text, re.MULTILINE)[1])


def precision_findings(prepared, precision, expected, solid_angle):
    """Where a fast precision breaks its promise against the expected float image, or gives another solid angle (sr)."""
    with warnings.catch_warnings(record=True) as shown:
        warnings.simplefilter("always")
        try:
            image, omega_sum, _ = render(prepared, precision, threads=1)
        except InputError as error:
            return [Finding(precision, f"refused: {error}")]
        except Exception:
            return [Finding(precision, traceback.format_exc(limit=-3))]
    findings = [Finding(precision, f"warning of Python: {w.message}") for w in shown]
    ours = omega_sum / prepared.plan.steps
    if not (math.isclose(ours, solid_angle, rel_tol=1e-5) or (math.isnan(ours) and math.isnan(solid_angle))):
        findings.append(Finding(f"{precision}, solid angle", f"{ours:g} for {solid_angle:g} steradian"))
    return findings + pixel_findings(precision, expected, image, sharpness(prepared.plan))


def pixel_findings(precision, expected, image, N):
    with np.errstate(all="ignore"):
        pair = make_pair(*(Image("", "float", pixels, False, None, None) for pixels in (expected, image)))
        verdict = judge(pair, precision, N)
        if verdict["within"]:
            return []
        ulps, local = ulp_distance(pair), local_error(pair)
    both_nan = np.isnan(expected) & np.isnan(image)
    broken = ~pair.finite & (pair.a.view(np.int32) != pair.b.view(np.int32)) & ~both_nan
    badness = np.where(broken, np.inf, np.where((ulps > 1) & (local > verdict["local_limit"]), local, -1.0))
    slow, fast = np.unravel_index(np.argmax(badness), badness.shape)
    numbers = (
        f"{verdict['pixels_beyond']} of {image.size} pixels beyond {verdict['local_limit']:.3g}; fast {fast} slow {slow}: "
        f"{image[slow, fast]!s} for {expected[slow, fast]!s}, local error {local[slow, fast]:.3g}, {ulps[slow, fast]} ulp; "
        f"total off by {verdict['total_error']:.3g} (limit {verdict['total_limit']:.3g})"
    )
    return [Finding(precision, numbers, (int(fast), int(slow)) if verdict["pixels_beyond"] else None)]


def shape_of_refusal(line):
    """A refusal without its numbers and paths, so that equal ones can be counted."""
    return re.sub(r"[-+]?\d[\d.eE+-]*|\S*/\S*", "#", line)
