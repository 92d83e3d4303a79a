"""Signals end a process at once, wherever it is, with one line and no files left; those of a killed process are removed by
the next that writes the same file."""

import os
import re
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from nbkernel.errors import InputError
from nbkernel.io.files import output_files, temporary_files
from nbkernel.io.files.output_files import OutputFiles

from running import BASE, simulate

pytestmark = pytest.mark.slow  # all together

RUN = f"{BASE} -detpixels 16 --hdf5 a.h5".split()
OUTPUTS = {"a.h5", "floatimage.bin", "intimage.img", "image.pgm", "noiseimage.img"}

# functions that send the signal where a function begins, ends or drops an object, or where a module is imported
PRELUDE = """
import importlib, os, signal, sys, threading, time
def now():
    os.kill(os.getpid(), signal.{name})
    for _ in range(int({pause} / 0.05)):
        time.sleep(0.05)
def before(module, function):
    original = getattr(module, function)
    def replaced(*arguments, **options):
        setattr(module, function, original)
        now()
        return original(*arguments, **options)
    setattr(module, function, replaced)
def after(module, function):
    original = getattr(module, function)
    def replaced(*arguments, **options):
        setattr(module, function, original)
        result = original(*arguments, **options)
        now()
        return result
    setattr(module, function, replaced)
class Dying:
    def __del__(self):
        now()
def dies(module, function):
    original = getattr(module, function)
    def replaced(*arguments, **options):
        setattr(module, function, original)
        Dying()
        return original(*arguments, **options)
    setattr(module, function, replaced)
class Importing:
    def __init__(self, name):
        self.name = name
    def find_spec(self, name, path=None, target=None):
        if name == self.name:
            sys.meta_path.remove(self)
            now()
from nbkernel.cli.main import console
"""

# as `console` does before it imports modules that start threads
BLOCK = "signal.pthread_sigmask(signal.SIG_BLOCK, (signal.SIGINT, signal.SIGTERM, signal.SIGHUP))\n"
PLACES = {
    "a first import": "sys.meta_path.insert(0, Importing('nbkernel.errors'))",
    "an import": "sys.meta_path.insert(0, Importing('nbkernel.run.to_files'))",
    "numpy's import": "sys.meta_path.insert(0, Importing('numpy'))",
    "a temporary file was made": BLOCK + "import nbkernel.io.files.output_files as o; after(o, 'temporary_name')",
    "all were opened": BLOCK + "import nbkernel.run.to_files as s; after(s, 'open_outputs')",
    "the kernels run": BLOCK + "import nbkernel.run.simulate as r; before(r, 'render_panels')",
    "an object dies": BLOCK + "import nbkernel.run.to_files as s; dies(s, 'say_statistics')",
    "a thread is about to start": BLOCK + "import nbkernel.run.to_files as s; f = s.say_statistics\n"
    "def g(*a):\n    before(threading.Thread, 'start'); return f(*a)\ns.say_statistics = g",
    "a thread was started": BLOCK + "import nbkernel.run.to_files as s; f = s.say_statistics\n"
    "def g(*a):\n    after(threading.Thread, 'start'); return f(*a)\ns.say_statistics = g",
    "a thread was there before": "threading.Thread(target=time.sleep, args=(60,), daemon=True).start()\n"
    "import nbkernel.run.to_files as s; after(s, 'open_outputs')",
    "the HDF5 file was made": BLOCK + "import nbkernel.io.nexus.writer as w; after(w, 'set_attributes')",
}


def run_interrupted(place, name="SIGINT", pause=60, **options):
    program = (
        PRELUDE.format(name=name, pause=pause) + place + f"\nsys.argv = ['nbkernel', 'simulate', *{RUN!r}]\nconsole()\n"
    )
    return subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=300, **options)


def names(folder):
    return {path.name for path in folder.iterdir()}


@pytest.fixture(autouse=True)
def folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.fixture(scope="module", autouse=True)
def kernels(tmp_path_factory):
    """Compiles the kernels in advance."""
    before = os.getcwd()
    os.chdir(tmp_path_factory.mktemp("kernels"))
    assert simulate(" ".join(RUN), "--precision", "double").status == 0
    os.chdir(before)


