"""`nbkernel noisify` against noisify.c: its files byte for byte and its lines as text; its inputs, and bad ones."""

from pathlib import Path

import numpy as np
import pytest

from nbkernel import Response, detect
from nbkernel.image.noisify import KINDS, Spread, on_photon_scale, spread_out
from nbkernel.kernels.exact.noisify import FIBER, GAUSS, spread_into_pixel
from nbkernel.run.siblings.noisify_flags import FLAGS, Noisify, parse_noisify

from golden import SIBLINGS, assert_files_are_those_of, load_cases
from running import BASE, command, smv_bytes

OUTPUT_FLAGS = "-intfile int.img -pgmfile image.pgm -noisefile noise.img".split()
SHAPE = 24, 32
NUMBERS = ("PIXEL_SIZE", "DISTANCE", "WAVELENGTH", "BEAM_CENTER_X", "BEAM_CENTER_Y")


@pytest.fixture(autouse=True)
def folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    pixels(20.0).tofile("photons.bin")
    return tmp_path


def pixels(mean):
    return np.random.default_rng(5).gamma(2.0, mean / 2.0, SHAPE).astype(np.float32)


def noisify(*arguments):
    return command("noisify", *map(str, arguments))


@pytest.mark.golden
@pytest.mark.parametrize("case", load_cases(SIBLINGS, "noisify"), ids=lambda case: case.id)
def test_files_and_lines_are_those_of_noisify(case, tmp_path):
    status, out, _ = noisify(*case.command(OUTPUT_FLAGS), "--precision", "exact", "--noise-rng", "ran1")
    assert status == 0
    assert_files_are_those_of(case, tmp_path)
    assert {line.rstrip() for line in case.stdout} <= {line.rstrip() for line in out}


# noisify.c's argument parser, read by hand: spellings that it accepts, with what they set
@pytest.mark.parametrize(
    ("line", "field", "value"),
    [
        ("-bin a.bin", "floatfile", "a.bin"),
        ("floatimage.bin", "floatfile", "floatimage.bin"),
        ("my_floatimage.bin.2 -floatimage b.bin", "floatfile", "b.bin"),
        ("-bin a.bin -intfile floatimage.bin.img", "floatfile", "a.bin"),
        ("-bin a.bin -psf_width 30", "psf_fwhm", 30.0),
        ("-bin a.bin -psf_size 31", "psf_fwhm", 31.0),
        ("-bin a.bin -psf_radius 4.9", "psf_radius", 4),
        ("-bin a.bin -psf gaussian", "psf", "gauss"),
        ("-bin a.bin -readnoise 2", "readout_noise", 2.0),
        ("-bin a.bin -calib_seed 7", "seed", None),
        ("-bin a.bin -detpixels 64 -detpixels_y 32", "detpixels_f", 64),
        ("-bin a.bin -detpixels 64 -detpixels_y 32", "detpixels_s", 32),
        ("-bin a.bin -gain 2 -gain 3", "gain", 3.0),
        ("-bin a.bin -nonoise", "noise", False),
        ("-bin a.bin -nopgm", "pgm", False),
    ],
)
def test_flags_are_read_as_noisify_reads_them(line, field, value):
    asked, _ = parse_noisify(line.split())
    assert getattr(asked, field) == value


def test_every_flag_sets_a_field_or_says_that_it_has_no_effect():
    fields = set(parse_noisify(["-bin", "a.bin"])[0].__dataclass_fields__)
    for entry in FLAGS:
        assert {*entry.sets, *entry.also} <= fields
        assert entry.sets or entry.also or "has no effect" in entry.help


def test_the_image_is_as_square_as_its_pixels_allow():
    np.zeros(24 * 35, np.float32).tofile("flat.bin")
    assert noisify("-bin", "flat.bin", "-seed", 1)[0] == 0
    header = Path("intimage.img").read_bytes()[:512]
    assert b"SIZE1=28;\nSIZE2=30;" in header


