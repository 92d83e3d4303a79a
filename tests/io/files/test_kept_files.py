"""A structure factor file is read once while it is unchanged, and images cannot affect each other through it."""

import os
import threading
from pathlib import Path

import numpy as np
import pytest

import nbkernel
from nbkernel.io.files.kept_files import YOUNG, KeptFiles
from nbkernel.io.reflections import structure_factors
from nbkernel.io.reflections.structure_factors import read_dump, read_structure_factors

SMALL = dict(cell=(20, 22, 24), Na=3, Nb=3, Nc=3, detpixels_f=8, detpixels_s=8, pixel=2, distance=100, oversample=1)


@pytest.fixture(autouse=True)
def folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.fixture
def parsed(monkeypatch):
    """Names of the files parsed, in order; starts with nothing kept."""
    paths = []

    def recording(content, path, *arguments):
        paths.append(os.path.basename(path))
        return parse(content, path, *arguments)

    parse = structure_factors.reflections_of
    monkeypatch.setattr(structure_factors, "reflections_of", recording)
    monkeypatch.setattr(structure_factors, "KEPT", KeptFiles())
    return paths


def write(name, F=1.0, old=True):
    Path(name).write_text(f"0 0 0 {F}\n1 2 3 {F}\n-1 -2 -3 {F}\n")
    if old:
        # as if long unchanged
        os.utime(name, ns=(10**18, 10**18))


def make_files_old(monkeypatch):
    """Makes every file look old to KeptFiles: a file's ctime cannot be set."""
    monkeypatch.setattr("nbkernel.io.files.kept_files.YOUNG", -(10**19))


def test_a_series_reads_its_file_once(parsed, monkeypatch):
    make_files_old(monkeypatch)
    write("a.hkl")
    read = []
    monkeypatch.setattr(structure_factors, "read_bytes", lambda flag, path: read.append(path) or Path(path).read_bytes())
    images = [nbkernel.simulate(nbkernel.Experiment(hkl="a.hkl", misset=(k, 0, 0), **SMALL)) for k in range(4)]
    assert (parsed, read) == (["a.hkl"], ["a.hkl"])
    assert images[0].tobytes() != images[1].tobytes()


def test_a_recently_changed_file_is_compared_by_content(parsed):
    """It may change twice within one tick of the file system's clock."""
    write("a.hkl", old=False)
    first = read_structure_factors("a.hkl", 0.0)
    assert read_structure_factors("a.hkl", 0.0) is first and parsed == ["a.hkl"]
    times = os.stat("a.hkl")
    write("a.hkl", F=2.0, old=False)
    os.utime("a.hkl", ns=(times.st_atime_ns, times.st_mtime_ns))
    assert read_structure_factors("a.hkl", 0.0).F.max() == 2.0
    assert YOUNG >= 2_000_000_000, "FAT's clock has ticks of two seconds"


@pytest.mark.parametrize("change", ["content", "time", "file"])
def test_a_changed_file_is_read_again(parsed, monkeypatch, change):
    make_files_old(monkeypatch)
    write("a.hkl")
    assert read_structure_factors("a.hkl", 0.0).F.max() == 1.0
    if change == "content":
        write("a.hkl", 2.5)
    elif change == "time":
        # same length and mtime
        write("a.hkl", 2.0)
    else:
        write("b.hkl", 2.0)
        os.replace("b.hkl", "a.hkl")
    assert read_structure_factors("a.hkl", 0.0).F.max() > 1.0
    assert len(parsed) == 2
    os.unlink("a.hkl")
    with pytest.raises(nbkernel.InputError, match="there is no file a.hkl"):
        read_structure_factors("a.hkl", 0.0)


def test_options_and_paths_are_distinguished(parsed, monkeypatch):
    make_files_old(monkeypatch)
    write("a.hkl")
    os.mkdir("b")
    write("b/a.hkl", 3.0)
    assert read_structure_factors("a.hkl", 0.0).F.min() == 0.0
    assert read_structure_factors("a.hkl", 7.0).F.max() == 7.0
    monkeypatch.chdir("b")
    assert read_structure_factors("a.hkl", 0.0).F.max() == 3.0
    assert len(parsed) == 3
    with pytest.raises(nbkernel.InputError, match="no columns"):
        read_structure_factors("a.hkl", 0.0, "F")


def test_few_files_are_kept_and_the_oldest_goes_first():
    kept, read = KeptFiles(most_files=2, most_bytes=100), []
    sizes = {"a": 10, "b": 20, "c": 30, "d": 95, "e": 200}

    def get(name):
        Path(name).touch()

        def content():
            read.append(name)
            return name.encode()

        return kept.get(name, None, content, lambda content: content, lambda result: sizes[result.decode()])

    for name in "abacabdae":
        assert get(name) == name.encode()
        assert len(kept.entries) <= 2 and sum(entry[4] for entry in kept.entries.values()) <= 100
    assert [os.path.basename(path) for path, _ in kept.entries] == []


def test_results_are_read_only():
    write("a.hkl")
    for table in (read_structure_factors("a.hkl", 0.0), read_structure_factors("a.hkl", 2.0)):
        with pytest.raises(ValueError, match="read-only"):
            table.F[0, 0, 0] = 5.0


def test_a_dump_file_is_kept_too(monkeypatch):
    make_files_old(monkeypatch)
    monkeypatch.setattr(structure_factors, "KEPT", KeptFiles())
    Path("Fdump.bin").write_bytes(b"0 0 0 0 0 1\n\f" + np.arange(12.0).tobytes())
    assert read_dump("Fdump.bin") is read_dump("Fdump.bin")
    Path("Fdump.bin").write_bytes(b"0 0 0 0 0 1\n\f" + np.arange(12.0)[::-1].tobytes())
    assert read_dump("Fdump.bin").F.ravel().tolist() == [11.0, 10.0]


def test_threads_share_the_kept_files(monkeypatch):
    make_files_old(monkeypatch)
    monkeypatch.setattr(structure_factors, "KEPT", KeptFiles(most_files=2))
    for n in range(4):
        write(f"{n}.hkl", n + 1.0)
    wrong = []

    def work(seed):
        for n in np.random.default_rng(seed).integers(0, 4, 60):
            if read_structure_factors(f"{n}.hkl", 0.0).F.max() != n + 1.0:
                wrong.append(n)

    threads = [threading.Thread(target=work, args=(seed,)) for seed in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not wrong and len(structure_factors.KEPT.entries) == 2
