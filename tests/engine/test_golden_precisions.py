"""Precisions `double` and `mixed` against nanoBragg.c's images: every pixel is within the precision's tolerance."""

import numpy as np
import pytest

from nbkernel.diagnose.images.compare import judge, make_pair
from nbkernel.engine.bounds.precision import sharpness
from nbkernel.engine.render import render
from nbkernel.experiment.experiment import Experiment
from nbkernel.io.images.image import Image
from nbkernel.setup.prepare import prepare

from golden import expected_file, load_cases

pytestmark = pytest.mark.golden


def as_image(pixels):
    return Image("", "float", pixels, False, None, None)


@pytest.mark.parametrize("precision", ["double", "mixed"])
@pytest.mark.parametrize("case", load_cases(), ids=lambda case: case.id)
def test_every_pixel_is_within_the_tolerance(case, precision, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    prepared = prepare(Experiment.from_command_line(case.command()), 1)
    image, _, _ = render(prepared, precision)
    expected = np.frombuffer(expected_file(case.id, "float.bin"), np.float32).reshape(image.shape)
    verdict = judge(make_pair(as_image(expected), as_image(image)), precision, sharpness(prepared.plan))
    assert verdict["within"], verdict
