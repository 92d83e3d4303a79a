"""SMV files as DIALS reads them: dxtbx's rules, restated here, applied to both styles of header.

The rules were checked against DIALS 3.12.1, which these tests do not need.
"""

import math
from pathlib import Path

import numpy as np
import pytest

import nbkernel
from nbkernel.errors import InputError
from nbkernel.io.images.read import read_image

from running import simulate

REQUIRED = "BEAM_CENTER_X BEAM_CENTER_Y DISTANCE WAVELENGTH PIXEL_SIZE OSC_START OSC_RANGE SIZE1 SIZE2 BYTE_ORDER".split()
RUN = (
    "-cell 50 60 70 90 90 90 -default_F 100 -N 3 -lambda 1.0332 -distance 101.2345678 -detpixels_x 30 -detpixels_y 20 -pixel 0.172 "
    "-oversample 1 -fluence 1e28 -seed 1 -adc 17.5 -nopgm -noprogress -floatfile f.bin -intfile int_1.img -noisefile noise_1.img"
)
PIXEL = 0.172


@pytest.fixture(autouse=True)
def folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)


def dxtbx_header(path):
    """Length of the header in bytes, and {keyword: value}: one per line, with a single =, up to a line that is just a brace."""
    content = Path(path).read_bytes()
    assert content[:15] == b"{\nHEADER_BYTES="
    size = int(content[:45].decode().split("\n")[1].split("=")[1].replace(";", ""))
    found = {}
    for line in content[:size].decode().split("\n"):
        if line == "}":
            break
        if "=" in line:
            name, value = line.replace(";", "").split("=")
            found[name.strip()] = value.strip()
    return size, found


def dxtbx_class(header):
    """Name of the dxtbx class, for ADSC images and the like, that accepts a file."""
    if header.get("BEAMLINE") == "fake":
        return "JHSim"
    if (
        any(name not in header for name in REQUIRED)
        or "DTREK_DATE_TIME" in header
        or header["BEAMLINE"].upper() == "TIMEPIX_SU"
    ):
        return None
    if (int(header["SIZE1"]), int(header["SIZE2"])) == (2463, 2527):
        return "ADSCDBG"
    if "TIME" in header and "DATE" not in header:
        return "ADSCNoDateStamp"
    if "DATE" in header and header.get("DETECTOR_SN", "none").isdigit():
        return "ADSCSN"
    return "ADSC" if "TIME" in header or "DATE" in header else "ADSCmlfsom"


def dxtbx_model(path):
    """dxtbx's model of a file that its class JHSim or ADSC accepts: beam centre along fast and slow (mm), and more."""
    size, header = dxtbx_header(path)
    taken = dxtbx_class(header)
    X, Y, pixel, distance, wavelength = (
        float(header[name]) for name in ("BEAM_CENTER_X", "BEAM_CENTER_Y", "PIXEL_SIZE", "DISTANCE", "WAVELENGTH")
    )
    fast, slow = int(header["SIZE1"]), int(header["SIZE2"])
    if taken == "JHSim":
        center, pedestal, gain = (X + pixel, slow * pixel - Y + pixel), float(header.get("ADC_OFFSET", 1)), 1.0
    else:
        assert taken == "ADSC" and float(header["TIME"]) > 0
        center, pedestal, gain = (Y, X), float(header.get("IMAGE_PEDESTAL", 0)), float(header["GAIN"])
    order = ">u2" if header["BYTE_ORDER"] == "big_endian" else "<u2"
    pixels = np.frombuffer(Path(path).read_bytes(), order, fast * slow, offset=size).reshape(slow, fast)
    return {
        "class": taken, "center": center, "pedestal": pedestal, "gain": gain, "distance": distance, "wavelength": wavelength,
        "oscillation": (float(header["OSC_START"]), abs(float(header["OSC_RANGE"]))), "pixels": pixels,
        "axis": 1 if float(header["OSC_RANGE"]) > 0 else -1,
    }  # fmt: skip