@pytest.mark.parametrize("place", PLACES)
def test_a_signal_anywhere_prints_one_line_and_leaves_no_file(place, folder):
    run = run_interrupted(PLACES[place])
    assert (run.returncode, run.stderr) == (130, "nbkernel: interrupted\n")
    assert names(folder) == set()


def test_a_signal_before_the_command_is_imported(folder):
    """As early as the first import of nbkernel.cli.main."""
    program = (
        "import os, signal, sys\n"
        "class Importing:\n"
        "    def find_spec(self, name, path=None, target=None):\n"
        "        if name == 'nbkernel.cli.main': os.kill(os.getpid(), signal.SIGINT)\n"
        "sys.meta_path.insert(0, Importing())\n"
        f"sys.argv = ['nbkernel', 'simulate', *{RUN!r}]\n"
        "from nbkernel.cli.start import console\nconsole()\n"
    )
    run = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True)
    assert (run.returncode, run.stderr) == (130, "nbkernel: interrupted\n")
    assert names(folder) == set()


@pytest.mark.parametrize("name", ["SIGTERM", "SIGHUP"])
def test_other_signals(name, folder):
    run = run_interrupted(PLACES["all were opened"], name)
    assert (run.returncode, run.stderr) == (130, "nbkernel: interrupted\n")
    assert names(folder) == set()


@pytest.mark.parametrize("place", ["before", "after"])
def test_either_all_files_or_none_are_put_in_place(place, folder):
    """If it comes before or after the first is put in place, the others follow."""
    run = run_interrupted(BLOCK + f"import nbkernel.io.files.output_files as o; {place}(o.os, 'replace')", pause=0.3)
    assert (run.returncode, run.stderr) == (130, "nbkernel: interrupted\n")
    assert names(folder) == OUTPUTS


def test_earlier_files_are_kept(folder):
    for name in OUTPUTS:
        Path(name).write_text("earlier")
    assert run_interrupted(PLACES["all were opened"]).returncode == 130
    assert {path.read_text() for path in folder.iterdir()} == {"earlier"} and names(folder) == OUTPUTS


def test_a_signal_that_is_ignored_stays_ignored(folder):
    """As under nohup."""
    run = run_interrupted(
        PLACES["all were opened"], "SIGHUP", pause=0.3, preexec_fn=lambda: signal.signal(signal.SIGHUP, signal.SIG_IGN)
    )
    assert (run.returncode, run.stderr) == (0, "") and names(folder) == OUTPUTS


def test_in_python_an_interruption_before_a_listed_thread_is_started(folder, monkeypatch):
    def interrupted(thread):
        raise KeyboardInterrupt

    monkeypatch.setattr(output_files.threading.Thread, "start", interrupted)
    with pytest.raises(KeyboardInterrupt), OutputFiles() as files:
        files.open("-floatfile", "a.bin")
        files.write_meanwhile("-floatfile", b"content")
    assert names(folder) == set()


def test_in_python_an_interruption_just_after_a_file_is_made(folder, monkeypatch):
    def interrupted(handle, mode):
        raise KeyboardInterrupt

    monkeypatch.setattr(output_files.os, "fdopen", interrupted)
    with pytest.raises(KeyboardInterrupt), OutputFiles() as files:
        files.open("-floatfile", "a.bin")
    assert names(folder) == set()


# files of killed processes


@pytest.mark.parametrize("place", ["all were opened", "the HDF5 file was made"])
def test_the_next_run_removes_the_files_of_a_killed_one(place, folder):
    assert run_interrupted(PLACES[place], "SIGKILL").returncode == -signal.SIGKILL
    left = names(folder)
    assert len(left) == len(OUTPUTS) and all(name.endswith(".part") for name in left)
    # another output's temporary files are kept
    assert simulate(" ".join(RUN[:-2]), "-floatfile", "other.bin").status == 0
    assert {re.sub(r"\.[0-9a-f-]*\.part$", "", name) for name in names(folder) if name.startswith(".")} == {
        ".a.h5", ".floatimage.bin"
    }  # fmt: skip
    assert simulate(" ".join(RUN)).status == 0
    assert names(folder) == OUTPUTS | {"other.bin"}


