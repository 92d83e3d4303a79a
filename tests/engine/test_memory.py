"""The memory that large images need, and images of which a small region is rendered."""

import subprocess
import sys

import numpy as np
import pytest

from nbkernel.support.memory import LARGE, panel_zeros

PIXELS = 4096**2
FILES = {
    "floatimage.bin": 4 * PIXELS,
    "intimage.img": 512 + 2 * PIXELS,
    "image.pgm": PIXELS,
    "noiseimage.img": 512 + 2 * PIXELS,
}
FLAGS = (
    "-cell 70 80 90 75 85 95 -default_F 100 -N 5 -lambda 1 -distance 100 -detpixels 4096 -oversample 1 -fluence 1e24 "
    "-seed 1 -noprogress"
)
# a small process starts the run, as a program's peak memory begins at that of the process that started it
MEASURE = (
    "import resource, subprocess, sys; subprocess.run(sys.argv[1:], check=True, stdout=subprocess.DEVNULL); "
    "print(resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss)"
)


def peak_memory(folder, *flags):
    """Bytes that `nbkernel simulate` takes, with all files."""
    command = [sys.executable, "-c", MEASURE, sys.executable, "-m", "nbkernel", "simulate", *FLAGS.split(), *flags]
    return int(subprocess.run(command, cwd=folder, check=True, capture_output=True, text=True).stdout) * 1024


@pytest.mark.slow
def test_a_4096_x_4096_image_with_all_its_files_stays_below_350_megabytes(tmp_path):
    assert peak_memory(tmp_path) < 350e6
    for name, size in FILES.items():
        assert (tmp_path / name).stat().st_size >= size
        (tmp_path / name).unlink()


@pytest.mark.slow
def test_a_large_image_takes_little_more_than_its_own_pixels(tmp_path):
    """The strips that the files are made from do not grow with the image, which has 5 bytes for each pixel."""
    pixels = 9000**2
    assert peak_memory(tmp_path, "-detpixels", "9000", "--hdf5", "image.h5", "--preview", "image.png") < 5 * pixels + 450e6
    for path in tmp_path.iterdir():
        path.unlink()


REGIONS = {
    "small": ("20000 20009 30000 30009", 300e6),
    # at least a page of 4096 bytes in every row of the image, and of its mask
    "narrow": ("20000 20009 0 49999", 700e6),
}


@pytest.mark.slow
@pytest.mark.parametrize("name", REGIONS)
def test_a_region_of_50000_x_50000_pixels_takes_memory_and_space_for_itself_only(name, tmp_path):
    roi, limit = REGIONS[name]
    more = ("-detpixels", "50000", "-roi", *roi.split(), "--preview", "image.png")
    assert peak_memory(tmp_path, *more, *(("--hdf5", "image.h5") if name == "small" else ())) < limit
    assert (tmp_path / "floatimage.bin").stat().st_size == 4 * 50000**2
    assert (tmp_path / "noiseimage.img").stat().st_size == 512 + 2 * 50000**2
    used = sum(512 * path.stat().st_blocks for path in tmp_path.iterdir())
    for path in tmp_path.iterdir():
        path.unlink()
    assert used < (10e6 if name == "small" else 2e9)


@pytest.mark.parametrize("roi", [(3, 5, 0, 3999), (0, 3999, 7, 9), (0, 3999, 0, 3999), (1, 2, 3, 4)])
@pytest.mark.parametrize("dtype", [np.float32, np.int32, bool])
def test_panel_zeros_are_an_ordinary_array(dtype, roi):
    array = panel_zeros((4200, 4100), dtype, roi)
    assert array.nbytes > LARGE and array.flags.c_contiguous and array.flags.writeable
    assert array.shape == (4200, 4100) and array.dtype == dtype and not array.any()
    array[roi[2] : roi[3] + 1, roi[0] : roi[1] + 1] = 1
    assert array.sum() == (roi[1] - roi[0] + 1) * (roi[3] - roi[2] + 1)


def test_panel_zeros_that_have_no_addresses():
    with pytest.raises(MemoryError):
        panel_zeros((1 << 25, 1 << 25), np.float32, (0, 0, 0, 0))
