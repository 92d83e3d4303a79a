"""Invalid input: one line on standard error that names the flag or file, status 2, nothing written."""

import contextlib
import os
import resource
import signal
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from running import BASE, CRYSTAL, simulate, smv_bytes

GOOD = f"{BASE} -detpixels 16"
OUTPUTS = ("floatimage.bin", "intimage.img", "image.pgm", "noiseimage.img")
PIXELS = np.ones((16, 16), np.uint16)
HKL = "0 0 0 100\n1 0 0 50\n"
MANY_DIGITS = "1" * 5000


@pytest.fixture(autouse=True)
def folder(tmp_path, monkeypatch):
    """A folder with earlier outputs and files that are unsuitable for a flag."""
    monkeypatch.chdir(tmp_path)
    for name in OUTPUTS:
        Path(name).write_text(f"earlier {name}")
    Path("directory").mkdir()
    for name, content in FILES.items():
        Path(name).write_bytes(content.encode() if isinstance(content, str) else content)
    return tmp_path


DUMP = b"0 1 0 0 0 0\n\f" + np.zeros((3, 2, 2)).tobytes()
FILES = {
    "empty": "",
    "binary": bytes(range(256)) * 20,
    "words": "this is not a table\n",
    "good.hkl": HKL,
    "three_columns.hkl": "0 0 0 100\n1 0 0\n",
    "five_columns.hkl": "0 0 0 100 1\n",
    "fraction.hkl": "0 0 0 100\n0.5 0 0 3\n",
    "nan.hkl": "0 0 0 nan\n",
    "huge_range.hkl": "-900000 -900000 -900000 1\n900000 900000 900000 1\n",
    "huge_index.hkl": "99999999999999999999 0 0 1\n",
    "blank.hkl": "\n\n  \n",
    "eight.mat": "1 0 0 0 1 0 0 0",
    "flat.mat": "1 0 0 0 1 0 1 0 0",
    "nan.src": "-10 0 0 1 1e-10\n-10 nan 0 1 1e-10\n",
    "nan.mat": "nan 0 0 0 1 0 0 0 1",
    "good.img": smv_bytes(PIXELS),
    "truncated.img": smv_bytes(PIXELS)[:-2],
    "half_header.img": smv_bytes(PIXELS)[:100],
    "no_size.img": b"{\nHEADER_BYTES=512;\nBYTE_ORDER=little_endian;\n}\f".ljust(512) + PIXELS.tobytes(),
    "negative_size.img": smv_bytes(PIXELS).replace(b"SIZE1=16;", b"SIZE1=-6;"),
    "huge_size.img": smv_bytes(PIXELS).replace(b"SIZE1=16;\nSIZE2=16;", b"SIZE1=999999;\nSIZE2=999999;").ljust(1024),
    "header_bytes.img": smv_bytes(PIXELS).replace(b"HEADER_BYTES=512", b"HEADER_BYTES=9999"),
    "small.img": smv_bytes(PIXELS[:8]),
    "truncated.bin": DUMP[:-1],
    "too_long.bin": DUMP + b"\0",
    "upside_down.bin": b"1 0 0 0 0 0\n\f" + np.zeros((1, 2, 2)).tobytes(),
    "huge_header.bin": b"-99999999 99999999 -99999999 99999999 -99999999 99999999\n\f",
    "no_source.src": "0 0 0 1 1e-10\n",
    "no_wavelength.src": "-10 0 0 1 0\n",
    "negative_wavelength.src": "-10 0 0 1 -1e-10\n",
    "no_newline.src": "-10 0 0 1",
    "no_weight.src": "-10 0 0 0 1e-10\n-10 1 0 0 1e-10\n-10 0 1 -1 1e-10\n",
}