def test_the_files_of_a_running_process_are_kept(folder):
    program = PRELUDE.format(name="SIGCONT", pause=300) + (
        BLOCK + "import nbkernel.run.to_files as s; f = s.open_outputs\n"
        "def g(*a):\n    r = f(*a); print('open', flush=True); time.sleep(300); return r\ns.open_outputs = g\n"
        f"sys.argv = ['nbkernel', 'simulate', *{RUN!r}]\nconsole()\n"
    )
    process = subprocess.Popen([sys.executable, "-c", program], stdout=subprocess.PIPE, text=True)
    try:
        assert process.stdout.readline() == "open\n"
        left = names(folder)
        assert len(left) == len(OUTPUTS)
        assert simulate(" ".join(RUN)).status == 0
        assert names(folder) == OUTPUTS | left
    finally:
        process.kill()
        process.communicate()
    assert simulate(" ".join(RUN)).status == 0
    assert names(folder) == OUTPUTS


def abandoned_file(folder, name="a.bin"):
    """The temporary file of a process that has ended."""
    ended = subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE)
    start = temporary_files.started(ended.pid)
    ended.communicate(b"\n")
    machine, uptime = temporary_files.where()
    path = folder / f".{name}.{machine}-{uptime}-{ended.pid}-{start}-{'0' * 8}.part"
    path.write_bytes(b"half")
    return path


def write(name="a.bin"):
    with OutputFiles() as files:
        files.open("-floatfile", name)
        files.write("-floatfile", b"content")
        files.commit()


def test_files_that_may_be_in_use_are_kept(folder, monkeypatch):
    path = abandoned_file(folder)
    token = path.name[len(".a.bin.") :]
    machine, uptime, process, *rest = token.split("-")
    others = [
        "-".join([machine[::-1] + "x", uptime, process, *rest])[1:],
        "-".join(["0" * 8, uptime, process, *rest]),  # another machine's
        "-".join([machine, "0" * 8, process, *rest]),  # another container's, or from before a reboot
        "-".join([machine, uptime, process, "0", *rest[1:]]),  # with an unknown time of start
        "0123abcd.part",
        f"backup.{token}",
    ]
    for other in others:
        (folder / f".a.bin.{other}").write_bytes(b"half")
    (folder / f".b.bin.{token}").write_bytes(b"half")
    (folder / f".a.bin.{token[:-6]}1.part").symlink_to("somewhere")
    (folder / f".a.bin.{token[:-6]}2.part").mkdir()
    before = names(folder)
    write()
    assert names(folder) == before - {path.name} | {"a.bin"}


def test_another_users_file_is_kept(folder, monkeypatch):
    path = abandoned_file(folder)
    monkeypatch.setattr(temporary_files.os, "geteuid", lambda uid=os.geteuid(): uid + 4711)
    write()
    assert path.exists()


def test_a_process_with_a_reused_number_is_another(folder):
    """Process numbers are reused, so the time of the start decides."""
    machine, uptime = temporary_files.where()
    start = temporary_files.started(os.getpid())
    ours, others = (
        folder / f".a.bin.{machine}-{uptime}-{os.getpid()}-{number}-{'0' * 8}.part" for number in (start, start - 1)
    )
    for path in (ours, others):
        path.write_bytes(b"half")
    write()
    assert names(folder) == {ours.name, "a.bin"}


def test_a_folder_is_listed_once(folder, monkeypatch):
    """However many panels write their files there."""
    listings = []
    monkeypatch.setattr(temporary_files.os, "listdir", lambda path, look=os.listdir: listings.append(path) or look(path))
    with OutputFiles() as files:
        for panel in range(20):
            files.open(f"-floatfile (panel {panel})", f"a_{panel}.bin")
        files.commit()
    assert len(listings) == 1 and len(names(folder)) == 20


@pytest.mark.parametrize("name", ["n" * 255, "é" * 127, "x\udce9.bin"])
def test_long_and_odd_names_can_be_written(name, folder):
    path = abandoned_file(folder, os.fsencode(name)[:190].decode(errors="ignore"))
    write(name)
    assert names(folder) == {name}, path.name


def test_a_name_that_is_too_long_is_an_error(folder):
    with pytest.raises(InputError, match="File name too long"):
        write("n" * 256)
    assert names(folder) == set()