def test_an_smv_image_is_read_with_its_shape_and_geometry():
    counts = pixels(20.0).astype(np.uint16)
    Path("counts.img").write_bytes(
        smv_bytes(counts, "PIXEL_SIZE=0.05;\nDISTANCE=77;\nBEAM_CENTER_X=0.3;\nBEAM_CENTER_Y=0.5;\n")
    )
    counts.astype(np.float32).tofile("same.bin")
    assert noisify("-bin", "counts.img", "-seed", 3, *OUTPUT_FLAGS)[0] == 0
    first = {name: Path(name).read_bytes() for name in OUTPUT_FLAGS[1::2]}
    # 24 rows of 0.05 mm: the flag counts from the other edge
    flags = "-detpixels_x 32 -pixel 0.05 -distance 77 -Xbeam 0.3 -Ybeam 0.7 -seed 3".split()
    assert noisify("-bin", "same.bin", *flags, *OUTPUT_FLAGS)[0] == 0
    assert first == {name: Path(name).read_bytes() for name in OUTPUT_FLAGS[1::2]}


def test_an_hdf5_image_is_read():
    h5py = pytest.importorskip("h5py")
    with h5py.File("photons.h5", "w") as file:
        file["image"] = pixels(20.0)
    assert noisify("-bin", "photons.h5:/image", "-seed", 3, *OUTPUT_FLAGS)[0] == 0
    first = Path("noise.img").read_bytes()
    assert noisify("-bin", "photons.bin", "-detpixels_x", 32, "-seed", 3, *OUTPUT_FLAGS)[0] == 0
    assert Path("noise.img").read_bytes() == first


def test_the_geometry_of_an_hdf5_file_is_in_the_header():
    pytest.importorskip("h5py")
    line = f"{BASE} -detpixels 16 -pixel 0.2 -distance 120 -Xbeam 1 -Ybeam 2 --hdf5 shot.h5 -intfile int.img"
    assert command("simulate", *line.split())[0] == 0
    assert noisify("-bin", "shot.h5", "-seed", 3, "-intfile", "own.img")[0] == 0
    headers = [header_values(name) for name in ("int.img", "own.img")]
    for keyword, tolerance in (
        ("PIXEL_SIZE", 0), ("DISTANCE", 0), ("WAVELENGTH", 0), ("BEAM_CENTER_X", 1e-5), ("BEAM_CENTER_Y", 1e-5)
    ):  # fmt: skip
        assert headers[0][keyword] == pytest.approx(headers[1][keyword], abs=tolerance), keyword


@pytest.mark.parametrize("flags", ["-bits 16", "-bits 32 -adc -30 --noise-rng philox"])
def test_the_hdf5_file_has_the_images_and_the_geometry_of_the_headers(flags):
    h5py = pytest.importorskip("h5py")
    line = "-bin photons.bin -detpixels_x 32 -pixel 0.2 -distance 120 -Xbeam 3 -Ybeam 1 -lambda 1.3 -seed 3 -readout 2"
    assert noisify(*line.split(), *flags.split(), "--hdf5", "shot.h5")[0] == 0
    bits = 32 if "32" in flags else 16
    counts = np.fromfile("noiseimage.img", {16: np.uint16, 32: np.int32}[bits], offset=512).reshape(SHAPE)
    with h5py.File("shot.h5") as file:
        assert np.array_equal(file["entry/data/data"][0], counts) and (counts.min() < 0) == (bits == 32)
        assert np.array_equal(
            file["entry/photons/data"][0], on_photon_scale(pixels(20.0), Noisify(floatfile="x").fluence, 1.0)
        )
        detector = file["entry/instrument/detector"]
        assert detector["bit_depth_readout"][()] == bits
        assert detector["underload_value"][()] <= counts.min() and counts.max() <= detector["saturation_value"][()]
    first = header_values("noiseimage.img")
    assert noisify("-bin", "shot.h5", "-seed", 3)[0] == 0
    assert header_values("noiseimage.img") == pytest.approx(first, abs=1e-5)


