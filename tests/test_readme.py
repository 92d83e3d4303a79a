"""The commands that the README shows work, and are those of the Makefile."""

import re
import shlex
import shutil
from pathlib import Path

import pytest

from nbkernel.cli.main import main

ROOT = Path(__file__).parents[1]
README = (ROOT / "README.md").read_text()


def fenced_blocks(text):
    return re.findall(r"^```[^\n]*\n(.*?)^```", text, re.DOTALL | re.MULTILINE)


def shell_lines(text):
    """Command lines of the fenced blocks, continued lines joined, prompts and comments removed."""
    for block in fenced_blocks(text):
        for line in re.sub(r"\\\n\s*", " ", block).splitlines():
            line = line.removeprefix("$ ").strip()
            if line:
                yield line


def commands(text, program):
    return [line for line in shell_lines(text) if program in line.split()[:1] or line.split()[0].endswith(f"/{program}")]


NBKERNEL = commands(README, "nbkernel")


def test_the_readme_shows_commands():
    assert NBKERNEL or "make" in README


def run_blocks(folder):
    """Runs the README's python and nbkernel lines in order; returns (line, status) of the latter."""
    import subprocess
    import sys

    shutil.copytree(ROOT / "examples", folder / "examples")
    results = []
    for line in shell_lines(README):
        words = shlex.split(line, comments=True)
        if not words:
            continue
        program = Path(words[0]).name
        if program == "nbkernel":
            results.append((line, main(words[1:])))
        elif program in ("python", "python3") and len(words) > 1 and words[1].startswith("examples/"):
            subprocess.run([sys.executable, *words[1:]], check=True, timeout=300)
        elif program == "mkdir":
            for name in (word for word in words[1:] if not word.startswith("-")):
                Path(name).mkdir(parents=True, exist_ok=True)
    return results


@pytest.mark.skipif(not NBKERNEL, reason="the README shows no nbkernel command")
def test_every_nbkernel_command_of_the_readme_runs(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert [line for line, status in run_blocks(tmp_path) if status != 0] == []


def test_make_targets_of_the_readme_are_in_the_makefile():
    makefile = (ROOT / "Makefile").read_text()
    targets = re.findall(r"^([a-z]+):", makefile, re.MULTILINE)
    shown = re.findall(r"^make ([a-z]+)", README, re.MULTILINE) + re.findall(r"`make ([a-z]+)`", README)
    assert set(shown) <= set(targets)


def test_the_readme_and_the_makefile_name_the_same_two_commands():
    """`make demo` and `make test`, in that order."""
    makefile = (ROOT / "Makefile").read_text()
    announced = re.findall(r"^# make (\w+)", makefile, re.MULTILINE)[:2]
    assert announced == ["demo", "test"]
    for target in announced:
        assert f"make {target}" in README
