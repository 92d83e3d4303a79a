"""`--precision exact` against nanoBragg.c: four files byte for byte, six statistics lines as text."""

import pytest

from nbkernel.cli.main import main

from golden import assert_files_are_those_of, load_cases, statistics_lines

pytestmark = pytest.mark.golden


@pytest.mark.parametrize("case", load_cases(), ids=lambda case: case.id)
def test_files_and_statistics_are_those_of_nanobragg(case, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    assert main(["simulate", *case.command(), "--precision", "exact"]) == 0
    assert_files_are_those_of(case, tmp_path)
    assert statistics_lines(capsys.readouterr().out.splitlines()) == case.statistics()
