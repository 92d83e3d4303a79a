"""Dump files, and tables of a few structure factors far apart."""

import os
import threading
from pathlib import Path

import numpy as np
import pytest

from nbkernel.engine.squared_table import squared_table
from nbkernel.errors import InputError
from nbkernel.experiment.experiment import Experiment
from nbkernel.io.files.output_files import Gap, OutputFiles
from nbkernel.io.reflections import fdump
from nbkernel.io.reflections.fdump import dump_pieces
from nbkernel.io.reflections.structure_factors import read_dump, read_structure_factors
from nbkernel.setup.prepare import prepare

from running import BASE, simulate

RUN = f"{BASE} -detpixels_f 12 -detpixels_s 9 -pixel 0.4"


@pytest.fixture(autouse=True)
def folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    return tmp_path


def write_dump(path, blocks):
    with OutputFiles() as files:
        files.open("-dump", path)
        files.write("-dump", *blocks)
        files.commit()


def dense_dump(F, limits):
    """The file as nanoBragg.c writes it, with all zeros in memory."""
    return (" ".join(map(str, limits)) + "\n\f").encode() + np.pad(F, (0, 1)).tobytes()


@pytest.mark.parametrize("values", [(2.5, -7.0, 1.0), (0.0, 0.0, 3.0), (0.0, 0.0, 0.0)])
def test_a_dump_of_a_sparse_table_has_the_same_bytes_and_takes_little_memory(values):
    indices = ((-3, 1, 2), (60_000, -2, 7), (0, 0, 0), (100_000, 3, 7), (100_000, 3, 6))
    values = (*values, 8.5, 0.0)
    Path("a.hkl").write_text("".join(f"{h} {k} {l} {F}\n" for (h, k, l), F in zip(indices, values, strict=True)))
    table = read_structure_factors("a.hkl", 0.0)
    write_dump("Fdump.bin", dump_pieces(table))
    expected = np.zeros((100_004, 6, 8))
    for (h, k, l), F in zip(indices, values, strict=True):
        expected[h + 3, k + 2, l] = F
    assert Path("Fdump.bin").read_bytes() == dense_dump(expected, (-3, 100_000, -2, 3, 0, 7))
    blocks = list(dump_pieces(table))
    assert sum(len(block) for block in blocks if not isinstance(block, Gap)) < 1 << 20
    # a pipe cannot have gaps
    os.mkfifo("pipe")
    reader = threading.Thread(target=lambda: Path("piped").write_bytes(Path("pipe").read_bytes()))
    reader.start()
    write_dump("pipe", blocks)
    reader.join()
    assert Path("piped").read_bytes() == Path("Fdump.bin").read_bytes()
    assert read_dump("Fdump.bin").F.tobytes() == expected.tobytes()


@pytest.mark.parametrize("single", [False, True])
def test_squares_of_a_sparse_table_are_those_of_the_dense_one(single):
    Path("a.hkl").write_text("-3 1 2 5\n3000 -2 7 -7.5\n0 0 0 0\n2999 3 6 1e-300\n")
    table = read_structure_factors("a.hkl", 0.0)
    assert table.nonzero is not None
    plan = prepare(Experiment(hkl="a.hkl", cell=(20, 22, 24), misset=(1, 2, 3), Na=5, Nb=5, Nc=5), 1).plan
    sparse, dense = squared_table(plan, single, table.nonzero), squared_table(plan, single)
    for one, other in zip(sparse, dense, strict=True):
        np.testing.assert_array_equal(one, other)


def test_the_dump_of_a_run_with_a_far_reflection_is_as_long_as_the_dense_table():
    Path("a.hkl").write_text("0 0 0 5\n-9 -9 -9 3\n9 9 9 3\n1 2 3 50\n-1 -2 -3 50\n100000 0 0 5\n")
    run = simulate(f"{RUN} -hkl a.hkl --precision double")
    assert run.status == 0
    assert Path("Fdump.bin").stat().st_size == len(b"-9 100000 -9 9 -9 9\n\f") + 8 * 100_011 * 20 * 20


@pytest.mark.parametrize(
    "content, words",
    [
        (b"0 9999999999 0 9999999999 0 9999999999\n\f" + bytes(64), "its header asks for 80"),
        (b"0 99999999999999999999999999999999 0 1 0 1\n\f" + bytes(64), "not a dump file"),
        (b"9 0 0 1 0 1\n\f" + bytes(64), "its header asks for"),
        (b"0 0 0 0 0 0\n\f" + bytes(65), "its header asks for 77 bytes but it has 78"),
    ],
)
def test_a_dump_of_the_wrong_length_is_refused_before_it_is_read(content, words, monkeypatch):
    Path("Fdump.bin").write_bytes(content)
    monkeypatch.setattr(fdump, "read_bytes", lambda flag, path, most=-1: content[:most] if most > 0 else pytest.fail("read"))
    with pytest.raises(InputError, match=f"^-dump Fdump.bin: .*{words}"):
        read_dump("Fdump.bin")
