"""Input files: only regular ones, gzip unpacked up to the limit, other compression named in the error."""

import bz2
import gzip
import lzma
import os
import socket
import struct
import subprocess
import sys

import numpy as np
import pytest

from nbkernel.errors import InputError
from nbkernel.io.files import opening
from nbkernel.io.files.input_limit import VARIABLE
from nbkernel.io.files.opening import open_input, read_bytes

from running import simulate

CONTENT = bytes(range(256)) * 40


@pytest.fixture(autouse=True)
def folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv(VARIABLE, raising=False)
    return tmp_path


def write(content, name="file"):
    with open(name, "wb") as file:
        file.write(content)
    return name


def read(name):
    with open(name, "rb") as file:
        return file.read()


@pytest.mark.parametrize("most", (-1, 1, 5, 10, 12, 5000, 20000))
@pytest.mark.parametrize(
    "stored",
    {
        "plain": CONTENT,
        "gzip": gzip.compress(CONTENT),
        "with a name": gzip.compress(CONTENT)[:3]
        + b"\x08"
        + gzip.compress(CONTENT)[4:10]
        + b"a.img\0"
        + gzip.compress(CONTENT)[10:],
        "joined": gzip.compress(CONTENT[:700]) + gzip.compress(b"") + gzip.compress(CONTENT[700:]),
        "padded": gzip.compress(CONTENT) + bytes(512),
    }.items(),
    ids=lambda pair: pair[0],
)
def test_content_is_read_in_full_or_up_to_a_length(stored, most):
    assert read_bytes("-x", write(stored[1]), most) == (CONTENT if most < 0 else CONTENT[:most])


def test_gzip_is_unpacked_in_blocks_of_any_size(monkeypatch):
    content = np.random.default_rng(1).bytes(5000)
    write(gzip.compress(content[:3000]) + gzip.compress(content[3000:]))
    for size in (1, 7, 3013, 3014, 3015):
        monkeypatch.setattr(opening, "PIECE", size)
        assert read_bytes("-x", "file") == content


@pytest.mark.parametrize(
    "case",
    {
        "cut": (gzip.compress(CONTENT)[:-9], "is cut short: its gzip data do not end"),
        "header only": (b"\x1f\x8b\x08", "is cut short: its gzip data do not end"),
        "checksum": (gzip.compress(CONTENT)[:-8] + bytes(4) + struct.pack("<I", len(CONTENT)), "is damaged"),
        "garbage at the end": (gzip.compress(CONTENT) + b"more", "is damaged"),
        "empty inside": (gzip.compress(b""), "is empty, unpacked"),
        "empty": (b"", "file is empty"),
        "HDF5": (gzip.compress(b"\x89HDF\r\n\x1a\n" + CONTENT), "is an HDF5 file compressed by gzip; gunzip it first"),
        "bzip2": (bz2.compress(CONTENT), "is compressed by bzip2; unpack it first"),
        "xz": (lzma.compress(CONTENT), "is compressed by xz; unpack it first"),
    }.items(),
    ids=lambda pair: pair[0],
)
def test_what_cannot_be_unpacked_is_refused(case):
    stored, words = case[1]
    with pytest.raises(InputError, match="^-x: file ") as caught:
        read_bytes("-x", write(stored))
    assert words in str(caught.value)


def test_floats_that_begin_like_gzip_are_read():
    pixels = np.array([np.frombuffer(b"\x1f\x8b\x08\x41", np.float32)[0], 1, 2], np.float32)
    assert read_bytes("-x", write(pixels.tobytes())) == pixels.tobytes()


def test_a_gzip_bomb_is_refused_before_it_takes_memory(monkeypatch):
    import tracemalloc

    bomb = gzip.compress(bytes(30 << 20))
    monkeypatch.setenv(VARIABLE, "1M")
    # caught by the size stated at the end of the file, and by the content where that is false
    for stored in (
        bomb,
        bomb[:-4] + struct.pack("<I", 1),
        gzip.compress(bytes(10)) * 2 + bomb[:-4] + bytes(4),
        bomb + bytes(8),
    ):
        tracemalloc.start()
        with pytest.raises(InputError, match=r"-x: file: its content.* more than the 1 MiB .*NBKERNEL_INPUT_LIMIT="):
            read_bytes("-x", write(stored))
        assert tracemalloc.get_traced_memory()[1] < 6 << 20
        tracemalloc.stop()
    assert read_bytes("-x", write(bomb), 16) == bytes(16)
    monkeypatch.setenv(VARIABLE, "30M")
    assert read_bytes("-x", write(bomb)) == bytes(30 << 20)


