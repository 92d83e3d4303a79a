"""No speed without parity: is an image what its precision promises?"""

from dataclasses import replace
from pathlib import Path

import numpy as np

from nbkernel.diagnose.images.compare import judge, local_error, make_pair, ulp_distance
from nbkernel.engine.bounds.precision import sharpness
from nbkernel.experiment.experiment import Experiment
from nbkernel.io.images.image import Image
from nbkernel.setup.prepare import prepare

FLOAT, SMV = "floatimage.bin", "intimage.img"


def prepared_run(command, background=()):
    """The Prepared panel of a command line, with a Material or several."""
    return prepare(replace(Experiment.from_command_line(command), background=background), 1)


def step_count(command):
    """Steps of a run over all pixels and layers."""
    prepared = prepared_run(command)
    return int(prepared.wanted.sum()) * prepared.plan.steps * prepared.plan.detector_thicksteps


def parity(command, precision, ours, theirs):
    """{kept, figure}: whether the files in the folder `ours` keep the promise compared with those in `theirs`, and, as
    text, how far off they are."""
    prepared = prepared_run(command)
    shape = (prepared.detector.spixels, prepared.detector.fpixels)
    a, b = (np.fromfile(Path(folder, FLOAT), np.float32).reshape(shape) for folder in (theirs, ours))
    same = a.tobytes() == b.tobytes()
    if precision == "exact":
        same = same and Path(theirs, SMV).read_bytes() == Path(ours, SMV).read_bytes()
        return {"kept": same, "figure": "same bytes" if same else "other bytes"}
    pair, verdict = image_verdict(prepared, precision, a, b)
    farthest = float(local_error(pair)[ulp_distance(pair) > 1].max(initial=0.0))
    figure = f"{farthest:.0e} of the local maximum" if farthest else "1 ulp"
    return {"kept": verdict["within"], "figure": "same bytes" if same else figure} | verdict


def image_verdict(prepared, precision, expected, found):
    """(the images as a pair, `judge`'s verdict) of a run's image (slow, fast) float32 by what its precision promises."""
    pair = make_pair(*(Image("", "float", pixels, False, None, None) for pixels in (expected, found)))
    return pair, judge(pair, precision, sharpness(prepared.plan))
