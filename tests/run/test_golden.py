"""`--precision exact` against nanoBragg.c: four files byte for byte, six statistics lines as text."""

import hashlib

import numpy as np
import pytest

from nbkernel.cli.main import main

from golden import expected_file, load_cases, statistics_lines

pytestmark = pytest.mark.golden


@pytest.mark.parametrize("case", load_cases(), ids=lambda case: case.id)
def test_files_and_statistics_are_those_of_nanobragg(case, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    assert main(["simulate", *case.command(), "--precision", "exact"]) == 0
    for name, digest in case.sha256.items():
        ours = (tmp_path / name).read_bytes()
        if hashlib.sha256(ours).hexdigest() != digest:
            pytest.fail(f"{name}: {difference(ours, expected_file(case.id, name), name)}")
    assert statistics_lines(capsys.readouterr().out.splitlines()) == case.statistics()


def difference(ours, theirs, name):
    if len(ours) != len(theirs):
        return f"{len(ours)} bytes instead of {len(theirs)}"
    kind = np.float32 if name == "float.bin" else np.uint8
    a, b = np.frombuffer(ours, kind), np.frombuffer(theirs, kind)
    where = np.flatnonzero(a != b)
    return f"{where.size} of {a.size} values differ, the first at {where[0]}: {a[where[0]]!r} instead of {b[where[0]]!r}"