# (arguments that make a good command line invalid, words of the error line)
MISSING_OR_NOT_A_NUMBER = [
    ("-distance", "-distance"),
    ("-lambda -N 3", "-lambda"),
    ("-pixel abc", "-pixel"),
    ("-pixel 0.1mm", "-pixel"),
    ("-pixel nan", "-pixel"),
    ("-fluence inf", "-fluence"),
    ("-fluence 1e999", "-fluence"),
    ("-Na many", "-Na"),
    ("-detpixels 0x10", "-detpixels"),
    ("-detpixels 99999999999", "-detpixels"),
    ("-roi 1 2 3", "-roi"),
    ("-roi 1 2 3 x", "-roi"),
    ("-fdet_vector 0 0", "-fdet_vector"),
    ("-misset 1 2", "-misset"),
    ("-misset", "-misset"),
    ("-misset sideways 0 0", "-misset"),
    ("-cell", "-cell"),
    ("-cell x", "-cell"),
    ("-cell 50 60 x", "-cell"),
    ("-energy keV", "-energy"),
    ("-detector_abs thick", "-detector_abs"),
    ("-pivot corner", "-pivot"),
    ("-hkl", "-hkl"),
    ("-mat -N 3", "-mat"),
    ("-floatfile", "-floatfile"),
    ("-seed", "-seed"),
    ("--tile", "--tile"),
    ("--tile 8", "--tile"),
    ("--tile 0x8", "--tile"),
    ("--tile -1x8", "--tile"),
    ("--threads 0", "--threads"),
    ("--threads two", "--threads"),
    (f"--threads {MANY_DIGITS}", "--threads"),
    (f"--tile {MANY_DIGITS}x8", "--tile"),
    (f"--preview x.png --preview-roi 0 1 0 {MANY_DIGITS}", "--preview-roi"),
    (f"--device cuda:{MANY_DIGITS}", "--device"),
    ("--precision perfect", "--precision"),
    ("--device abacus", "--device"),
    ("--noise-rng", "--noise-rng"),
    ("--noise-rng mersenne", "--noise-rng"),
    ("--fix everything", "--fix"),
    ("--fix ,", "--fix"),
    ("--preview", "--preview"),
    ("--nonsense", "--nonsense"),
]

FILE_FLAGS = ("-hkl", "-mat", "-mask", "-img", "-sourcefile", "-stol")
WRONG_FILES = [
    (f"{flag} {name}", flag)
    for flag in FILE_FLAGS
    for name in ("absent", "empty", "directory", "binary", "words")
    if (flag, name) != ("-stol", "words")  # its numbers have no effect
] + [
    ("-hkl three_columns.hkl", "three_columns.hkl: line 2"),
    ("-hkl five_columns.hkl", "five_columns.hkl: line 1"),
    ("-hkl fraction.hkl", "fraction.hkl: line 2"),
    ("-hkl nan.hkl", "nan.hkl: line 1"),
    ("-hkl huge_range.hkl", "-hkl huge_range.hkl"),
    ("-hkl huge_index.hkl", "huge_index.hkl: line 1"),
    ("-hkl blank.hkl", "-hkl blank.hkl"),
    ("-hkl good.img", "-hkl: good.img"),
    ("-mat eight.mat", "-mat eight.mat"),
    ("-mat flat.mat", "-mat flat.mat"),
    ("-mat nan.mat", "-mat nan.mat"),
    ("-sourcefile nan.src", "nan.src: line 2 has a value that is not a finite number"),
    ("-mask truncated.img", "-mask: truncated.img"),
    ("-mask half_header.img", "-mask: half_header.img"),
    ("-mask no_size.img", "-mask: no_size.img"),
    ("-mask negative_size.img", "-mask: negative_size.img"),
    ("-mask huge_size.img", "-mask: huge_size.img"),
    ("-mask header_bytes.img", "-mask: header_bytes.img"),
    ("-mask good.hkl", "-mask: good.hkl"),
    ("-img truncated.img", "-img: truncated.img"),
    ("-img no_size.img", "-img: no_size.img"),
    ("-dump directory", "-dump"),
    ("-dump empty", "-dump"),
    ("-dump words", "-dump words"),
    ("-dump binary", "-dump binary"),
    ("-dump truncated.bin", "-dump truncated.bin"),
    ("-dump too_long.bin", "-dump too_long.bin"),
    ("-dump upside_down.bin", "-dump upside_down.bin"),
    ("-dump huge_header.bin", "-dump huge_header.bin"),
    ("-sourcefile no_source.src", "-sourcefile no_source.src"),
    ("-sourcefile no_wavelength.src", "-sourcefile no_wavelength.src"),
    ("-sourcefile negative_wavelength.src", "-sourcefile negative_wavelength.src"),
    ("-sourcefile no_newline.src", "-sourcefile no_newline.src"),
    ("-sourcefile no_weight.src --fix weights", "-sourcefile no_weight.src"),
]

