"""README.md and docs/: every command runs and prints what the page shows, and all links have targets.

The fenced blocks of a page run in order in a temporary folder that resembles the repository's root: ```sh in one bash,
```python in one namespace. The block above an ```output block must print its lines in this order, possibly among others;
`...` matches anything. Marks behind the language:

    no-test          is not run (needs a GPU, pip, make or the C program): listed below
    needs=PACKAGE    is run only if this optional package is installed

Status 1 of `nbkernel compare` and `compare-traces`, for a difference, is not an error.
"""

import contextlib
import importlib.util
import io
import os
import re
import subprocess
import sys
from pathlib import Path
from typing import NamedTuple

import pytest

ROOT = Path(__file__).parents[2]
PAGES = {
    str(path.relative_to(ROOT)): path.read_text() for path in (ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md")))
}
README = PAGES["README.md"]
FENCE = re.compile(r"^```(\w*)([^\n]*)\n(.*?)^```$", re.DOTALL | re.MULTILINE)
RUN, SHOWN = ("sh", "python"), ("output", "text")
END = "--- end of block ---"
SHELL = """
nbkernel() {
    local status=0
    command nbkernel "$@" || status=$?
    case "$1 $status" in "compare 1" | "compare-traces 1") return 0 ;; esac
    return $status
}
"""
# {page: first lines of the blocks that are not run}
NOT_RUN = {
    "README.md": [
        "make demo     # environment, installation, one example; prints where its picture is",
        "pip install '.[sf,hdf5]'",
    ],
    "docs/clusters.md": [
        "pip install 'nbkernel[dask]'",
        "from dask.distributed import Client",
        "python -m bench.series.cluster tasks --count 3000 --workers 20",
    ],
    "docs/cuda.md": [
        "pip install 'nbkernel[cu12]'     # NVIDIA driver 525 or later",
        "python -m bench.device --golden tests/golden --json report.json",
        (
            "NUMBA_ENABLE_CUDASIM=1 nbkernel simulate --device cuda -cell 78 78 38 90 90 90 -default_F 100 -N 10 -lambda 1 "
            "-distance 100 -detpixels 8 -pixel 5 -oversample 1"
        ),
    ],
    "docs/files/background.md": ["python -m bench.response background --nonbragg PATH"],
    "docs/files/hdf5.md": ["nbkernel show NAME_master.h5 --frame 412 --preview-rings auto"],
    "docs/files/orientation.md": ["nbkernel simulate --panels refined.expt -hkl refined.mtz -N 20 -phi 30 -osc 0.1"],
    "docs/newcomers.md": ["make quick", "python -m bench.fuzz commands --c-binary PATH --seconds 600 --seed 7"],
}


class Block(NamedTuple):
    language: str
    marks: tuple
    text: str


def blocks(page):
    return [Block(language, tuple(marks.split()), text) for language, marks, text in FENCE.findall(PAGES[page])]


class Shell:
    """One bash per page, so that blocks share variables and functions."""

    def __init__(self, folder):
        path = os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]])
        self.bash = subprocess.Popen(
            ["bash", "-eu", "-o", "pipefail"], cwd=folder, env={**os.environ, "PATH": path, "LC_ALL": "C.UTF-8"}, text=True,
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
        )  # fmt: skip
        self.run(SHELL)

    def run(self, text):
        """Runs lines and returns what they print. Fails if one of them fails."""
        self.bash.stdin.write(f"{text}\necho '{END}'\n")
        self.bash.stdin.flush()
        printed = []
        for line in self.bash.stdout:
            if line == f"{END}\n":
                return "".join(printed)
            printed.append(line)
        pytest.fail(f"status {self.bash.wait()} of\n{text}\nwhich printed\n{''.join(printed)}")

    def close(self):
        self.bash.stdin.close()
        self.bash.stdout.close()
        self.bash.wait()


def run_python(text, names):
    printed = io.StringIO()
    with contextlib.redirect_stdout(printed):
        exec(compile(text, "python block", "exec"), names)
    return printed.getvalue()