def test_pipes_devices_sockets_and_folders_are_not_opened(monkeypatch):
    os.mkfifo("pipe")
    os.mkdir("folder")
    server = socket.socket(socket.AF_UNIX)
    server.bind("socket")
    monkeypatch.setattr("builtins.open", lambda *arguments, **named: pytest.fail("opened"))
    for path, kind in {"pipe": "a pipe", "/dev/zero": "a device", "socket": "a socket", "folder": "a directory"}.items():
        with pytest.raises(InputError, match=f"^-x: {path} is {kind}, not a file"):
            read_bytes("-x", path)
    server.close()


def test_a_file_replaced_by_a_pipe_is_noticed(monkeypatch):
    os.mkfifo("pipe")
    regular = os.stat(write(b"x"))
    monkeypatch.setattr(os, "stat", lambda path: regular)
    with pytest.raises(InputError, match="-x: pipe is a pipe, not a file"), open_input("-x", "pipe"):
        pass


@pytest.mark.parametrize(
    "path, words", (("nowhere", "there is no file nowhere"), ("a\0b", "cannot read"), ("file/x", "cannot read"))
)
def test_missing_files_are_named(path, words):
    write(b"x")
    with pytest.raises(InputError, match="^-x: ") as caught:
        read_bytes("-x", path)
    assert words in str(caught.value)


@pytest.mark.parametrize("flag", ("-hkl", "-mat", "-mask", "-img", "-sourcefile", "--panels", "-dump"))
def test_no_flag_waits_for_a_pipe(flag):
    os.mkfifo("pipe")
    words = [
        sys.executable,
        "-m",
        "nbkernel",
        "simulate",
        *"-cell 50 -N 2 -detpixels 8 -floatfile f.bin".split(),
        flag,
        "pipe",
    ]
    words += ["-default_F", "1"] if flag != "-hkl" else []
    run = subprocess.run(words, capture_output=True, text=True, timeout=60)
    assert run.returncode == 2 and "pipe is a pipe, not a file" in run.stderr
    assert os.listdir() == ["pipe"]


def test_the_null_device_means_no_dump():
    words = [
        sys.executable,
        "-m",
        "nbkernel",
        "simulate",
        *"-cell 50 -N 2 -detpixels 8 -default_F 1 -dump /dev/null -seed 1".split(),
    ]
    run = subprocess.run(words, capture_output=True, text=True, timeout=60)
    assert run.returncode == 0, run.stderr


TABLES = {
    "-hkl": "1 0 0 50\n0 1 1 70\n-1 2 0 30\n",
    "-mat": "0.02 0 0\n0 0.0166 0\n0 0 0.0142\n",
    "-sourcefile": "-10 0 0 1 1e-10\n-10 0.1 0 1 1.01e-10\n",
    "--panels": '{"panels": [{"fast_axis": [1, 0, 0], "slow_axis": [0, -1, 0], "origin": [-1, 1, -90], "pixel_size": [0.2, 0.2], '
    '"image_size": [8, 9]}]}',
    "--config": "[detector]\ndistance = 77\n",
}


@pytest.mark.parametrize("flag", TABLES)
def test_compressed_tables_and_texts_are_read_like_the_originals(flag):
    write(TABLES[flag].encode(), "a")
    write(gzip.compress(TABLES[flag].encode()), "b.gz")
    images = []
    for name in ("a", "b.gz"):
        size = "" if flag == "--panels" else "-detpixels 9"
        run = simulate(
            f"-cell 50 60 70 90 90 90 -default_F 10 -N 3 -lambda 1 {size} -nopgm -nonoise -noprogress {flag} {name} -floatfile f.bin"
        )
        assert run.status == 0, run.err
        images.append(read("f.bin"))
    assert images[0] == images[1] and any(images[0])
