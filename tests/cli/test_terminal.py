"""Printed text cannot control the terminal, errors do not reveal the content of other files, and every failure is one
line."""

import logging
import os
import re
import resource
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

import nbkernel
from nbkernel.cli.main import main
from nbkernel.errors import LONGEST, InputError
from nbkernel.kernels.compile.address_space import TooLittle
from nbkernel.kernels.compile.kernel import Kernel
from nbkernel.kernels.compile.object_cache import CACHE
from nbkernel.support.printable import printable, shortened

from running import BASE, simulate, smv_bytes

pytestmark = pytest.mark.slow  # all together

# a colour, a window title, a newline, a C1 control, a direction mark, a line separator, a byte that is not UTF-8
EVIL = "x\x1b[31m\x1b]0;owned\x07\n\x9b1m\u202e\u2028\udce9"
EVIL_TEXT = EVIL[:-1]
UNPRINTABLE = re.compile(r"[^\x20-\x7e\n\u00c0-\u024f]")
GOOD = f"{BASE} -detpixels 16"
SECRET = "root:$6$saltsalt$verysecrethash:19000:0:99999:7:::"


@pytest.fixture(autouse=True)
def folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.mark.parametrize(
    "text, expected",
    [
        ("plain é Å 中 text", "plain é Å 中 text"),
        ("\x1b[31m", "\\x1b[31m"),
        ("a\nb\tc\rd", "a\\nb\\tc\\rd"),
        ("\x9b\x7f\x00", "\\x9b\\x7f\\x00"),
        ("\u202e\u2066\u200f\u2028\ufeff", "\\u202e\\u2066\\u200f\\u2028\\ufeff"),
        ("\udce9\U000e0001", "\\udce9\\U000e0001"),
        ("\xa0", "\\xa0"),
    ],
)
def test_terminal_controls_are_escaped(text, expected):
    assert printable(text) == expected and str(InputError(text)) == expected


def test_every_unprintable_character_is_escaped():
    for character in map(chr, (*range(0x300), *range(0x2000, 0x2100), *range(0xFE00, 0x10000), *range(0xE0000, 0xE0080))):
        assert printable(character).isprintable() and (printable(character) == character) == character.isprintable()


def test_a_long_message_is_cut_in_its_middle():
    text = str(InputError("begin" + "x" * 100_000 + "end"))
    assert len(text) <= LONGEST + 3 and text.startswith("begin") and text.endswith("end")
    assert shortened("abc", 3) == "abc" and shortened("abcdefgh", 4) == "abc...h"


FILE_FLAGS = ("-hkl", "-mat", "-sourcefile", "-stol", "-img", "-mask", "-dump", "--panels", "--config")


def commands_of(name):
    """Command lines that read or look for a file of that name."""
    yield from (["simulate", *GOOD.split(), flag, name] for flag in FILE_FLAGS)
    yield from (["show", name], ["compare", name, name], ["compare-traces", name, name], [name])
    yield ["simulate", *GOOD.split(), "-floatfile", f"none/{name}"]
    yield ["simulate", *GOOD.split(), name, f"-{name}", f"--{name}"]
    yield ["simulate", *GOOD.split(), "--column", name, "--fix", name]


def printed_by(command, capsys):
    """The output and errors of a command run in this process."""
    main(command)
    captured = capsys.readouterr()
    return captured.out + captured.err


@pytest.mark.parametrize(
    "content", [None, b"words\n", b"1 2 3 x\n", b"\x1b[31m \x9b1m\n", b'{"\\u001b[31m": 1}', b"1 0 0 \x1b[31mfour\n"]
)
def test_file_names_cannot_control_the_terminal(content, capsys):
    if content is not None:
        Path(EVIL).write_bytes(content)
    for command in commands_of(EVIL):
        text = printed_by(command, capsys)
        assert text and UNPRINTABLE.findall(text) == [], command
        assert all(line.startswith(("nbkernel: ", "usage")) or "owned" not in line for line in text.splitlines())


