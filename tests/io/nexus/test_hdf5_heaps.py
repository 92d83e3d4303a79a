"""Damaged collections of texts in HDF5 files, through which HDF5 itself would walk for ever."""

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


def damaged(path, place, size):
    """With another size of the object that begins `place` bytes behind the first collection's beginning."""
    content = bytearray(path.read_bytes())
    start = content.find(SIGNATURE) + place + 8
    content[start : start + 8] = size.to_bytes(8, "little")
    path.write_bytes(content)
    return path


def test_whole_files_pass(tmp_path):
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


# the objects' places, by the sizes of their texts; the last is what is free
FREE = HEADER + sum(16 + -(-len(text) // 8) * 8 for text in TEXTS)


@pytest.mark.parametrize(
    "place, size", [(FREE, 4096 - FREE - 512), (FREE, 0), (FREE, 4096), (HEADER, 2**64 - 16), (HEADER, 5000)]
)
def test_damaged_ones_do_not(place, size, tmp_path):
    with pytest.raises(Unusable, match="do not add up"):
        checked(damaged(write(tmp_path / "a.h5"), place, size))


def test_show_says_so_and_ends(tmp_path):
    path = damaged(write(tmp_path / "a.h5"), FREE, 4096 - FREE - 512)
    words = [sys.executable, "-m", "nbkernel", "show", path.name]
    run = subprocess.run(words, capture_output=True, text=True, timeout=60, cwd=tmp_path)
    assert run.returncode == 2 and run.stderr == "nbkernel: show: a.h5 is damaged: its collections of texts do not add up\n"
    assert [file.name for file in Path(tmp_path).iterdir()] == ["a.h5"]
