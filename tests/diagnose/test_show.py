"""`nbkernel show`: any image that nbkernel reads becomes a PNG file, with the geometry from the header or from flags."""

import contextlib
import io
import math
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

import nbkernel
from nbkernel.cli.main import main
from nbkernel.io.picture.draw import COLOURS, MASKED, SATURATED

from png import coloured, decode_png
from running import BASE, simulate, smv_bytes

RUN = f"{BASE} -detpixels_f 120 -detpixels_s 90 -pixel 0.4"
PIXELS = np.random.default_rng(1).integers(0, 60000, (9, 14)).astype(np.uint16)
FULL_RANGE = "--preview-scale linear --preview-range 0 100"
RINGS = "--preview-rings auto --preview-beam"


@pytest.fixture(autouse=True)
def folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    return tmp_path


def show(command, *more):
    """Status, standard output and error lines."""
    out, err = io.StringIO(), io.StringIO()
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
        status = main(["show", *command.split(), *more])
    return status, out.getvalue().splitlines(), err.getvalue().splitlines()


def levels(name):
    return decode_png(Path(name).read_bytes())[0]


def expected_levels(values):
    """Levels on a linear scale from the smallest positive value to the largest."""
    values = np.asarray(values, float)
    low, high = values[values > 0].min(), values.max()
    return 255 - np.clip(255.0 * (values - low) / (high - low), 0.0, 255.0)


def pgm(pixels, largest, comment=b""):
    return b"P5\n%d %d\n%s%d\n" % (pixels.shape[1], pixels.shape[0], comment, largest) + pixels.tobytes()