def header_values(name):
    lines = Path(name).read_bytes()[:512].decode("latin-1").split(";")
    pairs = (line.strip().partition("=") for line in lines)
    return {keyword: float(value) for keyword, _, value in pairs if keyword in NUMBERS}


def test_without_a_seed_noise_differs_and_the_seed_printed_repeats_it():
    _, out, _ = noisify("-bin", "photons.bin", "-detpixels_x", 32, "-noisefile", "first.img")
    noisify("-bin", "photons.bin", "-detpixels_x", 32, "-noisefile", "second.img")
    seed = next(line.split(":")[1].strip().removeprefix("-") for line in out if line.startswith("  seed:"))
    noisify("-bin", "photons.bin", "-detpixels_x", 32, "-noisefile", "again.img", "-seed", seed)
    first, second, again = (Path(f"{name}.img").read_bytes() for name in ("first", "second", "again"))
    assert first == again != second


@pytest.mark.parametrize("bits", [16, 32])
def test_philox_noise_is_that_of_detect(bits):
    flags = (
        "-detpixels_x 32 -pixel 0.05 -psf gauss -psf_fwhm 60 -flicker 0.1 -calib_seed 4 -readout_noise 2 -gain 1.5 -adc 3"
    )
    status, out, _ = noisify("-bin", "photons.bin", *flags.split(), "-bits", bits, "-seed", 9, "--noise-rng", "philox")
    response = Response(
        flicker=0.1, calibration=0.03, calibration_seed=4, psf="gauss", psf_fwhm=60.0, gain=1.5, readout_noise=2.0,
        pedestal=3.0, bits=bits,
    )  # fmt: skip
    photons = on_photon_scale(pixels(20.0), Noisify(floatfile="x").fluence, 1.0)
    expected = detect(photons, response, seed=9, pixel=0.05)
    found = np.fromfile("noiseimage.img", {16: np.uint16, 32: np.int32}[bits], offset=512).reshape(SHAPE)
    assert status == 0 and np.array_equal(found, expected)
    assert out[-1] == f"{expected.noise['photons']:.0f} photons on noise image (0 overloads)"


@pytest.mark.parametrize("threads", [1, 3])
@pytest.mark.parametrize("kind", KINDS)
def test_point_spread_is_a_sum_over_sources_in_the_order_of_the_file(kind, threads):
    """A plain loop over sources and offsets, with the program's place behind the last pixel; every radius different."""
    photons = np.random.default_rng(7).poisson(3.0, SHAPE).astype(np.float32)
    photons[5, 7] = 40000.0
    spread = Spread(KINDS[kind], 1.7, 4)
    table = np.array(
        [[spread_into_pixel(spread.kind, fast, slow, 1.7) for fast in range(-4, 5)] for slow in range(-4, 5)]
    )  # fmt: skip
    expected = np.zeros(photons.size + 1, np.float32)
    lost = 0.0
    for (slow, fast), own in np.ndenumerate(photons.astype(np.float64)):
        if own == 0.0:
            continue
        g = 1.7 * 0.652383013252053
        lost += own * (np.exp(-np.log(16) * (4 / 1.7) * (4 / 1.7)) if kind == "gauss" else g / np.sqrt(g * g + 16))
        for dx in range(-4, 5):
            for dy in range(-4, 5):
                x, y = fast + dx, slow + dy
                if dx * dx + dy * dy <= 16 and 0 <= x <= SHAPE[1] and 0 <= y < SHAPE[0]:
                    expected[y * SHAPE[1] + x] += own * table[dy + 4, dx + 4]
    found = spread_out(photons, spread, threads, lambda *line: None)
    expected = (expected[:-1].astype(np.float64) + lost / photons.size).astype(np.float32).reshape(SHAPE)
    assert np.abs(found.view(np.int32) - expected.view(np.int32)).max() <= 1  # `lost` is summed in another library


