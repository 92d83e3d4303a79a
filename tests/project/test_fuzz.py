"""A small fixed sample of what bench.fuzz draws, and planted faults that it must find."""

import os
import signal
import time
import warnings
from pathlib import Path

import numpy as np
import pytest

from bench.fuzz.campaign import campaign
from bench.fuzz.damage import sandbox
from bench.fuzz.damage.files import Files
from bench.fuzz.damage.lines import Lines
from bench.fuzz.parity.command_inputs import write_inputs
from bench.fuzz.parity.commands import Commands
from bench.fuzz.parity.differential import byte_finding, pixel_findings
from bench.fuzz.parity.series import SeriesParity
from bench.fuzz.parity.stored import load, rendered_again
from bench.fuzz.shrink import without_parts
from nbkernel.cli.commands import info

linux = pytest.mark.skipif(not hasattr(os, "pidfd_open"), reason="needs Linux's pidfd to supervise runs")
STORED = Path(__file__).parent / "fuzz_cases.json"


@pytest.fixture(scope="module")
def inputs(tmp_path_factory):
    return write_inputs(tmp_path_factory.mktemp("inputs"))


@pytest.fixture(autouse=True)
def folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    return tmp_path


def findings(part, seed, cases):
    """The lines that a part prints on its first cases."""
    lines = []
    for number in range(cases):
        campaign(part, seed, 0, number, lines.append)
    return [line for line in lines if line.startswith("case")]


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["ordinary", "aligned"])
def test_fast_precisions_are_within_tolerance_on_random_command_lines(kind, inputs):
    """Against `exact`, without the C program."""
    part = Commands(None, inputs, (kind,))
    assert not findings(part, "s5", 150)
    assert part.differential.compared > 120


@pytest.mark.slow
def test_series_have_the_same_bytes_as_shards_and_image_by_image(inputs):
    part = SeriesParity(inputs)
    assert not findings(part, "p1", 40)


@pytest.mark.slow
def test_a_series_that_differs_is_shrunk_to_what_matters(folder, monkeypatch):
    """A fault planted in the noise: it depends on the images that were made before."""
    from bench.fuzz.parity import series
    from nbkernel.run.series import frame

    lines = (
        ("series", "images = 3"),
        ("series", "images_per_file = 2"),
        ("series", "adc = 40"),
        ("crystal", "cell = [50, 60, 70, 90, 90, 90]"),
        ("crystal", "default_F = 100"),
        ("crystal", 'xtal_shape = "gauss"'),
        ("detector", "detpixels_f = 8"),
        ("detector", "detpixels_s = 7"),
        ("beam", "fluence = 1e29"),
        ("sampling", "oversample = 1"),
        ("vary", 'orientation = "uniform"'),
    )
    honest, before = frame.noisy_strips, []

    def faulty(photons, seed, *more):
        before.append(seed)
        return honest(photons, seed + len(before), *more)

    monkeypatch.setattr(frame, "noisy_strips", faulty)
    monkeypatch.setattr(series, "drawn_lines", lambda draw, folder: lines)
    (finding,) = findings(SeriesParity(folder), "p1", 1)
    assert finding.startswith("case p1 0: shards: drawn_000001.h5")
    small = finding.partition("\n")[2]
    assert "images = 3" in small and "cell = " in small and "default_F" in small
    for needless in ("images_per_file", "adc", "gauss", "uniform"):
        assert needless not in small


@pytest.mark.golden
@pytest.mark.parametrize("case", load(STORED), ids=lambda case: case["line"][:60])
def test_exact_gives_nanobraggs_bytes_on_random_command_lines(case, inputs):
    assert rendered_again(case, inputs) == case


@pytest.mark.slow
@linux
def test_damaged_files_give_one_line(folder):
    pytest.importorskip("gemmi", reason="the extra sf (gemmi) is not installed")
    assert not findings(Files(folder), "f2", 200)


@pytest.mark.slow
@linux
def test_broken_command_lines_give_one_line():
    pytest.importorskip("gemmi", reason="the extra sf (gemmi) is not installed")
    assert not findings(Lines(), "l2", 150)


