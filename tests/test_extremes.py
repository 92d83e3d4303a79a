"""Legal input at the edge of what can be computed."""

import math

import numpy as np
import pytest
from running import simulate

from nbkernel.io.matrix import read_orientation
from nbkernel.io.text import c_format

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


def test_an_image_of_a_detector_behind_the_sample_gives_its_geometry():
    assert simulate(f"{BASE} -default_F 3 -twotheta 120").status == 0
    assert simulate(f"{BASE} -default_F 3 -img intimage.img").status == 0


@pytest.mark.parametrize("shape", ["square", "gauss", "round"])
def test_indices_that_are_nan_are_no_address(shape):
    assert simulate(f"{BASE} -hkl few.hkl -nointerpolate -{shape}_xtal -dispersion 200 -dispsteps 2").status == 0


def test_more_steps_than_a_c_int_are_one():
    assert simulate(f"{BASE} -default_F 10 -hdivrange 1 -hdivstep 1e-30").status == 0
    endless = float_image()
    assert simulate(f"{BASE} -default_F 10").status == 0
    assert endless.tobytes() == float_image().tobytes()


@pytest.mark.parametrize("flags", ["-mosaic 1e300 -mosaic_dom 2", "-cell 1e-200", "-cell 1e150", "-detector_abs 1e-320"])
def test_absurd_values_are_refused_in_one_line(flags):
    run = simulate(f"{BASE} -default_F 10 -detector_thick 100 {flags}")
    assert run.status == 2
    assert len(run.errors) == 1


def test_a_matrix_may_have_numbers_that_touch(tmp_path):
    (tmp_path / "touching.mat").write_text(" 0.0107-0.0205 0.0001\n-0.0015-1.5E-02 0.2\n 1 2 3\n 4 5 6")
    assert read_orientation("touching.mat").numbers == (0.0107, -0.0205, 0.0001, -0.0015, -0.015, 0.2, 1, 2, 3)


def test_nan_prints_with_its_sign():
    negative = math.copysign(math.nan, -1.0)
    assert c_format("%g %.0f %d%% %g", negative, negative, 3, math.nan) == "-nan -nan 3% nan"