IMPOSSIBLE = [
    ("-detpixels 0", "-detpixels"),
    ("-detpixels -16", "-detpixels"),
    ("-detpixels_f 0", "-detpixels_f"),
    ("-detpixels_y -1", "-detpixels"),
    ("-detpixels 2000000", "-detpixels"),
    ("-detpixels 2147483647", "-detpixels"),
    ("-pixel 0", "-pixel"),
    ("-pixel -0.1", "-pixel"),
    ("-distance 0", "-distance"),
    ("-close_distance 0", "-close_distance"),
    ("-lambda 0", "-lambda"),
    ("-lambda -1", "-lambda"),
    ("-energy 0", "-energy"),
    ("-energy -1", "-energy"),
    ("-oversample 2000000000", "-oversample"),
    ("-mosaic 1 -mosaic_domains 2147483647", "-mosaic_domains"),
    ("-osc 1 -phisteps 2147483647", "-phisteps"),
    ("-hdivrange 1 -hdivsteps 2147483647", "-hdivsteps"),
    ("-dispersion 1 -dispsteps 2147483647", "-dispsteps"),
    ("-flux 1e12 -beamsize 0", "-beamsize"),
    ("-cell 0 60 70 90 90 90", "-cell"),
    ("-cell 50 60 70 10 20 90", "-cell"),
    ("-cell 50 60 70 120 120 120", "-cell"),
    ("-cell 50 60 70 90 90 180", "-cell"),
    ("-cell 50 60 70 200 90 90", "-cell"),
    ("-fdet_vector 0 0 0 -sdet_vector 0 -1 0", "det_vector"),
    ("-beam_vector 0 0 0", "-beam_vector"),
    ("-roi 16 20 0 5", "-roi"),
    ("-roi 0 5 20 30", "-roi"),
    ("-roi 9 8 0 5", "-roi"),
    ("-mask small.img -detpixels 16", "-mask small.img"),
]

UNWRITABLE = [
    ("-floatfile absent/float.bin", "-floatfile"),
    ("-intfile directory", "-intfile"),
    ("-pgmfile directory/", "-pgmfile"),
    ("-floatfile new/", "-floatfile"),
    ("--preview ./good.img/", "--preview"),
    ("-noisefile floatimage.bin/x", "-noisefile"),
    ("--preview absent/preview.png", "--preview"),
    ("-floatfile same -intfile same", "-intfile"),
    ("-noisefile ./image.pgm", "-noisefile"),
    (f"-noisefile {'n' * 300}", "-noisefile"),
    ("-floatfile /dev/full", "/dev/full"),
    ("-noisefile /dev/full", "/dev/full"),
    ("--preview /dev/full", "/dev/full"),
]


@pytest.fixture(scope="module", autouse=True)
def kernels(tmp_path_factory):
    """Compiles the kernels first, which takes longer than TIME_LIMIT."""
    with contextlib.chdir(tmp_path_factory.mktemp("kernels")):
        simulate(GOOD)
        simulate(f"{GOOD} -interpolate")


# seconds, for a run that should be refused
TIME_LIMIT = 10


def give_up(signum, frame):
    raise TimeoutError("the run was not refused")


def contents(folder):
    return {
        str(path.relative_to(folder)): None if path.is_dir() else (path.read_bytes(), path.stat().st_mode)
        for path in folder.rglob("*")
    }


@pytest.mark.parametrize(
    "arguments, words", MISSING_OR_NOT_A_NUMBER + WRONG_FILES + IMPOSSIBLE + UNWRITABLE, ids=lambda text: text[:60]
)
def test_one_line_names_the_fault_and_nothing_is_written(arguments, words, folder):
    before = contents(folder)
    signal.signal(signal.SIGALRM, give_up)
    signal.alarm(TIME_LIMIT)
    good = GOOD.replace("-default_F 100", "") if arguments.startswith("-dump") else GOOD
    try:
        run = simulate(good, *arguments.split(" "))
    finally:
        signal.alarm(0)
    assert run.status == 2
    assert len(run.errors) == 1, run.err
    assert run.errors[0].startswith("nbkernel: ")
    assert words in run.errors[0]
    assert contents(folder) == before


