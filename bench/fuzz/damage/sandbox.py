"""`nbkernel` run in a copy of this process, which has all modules loaded: fast, and bounded in time and memory.

What is demanded of every run, whatever its input: `complaints`.
"""

import io
import os
import re
import resource
import select
import shutil
import signal
import sys
import tempfile
import traceback
import warnings
from dataclasses import dataclass
from pathlib import Path

CPU_SECONDS, WALL_SECONDS = 10, 40  # the machine may be busy
MEMORY = 2**30  # beyond what this process uses
MOST_OUTPUT = 2**28  # bytes of one file
LINE = "nbkernel: "
# lines that report progress
NOTES = tuple(LINE + start for start in ("warning: ", "rendering on ", "compiling "))
# control characters of ASCII and of Unicode, and those that reverse the direction of writing
CONTROL = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u200e\u200f\u202a-\u202e\u2066-\u2069]")
DIFFERENT = ("compare", "compare-traces", "trace")  # sub-commands of which status 1 is an answer


@dataclass(frozen=True)
class Result:
    """status: negative for a signal; seconds of computing; peak: bytes beyond the first process's; before, after: {name:
    bytes} in its folder, None for what is not a plain file."""

    status: int
    out: str
    err: str
    seconds: float
    peak: int
    before: dict
    after: dict


def warm_up(commands, folder):
    """Runs argument lists in this process, so that its copies find modules and kernels loaded."""
    from nbkernel.cli.main import main

    before = os.getcwd()
    os.chdir(folder)
    try:
        for argv in commands:
            with open(os.devnull, "w") as nowhere:
                sys.stdout, kept, sys.stderr, errors = nowhere, sys.stdout, nowhere, sys.stderr
                try:
                    main(argv)
                finally:
                    sys.stdout, sys.stderr = kept, errors
    finally:
        os.chdir(before)


def run(argv, files, prepare=None):
    """The Result of an argument list in a new folder with files {name: bytes}; prepare: called with the folder
    first."""
    base = tempfile.mkdtemp(prefix="case")
    folder = Path(base, "run")
    folder.mkdir()
    for name, content in files.items():
        (folder / name).write_bytes(content)
    if prepare is not None:
        prepare(folder)
    try:
        return watched(argv, folder, base)
    finally:
        shutil.rmtree(base, ignore_errors=True)


def watched(argv, folder, base):
    files, memory = contents(folder), memory_of_this_process()
    sys.stdout.flush()
    sys.stderr.flush()
    child = os.fork()
    if child == 0:
        try:
            as_program(argv, folder, base)
        finally:
            os._exit(99)
    descriptor = os.pidfd_open(child)
    ready, _, _ = select.select([descriptor], [], [], WALL_SECONDS)
    os.close(descriptor)
    if not ready:
        os.kill(child, signal.SIGKILL)
    _, status, usage = os.wait4(child, 0)
    out, err = (Path(base, name).read_bytes().decode("utf-8", "surrogateescape") for name in ("out", "err"))
    return Result(
        os.waitstatus_to_exitcode(status), out, err, usage.ru_utime + usage.ru_stime,
        max(usage.ru_maxrss * 1024 - memory, 0), files, contents(folder),
    )  # fmt: skip


def memory_of_this_process():
    """Bytes of memory that it uses."""
    with open("/proc/self/statm") as file:
        return int(file.read().split()[1]) * resource.getpagesize()


def address_space():
    with open("/proc/self/statm") as file:
        return int(file.read().split()[0]) * resource.getpagesize()


