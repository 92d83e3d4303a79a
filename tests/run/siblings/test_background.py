"""`nbkernel background` against nonBragg.c: its files byte for byte and its lines as text; bad inputs."""

from pathlib import Path

import numpy as np
import pytest

from nbkernel.io.nexus.reader import read_nxmx_detector
from nbkernel.io.tables.stol import read_stol
from nbkernel.kernels.physics.structure_factor import amorphous_F, interval_of
from nbkernel.run.siblings.background import place
from nbkernel.run.siblings.background_flags import FLAGS, parse_background

from golden import OUTPUT_FLAGS, SIBLINGS, assert_files_are_those_of, load_cases
from running import command

WRITTEN = "floatimage.bin", "intimage.img", "image.pgm", "noiseimage.img"


@pytest.fixture(autouse=True)
def folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    Path("water.stol").write_text("0 2.57\n0.1 2.6\n0.2 3.1\n0.4 1.5\n0.8 0.5\n")
    return tmp_path


def background(*arguments):
    return command("background", *map(str, arguments))


@pytest.mark.golden
@pytest.mark.parametrize("case", load_cases(SIBLINGS, "nonbragg"), ids=lambda case: case.id)
def test_files_and_lines_are_those_of_nonbragg(case, tmp_path):
    status, out, _ = background(*case.command(OUTPUT_FLAGS), "--precision", "exact", "--noise-rng", "ran1")
    assert status == 0
    assert_files_are_those_of(case, tmp_path)
    assert {line.rstrip() for line in case.stdout} <= {line.rstrip() for line in out}


def test_the_hdf5_file_has_pixels_detector_and_beam_and_noisify_reads_it():
    h5py = pytest.importorskip("h5py")
    line = "-stol water.stol -detpixels_x 40 -detpixels_y 30 -distance 20 -detector_roty 5 -twotheta 3 -roi 2 30 1 29"
    status, _, _ = background(*line.split(), *"-lambda 1.1 -polar 0.9 -osc 1 -seed 1 --hdf5 air.h5".split())
    assert status == 0
    photons = np.fromfile("floatimage.bin", np.float32).reshape(30, 40)
    counts = np.fromfile("noiseimage.img", np.uint16, offset=512).reshape(30, 40)
    with h5py.File("air.h5") as file:
        assert np.array_equal(file["entry/photons/data"][0], photons)
        assert np.array_equal(file["entry/data/data"][0], counts)
        mask = file["entry/instrument/detector/pixel_mask"][()]
        assert (mask == 0)[1:30, 2:31].all() and np.count_nonzero(mask) == mask.size - 29 * 29
        assert file["entry/sample/transformations/omega_increment_set"][()] == [1.0]
        assert "ub_matrix" not in file["entry/sample"]
    placed = place(parse_background(line.split())[0])
    found = read_nxmx_detector("air.h5")
    (panel,) = found["panels"]
    assert found["wavelength"] == pytest.approx(1.1) and np.allclose(found["beam_vector"], placed.beam)
    found = panel.pix0_vector, panel.fdet_vector, panel.sdet_vector
    assert np.allclose(found, (placed.pix0, placed.fdet, placed.sdet), rtol=0, atol=1e-12)
    assert command("noisify", "-bin", "air.h5", "-seed", "1", "--hdf5", "again.h5")[0] == 0
    with h5py.File("again.h5") as file:
        assert np.array_equal(file["entry/photons/data"][0], photons)
    background(*line.split(), "-nonoise", "--hdf5", "air.h5")
    with h5py.File("air.h5") as file:
        assert file["entry/data/data"].dtype == np.float32


@pytest.mark.parametrize(
    ("flag", "expected"),
    [
        ("-Fmap", "-Fmap: an HDF5 file has photons, not structure factors; leave out the flag or --hdf5"),
        ("-curved_det -nopgm", "-curved_det: a NeXus file has flat panels only; leave out the option or the HDF5 file"),
    ],
)
def test_what_nxmx_cannot_say_is_refused(flag, expected):
    pytest.importorskip("h5py")
    status, _, errors = background("-stol", "water.stol", *flag.split(), "--hdf5", "air.h5")
    assert status == 2 and errors == [f"nbkernel: {expected}"]
    assert not any(Path(name).exists() for name in (*WRITTEN, "air.h5"))


