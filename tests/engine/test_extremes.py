"""Valid input at the limits of floating-point numbers."""

import dataclasses
import math

import numpy as np
import pytest

from nbkernel.errors import InputError
from nbkernel.experiment.experiment import Experiment
from nbkernel.io.files.text import c_format
from nbkernel.io.tables.matrix import read_orientation

from running import simulate

BASE = "-cell 50 60 70 90 90 90 -detpixels 9 -seed 3 -N 5"
FEW = {(0, 0, 0): 10, (1, 0, 0): 5, (-1, -1, -1): 7, (1, 1, 1): 3}


@pytest.fixture(autouse=True)
def folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with open("few.hkl", "w") as file:
        file.writelines(f"{h} {k} {l} {F}\n" for (h, k, l), F in FEW.items())


def float_image():
    return np.fromfile("floatimage.bin", np.float32)


def test_zeros_are_positive_on_a_detector_behind_the_sample():
    assert simulate(f"{BASE} -hkl few.hkl -nointerpolate -pixel 3 -twotheta 120").status == 0
    pixels = float_image()
    assert (pixels == 0).any() and not np.signbit(pixels[pixels == 0]).any()


def test_directions_of_pixels_at_the_sample_are_those_of_nanobragg():
    """They are rounding errors, and the reflection that they give decides between -inf and 0."""
    with open("checker.hkl", "w") as file:
        whole = range(-5, 6)
        file.writelines(f"{h} {k} {l} {1000 * ((h + k + l) % 2)}\n" for h in whole for k in whole for l in whole)
    flags = "-cell 20 1 5 60 60 60 -misset 30 60 90 -hkl checker.hkl -nointerpolate -detpixels 5 -ORGY 4 -oversample 2"
    place = "-sdet_vector 0 0 -1 -odet_vector 0 0 -1"
    assert simulate(f"{flags} {place} -seed 1 --precision exact").status == 0
    # nanoBragg.c's image
    expected = np.zeros((5, 5), np.float32)
    expected[[2, 3, 4], [1, 2, 3]] = -np.inf
    assert (float_image().reshape(5, 5) == expected).all()


@pytest.mark.parametrize("precision", ["exact", "double", "mixed"])
@pytest.mark.parametrize("place", ["-fdet_vector 0 -1 0", "-close_distance 1 -odet_vector 0 0 -1 -Xbeam 1"])
def test_parallel_axes_and_overflowing_positions_make_no_numpy_warning(place, precision):
    with np.errstate(all="raise"):
        run = simulate(f"{BASE} -default_F 1 -detpixels 1 {place} --precision {precision}")
    assert run.status == 0 and "encountered" not in run.err


def test_signs_of_zeros_on_a_detector_behind_the_sample_are_those_of_nanobragg():
    """Gaussian spots so far away that the value underflows, in float64 or only in float32, which keeps the float64's sign."""
    flags = (
        "-N 14 -gauss_xtal -fudge 0.3 -default_F 3 -dmin 1.15 -detpixels 6 -pixel 9 -distance 100 -twotheta 120 -lambda 2"
    )
    assert simulate(f"{BASE} {flags} -oversample 1 -nointerpolate").status == 0
    pixels = float_image().reshape(6, 6)
    assert not pixels.any()
    signs = ["".join("-" if negative else "+" for negative in row) for row in np.signbit(pixels)]
    assert signs == ["-+----", "-+----", "------", "-+----", "------", "+-----"]


def test_a_beam_centre_of_minus_0_is_0_in_a_noise_image():
    for flags, keyword in (
        (
            "-adxv -Xbeam 0 -Ybeam 0.4 -detector_rotx 180 -detector_roty 180 -detector_rotz 90 -distance 10 -pixel 0.1",
            b"DENZO_Y_BEAM",
        ),
        (
            "-denzo -Xbeam 0 -Ybeam 0 -twotheta 180 -detector_rotx 90 -detector_rotz 90 -distance 100 -pixel 1",
            b"DENZO_X_BEAM",
        ),
    ):
        assert simulate(f"{BASE} -default_F 10 -detpixels 4 -oversample 1 {flags}").status == 0
        for name, center in (("intimage.img", b"-0"), ("noiseimage.img", b"0")):
            with open(name, "rb") as file:
                assert keyword + b"=" + center + b";" in file.read(512)