FILES = {
    "a.img": smv_bytes(PIXELS),
    "a.pgm": pgm((PIXELS // 256).astype(np.uint8), 255, b"# pixels scaled by 3\n"),
    "wide.pgm": pgm(PIXELS.astype(">u2"), 65535),
    "words.pgm": b"P5 14\t9 255 " + (PIXELS // 256).astype(np.uint8).tobytes(),
    "a.bin": PIXELS.astype(np.float32).tobytes(),
}


@pytest.mark.parametrize("name", FILES)
def test_every_kind_of_image_is_drawn(name):
    Path("a.img").write_bytes(FILES["a.img"])  # the float file's shape
    Path(name).write_bytes(FILES[name])
    status, out, err = show(f"{name} {FULL_RANGE}")
    assert (status, err) == (0, [])
    kind = {"img": "SMV", "pgm": "PGM", "bin": "float"}[name[-3:]]
    assert out[0] == f"{name}.png: {name}, {kind}, 9 x 14 pixels (slow x fast)"
    values = PIXELS // 256 if name in ("a.pgm", "words.pgm") else PIXELS
    assert np.abs(levels(f"{name}.png") - expected_levels(values)).max() <= 1.0


@pytest.mark.parametrize("options", ["--shape 9 14", "-detpixels_f 14 -detpixels_s 9", "-img other/b.img"])
def test_a_lone_float_file_needs_its_shape(options):
    Path("a.bin").write_bytes(FILES["a.bin"])
    Path("other").mkdir()
    Path("other/b.img").write_bytes(FILES["a.img"])
    assert show("a.bin")[0] == 2
    assert show(f"a.bin {options} {FULL_RANGE} --output b.png")[0] == 0
    assert np.abs(levels("b.png") - expected_levels(PIXELS)).max() <= 1.0


@pytest.mark.parametrize(
    "flags",
    [
        "-distance 90 -lambda 1.3 -Xbeam 12.03 -Ybeam 20.07",
        "-xds -ORGX 40.2 -ORGY 40.3 -distance 80",
        "-adxv -Xbeam 10.03 -Ybeam 25.07",
    ],
)
@pytest.mark.parametrize("options", ["", f"{RINGS} --preview-roi 20 100 10 60 --preview-scale sqrt"])
def test_show_draws_the_runs_picture_from_the_header(flags, options):
    run = simulate(f"{RUN} {flags} -floatfile a.bin -intfile a.img --preview run.png {options}")
    assert run.status == 0
    status, _out, err = show(f"a.bin {options}")
    assert (status, err) == (0, [])
    assert Path("a.bin.png").read_bytes() == Path("run.png").read_bytes()
    if options:
        blue, red = coloured(Path("run.png").read_bytes())
        assert blue.any() and red.any()


@pytest.mark.parametrize(
    "flags",
    [
        "-distance 90 -twotheta 30 -detector_rotx 15 -Xbeam 12.03 -Ybeam 20.07",
        "-distance 70 -curved_det -lambda 1.5",
        "-distance 80 -fdet_vector 0 0.1 1 -sdet_vector 0 -1 0.1 -detector_roty 30",
    ],
)
def test_flags_give_the_geometry_that_the_header_does_not_contain(flags):
    flags = f"{flags} -pixel 0.4"
    assert simulate(f"{RUN} {flags} -floatfile a.bin -intfile a.img --preview run.png {RINGS}").status == 0
    status, _, err = show(f"a.bin {flags} {RINGS}")
    assert (status, err) == (0, [])
    assert Path("a.bin.png").read_bytes() == Path("run.png").read_bytes()


def test_a_tilt_that_the_header_does_not_describe_is_a_warning():
    for flags in ("-twotheta 20", "-detector_roty 20"):
        assert simulate(f"{RUN} {flags} -intfile a.img").status == 0
        assert any("the detector is tilted" in line for line in show(f"a.img {RINGS}")[2])
        assert any("-distance" in line for line in show(f"a.img {flags} {RINGS}")[2])
        assert show("a.img")[2] == []
        assert show(f"a.img -distance 100 {flags} {RINGS}")[2] == []


def test_another_programs_header_gives_the_rings():
    """No DENZO keywords: MOSFLM's beam centre, along slow and fast, counts from the middle of the first pixel."""
    header = "PIXEL_SIZE=0.2;\nDISTANCE=50;\nWAVELENGTH=0.9;\nBEAM_CENTER_X=7.1;\nBEAM_CENTER_Y=9.3;\n"
    Path("a.img").write_bytes(smv_bytes(np.ones((80, 100)), header))
    status, out, err = show("a.img --preview-rings 5 --preview-beam")
    assert (status, err) == (0, [])
    assert "rings: 5 Angstrom" in out and "direct beam: fast 47 slow 36 pixels" in out
    blue, _ = coloured(Path("a.img.png").read_bytes())
    rows, columns = np.nonzero(blue)
    radius = np.hypot(rows + 0.5 - 36, columns + 0.5 - 47)
    expected = 50 * math.tan(2 * math.asin(0.9 / 10)) / 0.2
    on_ring = np.abs(radius - expected) < 0.75
    assert np.count_nonzero(on_ring) > 100
    assert rows[~on_ring].max() < 20  # the label, at the top


def test_flags_override_the_header():
    header = "PIXEL_SIZE=0.2;\nDISTANCE=50;\nCLOSE_DISTANCE=50;\nWAVELENGTH=0.9;\n"
    Path("a.img").write_bytes(smv_bytes(np.ones((80, 100)), header))
    show("a.img -distance 100 -pixel 0.4 -lambda 1.1 --preview-rings 9 --preview-zoom 8")
    blue, _ = coloured(Path("a.img.png").read_bytes())
    middle = blue[320]  # the row of the picture next to the direct beam
    expected = 100 * math.tan(2 * math.asin(1.1 / 18)) / 0.4 * 8
    left, right = np.flatnonzero(middle)[[0, -1]]
    assert (right - left) / 2 == pytest.approx(expected, abs=1.0)


def test_the_output_describes_the_picture():
    Path("a.img").write_bytes(smv_bytes(np.full((100, 3000), 7), "PIXEL_SIZE=0.1;\nDISTANCE=50;\nWAVELENGTH=1;\n"))
    assert show("a.img")[1][1:] == [
        "zoom: each picture pixel is the largest of 2 x 2 pixels", "log scale: white up to 7, black from 7",
    ]  # fmt: skip
    assert show("a.img --preview-roi 0 9 5 24 --preview-zoom 3")[1][1:3] == [
        "region: fast 0 to 9, slow 5 to 24", "zoom: 3 x 3 picture pixels per pixel",
    ]  # fmt: skip
    Path("a.img").write_bytes(smv_bytes(np.zeros((5, 5))))
    assert show("a.img")[1][1:] == ["no pixel is greater than 0"]


BAD = {
    "no file": ("", "name of an image file"),
    "a flag first": ("-distance 5 a.img", "name of an image file"),
    "absent": ("absent.img", "absent.img"),
    "empty": ("empty", "empty"),
    "directory": ("directory", "directory"),
    "png": ("picture.png", "picture.png is a PNG file"),
    "no shape": ("lone.bin", "--shape"),
    "wrong shape": ("lone.bin --shape 2 2", "--shape 2 2 needs 4"),
    "bad shape": ("lone.bin --shape 2 x", "--shape"),
    "truncated smv": ("short.img", "truncated"),
    "truncated pgm": ("short.pgm", "short.pgm is truncated"),
    "text pgm": ("text.pgm", "text.pgm is not a PGM image"),
    "huge pgm": ("huge.pgm", "huge.pgm is not a PGM image"),
    "no geometry": ("a.pgm --preview-rings auto", "give -distance and -pixel and -lambda"),
    "no wavelength": ("a.pgm --preview-beam -distance 10 -pixel 1", "give -lambda"),
    "impossible wavelength": ("a.pgm --preview-beam -distance 10 -pixel 1 -lambda 0", "-lambda"),
    "impossible pixel": ("a.pgm --preview-beam -distance 10 -pixel 0 -lambda 1", "-pixel"),
    "finer than possible": ("a.pgm --preview-rings 0.4 -distance 10 -pixel 1 -lambda 1", "finer than 0.5"),
    "unknown option": ("a.pgm --rings auto", "--rings"),
    "bad option": ("a.pgm --preview-zoom big", "--preview-zoom"),
    "region outside": ("a.pgm --preview-roi 0 14 0 8", "--preview-roi"),
    "over its input": ("a.pgm --output ./a.pgm", "--output"),
    "over its geometry": ("a.pgm -img a.img --output a.img", "--output"),
    "no such folder": ("a.pgm --output absent/a.png", "--output"),
}


@pytest.mark.parametrize("name", BAD)
def test_bad_input_is_one_line_and_nothing_is_written(name, folder):
    Path("directory").mkdir()
    Path("lone.bin").write_bytes(bytes(24))
    Path("a.pgm").write_bytes(FILES["a.pgm"])
    Path("short.pgm").write_bytes(FILES["a.pgm"][:-1])
    Path("text.pgm").write_text("P5\nno numbers\n")
    Path("huge.pgm").write_text("P5\n10 10\n70000\n" + "x" * 300)
    Path("a.img").write_bytes(FILES["a.img"])
    Path("short.img").write_bytes(FILES["a.img"][:-1])
    Path("picture.png").write_bytes(b"\x89PNG\r\n\x1a\n")
    Path("empty").touch()
    before = {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()}
    arguments, words = BAD[name]
    status, out, err = show(arguments)
    assert (status, out, len(err)) == (2, [], 1)
    assert err[0].startswith("nbkernel: ") and words in err[0]
    assert {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()} == before


def test_it_starts_without_numba():
    Path("a.img").write_bytes(smv_bytes(PIXELS, "PIXEL_SIZE=0.1;\nDISTANCE=50;\nWAVELENGTH=1;\n"))
    code = (
        f"import sys; from nbkernel.cli.main import main; status = main(['show', 'a.img', *{RINGS.split()}]); "
        "sys.exit(status or 'numba' in sys.modules)"
    )
    subprocess.run([sys.executable, "-c", code], check=True, capture_output=True)


def test_a_float_file_takes_the_header_of_its_own_panel():
    """Among SMV files with the same number of pixels, the one with the most similar name."""
    for number, (x, y) in enumerate(((1.0, 2.0), (3.0, 0.5))):
        header = f"PIXEL_SIZE=1;\nDISTANCE=50;\nWAVELENGTH=1;\nDENZO_X_BEAM={y};\nDENZO_Y_BEAM={x};\n"
        Path(f"int_{number}.img").write_bytes(smv_bytes(PIXELS, header))
        PIXELS.astype(np.float32).tofile(f"float_{number}.bin")
        PIXELS.astype(np.float32).tofile(f"int_{number}.bin")
    for number, beam in enumerate(("fast 1 slow 2", "fast 3 slow 0.5")):
        status, out, _ = show(f"int_{number}.bin --preview-beam")
        assert status == 0 and f"direct beam: {beam} pixels" in out


def test_a_float_file_in_a_folder_that_cannot_be_listed(monkeypatch):
    np.zeros(12, np.float32).tofile("a.bin")

    def refused(folder):
        raise PermissionError(13, "Permission denied", folder)

    monkeypatch.setattr("nbkernel.io.images.float_image.os.listdir", refused)
    status, _, errors = show("a.bin")
    assert status == 2
    assert errors == ["nbkernel: show: no SMV image beside a.bin has its 12 pixels; give --shape SLOW FAST"]


def test_a_picture_does_not_replace_the_header_that_gave_the_shape():
    assert simulate(f"{RUN} -floatfile a.bin -intfile a.img").status == 0
    header = Path("a.img").read_bytes()
    status, _, errors = show("a.bin --output a.img")
    assert (status, errors) == (2, ["nbkernel: --output: a.img is an input of this run; give another name"])
    assert Path("a.img").read_bytes() == header


def test_counts_are_drawn_without_their_pedestal_and_with_their_pixels_marked():
    pytest.importorskip("h5py")
    photons = np.zeros((12, 16), np.float32)
    photons[2:4] = 1000.0
    mask = np.zeros(photons.shape, int)
    mask[5, 6], mask[6, 8:10], mask[7, 8:10] = 8, 2, 1
    pedestal = np.where(np.arange(16) < 8, 30.0, 300.0) * np.ones((12, 1))
    response = nbkernel.Response(gain=2.0, pedestal=pedestal, mask=mask, saturation=2300)
    prepared = nbkernel.Experiment(
        cell=(50, 60, 70, 90, 90, 90), default_F=1, Na=1, Nb=1, Nc=1, wavelength=1, distance=100, detpixels_f=16,
        detpixels_s=12, roi=(0, 14, 0, 11), oversample=1,
    )  # fmt: skip
    image = nbkernel.simulate(prepared)
    image[:] = photons
    counts = nbkernel.detect(image, response, seed=1)
    nbkernel.write_hdf5("c.h5", image, counts)
    nbkernel.write_preview("api.png", counts, scale="linear", percentiles=(0, 100))
    status, out, err = show(f"c.h5:/entry/data/data {FULL_RANGE} --output shown.png")
    assert (status, err) == (0, [])
    masked = mask != 0
    masked[:, 15] = True
    saturated = (counts == 2300) & ~masked
    # the pedestal is larger in the right half, where most saturate
    assert 5 < np.count_nonzero(saturated[:, 8:]) and not saturated[:, :8].any()
    assert out[-2:] == [
        "pedestal: 30 to 300 counts, subtracted",
        f"marked: {np.count_nonzero(masked)} masked pixels (green), {np.count_nonzero(saturated)} saturated (orange)",
    ]
    for name in ("shown.png", "api.png"):
        grey, colours = decode_png(Path(name).read_bytes())
        for marks, level in ((masked, MASKED), (saturated, SATURATED)):
            np.testing.assert_array_equal(grey == level, marks)
            assert colours[level].tolist() == list(COLOURS[level])
        measured = np.where(masked, 0.0, np.asarray(counts) - pedestal)
        expected = expected_levels(measured)
        clear = ~masked & ~saturated
        assert np.abs(grey.astype(float) - expected)[clear].max() <= 2.0
    # a reduced block is masked where all of it is, and saturated where any of it is
    assert show("c.h5:/entry/data/data --preview-zoom 1/2 --output half.png")[0] == 0
    half = levels("half.png")
    assert np.argwhere(half == MASKED).tolist() == [[3, 4]]
    blocks = saturated.reshape(6, 2, 8, 2).any(axis=(1, 3))
    np.testing.assert_array_equal(half == SATURATED, blocks)


def test_an_smv_header_states_pedestal_and_saturation():
    pixels = np.full((9, 14), 40, np.uint16)
    pixels[3, 4], pixels[5, 6] = 65535, 90
    Path("a.img").write_bytes(smv_bytes(pixels, "IMAGE_PEDESTAL=40;\n"))
    status, out, _ = show("a.img --preview-scale linear --preview-range 0 50")
    assert status == 0
    assert out[1:] == [
        "linear scale: white up to 50, black from 32772.5",
        "pedestal: 40 counts, subtracted",
        "marked: 0 masked pixels (green), 1 saturated (orange)",
    ]
    assert np.argwhere(levels("a.img.png") == SATURATED).tolist() == [[3, 4]]
