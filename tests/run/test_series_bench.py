"""`python -m bench.series`: every contestant makes the same images, and one that does not gets no speed."""

import shlex
import sys
from types import SimpleNamespace

import h5py
import numpy as np
import pytest

pytest.importorskip("gemmi")

from bench.series.__main__ import lines_of, measure
from bench.series.contestants import LOOP, contestants, differences
from bench.series.workload import NAME, flags_of, write_inputs, write_specification
from nbkernel.experiment.experiment import Experiment
from nbkernel.io.hdf5.filters import hdf5plugin
from nbkernel.run.series.series import Series

SIZE, C = 48, "loop of C"


@pytest.fixture
def base(tmp_path):
    write_inputs(tmp_path)
    write_specification(tmp_path / f"{NAME}.toml", SIZE, 8)
    return tmp_path


@pytest.fixture
def options(tmp_path):
    """With a program that makes the C program's files."""
    script = tmp_path / "program"
    script.write_text(
        f'#!/bin/sh\nexec {shlex.quote(sys.executable)} -m nbkernel simulate --device cpu --precision exact "$@"\n'
    )
    script.chmod(0o755)
    return SimpleNamespace(c_binary=str(script), c_binary_omp=None, images=8, single=1, precision="double", repeat=1)


@pytest.mark.slow
def test_a_run_of_the_bench(base, options):
    result = measure(options, base, SIZE)
    rows = result["rows"]
    assert {LOOP, C, "series, 1 thread"} <= set(rows) and all(row["wall"] > 0.0 for row in rows.values())
    assert rows["series, 1 thread"]["images"] == 8 and rows[LOOP]["images"] == rows[C]["images"] == 1
    found = result["overhead"][1]
    assert set(found) == {"series", "once", "render", "noise", "compress"} and found["render"][0] > 0.0
    text = "\n".join(lines_of(result))
    assert f"x {LOOP}" in text and f"x {C}" in text and "beyond that" in text


@pytest.mark.slow
def test_contestants_with_other_images_get_no_speed(base, options):
    with Series(base / f"{NAME}.toml", device="cpu") as series:
        those = contestants(options, base, series.frames(), SIZE)
        for contestant in those.values():
            contestant.run()
        assert differences(those, series.frames(), "double") == {}
        first, *others = (name for name, own in those.items() if own.output is not None)
        hdf5plugin()
        with h5py.File(those[first].output / f"{NAME}_000001.h5", "r+") as file:
            file["entry/data/data"][0, 7, 7] += 1
        for name, factor in ((LOOP, 1.0 + 1e-6), (C, 1.01)):
            path = those[name].commands[0][1] / "floatimage.bin"
            (np.fromfile(path, np.float32) * np.float32(factor)).tofile(path)
        found = differences(those, series.frames(), "double")
    assert found == {
        first: "other counts than add_noise",
        **dict.fromkeys(others, "other bytes"),
        LOOP: "image 0 has other bits",
        C: "image 0 is not within the promise of double",
    }
    assert "other bytes: no speed" in "\n".join(
        lines_of(dict(size=1, images=8, overhead={}, rows={"b": {"wrong": "other bytes"}}))
    )


def test_the_flags_of_an_image_make_its_experiment(base):
    """The values that vary, to the last bit."""
    with Series(base / f"{NAME}.toml", device="cpu") as series:
        maker = series.frames()
        for image in range(3):
            ours = maker.frame(image).shot.experiment
            theirs = Experiment.from_command_line(flags_of(maker, image, SIZE, base / f"{NAME}.mtz"))
            for name in ("cell", "misset", "wavelength", "fluence", "pixel", "distance", "water", "Na", "Nb", "Nc", "hkl"):
                assert getattr(ours, name) == getattr(theirs, name), name
