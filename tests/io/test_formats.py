"""The table of formats: a file's first bytes select a row, and the help and documentation name every row."""

from pathlib import Path

import pytest

from nbkernel.cli.commands import compare, show
from nbkernel.io.formats import DETECTOR, FORMATS, IMAGE, REFLECTIONS, find_format, format_names

DOCS = Path(__file__).parents[2] / "docs"
PAGES = "".join(page.read_text() for page in (DOCS / "files").glob("*.md"))

# first bytes of a file: what it holds and the name of its format
STARTS = {
    b"\x89HDF\r\n\x1a\n\0\0": ((IMAGE, "HDF5"), (DETECTOR, "NXmx")),
    b"{\nHEADER_BYTES=512;\nDIM=2;": ((IMAGE, "SMV"),),
    b"{\n  HEADER_BYTES =  4096;": ((IMAGE, "SMV"),),
    b"P5\n120 100\n": ((IMAGE, "PGM"),),
    b"P5 120 100 255\n": ((IMAGE, "PGM"),),
    b"\x89PNG\r\n\x1a\n": ((IMAGE, "PNG"),),
    b"\0\0\x80?\0\0\0@": ((IMAGE, "float"),),
    b'{"__id__": "ExperimentList", "experiment": []}': ((DETECTOR, "dxtbx"),),
    b'[{"name": "panel"}]': ((DETECTOR, "dxtbx"),),
    b"[beam]\nwavelength = 1.0\n": ((DETECTOR, None), (REFLECTIONS, "text")),
    b"; a comment\nclen = 0.1 m\n": ((DETECTOR, "CrystFEL"),),
    b"q0a0/min_fs = 0\n": ((DETECTOR, "CrystFEL"),),
    b"wavelength = 1.0 A\n": ((DETECTOR, "CrystFEL"),),
    b"! XDS.INP\nJOB= XYCORR\n": ((DETECTOR, "XDS"),),
    b" DETECTOR=PILATUS NX= 2463": ((DETECTOR, "XDS"),),
    b"MTZ \x91\x02\0\0": ((REFLECTIONS, "MTZ"),),
    b"# a comment\ndata_r1vlmsf\n": ((REFLECTIONS, "mmCIF"),),
    b"\x93NUMPY\x01\0v\0{'descr'": ((REFLECTIONS, "NumPy"),),
    b"1 2 3 45.6\n": ((REFLECTIONS, "text"),),
    b"": ((IMAGE, "float"), (REFLECTIONS, "text")),
}


@pytest.mark.parametrize("start", STARTS)
def test_first_bytes_select_the_format(start):
    for holds, name in STARTS[start]:
        found = find_format(holds, start)
        assert (found and found.name) == name


def test_each_format_is_tested():
    tested = {(holds, name) for cases in STARTS.values() for holds, name in cases if name}
    assert tested == {(row.holds, row.name) for row in FORMATS}


@pytest.mark.parametrize("row", FORMATS, ids=lambda row: f"{row.holds}-{row.name}".replace(" ", "-"))
def test_the_documentation_names_each_format(row):
    assert row.name in PAGES


def test_help_names_what_can_be_read():
    assert format_names(IMAGE) in show.help_text() and "PGM" in format_names(IMAGE)
    assert format_names(IMAGE, "keeps_values") in compare.help_text()
    assert "PGM" not in format_names(IMAGE, "keeps_values") and "PNG" not in format_names(IMAGE)
