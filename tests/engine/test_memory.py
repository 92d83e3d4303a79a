"""The memory that a large image needs."""

import subprocess
import sys

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


def test_a_4096_x_4096_image_with_all_its_files_stays_below_450_megabytes(tmp_path):
    command = [sys.executable, "-c", MEASURE, sys.executable, "-m", "nbkernel", "simulate", *FLAGS.split()]
    run = subprocess.run(command, cwd=tmp_path, check=True, capture_output=True, text=True)
    for name, size in FILES.items():
        assert (tmp_path / name).stat().st_size >= size
        (tmp_path / name).unlink()
    assert int(run.stdout) * 1024 < 450e6
