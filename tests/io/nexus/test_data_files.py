"""Data files of a series: frames come back pixel by pixel, in a type that holds them, and files appear whole."""

import os
import resource
from pathlib import Path

import h5py
import numpy as np
import pytest

from nbkernel.errors import InputError
from nbkernel.io.hdf5 import tree
from nbkernel.io.nexus.data_file import DataFile

ONE, SAME, DIFFERENT = [(23, 31)], [(12, 9), (12, 9), (12, 9)], [(23, 31), (40, 12), (5, 44)]
DATA, PHOTONS = "entry/data/data", "entry/photons/data"


@pytest.fixture(autouse=True)
def folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    return tmp_path


def frames_of(shapes, count=4, mean=300.0):
    """(photons, counts) of each frame: a list with an array for each panel."""
    random = np.random.default_rng(1)
    photons = [[(mean * random.random(shape)).astype(np.float32) for shape in shapes] for _ in range(count)]
    return [(frame, [random.poisson(panel).astype(np.int32) for panel in frame]) for frame in photons]


def written(path, shapes, frames, with_photons=True, truth=None, **more):
    with DataFile("--output", path, shapes, len(frames), with_photons=with_photons, **more) as file:
        for photons, counts in frames:
            file.append(counts, photons if with_photons else None)
        if truth is not None:
            file.add_truth(truth)


@pytest.mark.parametrize("shapes", (ONE, SAME, DIFFERENT), ids=("one panel", "of one shape", "of different shapes"))
def test_pixels_of_every_panel_and_frame(shapes):
    frames = frames_of(shapes)
    written("a.h5", shapes, frames, first=5)
    shape = (23, 31) if shapes is ONE else (36, 9) if shapes is SAME else (68, 44)
    with h5py.File("a.h5") as file:
        for name, which, dtype in ((DATA, 1, np.uint16), (PHOTONS, 0, np.float32)):
            data = file[name]
            assert data.shape == (4, *shape) and data.chunks == (1, *shape) and data.dtype == dtype
            assert (data.attrs["image_nr_low"], data.attrs["image_nr_high"]) == (5, 8)
            for number, frame in enumerate(frames):
                row = 0
                for pixels in frame[which]:
                    slow, fast = pixels.shape
                    np.testing.assert_array_equal(data[number, row : row + slow, :fast], pixels)
                    assert not data[number, row : row + slow, fast:].any()
                    row += slow


@pytest.mark.parametrize("value, kind", [(32766, np.uint16), (32767, np.int32), (2**31 - 1, np.int32), (-1, np.int32)])
@pytest.mark.parametrize("place", (0, 2, 3))
def test_counts_are_not_cut_off(value, kind, place):
    """The XDS plugins take uint16 of 32767 and more as overloads, or as negative."""
    frames = frames_of(ONE)
    frames[place][1][0][7, 8] = value
    written("a.h5", ONE, frames)
    with h5py.File("a.h5") as file:
        assert file[DATA].dtype == kind and list(file["entry/data"]) == ["data"]
        np.testing.assert_array_equal(file[DATA][()], [counts for _, (counts,) in frames])
        assert file[DATA].attrs["image_nr_high"] == 4


def test_a_given_type_is_kept():
    frames = frames_of(ONE)
    written("a.h5", ONE, frames, dtype=np.int32)
    with h5py.File("a.h5") as file:
        assert file[DATA].dtype == np.int32
    frames[1][1][0][0, 0] = 65536
    with pytest.raises(InputError, match=r"--output: counts from \d+ to 65536 do not fit into a.h5, which is uint16"):
        written("a.h5", ONE, frames, dtype=np.uint16)


def test_photons_alone():
    frames = frames_of(ONE)
    with DataFile("--output", "a.h5", ONE, 4, np.float32) as file:
        for photons, _ in frames:
            file.append(photons)
    with h5py.File("a.h5") as file:
        assert file[DATA].dtype == np.float32 and file[PHOTONS] == file[DATA]
        np.testing.assert_array_equal(file[DATA][()], [photons for (photons,), _ in frames])


def test_the_truth():
    rotations = np.random.default_rng(2).random((4, 3, 3))
    truth = {
        "ub_matrix": (rotations, "1/angstrom"), "wavelength": ([1.0, 1.1, 1.2, 1.3], "angstrom"),
        "seed": (np.arange(4) + 2**40, None), "kind": (["a", "bc", "", "é"], None), "crystals/frame": ([0, 0, 3], None),
    }  # fmt: skip
    written("a.h5", ONE, frames_of(ONE), truth=truth)
    with h5py.File("a.h5") as file:
        group = file["entry/truth"]
        np.testing.assert_array_equal(group["ub_matrix"][()], rotations)
        assert group["ub_matrix"].attrs["units"] == b"1/angstrom" and "units" not in group["seed"].attrs
        assert group["wavelength"][()].tolist() == [1.0, 1.1, 1.2, 1.3] and group["seed"][()].tolist()[0] == 2**40
        assert [each.decode() for each in group["kind"][()]] == ["a", "bc", "", "é"]
        assert group["crystals/frame"][()].tolist() == [0, 0, 3]
    with pytest.raises(InputError, match="wavelength has 3 rows of truth for 4 frames"):
        written("b.h5", ONE, frames_of(ONE), truth={"wavelength": ([1.0, 1.1, 1.2], None)})