def test_names_of_panels_cannot_control_the_terminal(capsys):
    panel = dict(fdet_vector=(0, 0, 1), sdet_vector=(0, -1, 0), detpixels_f=9, detpixels_s=9, pixel=0.2)
    panels = [nbkernel.Panel((0.1, 0.01, z), **panel, name=EVIL_TEXT) for z in (0.0, 0.01)]
    experiment = nbkernel.Experiment(cell=(50, 60, 70), default_F=100, panels=panels, wavelength=1.0)
    experiment.to_toml("evil.toml")
    images = nbkernel.simulate(experiment)
    nbkernel.write_hdf5("evil.h5", images)
    text = printed_by(["simulate", "--config", "evil.toml", "-oversample", "1"], capsys)
    assert "\\x1b" in text and UNPRINTABLE.findall(text) == []
    for arguments in ("show evil.h5", "compare evil.h5 evil.h5", "trace --config evil.toml --panel 1 --pixel 3 3"):
        assert UNPRINTABLE.findall(printed_by(arguments.split(), capsys)) == []
    assert UNPRINTABLE.findall(printed_by([*f"simulate {BASE} --panels evil.h5".split()], capsys)) == []


def test_headers_cannot_control_the_terminal(capsys):
    for keyword in ("BYTE_ORDER", "TYPE", "COMPRESSION", "WAVELENGTH", "DISTANCE", "BEAM_CENTER_X", "HEADER_BYTES", "SIZE1"):
        content = smv_bytes(np.ones((16, 16)), f"{keyword}=\x1b[31m7;\n")
        Path("evil.img").write_bytes(content)
        for arguments in (f"simulate {GOOD} -img evil.img", f"simulate {GOOD} -mask evil.img", "show evil.img"):
            assert UNPRINTABLE.findall(printed_by(arguments.split(), capsys)) == []


def test_column_labels_cannot_control_the_terminal(capsys):
    gemmi = pytest.importorskip("gemmi")
    mtz = gemmi.Mtz(with_base=True)
    mtz.spacegroup = gemmi.SpaceGroup("P 1")
    mtz.set_cell_for_all(gemmi.UnitCell(50, 60, 70, 90, 90, 90))
    mtz.add_dataset("\x1b[31m")
    for label, kind in (("\x1b[31mF", "F"), ("\x9b1mI", "J"), ("FC", "F")):
        mtz.add_column(label, kind)
    mtz.set_data(np.array([[1, 0, 0, 5, 6, 7]], np.float32))
    mtz.write_to_file("evil.mtz")
    for more in ("", "--column none", "--column \x1b[31mF", "--column \x9b1mI"):
        text = printed_by(["simulate", *GOOD.split(), "-hkl", "evil.mtz", *more.split(" ", 1)[: 2 * bool(more)]], capsys)
        assert text and UNPRINTABLE.findall(text) == []


def test_log_messages_are_single_lines(caplog):
    Path(EVIL).write_text("1 0 0 10\n")
    with caplog.at_level(logging.INFO, "nbkernel"):
        nbkernel.Experiment.from_command_line(["-cell", "50", f"-{EVIL}"])
    assert caplog.records and all(record.getMessage().isprintable() for record in caplog.records)


@pytest.mark.parametrize("lead", ["", "# ", "{", "[", "data_x\n", "1 ", "h k l F\n", "TRACE_C: "])
def test_errors_do_not_reveal_the_content_of_other_files(lead, capsys):
    Path("shadow").write_text(f"{lead}{SECRET}\n{SECRET}\n")
    for command in commands_of("shadow"):
        text = printed_by(command, capsys)
        assert "secret" not in text and text.count("root:") == text.count("'root:$6$salt'"), (command, text)
        if lead != "1 ":
            assert "root" not in text, (command, text)


def test_an_invalid_word_in_a_table_is_named(capsys):
    Path("x.hkl").write_text("1 0 0 5\n2 0 0 five,which is not a number\n")
    Path("x.src").write_text("0 0 0 1 1e-10\n0 0 zero 1 1e-10\n")
    assert "line 2 is not 'h k l F': 'five,which'" in printed_by(f"simulate {GOOD} -hkl x.hkl".split(), capsys)
    assert "line 2 is not made of numbers: 'zero'" in printed_by(f"simulate {GOOD} -sourcefile x.src".split(), capsys)


