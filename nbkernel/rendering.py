"""Experiments rendered from Python: `nbkernel.simulate`."""

import contextlib
import logging
import sys
import threading
import time
from collections.abc import Callable, Iterable
from dataclasses import replace

import numpy as np

from .devices import choose, parse_device
from .engine import DEFAULT_PRECISION, PRECISIONS, Engine
from .errors import DeviceError, InputError
from .experiment import Experiment
from .interruptible import interruptible
from .panel_image import PanelImage
from .prepare import prepare_panels
from .progress_bar import ProgressBar
from .quirks import warning
from .render import render_panels
from .statistics import image_statistics
from .threads import thread_count

LOG = logging.getLogger("nbkernel")
LOG.addHandler(logging.NullHandler())


def simulate(
    experiment: Experiment,
    *,
    device: str = "auto",
    precision: str = DEFAULT_PRECISION,
    fix: str | Iterable[str] | None = None,
    threads: int | None = None,
    tile: tuple[int, int] | None = None,
    progress: bool | Callable[[int, int], None] | None = None,
) -> PanelImage | list[PanelImage]:
    """Renders an Experiment.

    device: "auto" (a CUDA device if there is one), "cpu", "cuda", "cuda:0", "cuda:0,1". precision: "double", "mixed" or
    "exact" (see docs/precisions.md). fix: names of the quirks of nanoBragg.c to correct, or "all"; None takes the
    experiment's. threads: at most and by default all cores. tile: (slow, fast) pixels rendered at a time; never changes the
    image. progress: called with the pixels done and their number, from any thread; True shows a bar on standard error.

    Returns the PanelImage: photons, (slow, fast) float32, with `statistics` and `detector`; where the experiment has panels,
    a list of one for each. Reads the files that the experiment names. What is worth knowing goes to the logger "nbkernel".
    Raises InputError (a message for the user) for unusable input, DeviceError, which is one, for a device that cannot be
    used or fails.
    """
    engine = make_engine(device, precision, threads, tile)
    if fix is not None:
        experiment = replace(experiment, fix=fix)
    runs = prepare_panels(experiment, int(time.time()))
    for line in quirk_warnings(runs):
        LOG.warning("%s", line)
    with pixel_reports(progress, runs) as on_pixels:
        renderings, engine = render_on(engine, runs, on_pixels, LOG.warning)
    if interpolation_ended(renderings):
        LOG.warning("%s", warning("interpolation"))
    images = [with_statistics(*pair, engine) for pair in zip(renderings, runs, strict=True)]
    return images if runs[0].experiment.panels else images[0]


def make_engine(device, precision, threads, tile):
    """Engine of the arguments of `simulate`. Raises InputError for one that cannot be."""
    if precision not in PRECISIONS:
        raise InputError(f"precision: {precision!r} is not there; need {', '.join(PRECISIONS)}")
    for name, values in (("threads", (threads,)), ("tile", tile or ())):
        if any(value is not None and (not isinstance(value, int) or value < 1) for value in values):
            raise InputError(f"{name}: needs whole numbers of at least 1, not {threads if name == 'threads' else tile!r}")
    if tile is not None and len(tile) != 2:
        raise InputError(f"tile: needs 2 whole numbers, slow and fast, not {tile!r}")
    choice = choose(*parse_device(device), precision)
    LOG.info("%s", choice.line())
    return Engine(precision, threads, None if tile is None else tuple(tile), choice.devices, choice.falls_back)


def quirk_warnings(runs):
    """A line for each quirk of nanoBragg.c that changes a panel."""
    names = dict.fromkeys(name for prepared in runs for name in prepared.quirks)
    return [warning(name) for name in names]


@contextlib.contextmanager
def pixel_reports(progress, runs):
    """For the time of rendering: the function to be called with the number of pixels done, None where nobody asked."""
    if progress is None or progress is False:
        yield None
    elif progress is True:
        with ProgressBar(sys.stderr).rendering(runs) as report:
            yield report
    else:
        total = wanted_count(runs)
        yield lambda done: progress(done, total)


def wanted_count(runs):
    """Pixels to render, of all panels."""
    return sum(int(np.count_nonzero(prepared.wanted)) for prepared in runs)


def render_on(engine, runs, on_pixels, note):
    """Renderings of Prepared panels by an Engine, and the Engine that made them: without its devices where they fail and it
    may fall back. note: called with a line where that happens. An interruption of the calling thread ends the work after
    the band of tiles under way."""
    interrupted = threading.Event()

    def report(done):
        if interrupted.is_set():
            raise InterruptedError
        if on_pixels is not None:
            on_pixels(done)

    arguments = (runs, engine.precision, engine.threads, engine.tile_shape, report)
    try:
        return interruptible(render_panels, *arguments, engine.devices), engine
    except DeviceError as error:
        if not engine.falls_back:
            raise
        note(f"{error}; rendering on the CPU")
        return interruptible(render_panels, *arguments), replace(engine, devices=())
    except BaseException:
        interrupted.set()
        raise


def interpolation_ended(renderings):
    """Whether the first index outside the table has switched interpolation off in a panel."""
    return any(rendering.carried.latch_pixel < rendering.image.size for rendering in renderings)


def with_statistics(rendering, prepared, engine):
    """The PanelImage of a Rendering. Precision exact sums as the program does, pixel after pixel."""
    statistics = image_statistics(
        rendering.image, prepared.wanted, prepared.roi, prepared.plan, prepared.detector.pixel_size, rendering.omega_sum,
        None if engine.precision == "exact" else thread_count(engine.threads),
    )  # fmt: skip
    return PanelImage(rendering.image, prepared, engine, statistics)