def test_a_pixel_out_of_tolerance_is_found():
    expected = np.full((5, 7), 1.0, np.float32)
    image = expected.copy()
    image[3, 2] *= 1.0 + 1e-6
    assert not pixel_findings("double", expected, expected, 1.0)
    assert not pixel_findings("mixed", expected, image, 1.0)
    (found,) = pixel_findings("double", expected, image, 1.0)
    assert found.pixel == (2, 3)
    assert byte_finding("float.bin", expected.tobytes(), image.tobytes(), expected.shape).pixel == (2, 3)


def test_nans_with_different_bits_are_equal():
    a, b = np.float32([np.nan]), np.uint32([0xFFC00001]).view(np.float32)
    assert a.tobytes() != b.tobytes() and byte_finding("float.bin", a.tobytes(), b.tobytes(), (1,)) is None


def test_a_line_that_differs_is_shrunk_to_what_matters(folder, monkeypatch):
    """A fault planted in `double`: pixels of tophat spots are doubled."""
    from bench.fuzz.parity import differential

    honest = differential.render

    def faulty(prepared, precision, threads):
        image, *rest = honest(prepared, precision, threads)
        return (image * (2 if precision == "double" and prepared.plan.has_water else 1), *rest)

    monkeypatch.setattr(differential, "render", faulty)
    part = Commands(None, folder, checks=("double",))
    flags = (
        "-cell 50 60 70 90 90 90",
        "-N 3",
        "-default_F 10",
        "-water 5",
        "-polar 0.5",
        "-detpixels 20",
        "-pixel 1",
        "-oversample 2",
    )
    line = tuple(tuple(text.split()) for text in flags)
    small, finding = part.shrunk(line, "double")
    assert finding.check == "double"
    assert {each[0] for each in small} <= {"-cell", "-default_F", "-water", "-detpixels", "-roi"}
    assert ("-detpixels", "1") in small


def test_shrinking_leaves_what_fails():
    parts = tuple(range(40))
    assert without_parts(parts, lambda some: {3, 17, 18} <= set(some), float("inf")) == (3, 17, 18)


def computes_endlessly(argv):
    while True:
        pass


def writes(name):
    def run(argv):
        Path(name).write_text("other")
        return 0

    return run


def prints_an_escape(argv):
    print("\x1b[31mred")
    return 0


def warns(argv):
    warnings.warn("something is old", UserWarning, stacklevel=1)
    return 0


def takes_memory(argv):
    bytearray(2 * sandbox.MEMORY)


FAULTS = {
    "traceback": lambda argv: {}["missing"],
    "status 1": lambda argv: 1,
    "status 3": lambda argv: 3,
    "status -": lambda argv: os.kill(os.getpid(), signal.SIGUSR1),
    "too long": computes_endlessly,
    "file left behind": writes("left.part"),
    "file changed": writes("input"),
    "other text on standard error": warns,
    "control character on standard output": prints_an_escape,
    "no error line": lambda argv: 2,
    "hangs": lambda argv: time.sleep(60),
}


@pytest.mark.slow
@linux
@pytest.mark.parametrize("what", FAULTS)
def test_planted_faults_are_found(what, monkeypatch):
    monkeypatch.setattr(sandbox, "CPU_SECONDS", 1)
    monkeypatch.setattr(sandbox, "WALL_SECONDS", 3 if what == "hangs" else 60)
    monkeypatch.setattr(info, "run", FAULTS[what])
    result = sandbox.run(["info"], {"input": b"content"})
    found = [name for name, _ in sandbox.complaints(["info"], result, lambda name: False)]
    assert len(found) == 1 and found[0].startswith(what)


@linux
def test_memory_is_bounded_and_a_good_run_has_no_complaint(monkeypatch):
    assert not list(sandbox.complaints(["info"], sandbox.run(["info"], {}), lambda name: False))
    monkeypatch.setattr(info, "run", takes_memory)
    result = sandbox.run(["info"], {})
    assert result.status == 2 and "out of memory" in result.err and result.peak < 2**28
