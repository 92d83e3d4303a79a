"""The tree: imports follow the layers, no modules import each other, and no folder has more than a dozen entries."""

import graphlib
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
FOLDERS = ("kernels", "nbkernel", "cli", "tests", "bench", "docs")
MOST = 12
# files that any folder may have
IGNORED = {"__init__.py", "__main__.py", "__pycache__", "py.typed"}


@pytest.mark.slow
def test_contracts_of_import_linter_hold():
    """The contracts of pyproject.toml; imports within functions count."""
    pytest.importorskip("importlinter")
    run = subprocess.run(
        [sys.executable, "-c", "from importlinter.cli import lint_imports_command as run; run()", "--no-cache"],
        cwd=ROOT, capture_output=True, text=True,
    )  # fmt: skip
    assert run.returncode == 0, run.stdout
    assert "Contracts: 2 kept, 0 broken." in run.stdout


def test_no_modules_import_each_other():
    grimp = pytest.importorskip("grimp")
    graph = grimp.build_graph("nbkernel", cache_dir=None, exclude_type_checking_imports=True)
    imports = {module: graph.find_modules_directly_imported_by(module) for module in graph.modules}
    assert len(imports) > 200
    graphlib.TopologicalSorter(imports).prepare()  # raises CycleError, which names the cycle


def folders():
    for name in FOLDERS:
        for folder in (ROOT / name, *(ROOT / name).rglob("*")):
            if folder.is_dir() and "__pycache__" not in folder.parts and not folder.is_symlink():
                yield folder


@pytest.mark.parametrize("folder", [str(folder.relative_to(ROOT)) for folder in folders()])
def test_a_folder_has_at_most_a_dozen_entries(folder):
    entries = {path.name for path in (ROOT / folder).iterdir()} - IGNORED
    assert len(entries) <= MOST, sorted(entries)
