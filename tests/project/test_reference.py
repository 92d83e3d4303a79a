"""docs/reference/ is up to date with the code, and docs/quirks.md has a section on every quirk."""

import dataclasses
import importlib.util
import re
from pathlib import Path

import pytest

import nbkernel
from nbkernel.cli.arguments.options import OPTIONS
from nbkernel.experiment.flags import FLAGS
from nbkernel.experiment.quirks import QUIRKS
from nbkernel.run.siblings import background_flags as background
from nbkernel.run.siblings import noisify_flags as noisify

DOCS = Path(__file__).parents[2] / "docs"


def script(name):
    """The module that writes a page."""
    spec = importlib.util.spec_from_file_location(name, DOCS / "reference" / f"{name}.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="module")
def reference():
    return script("make_flags")


@pytest.mark.parametrize("name", ["make_flags", "make_api"])
def test_the_committed_page_is_up_to_date(name):
    module = script(name)
    assert module.PAGE.read_text() == module.page(), f"run python docs/reference/{name}.py"


def test_every_public_name_and_field_is_in_the_reference():
    text = script("make_api").page()
    assert set(nbkernel.__all__) == set(re.findall(r"^## (\w+)$", text, re.MULTILINE))
    names = {
        field.name
        for kind in (nbkernel.Experiment, nbkernel.Panel, nbkernel.Response, nbkernel.Material, nbkernel.Lattice)
        for field in dataclasses.fields(kind)
    }
    assert names == set(re.findall(r"^\| `(\w+)` \|", text, re.MULTILINE))


def test_every_flag_and_option_has_a_row(reference):
    rows = re.findall(r"^\| (`.*?) \|", reference.page(), re.MULTILINE)
    flags = [name for row in rows for name in re.findall(r"`(-\w+)`", row)]
    tables = FLAGS + noisify.FLAGS + background.FLAGS
    assert sorted(flags) == sorted(spelling for flag in tables for spelling in flag.spellings)
    assert {option.name for option in OPTIONS} <= {name for row in rows for name in re.findall(r"^`(--[\w-]+)", row)}


def test_a_flag_that_sets_no_field_is_refused(reference):
    with pytest.raises(KeyError):
        reference.sets(FLAGS[0]._replace(sets=("nonsense",)))


def test_all_rows_of_a_table_have_the_same_columns(reference):
    for table in re.findall(r"(?:^\|.*\n)+", reference.page(), re.MULTILINE):
        widths = {len(re.findall(r"(?<!\\)\|", row)) for row in table.splitlines()}
        assert len(widths) == 1, table


def test_every_quirk_has_a_section():
    headings = re.findall(r"^## (\w+)$", (DOCS / "quirks.md").read_text(), re.MULTILINE)
    assert headings == list(QUIRKS)