def missing_packages(block):
    packages = [mark.removeprefix("needs=") for mark in block.marks if mark.startswith("needs=")]
    return [package for package in packages if importlib.util.find_spec(package) is None]


def without_extra_blanks(line):
    return " ".join(line.split())


def check_output(shown, printed):
    """The lines shown must be among those printed, in this order; `...` matches any part of a line."""
    lines = iter([without_extra_blanks(line) for line in printed.splitlines()])
    for line in filter(None, map(without_extra_blanks, shown.splitlines())):
        pattern = ".*".join(map(re.escape, line.split("...")))
        assert any(re.fullmatch(pattern, other) for other in lines), f"{line!r} is missing or out of order in\n{printed}"


@pytest.mark.slow
@pytest.mark.parametrize("page", PAGES)
def test_the_commands_of_a_page_run_and_print_what_it_shows(page, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for name in ("examples", "bench", "tests"):
        (tmp_path / name).symlink_to(ROOT / name)
    shell, names, printed, missing = Shell(tmp_path), {}, "", set()
    with contextlib.closing(shell):
        for block in blocks(page):
            missing.update(missing_packages(block))
            if "no-test" in block.marks or missing_packages(block):
                continue
            if block.language == "sh":
                printed = shell.run(block.text)
            elif block.language == "python":
                printed = run_python(block.text, names)
            elif block.language == "output":
                check_output(block.text, printed)
    if missing:
        pytest.skip(f"blocks that need {' and '.join(sorted(missing))} were not run")


def test_every_block_that_is_not_run_is_listed():
    found = {page: [b.text.splitlines()[0] for b in blocks(page) if "no-test" in b.marks] for page in PAGES}
    assert {page: lines for page, lines in found.items() if lines} == NOT_RUN


@pytest.mark.parametrize("page", PAGES)
def test_commands_are_in_blocks_that_are_run_or_marked(page):
    for block in blocks(page):
        assert block.language in RUN + SHOWN, block.text
        assert all(mark == "no-test" or mark.startswith("needs=") for mark in block.marks), block.marks
        if block.language == "text":
            assert not re.search(r"^\s*\$?\s*(nbkernel|python3?|make|pip) ", block.text, re.MULTILINE), block.text
    outside = FENCE.sub("", PAGES[page])
    assert "```" not in outside
    assert not re.findall(r"^(?: {4}|\t)\$?\s*(?:nbkernel|python3?|make|pip) .*", outside, re.MULTILINE)


def anchors(text):
    """The names that GitHub gives to a page's headings."""
    headings = re.findall(r"^#+ (.*)$", FENCE.sub("", text), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


@pytest.mark.parametrize("page", PAGES)
def test_links_and_named_files_exist(page):
    text = FENCE.sub("", PAGES[page])
    for target in re.findall(r"\]\(([^)\s]+)\)", text):
        if re.match(r"https?://", target):
            continue
        path, _, anchor = target.partition("#")
        file = ((ROOT / page).parent / path).resolve() if path else ROOT / page
        assert file.exists(), target
        if anchor:
            assert anchor in anchors(file.read_text()), target
    for name in re.findall(r"`((?:nbkernel|kernels|cli|tests|bench|docs|examples)/[\w/.]*)`", text):
        assert (ROOT / name).exists(), name


def test_make_targets_of_the_readme_are_in_the_makefile():
    makefile = (ROOT / "Makefile").read_text()
    targets = re.findall(r"^([a-z]+):", makefile, re.MULTILINE)
    shown = re.findall(r"^make ([a-z]+)", README, re.MULTILINE) + re.findall(r"`make ([a-z]+)`", README)
    assert shown and set(shown) <= set(targets)


def test_the_readme_and_the_makefile_name_the_same_two_commands():
    """`make demo` and `make test`, in that order."""
    makefile = (ROOT / "Makefile").read_text()
    announced = re.findall(r"^# make (\w+)", makefile, re.MULTILINE)[:2]
    assert announced == ["demo", "test"]
    for target in announced:
        assert f"make {target}" in README