# flags, and the direct beam along fast and slow (mm, from the first pixel's corner) in each program's convention
CONVENTIONS = {
    "mosflm": ("-Xbeam 1.1234567 -Ybeam 2.7654321", (2.7654321 + PIXEL / 2, 1.1234567 + PIXEL / 2)),
    "denzo": ("-Xbeam 1.1234567 -Ybeam 2.7654321", (2.7654321, 1.1234567)),
    "adxv": ("-Xbeam 1.1234567 -Ybeam 2.7654321", (1.1234567, 20 * PIXEL - 2.7654321)),
    "xds": ("-ORGX 8.123 -ORGY 6.789", ((8.123 - 0.5) * PIXEL, (6.789 - 0.5) * PIXEL)),
    "dials": ("-ORGX 8.123 -ORGY 6.789", ((8.123 - 0.5) * PIXEL, (6.789 - 0.5) * PIXEL)),
}


@pytest.mark.parametrize("convention", CONVENTIONS)
def test_dials_finds_the_geometry_of_the_run(convention):
    flags, center = CONVENTIONS[convention]
    run = simulate(f"{RUN} -{convention} {flags} -phi 5.25 -osc 0.5 -phisteps 2 --smv dials")
    assert run.status == 0, run.err
    scale = float(next(line for line in run.out.splitlines() if line.startswith("intfile_scale")).split()[-1])
    for name, gain in (("noise_1.img", 1.0), ("int_1.img", scale)):
        model = dxtbx_model(name)
        assert model["class"] == "ADSC"
        np.testing.assert_allclose(model["center"], center, rtol=0, atol=1e-9)
        assert model["pedestal"] == 17.5 and math.isclose(model["gain"], gain, rel_tol=1e-5)
        assert model["distance"] == 101.2345678 and model["wavelength"] == 1.0332
        assert model["oscillation"] == (5.25, 0.5) and model["axis"] == 1


def test_pixels_are_the_same_in_both_styles():
    for name in ("nanobragg", "dials"):
        assert simulate(f"{RUN} --smv {name}").status == 0
        for stem in ("noise", "int"):
            Path(f"{stem}_1.img").rename(f"{stem}_{name}.img")
    assert simulate(RUN).status == 0
    for stem in ("noise", "int"):
        usual = Path(f"{stem}_1.img").read_bytes()
        assert Path(f"{stem}_nanobragg.img").read_bytes() == usual
        assert dxtbx_model(f"{stem}_dials.img")["pixels"].tobytes() == usual[-1200:]
        # nbkernel's own reader agrees
        own, dials = (read_image("show", f"{stem}_{name}.img") for name in ("nanobragg", "dials"))
        assert np.array_equal(own.pixels, dials.pixels)
        np.testing.assert_allclose(own.beam_center, dials.beam_center, rtol=1e-5)


def test_dials_reads_nanobraggs_header_as_documented():
    assert simulate(f"{RUN} -Xbeam 1 -Ybeam 2").status == 0
    model = dxtbx_model("noise_1.img")
    assert model["class"] == "JHSim" and model["pedestal"] == 1
    np.testing.assert_allclose(model["center"], (1 + PIXEL, 20 * PIXEL - 2 + PIXEL), rtol=1e-5)


def test_a_negative_rotation_is_one_about_the_reversed_axis():
    assert simulate(f"{RUN} -phi 5 -phistep -0.25 -phisteps 2 --smv dials").status == 0
    _, header = dxtbx_header("noise_1.img")
    model = dxtbx_model("noise_1.img")
    assert (model["axis"] < 0) == (float(header["OSC_RANGE"]) < 0) and model["oscillation"][1] == abs(
        float(header["OSC_RANGE"])
    )


@pytest.mark.parametrize("length", (512, 1024))
def test_long_headers_state_their_length(length):
    flags = (
        "-phi 1.23456789012e-15 -osc 1.98765432101e-15 -twotheta 1.12345678912e-15 -adc 1.23456789012e-15"
        if length > 512
        else ""
    )
    more = (
        "-denzo -Xbeam 1.23456789012e-15 -Ybeam 1.10987654321e-15 -distance 100.123456789 -lambda 1.23456789012e-05"
        if length > 512
        else ""
    )
    assert simulate(f"{RUN} {flags} {more} --smv dials").status == 0
    size, _ = dxtbx_header("noise_1.img")
    assert size == length and Path("noise_1.img").stat().st_size == size + 1200


