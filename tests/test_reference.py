"""docs/flags.md is what the tables of flags and options give; docs/quirks.md tells of every quirk."""

import importlib.util
import re
from pathlib import Path

import pytest

from nbkernel.cli.options import OPTIONS
from nbkernel.flags import FLAGS
from nbkernel.quirks import QUIRKS

DOCS = Path(__file__).parents[1] / "docs"


@pytest.fixture(scope="module")
def reference():
    spec = importlib.util.spec_from_file_location("make_reference", DOCS / "make_reference.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_the_committed_page_is_what_the_tables_give(reference):
    assert reference.PAGE.read_text() == reference.page(), "run python docs/make_reference.py"


def test_every_flag_and_option_has_a_row(reference):
    rows = re.findall(r"^\| (`.*?) \|", reference.page(), re.MULTILINE)
    flags = [name for row in rows for name in re.findall(r"`(-\w+)`", row)]
    assert sorted(flags) == sorted(spelling for flag in FLAGS for spelling in flag.spellings)
    assert {option.name for option in OPTIONS} <= {name for row in rows for name in re.findall(r"^`(--[\w-]+)", row)}


def test_a_flag_that_sets_no_field_is_refused(reference):
    with pytest.raises(KeyError):
        reference.sets(FLAGS[0]._replace(sets=("nonsense",)))


def test_all_rows_of_a_table_have_its_columns(reference):
    for table in re.findall(r"(?:^\|.*\n)+", reference.page(), re.MULTILINE):
        widths = {len(re.findall(r"(?<!\\)\|", row)) for row in table.splitlines()}
        assert len(widths) == 1, table


def test_every_quirk_has_a_section():
    headings = re.findall(r"^## (\w+)$", (DOCS / "quirks.md").read_text(), re.MULTILINE)
    assert headings == list(QUIRKS)
