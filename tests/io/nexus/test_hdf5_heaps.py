"""Damaged global heaps (collections of strings) in HDF5 files, on which the HDF5 library would loop forever."""

import subprocess
import sys
from pathlib import Path

import h5py
import numpy as np
import pytest

from nbkernel.io.hdf5.heaps import HEADER, SIGNATURE, check_heaps
from nbkernel.io.hdf5.links import Unusable

TEXTS = ("a", "four", "a longer text")


def write(path):
    with h5py.File(path, "w") as file:
        file["entry/data/data"] = np.ones((4, 4), np.int32)
        for number, text in enumerate(TEXTS):
            file.attrs[f"text{number}"] = text
    return path


def checked(path):
    with open(path, "rb") as file:
        check_heaps(file)


def damaged(path, offset, size):
    """Changes the size of the object that begins `offset` bytes into the first collection."""
    content = bytearray(path.read_bytes())
    start = content.find(SIGNATURE) + offset + 8
    content[start : start + 8] = size.to_bytes(8, "little")
    path.write_bytes(content)
    return path


def test_intact_files_pass(tmp_path):
    checked(write(tmp_path / "a.h5"))
    draw = np.random.default_rng(1)
    for libver in ("earliest", "latest"):
        with h5py.File(tmp_path / "b.h5", "w", libver=libver) as file:
            for number in range(60):
                texts = ["x" * size for size in draw.integers(0, 3000, 5)]
                file.create_dataset(f"d{number}", data=texts, dtype=h5py.string_dtype())
                file[f"d{number}"][1:3] = "z" * number
                file.attrs[f"a{number}"] = "y" * int(draw.integers(0, 200))
                if number % 3 == 0:
                    del file.attrs[f"a{number}"]
        checked(tmp_path / "b.h5")


# offset of the last object, the free space, behind those of the texts
FREE = HEADER + sum(16 + -(-len(text) // 8) * 8 for text in TEXTS)


@pytest.mark.parametrize(
    "offset, size", [(FREE, 4096 - FREE - 512), (FREE, 0), (FREE, 4096), (HEADER, 2**64 - 16), (HEADER, 5000)]
)
def test_damaged_files_are_refused(offset, size, tmp_path):
    with pytest.raises(Unusable, match="do not add up"):
        checked(damaged(write(tmp_path / "a.h5"), offset, size))


def test_show_refuses_a_damaged_file(tmp_path):
    path = damaged(write(tmp_path / "a.h5"), FREE, 4096 - FREE - 512)
    words = [sys.executable, "-m", "nbkernel", "show", path.name]
    run = subprocess.run(words, capture_output=True, text=True, timeout=60, cwd=tmp_path)
    assert run.returncode == 2 and run.stderr == "nbkernel: show: a.h5 is damaged: its collections of texts do not add up\n"
    assert [file.name for file in Path(tmp_path).iterdir()] == ["a.h5"]