@pytest.mark.parametrize(("kind", "fwhm"), [(GAUSS, 0.5), (GAUSS, 3.0), (FIBER, 0.5), (FIBER, 3.0)])
def test_shares_are_integrals_over_pixels(kind, fwhm):
    """The midpoint rule on a fine grid; half of a Gaussian's height, and of a fiber's, is at half the full width."""
    steps = (np.arange(400) + 0.5) / 400 - 0.5
    g = fwhm * 0.652383013252053

    def density(r2):
        if kind == GAUSS:
            return np.log(16) / np.pi / fwhm**2 * np.exp(-np.log(16) * r2 / fwhm**2)
        return g / (2 * np.pi * (g * g + r2) ** 1.5)

    assert density(fwhm**2 / 4) == pytest.approx(density(0.0) / 2, rel=1e-6)
    for x, y in ((0, 0), (1, 0), (2, 3), (-4, 1)):
        fine = density((x + steps) ** 2 + (y + steps[:, None]) ** 2).mean()
        assert spread_into_pixel(kind, float(x), float(y), fwhm) == pytest.approx(fine, rel=1e-4)


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("-seed 1", "noisify: needs -floatfile FILE, the image that gets noise; see nbkernel noisify -h"),
        ("-bin gone.bin", "-floatfile: there is no file gone.bin"),
        ("-bin odd.bin", "-floatfile: odd.bin is no float image: 7 bytes are not whole float32 numbers"),
        (
            "-bin photons.bin -detpixels 64",
            "-floatfile: photons.bin has 768 float32 pixels, not 64 x 64 (fast x slow)",
        ),
        ("-bin photons.bin -gain 0", "-gain: is 0, with which no photon is seen; need the counts of a photon"),
        ("-bin photons.bin -bits 8", "-bits: needs 16 or 32, not 8"),
        ("-bin photons.bin -pixel 0", "-pixel: needs an edge in mm greater than 0, not 0"),
        ("-bin photons.bin -flicker -1", "-flicker: needs a number of at least 0, not -1"),
        ("-bin photons.bin -readout x", "-readout: needs a number, not 'x'"),
        ("-bin photons.bin -psf round", "-psf: needs gauss or fiber, not 'round'"),
        ("-bin photons.bin -psf", "-psf: needs a value, got none"),
        (
            "-bin photons.bin -detpixels_x 32 -psf gauss -psf_radius 33",
            "-psf_radius: 33 pixels are more than the image has (32 x 24 pixels, fast x slow); need 0, automatic, to 32",
        ),
        ("-bin nan.bin -psf gauss", "-psf: nan.bin has pixels that are not finite numbers, which cannot be spread"),
        ("-bin photons.bin -header photons.bin", "-header: photons.bin is not an SMV image (its header must begin with HEADER_BYTES)"),
        ("-bin photons.bin -noisefile photons.bin", "-noisefile: photons.bin is an input of this run; give another name"),
        (
            "-bin photons.bin --noise-rng philox --precision exact",
            "--precision: exact needs noisify.c's random numbers, --noise-rng ran1, not philox",
        ),
        (
            "-bin photons.bin --noise-rng philox -gain -1",
            "-gain: needs counts of a photon greater than 0, not -1",
        ),
        ("-bin photons.bin --noise-rng other", "--noise-rng: needs ran1 or philox, not 'other'"),
    ],
)  # fmt: skip
def test_bad_input_is_one_line_and_nothing_is_written(line, message, folder):
    Path("odd.bin").write_bytes(b"1234567")
    np.array([1, np.nan, 2, 3], np.float32).tofile("nan.bin")
    before = {path.name: path.read_bytes() for path in folder.iterdir()}
    status, _, errors = noisify(*line.split())
    assert (status, errors) == (2, [f"nbkernel: {message}"])
    assert {path.name: path.read_bytes() for path in folder.iterdir()} == before