NOT_EXPRESSIBLE = {
    "-twotheta 10": "tilted or swung", "-detector_rotz 3": "tilted or swung", "-detector_roty 3": "tilted or swung",
    "-curved_det -nopolar": "the detector is curved", "-adxv": "points against the beam", "-dials -phi 1 -osc 1": "spindle is not along fast",
    "-spindle_axis 0 0 -1 -beam_vector 1 0 0 -phi 1 -osc 1 -fdet_vector 0 0 1 -sdet_vector 0 -1 0": "spindle is not along fast",
}  # fmt: skip


@pytest.mark.parametrize("flags", NOT_EXPRESSIBLE)
def test_what_the_header_cannot_express_is_a_warning(flags):
    run = simulate(f"{RUN} {flags} --smv dials")
    assert run.status == 0, run.err
    said = [line for line in run.warnings if line.startswith("--smv dials: ")]
    assert len(said) == 1 and NOT_EXPRESSIBLE[flags] in said[0]
    assert not any("DIALS" in line for line in simulate(f"{RUN} {flags}").warnings)


@pytest.mark.parametrize("flags", ("", "-detector_rotx 5", "-dials", "-xds -phi 1 -osc 1", "-denzo -phi 1 -osc 1"))
def test_no_warning_for_what_the_header_can_express(flags):
    # a rotation about the beam turns the detector's axes, and with them all that the header refers to them, except the spindle
    assert not any("--smv" in line for line in simulate(f"{RUN} {flags} --smv dials").warnings)


def test_the_size_whose_sides_dxtbx_swaps_is_a_warning():
    run = simulate(f"{RUN} -detpixels_x 2463 -detpixels_y 2527 -roi 0 1 0 1 --smv dials")
    assert any("DIALS swaps the sides of SMV images of 2463 x 2527 pixels" in line for line in run.warnings)
    assert dxtbx_class(dxtbx_header("noise_1.img")[1]) == "ADSCDBG"


def test_from_python(caplog):
    experiment = nbkernel.Experiment(
        cell=(50, 60, 70), default_F=100, Na=3, Nb=3, Nc=3, detpixels_f=30, detpixels_s=20, pixel=0.2, distance=100, Xbeam=1, Ybeam=2,
        oversample=1, fluence=1e28, twotheta=5,
    )  # fmt: skip
    image = nbkernel.simulate(experiment)
    counts = nbkernel.add_noise(image, seed=3, adc=10)
    nbkernel.write_smv("noise_1.img", counts, style="dials")
    assert [record.getMessage() for record in caplog.records if "tilted" in record.getMessage()]
    model = dxtbx_model("noise_1.img")
    assert model["pedestal"] == 10 and model["gain"] == 1
    np.testing.assert_allclose(model["center"], (2.1, 1.1), rtol=1e-12)
    nbkernel.write_smv("int_1.img", nbkernel.to_counts(image, 2.5, adc=3), style="dials")
    assert dxtbx_model("int_1.img")["gain"] == 2.5 and dxtbx_model("int_1.img")["pedestal"] == 3
    for other, words in (
        (counts + np.uint16(1), "needs unmodified counts from add_noise or to_counts"),
        (counts.T, "whole image of a panel"),
    ):
        with pytest.raises(InputError, match=words):
            nbkernel.write_smv("x.img", other, style="dials")
    with pytest.raises(InputError, match="style: 'adsc' is not supported; need nanobragg or dials"):
        nbkernel.write_smv("x.img", counts, style="adsc")
    assert not Path("x.img").exists()


def test_an_unknown_style_is_refused():
    run = simulate(f"{RUN} --smv adsc")
    assert run.status == 2 and run.errors == ["nbkernel: --smv: needs nanobragg or dials, not 'adsc'"]
    assert not list(Path().iterdir())