def test_long_values_are_shortened(capsys):
    for text in ('[crystal]\nxtal_shape = "{}"', "[crystal]\n{} = 1", "[{}]\na = 1", "[beam]\nwavelength = '{}'"):
        Path("long.toml").write_text(text.format("a" * 50_000))
        assert 0 < len(printed_by(f"simulate {BASE} --config long.toml".split(), capsys)) < 400


# standard output and error that are closed or full


def in_shell(command, redirection, limits=""):
    words = f"{limits} {sys.executable} -m nbkernel {command} {redirection}; exit ${{PIPESTATUS[0]}}"
    return subprocess.run(["bash", "-c", words], capture_output=True, text=True)


COMMANDS = {
    "simulate": f"simulate {GOOD} -floatfile f.bin",
    "help": "simulate -h",
    "show": "show old.img",
    "trace": f"trace {GOOD} --pixel 3 3",
    "info": "info",
    "compare-traces": "compare-traces a.trace a.trace",
}


@pytest.fixture
def inputs(folder):
    Path("old.img").write_bytes(smv_bytes(np.arange(256).reshape(16, 16)))
    Path("a.trace").write_text("steps 10\n")


@pytest.mark.parametrize("buffered", [True, False])
@pytest.mark.parametrize("name", COMMANDS)
def test_full_standard_output_gives_one_line(name, buffered, inputs, monkeypatch):
    monkeypatch.setenv("PYTHONUNBUFFERED", "" if buffered else "1")
    done = in_shell(COMMANDS[name], ">/dev/full")
    assert (done.returncode, done.stderr) == (2, "nbkernel: standard output: No space left on device\n")
    assert not Path("f.bin").exists()
    done = in_shell(COMMANDS[name], ">/dev/full 2>/dev/full")
    assert (done.returncode, done.stdout, done.stderr) == (2, "", "")


@pytest.mark.parametrize("name", COMMANDS)
def test_a_closed_pipe_ends_a_command_quietly(name, inputs):
    done = in_shell(COMMANDS[name], "| true")
    assert done.returncode in (0, 141) and done.stderr == ""
    assert not [path.name for path in Path().iterdir() if path.name.endswith(".part")]


@pytest.mark.parametrize("redirection", [">&-", "2>&-", "<&- >&- 2>&-", "2>/dev/full", "2> >(true)"])
@pytest.mark.parametrize("name", ["simulate", "info"])
def test_commands_work_without_standard_streams(name, redirection, inputs):
    """No other file may get descriptor 0, 1 or 2, or printed text would end up in it."""
    done = in_shell(COMMANDS[name], redirection)
    assert (done.returncode, done.stderr) == (0, "")
    if name == "simulate":
        assert Path("f.bin").stat().st_size == 16 * 16 * 4
        Path("g.bin").write_bytes(Path("f.bin").read_bytes())
        assert simulate(GOOD, "-floatfile", "f.bin", "--precision", "double").status == 0
        assert Path("f.bin").read_bytes() == Path("g.bin").read_bytes()


def test_a_removed_current_directory_gives_one_line(folder):
    done = subprocess.run(
        ["bash", "-c", f"mkdir gone; cd gone; rmdir ../gone; {sys.executable} -m nbkernel simulate {GOOD}"],
        capture_output=True, text=True, env=os.environ | {"PYTHONPATH": str(Path(nbkernel.__file__).parents[1])},
    )  # fmt: skip
    assert done.returncode == 2 and done.stderr == "nbkernel: the current directory: No such file or directory\n"


@pytest.mark.parametrize("limit", [40, 150, 300])
@pytest.mark.parametrize("name", ["simulate", "trace", "info"])
def test_too_little_address_space_gives_one_line(name, limit, inputs):
    done = in_shell(COMMANDS[name], "", f"ulimit -v {limit * 1024};")
    assert done.returncode == 2 and re.fullmatch(
        rf"nbkernel: nbkernel {name} needs \d+ MiB of address space, its limit leaves \d+ \(ulimit -v raises it\)\n",
        done.stderr,
    )
    assert not Path("f.bin").exists()