def as_program(argv, folder, base):
    """The child: the console program with its streams in files, and limits."""
    os.setsid()
    os.chdir(folder)
    for number, path, mode in (
        (0, os.devnull, os.O_RDONLY),
        (1, f"{base}/out", os.O_WRONLY),
        (2, f"{base}/err", os.O_WRONLY),
    ):
        os.dup2(os.open(path, mode | os.O_CREAT), number)
    sys.stdout = io.TextIOWrapper(io.FileIO(1, "w"), "utf-8", "strict")
    sys.stderr = io.TextIOWrapper(io.FileIO(2, "w"), "utf-8", "backslashreplace", line_buffering=True)
    # each thread takes address space
    os.sched_setaffinity(0, sorted(os.sched_getaffinity(0))[:2])
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    resource.setrlimit(resource.RLIMIT_CPU, (CPU_SECONDS, CPU_SECONDS + 1))
    resource.setrlimit(resource.RLIMIT_FSIZE, (MOST_OUTPUT, MOST_OUTPUT))
    resource.setrlimit(resource.RLIMIT_AS, (address_space() + MEMORY, resource.RLIM_INFINITY))
    warnings.resetwarnings()
    # whoever started this process may have caught them
    warnings.showwarning = lambda *said, **more: sys.stderr.write(warnings.formatwarning(*said[:4]))
    for kind in (DeprecationWarning, PendingDeprecationWarning, ImportWarning, ResourceWarning):
        warnings.simplefilter("ignore", kind)
    from nbkernel.cli.main import console

    sys.argv = ["nbkernel", *argv]
    try:
        console()
    except BaseException:
        traceback.print_exc()
        sys.stdout.flush()
        os._exit(1)


def contents(folder):
    """{path within the folder: bytes}; None for what is not a plain file."""
    return {
        str(path.relative_to(folder)): path.read_bytes() if path.is_file() and not path.is_symlink() else None
        for path in Path(folder).rglob("*")
    }


def complaints(argv, result, may_write):
    """What is wrong with a run, as (kind, line). may_write: whether it may write a file of a name."""
    err = result.err.splitlines()
    if result.status == -signal.SIGXCPU or result.seconds > CPU_SECONDS:
        yield "too long", f"more than {CPU_SECONDS} s"
    elif result.status == -signal.SIGKILL:
        yield "hangs", f"not ended after {WALL_SECONDS} s"
    elif result.status not in (0, 1, 2):
        yield f"status {result.status}", last(err)
    if any(line.startswith("Traceback") for line in err):
        yield f"traceback {source_of(err)}", last(err)
        return
    if result.status == 1 and argv[:1] and argv[0] not in DIFFERENT:
        yield "status 1", last(err)
    errors = [line for line in err if not line.startswith(NOTES)]
    stray = [line for line in errors if not line.startswith(LINE)]
    if stray:
        yield "other text on standard error", stray[0]
    if result.status == 2 and not errors and argv:
        yield "no error line", ""
    if result.status == 2 and len(errors) > 1 and not stray:
        yield "several error lines", " / ".join(errors)
    for name, text in (("output", result.out), ("error", result.err)):
        found = CONTROL.search(text)
        if found:
            around = text[max(found.start() - 40, 0) : found.end() + 10]
            yield f"control character on standard {name}", repr(around)
        if any("\udc80" <= character <= "\udcff" for character in text):
            yield f"bytes that are not UTF-8 on standard {name}", ""
    longest = max(map(len, err), default=0)
    if longest > 2000:
        yield "very long error line", f"{longest} characters: {max(err, key=len)[:200]}"
    for name, content in result.before.items():
        if result.after.get(name, b"gone") != content and (result.status == 2 or not may_write(name)):
            yield "file changed", name
    for name in result.after.keys() - result.before.keys():
        if result.status == 2 or not may_write(name):
            yield "file left behind", name if len(name) < 80 else f"{name[:80]}..."


def last(lines):
    return lines[-1][:300] if lines else "nothing on standard error"


def source_of(lines):
    """Where a traceback ends: file and function of the last line of ours."""
    places = re.findall(r'File "[^"]*/((?:nbkernel|cli|kernels)/[^"]*)", line (\d+), in (\S+)', "\n".join(lines))
    return " ".join((places[-1][0], places[-1][2])) if places else "elsewhere"