def test_the_same_frames_give_the_same_bytes():
    frames = frames_of(SAME)
    frames[2][1][0][0, 0] = 70000
    truth = {"fluence": (np.ones(4), "1/m^2")}
    Path("other").mkdir()
    for path in ("a.h5", "other/long_name.h5"):
        written(path, SAME, frames, truth=truth)
    assert Path("a.h5").read_bytes() == Path("other/long_name.h5").read_bytes()


def test_a_file_appears_complete_or_not_at_all():
    frames = frames_of(ONE)
    Path("a.h5").write_bytes(b"old")

    def old_and_nothing_else():
        return os.listdir() == ["a.h5"] and Path("a.h5").read_bytes() == b"old"

    with pytest.raises(ZeroDivisionError), DataFile("--output", "a.h5", ONE, 4) as file:
        file.append(frames[0][1])
        assert Path("a.h5").read_bytes() == b"old" and len(os.listdir()) == 2
        raise ZeroDivisionError
    assert old_and_nothing_else()
    with pytest.raises(OSError, match="of the body"), DataFile("--output", "a.h5", ONE, 4):
        raise OSError("of the body")
    words = "a.h5 was to have 4 frames, but has 1"
    with pytest.raises(InputError, match=words), DataFile("--output", "a.h5", ONE, 4) as file:
        file.append(frames[0][1])
    assert old_and_nothing_else()
    with (
        pytest.raises(InputError, match="--output: a.h5 is an input"),
        DataFile("--output", "a.h5", ONE, 4, inputs=["a.h5"]),
    ):
        pass
    with (
        pytest.raises(InputError, match="--output: cannot write no/a.h5: No such file"),
        DataFile("--output", "no/a.h5", ONE, 4),
    ):
        pass
    assert old_and_nothing_else()
    written("a.h5", ONE, frames)
    with h5py.File("a.h5") as file:
        assert file[DATA].shape == (4, 23, 31)


def test_a_full_disk_is_one_line_at_the_first_frame_that_does_not_fit(capfd):
    shapes = [(100, 100)]
    frames = frames_of(shapes, 6)
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    stored = 0
    resource.setrlimit(resource.RLIMIT_FSIZE, (60000, limits[1]))
    try:
        with pytest.raises(InputError) as error, DataFile("--output", "a.h5", shapes, 6, np.int32) as file:
            for _, counts in frames:
                file.append(counts)
                stored += 1
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
    assert str(error.value) == "--output: cannot write a.h5: File too large" and 0 < stored < 5
    assert os.listdir() == [] and capfd.readouterr() == ("", "")


BAD_FRAMES = {
    "shape": (lambda file: file.append([np.zeros((31, 23), np.int32)]), r"counts \(integers\) of the shapes \[\(23, 31\)\]"),
    "number": (lambda file: file.append([]), "not "),
    "kind": (lambda file: file.append([np.zeros((23, 31))]), "not float64 of shape"),
    "photons": (lambda file: file.append([np.zeros((23, 31), int)], [np.zeros((23, 31))]), "no photons beside counts"),
    "too many": (lambda file: [file.append([np.zeros((23, 31), int)]) for _ in range(3)], "room for 2 frames"),
}


@pytest.mark.parametrize("name", BAD_FRAMES)
def test_bad_frames_are_refused(name):
    act, words = BAD_FRAMES[name]
    with pytest.raises(InputError, match=words), DataFile("--output", "a.h5", ONE, 2) as file:
        act(file)
    assert os.listdir() == []


def test_other_types_are_refused():
    with pytest.raises(InputError, match="uint16 or int32, of photons float32, not uint32"):
        DataFile("--output", "a.h5", ONE, 1, np.uint32)


def test_very_large_frames_are_in_several_chunks(monkeypatch):
    monkeypatch.setattr(tree, "ONE_CHUNK", 700)
    monkeypatch.setattr(tree, "CHUNK_PIXELS", 90)
    frames = frames_of(ONE)
    written("a.h5", ONE, frames)
    with h5py.File("a.h5") as file:
        assert file[DATA].chunks == (1, 2, 31)
        np.testing.assert_array_equal(file[DATA][()], [counts for _, (counts,) in frames])