@pytest.mark.parametrize("limit", [130, 150, 192, 210, 230])
def test_too_little_address_space_for_hdf5_gives_one_line(limit):
    """h5py, hdf5plugin's filters and OpenBLAS would each fail in their own way."""
    h5py = pytest.importorskip("h5py")
    with h5py.File("a.h5", "w") as file:
        file["x"] = np.ones((8, 8), np.float32)
    done = in_shell("show a.h5:/x --output a.png", "", f"ulimit -v {limit * 1024};")
    assert done.stderr.count("\n") <= 1 and done.returncode in (0, 2), done.stderr
    assert done.returncode == 0 or re.match(r"nbkernel: .*(address space|out of memory|allocate)", done.stderr), done.stderr
    assert Path("a.png").exists() == (done.returncode == 0)


def test_the_compiler_does_not_start_with_too_little_address_space(monkeypatch):
    """It would end the process."""
    monkeypatch.setattr(CACHE, "folder", None)
    monkeypatch.setattr(resource, "getrlimit", lambda which: (1 << 20, 1 << 20))
    with pytest.raises(TooLittle, match="compiling needs 400 MiB"):
        Kernel(lambda a: 1)(np.zeros(1))


@pytest.mark.parametrize(
    "error", [RuntimeError("can't start new thread"), MemoryError(), OSError(12, "Cannot allocate memory")]
)
def test_out_of_memory_gives_one_line(error, monkeypatch, capsys):
    def run(argv):
        raise error

    monkeypatch.setattr("nbkernel.cli.commands.info.run", run)
    assert main(["info"]) == 2
    assert capsys.readouterr().err.startswith("nbkernel: out of memory")


@pytest.mark.parametrize(
    "text", ["x = " + "[" * 100_000, "x = " + "{a=" * 100_000, "[crystal]\ncell = " + "[" * 900 + "]" * 900]
)
def test_excessive_nesting_gives_one_line(text, capsys):
    Path("deep.toml").write_text(text)
    assert main(["simulate", "--config", "deep.toml"]) == 2
    err = capsys.readouterr().err
    assert err.startswith("nbkernel: --config deep.toml: ") and err.count("\n") == 1 and len(err) < 200
    Path("deep.json").write_text('{"detector": ' + "[" * 100_000)
    assert main(["simulate", *BASE.split(), "--panels", "deep.json"]) == 2
    assert capsys.readouterr().err.count("\n") == 1


EXTREME = [
    "-scale 1e308",
    "-distance 1e-300 --preview a.png --preview-rings auto --preview-beam --fix all",
    "-ORGX 1e308 -pix0_vector -1 -1 1e39 --preview a.png --preview-rings auto --preview-beam",
    "-samplesize 1e200 -round_xtal",
    "-lambda 5e-324",
    "-lambda 1e300 --hdf5 a.h5",
]


@pytest.mark.parametrize("flags", EXTREME)
def test_extreme_numbers_give_no_errors_of_numpy_or_python(flags):
    run = simulate(f"{GOOD} {flags}")
    assert run.status in (0, 2) and all(line.startswith("nbkernel: ") for line in run.err.splitlines())
    assert len(run.errors) == (run.status == 2), run.err


def test_an_arithmetic_error_gives_one_line(monkeypatch, capsys):
    def run(argv):
        return 1.0 / 0.0

    monkeypatch.setattr("nbkernel.cli.commands.info.run", run)
    assert main(["info"]) == 2
    assert (
        capsys.readouterr().err
        == "nbkernel: a value is far too large or too small to compute with (float division by zero)\n"
    )


@pytest.mark.parametrize("value", [3e38, -3e38, np.inf, np.nan, 1e-45, 0.0])
def test_images_of_extreme_numbers_are_compared_and_shown_without_warnings(value, recwarn, capsys):
    plain = np.linspace(0.0, 100.0, 576, dtype=np.float32).reshape(24, 24)
    odd = plain.copy()
    odd[::2] = value
    plain.tofile("plain.bin")
    odd.tofile("odd.bin")
    for command in (
        "compare plain.bin odd.bin",
        "compare odd.bin plain.bin",
        "show odd.bin",
        "show odd.bin --preview-scale linear",
    ):
        assert main([*command.split(), "--shape", "24", "24"]) in (0, 1)
    assert capsys.readouterr().err == ""
    assert [str(warning.message) for warning in recwarn if issubclass(warning.category, RuntimeWarning)] == []
