"""A fixed small sample of what bench.fuzz draws; `python -m bench.fuzz` goes on from here."""

import numpy as np
import pytest
from bench.fuzz.campaign import campaign
from bench.fuzz.command_inputs import write_inputs
from bench.fuzz.commands import Commands
from bench.fuzz.differential import pixel_findings
from bench.fuzz.shrink import without_parts


@pytest.mark.parametrize("kind", ["ordinary", "aligned"])
def test_fast_precisions_keep_their_promise_on_drawn_command_lines(kind, tmp_path, monkeypatch):
    """Against `exact`; the C program is not needed."""
    monkeypatch.chdir(tmp_path)
    part = Commands(None, write_inputs(tmp_path / "inputs"), (kind,))
    lines = []
    for number in range(100):
        campaign(part, "s4", 0, number, lines.append)
    assert not [line for line in lines if line.startswith("case")]
    assert sum("compared" in line for line in lines) > 80


def test_a_pixel_beyond_the_promise_is_found():
    expected = np.full((5, 7), 1.0, np.float32)
    image = expected.copy()
    image[3, 2] *= 1.0 + 1e-6
    assert not pixel_findings("double", expected, expected, 1.0)
    assert not pixel_findings("mixed", expected, image, 1.0)
    (found,) = pixel_findings("double", expected, image, 1.0)
    assert found.pixel == (2, 3)


def test_shrinking_leaves_what_fails():
    parts = tuple(range(40))
    assert without_parts(parts, lambda some: {3, 17, 18} <= set(some), float("inf")) == (3, 17, 18)