@pytest.mark.parametrize("pixels, size", [(16, 100), (16, 700), (8, 500)])
def test_a_full_disk_is_an_error_and_nothing_is_written(pixels, size, folder):
    """No file may grow beyond `size` bytes: the float image is cut, or only the integer image, which has a header."""
    before = contents(folder)
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, limits[1]))
    try:
        run = simulate(f"{BASE} -detpixels {pixels}")
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
    assert run.status == 2
    assert len(run.errors) == 1 and "cannot write" in run.errors[0]
    assert contents(folder) == before


@pytest.mark.parametrize(
    "command, words",
    [
        ("", "simulate"),
        ("-default_F 100 -N 3", "-cell"),
        ("-cell 50 60 70", "-hkl"),
        (CRYSTAL.replace("-default_F 100", ""), "-default_F"),
    ],
)
def test_a_run_without_cell_or_structure_factors_is_refused(command, words, folder):
    before = contents(folder)
    run = simulate(command)
    assert run.status == 2
    assert len(run.errors) == 1 and words in run.errors[0]
    assert contents(folder) == before


def test_a_long_error_line_is_cut_in_its_middle():
    run = simulate(f"{GOOD} -hkl {'long/' * 800}name.hkl")
    assert run.status == 2 and len(run.err) < 1100
    assert run.err.startswith("nbkernel: -hkl: ") and run.err.endswith("long/name.hkl\n")


def test_the_good_command_line_is_good(folder):
    """The command line that the cases above make invalid."""
    assert simulate(GOOD).status == 0
    assert all(Path(name).stat().st_size > 100 for name in OUTPUTS)


LONG = f"{CRYSTAL} -lambda 1 -distance 100 -detpixels 4000 -oversample 20 -progress --threads 2"


@pytest.mark.parametrize("name, status", [("SIGINT", 130), ("SIGTERM", 130), ("SIGKILL", -signal.SIGKILL)])
def test_a_stopped_run_leaves_no_output(name, status, folder):
    before = contents(folder)
    process = subprocess.Popen(
        [sys.executable, "-m", "nbkernel", "simulate", *LONG.split()],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    try:
        # rendering has begun, so the temporary files exist
        for line in process.stdout:
            if line.startswith("sampling"):
                break
        assert len(contents(folder)) > len(before)
        process.send_signal(getattr(signal, name))
        _, err = process.communicate(timeout=120)
    finally:
        process.kill()
    assert process.returncode == status
    after = contents(folder)
    if name == "SIGKILL":
        # temporary files stay behind, but no output has wrong content
        assert {path: after[path] for path in before} == before
        assert all(os.path.basename(path).startswith(".") for path in after.keys() - before.keys())
    else:
        assert after == before
        lines = [line for line in err.splitlines() if "compiling" not in line]
        assert len(lines) == 1 and "Traceback" not in err


def test_a_dump_does_not_overwrite_the_table_it_is_made_from(folder):
    before = contents(folder)
    run = simulate(f"{GOOD} -hkl good.hkl -dump ./good.hkl")
    assert contents(folder)["good.hkl"] == before["good.hkl"]
    assert any("good.hkl" in line for line in run.warnings)


@pytest.mark.parametrize("content", [b"MTZ \x15\0\0\0", b"# remark\n\n DATA_x\n", b"\xef\xbb\xbfdata_x\n", b"loop_\n"])
def test_without_gemmi_one_line_tells_how_to_install_it(content, folder, monkeypatch):
    monkeypatch.setitem(sys.modules, "gemmi", None)
    Path("any.name").write_bytes(content)
    before = contents(folder)
    run = simulate(f"{GOOD} -hkl any.name")
    assert run.status == 2
    (line,) = run.errors
    assert line.startswith("nbkernel: -hkl any.name: ") and "pip install 'nbkernel[sf]'" in line
    assert contents(folder) == before