def test_the_header_of_a_detector_behind_the_sample_can_be_read():
    assert simulate(f"{BASE} -default_F 3 -twotheta 120").status == 0
    assert simulate(f"{BASE} -default_F 3 -img intimage.img").status == 0


@pytest.mark.parametrize("shape", ["square", "gauss", "round"])
def test_nan_indices_do_not_address_the_table(shape):
    assert simulate(f"{BASE} -hkl few.hkl -nointerpolate -{shape}_xtal -dispersion 200 -dispsteps 2").status == 0


def test_more_steps_than_a_c_int_holds_become_one():
    assert simulate(f"{BASE} -default_F 10 -hdivrange 1 -hdivstep 1e-30").status == 0
    overflowing = float_image()
    assert simulate(f"{BASE} -default_F 10").status == 0
    assert overflowing.tobytes() == float_image().tobytes()


@pytest.mark.parametrize("flags", ["-mosaic 1e300 -mosaic_dom 2", "-cell 1e-200", "-cell 1e150", "-detector_abs 1e-320"])
def test_absurd_values_are_refused_in_one_line(flags):
    run = simulate(f"{BASE} -default_F 10 -detector_thick 100 {flags}")
    assert run.status == 2
    assert len(run.errors) == 1


def test_numbers_in_a_matrix_file_may_touch(tmp_path):
    (tmp_path / "touching.mat").write_text(" 0.0107-0.0205 0.0001\n-0.0015-1.5E-02 0.2\n 1 2 3\n 4 5 6")
    assert read_orientation("touching.mat").numbers == (0.0107, -0.0205, 0.0001, -0.0015, -0.015, 0.2, 1, 2, 3)


def test_nan_prints_with_its_sign():
    negative = math.copysign(math.nan, -1.0)
    assert c_format("%g %.0f %d%% %g", negative, negative, 3, math.nan) == "-nan -nan 3% nan"


@pytest.mark.parametrize("precision", ["exact", "double", "mixed"])
@pytest.mark.parametrize("far", ["", "9000 0 0 1\n"], ids=["dense", "sparse"])
def test_structure_factors_too_large_to_square_are_one_warning(precision, far):
    """numpy's own warnings never reach the user."""
    with open("few.hkl", "w") as file:
        file.write("0 0 0 1e200\n1 2 3 -1e200\n-1 -2 -3 1e-200\n" + far)
    run = simulate(f"{BASE} -hkl few.hkl -pixel 3 --precision {precision} -nointerpolate --hdf5 a.h5 --preview a.png")
    assert run.status == 0 and run.errors == []
    assert (
        "-hkl few.hkl: has structure factors of up to 1e+200 electrons, more than any crystal's; pixels may be infinite"
        in run.warnings
    )
    assert np.isinf(float_image()).any()


NUMBERS = [
    field.name
    for field in dataclasses.fields(Experiment)
    if "float" in str(field.type) and field.name not in ("panels", "cell", "mat")
]
NUMBERS += ["cell", "beam_vector"]


@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf])
@pytest.mark.parametrize("name", NUMBERS)
def test_every_number_of_an_experiment_is_finite(name, value):
    """Except the attenuation depth of a sensor that absorbs nothing."""
    several = name in ("cell", "cell_spread") or name.endswith(("_vector", "_axis", "misset"))
    given = {name: (1.0, value, 0.0) if several else (1.0, value) if name == "Ybeam_from_far_edge" else value}
    if name == "detector_abs" and math.isinf(value):
        assert Experiment(**given).detector_abs == value
        return
    with pytest.raises(InputError, match=f"^{name}.*: needs a finite number, not {value}"):
        Experiment(**given)


def test_structure_factors_in_a_dump_that_are_not_numbers_are_counted():
    with open("Fdump.bin", "wb") as file:
        file.write(b"0 0 0 0 0 1\n\f" + np.array([math.nan, 5.0] + [0.0] * 10).tobytes())
    run = simulate(f"{BASE} -pixel 3")
    assert run.status == 0 and run.errors == []
    assert "-dump Fdump.bin: 1 structure factor is infinite or not a number" in run.warnings