def test_threads_do_not_matter():
    line = "-stol water.stol -detpixels 40 -distance 20 -oversample 2 -polar 0.9 -nonoise".split()
    images = []
    for threads in (1, 3):
        assert background(*line, "--threads", threads)[0] == 0
        images.append(Path("floatimage.bin").read_bytes())
    assert images[0] == images[1]
    assert np.frombuffer(images[0], np.float32).min() > 0.0
    assert not Path("noiseimage.img").exists()


def test_the_polynomial_goes_through_the_points_of_the_table_and_through_cubics():
    stol, F = read_stol("-stol", "water.stol", 1.0)
    for i in range(2, len(stol) - 2):
        assert amorphous_F(stol, F, stol[i], interval_of(stol, stol[i], 1)) == pytest.approx(F[i])
    x = np.arange(8.0)
    cubic = x**3 - 2 * x
    assert amorphous_F(x, cubic, 3.3, interval_of(x, 3.3, 1)) == pytest.approx(3.3**3 - 6.6)


# nonBragg.c's argument parser, read by hand: spellings that it accepts, with what they set
@pytest.mark.parametrize(
    ("line", "field", "value"),
    [
        ("-thickness 2", "sample_x", 2.0),
        ("-sample_height 3", "sample_z", 3.0),
        ("-MW 28", "molecular_weight", 28.0),
        ("-molecular_weight 44", "molecular_weight", 44.0),
        ("-4stol a.stol", "scale", 1e10 / 4),
        ("-polar 0.5 -nopolar", "nopolar", True),
        ("-ORGX 3 -distance 50", "pivot", "beam"),
        ("-distance 50 -ORGX 3", "pivot", "sample"),
        ("-detpixels 64 -detpixels_y 32", "detpixels_s", 32),
        ("-nonoise -noisefile a.img", "noise", True),
        ("-twotheta_axis 1 0 0", "twotheta", 1.0),
    ],
)
def test_flags_are_read_as_nonbragg_reads_them(line, field, value):
    asked, _ = parse_background(["-stol", "water.stol", *line.split()])
    assert getattr(asked, field) == value


def test_every_flag_sets_a_field_or_says_that_it_has_no_effect():
    fields = set(parse_background(["-stol", "water.stol"])[0].__dataclass_fields__)
    for entry in FLAGS:
        assert {*entry.sets, *entry.also} <= fields
        assert entry.sets or entry.also or "has no effect" in entry.help


@pytest.mark.parametrize(
    ("table", "flags", "expected"),
    [
        ("0 1\n0.2 2\n0.1 3\n", "", "is not sorted, 0.1 comes after 0.2; need increasing sin(theta)/lambda"),
        ("0 1\n0 2\n", "", "is not sorted, 0 comes after 0; need increasing sin(theta)/lambda"),
        ("0 one\n", "", "line 1 is not made of numbers"),
        ("", "", "bad.stol is empty"),
        ("\n\n", "", "has no numbers in it"),
        ("0\n0.1\n", "", "has one column; need sin(theta)/lambda and F"),
        ("0 1\n", "-density -1", "-density: needs a number of at least 0, not -1"),
        ("0 1\n", "-MW 0", "-MW: needs a number greater than 0, not 0"),
        ("0 1\n", "-thick 0", "-sample_x: needs a number greater than 0, not 0"),
        ("0 1\n", "-beamsize 0", "-beamsize: the beam of 0 mm leaves nothing of the sample; need more than 0"),
        ("0 1\n", "-roi 30 20 0 9 -detpixels 40", "-roi: 30 20 0 9 has no pixel of the image of 40 x 40 (fast x slow)"),
        ("0 1\n", "-img image.img", "-img: no stol table is made from an image here; leave it out"),
        ("0 1\n", "-polar_vector 0 0 0", "-polar_vector: has no direction; need a vector that is not 0 0 0"),
        ("0 1\n", "-sdet_vector 0 0 1", "-sdet_vector: is parallel to -fdet_vector; need another direction"),
    ],
)
def test_bad_input_is_one_line_and_nothing_is_written(table, flags, expected):
    Path("bad.stol").write_text(table)
    status, _, errors = background("-stol", "bad.stol", *flags.split())
    assert status == 2
    assert len(errors) == 1
    assert expected in errors[0]
    assert not any(Path(name).exists() for name in WRITTEN)


def test_a_table_is_needed():
    for line in ([], ["-seed", 1]):
        status, _, errors = background(*line)
        assert status == 2
        assert "at least -stol FILE" in errors[0] or "needs -stol FILE" in errors[0]
