"""The version is set in nbkernel/__init__.py, and everything else that names it agrees."""

import configparser
import importlib.metadata
import re
from pathlib import Path

import pytest

import nbkernel

ROOT = Path(__file__).parents[2]


def test_the_installed_package_has_this_version():
    assert importlib.metadata.version("nbkernel") == nbkernel.__version__


def test_setup_reads_the_version_from_the_package():
    setup = configparser.ConfigParser()
    setup.read(ROOT / "setup.cfg")
    assert setup["metadata"]["version"] == "attr: nbkernel.__version__"


def test_the_citation_names_the_version():
    assert re.findall(r"^version: (.*)$", (ROOT / "CITATION.cff").read_text(), re.MULTILINE) == [nbkernel.__version__]


def test_the_changelog_begins_with_the_version_or_unreleased_changes():
    versions = re.findall(r"^## \[?([^\]\s]+)", (ROOT / "CHANGELOG.md").read_text(), re.MULTILINE)
    assert versions[0] in ("Unreleased", nbkernel.__version__)
    assert nbkernel.__version__ in versions


@pytest.mark.parametrize("page", ["README.md", "CONTRIBUTING.md", *(str(page) for page in (ROOT / "docs").rglob("*.md"))])
def test_no_page_names_another_version_of_nbkernel(page):
    named = re.findall(r"\bnbkernel[ =]{1,2}v?(\d+\.\d+\.\d+)", (ROOT / page).read_text())
    assert set(named) <= {nbkernel.__version__}
