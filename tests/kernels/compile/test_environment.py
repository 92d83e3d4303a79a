"""The environment of cached machine code: it depends on every file of the kernels, but not on the package's place."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

import nbkernel
from nbkernel.kernels.compile.environment import KERNELS, environment, sources_digest


@pytest.fixture
def kernels(tmp_path):
    """A copy of the kernels' sources."""
    shutil.copytree(KERNELS, tmp_path / "kernels", ignore=shutil.ignore_patterns("__pycache__"))
    return tmp_path / "kernels"


def test_the_sources_are_those_of_the_package():
    assert os.path.samefile(KERNELS, Path(nbkernel.__file__).parent / "kernels")
    assert environment().splitlines()[0] == sources_digest(KERNELS)


def test_the_digest_does_not_depend_on_the_packages_place_or_a_link_to_it(kernels, tmp_path):
    (tmp_path / "link").symlink_to(kernels)
    assert sources_digest(kernels) == sources_digest(tmp_path / "link") == sources_digest(KERNELS)


def test_an_edit_of_any_file_changes_the_digest(kernels):
    before = sources_digest(kernels)
    sources = [Path(folder, name) for folder, _, names in os.walk(kernels) for name in names if name.endswith(".py")]
    assert kernels / "physics/vectors.py" in sources and kernels / "images.py" in sources
    for source in sources:
        content = source.read_bytes()
        source.write_bytes(content + b"#")
        assert sources_digest(kernels) != before, source
        source.write_bytes(content)
    assert sources_digest(kernels) == before


CHANGES = {
    "renamed": lambda kernels: (kernels / "physics/vectors.py").rename(kernels / "physics/vector.py"),
    "moved": lambda kernels: (kernels / "physics/vectors.py").rename(kernels / "numerics/vectors.py"),
    "removed": lambda kernels: (kernels / "physics/vectors.py").unlink(),
    "added": lambda kernels: (kernels / "physics/empty.py").touch(),
    "swapped": lambda kernels: swap(kernels / "fast/__init__.py", kernels / "exact/__init__.py"),
}


def swap(one, other):
    content = one.read_bytes(), other.read_bytes()
    other.write_bytes(content[0])
    one.write_bytes(content[1])


@pytest.mark.parametrize("change", CHANGES)
def test_the_paths_of_the_files_matter(change, kernels):
    before = sources_digest(kernels)
    CHANGES[change](kernels)
    assert sources_digest(kernels) != before


def test_an_edited_formula_in_an_installed_package_changes_the_environment(tmp_path):
    """Copied as by pip: the kernels are a folder of the package, not a link."""
    shutil.copytree(Path(nbkernel.__file__).parent, tmp_path / "nbkernel", ignore=shutil.ignore_patterns("__pycache__"))
    assert not (tmp_path / "nbkernel/kernels").is_symlink()
    assert environment_of_installation(tmp_path) == environment()
    with open(tmp_path / "nbkernel/kernels/physics/vectors.py", "a") as file:
        file.write("\nEDITED = True\n")
    assert environment_of_installation(tmp_path) != environment()


def environment_of_installation(folder):
    code = (
        "import nbkernel; from nbkernel.kernels.compile.environment import environment; "
        "print(nbkernel.__file__, environment(), sep='\\n')"
    )
    run = subprocess.run(
        [sys.executable, "-c", code],
        cwd=folder,
        env=os.environ | {"PYTHONPATH": str(folder)},
        capture_output=True,
        text=True,
    )
    assert run.returncode == 0, run.stderr
    path, _, found = run.stdout.partition("\n")
    assert path == str(folder / "nbkernel/__init__.py")
    return found.rstrip("\n")
