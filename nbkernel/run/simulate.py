"""Rendering Experiments from Python: `nbkernel.simulate`, and `nbkernel.Simulator` for many of them."""

import contextlib
import sys
import threading
from collections.abc import Callable, Collection, Sequence
from dataclasses import replace
from typing import Any, Self

from nbkernel.engine.devices import choose_device, parse_device
from nbkernel.engine.kept_memory import KeptMemory
from nbkernel.engine.options import DEFAULT_PRECISION, PARALLEL, PRECISIONS, Engine
from nbkernel.engine.render import render_panels
from nbkernel.engine.tiles import wanted_count
from nbkernel.errors import DeviceError, InputError
from nbkernel.experiment.argument_names import naming_arguments
from nbkernel.experiment.experiment import Experiment
from nbkernel.experiment.fields import DEFAULTS
from nbkernel.experiment.kept_inputs import KeptInputs
from nbkernel.experiment.quirks import warning
from nbkernel.geometry.region import pixels_of
from nbkernel.image.panel_image import PanelImage
from nbkernel.image.seeds import fresh_seed, seed_line
from nbkernel.kernels.compile.object_cache import CACHE
from nbkernel.setup.checks.remarks import run_remarks
from nbkernel.setup.prepare import prepare_panels
from nbkernel.support.interruptible import interruptible
from nbkernel.support.logger import LOG
from nbkernel.support.suggestion import suggestion
from nbkernel.support.validation import check_threads, integer

from .progress_bar import ProgressBar


@naming_arguments()
def simulate(
    experiment: Experiment,
    *,
    device: str = "auto",
    precision: str = DEFAULT_PRECISION,
    fix: str | Collection[str] | None = None,
    threads: int | None = None,
    tile: Sequence[int] | None = None,
    parallel: str | None = None,
    progress: bool | Callable[[int, int], None] | None = None,
) -> PanelImage | Any:  # a list of them where there are panels, which a type checker does not see
    """Renders an Experiment.

    device: "auto" (a CUDA device if there is one; the CPU if that is done before the device has started), "cpu", "cuda",
    "cuda:0", "cuda:0,1". precision: "double", "mixed" or "exact" (see docs/precisions.md). fix: names of the quirks of
    nanoBragg.c to correct, or "all"; None takes the experiment's. threads: the maximum number, by default all cores. tile:
    (slow, fast) pixels rendered at a time; never changes the image. parallel: whose threads render on the CPU, "threads"
    (nbkernel's) or "prange" (numba's), which never changes the image; by default "threads", but "prange" if no compiled
    kernel can be kept. progress: called with the number of pixels done and the total, from any thread; True shows a bar on
    standard error.

    Returns the PanelImage: photons, (slow, fast) float32, with `statistics` and `detector`; for an experiment with panels, a
    list with one PanelImage per panel. Reads the files that the experiment names. Warnings and notes go to the logger
    "nbkernel". Raises InputError (with a message for the user) for unusable input, and its subclass DeviceError for a device
    that cannot be used or fails.
    """
    if not isinstance(experiment, Experiment):
        raise InputError(f"simulate: needs an Experiment, not {type(experiment).__name__}")
    simulator = Simulator(
        experiment, device=device, precision=precision, fix=fix, threads=threads, tile=tile, parallel=parallel
    )
    with simulator:
        return simulator.simulate(progress=progress)


class Simulator:
    """Renders many images of an Experiment, and keeps what they share: the contents of input files, squared structure
    factors, work space, and on a CUDA device tables and the memory of tiles.

    Each image has the bits that `nbkernel.simulate` gives. An input file is read once, when an image first needs it; if the
    file changes later, the images do not. Several threads may render at once. A `with` statement closes the Simulator.

    experiment: what the images have in common; device, precision, fix, threads, tile, parallel: as for `simulate`, but a
    device that has failed is not tried again. Raises InputError for an unusable argument, DeviceError for an unusable
    device.
    """

    @naming_arguments()
    def __init__(
        self,
        experiment: Experiment,
        *,
        device: str = "auto",
        precision: str = DEFAULT_PRECISION,
        fix: str | Collection[str] | None = None,
        threads: int | None = None,
        tile: Sequence[int] | None = None,
        parallel: str | None = None,
    ) -> None:
        if not isinstance(experiment, Experiment):
            raise InputError(f"Simulator: needs an Experiment, not {type(experiment).__name__}")
        self.engine = make_engine(device, precision, threads, tile, parallel)
        self.experiment = experiment if fix is None else replace(experiment, fix=fix)
        self.kept: tuple[KeptInputs, KeptMemory] | None = (KeptInputs(), KeptMemory())  # None when closed

    @naming_arguments()
    def simulate(
        self, *, progress: bool | Callable[[int, int], None] | None = None, **changes: Any
    ) -> PanelImage | Any:  # a list of them where there are panels, which a type checker does not see
        """Renders one image.

        changes: values of fields of the Experiment that differ in this image; progress: as for `simulate`.

        Returns what `simulate` returns for the Experiment with these changes; without a seed, a random orientation is drawn
        anew for each image. The last 8 files of each kind are kept. Raises InputError for unusable input, for a file that
        has to be read again and has changed, or for a closed Simulator; DeviceError for a device that fails.
        """
        kept, wanted = self.kept, self.engine
        if kept is None:
            raise InputError("simulate: this Simulator is closed; make a new one")
        inputs, memory = kept
        CACHE.say = CACHE.say or log_compiling
        runs = prepare_panels(changed(self.experiment, changes), fresh_seed(), inputs)
        seeds = seed_line(runs[0])
        if seeds is not None:
            LOG.info("%s", seeds)
        for line in (*quirk_warnings(runs), *run_remarks(runs)):
            LOG.warning("%s", line)
        wanted = settled(wanted, runs, LOG.info)
        with pixel_reports(progress, runs) as on_pixels:
            renderings, engine = render_on(wanted, runs, on_pixels, LOG.warning, memory)
        if engine is not wanted:
            self.engine = engine
        if interpolation_ended(renderings):
            LOG.warning("%s", warning("interpolation"))
        images = panel_images(renderings, runs, engine)
        for line in dark_lines(images):
            LOG.warning("%s", line)
        return images if runs[0].experiment.panels else images[0]

    def close(self) -> None:
        """Gives back the memory, when images in progress are finished. No further image can be rendered."""
        self.kept = None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *error: object) -> None:
        self.close()


def changed(experiment, changes):
    """The Experiment with some fields replaced. Raises InputError, naming the field, for a wrong name or value."""
    for name in changes:
        if name not in DEFAULTS:
            raise InputError(f"{name}: is not a field of Experiment{suggestion(name, DEFAULTS)}")
    return experiment.with_changes(changes) if changes else experiment


def log_compiling(line):
    """A warning if the cache folder cannot be used, which costs every run its compile time; otherwise only information."""
    (LOG.info if CACHE.refused is None else LOG.warning)("%s", line)


def make_engine(device, precision, threads, tile, parallel=None):
    """The Engine for the arguments of `simulate`. Raises InputError for an unusable one."""
    if precision not in PRECISIONS:
        raise InputError(f"precision: {precision!r} is not supported; need {', '.join(PRECISIONS)}")
    check_threads(threads)
    if tile is not None:
        sizes = [integer("tile", size) for size in tile] if isinstance(tile, (tuple, list)) else []
        if len(sizes) != 2 or min(sizes) < 1:
            raise InputError(f"tile: needs 2 whole numbers of at least 1, slow and fast, not {tile!r}")
        tile = tuple(sizes)
    if parallel is not None and parallel not in PARALLEL:
        raise InputError(f"parallel: {parallel!r} is not supported; need {', '.join(PARALLEL)}")
    choice = choose_device(*parse_device(device), precision)
    if not choice.falls_back:
        LOG.info("%s", choice.line())
    return Engine(precision, threads, tile, choice.devices, choice.falls_back, parallel, choice.reason)


def settled(engine, runs, say):
    """The Engine for Prepared panels: where `auto` has chosen a device, without it if the CPU is done before that has
    started; `say` is called with a line about it."""
    if not (engine.devices and engine.falls_back):
        return engine
    from nbkernel.engine.cuda.start import without_needless_device

    return without_needless_device(engine, runs, say)


def dark_lines(images):
    """A warning if no pixel has any photons."""
    if not any(row.any() for image in images for row in image[pixels_of(image.run.roi)]):
        yield "no pixel has any photons: is the detector in the beam's direction, and are all units right?"


def quirk_warnings(runs):
    """A warning for each quirk of nanoBragg.c that changes any panel."""
    names = dict.fromkeys(name for prepared in runs for name in prepared.quirks)
    return [warning(name) for name in names]


@contextlib.contextmanager
def pixel_reports(progress, runs):
    """While the panels are rendered: the function to be called with the number of pixels done, None if none is needed."""
    if progress is None or progress is False:
        yield None
    elif progress is not True and not callable(progress):
        raise InputError(f"progress: needs True or a function of two numbers, not {progress!r}")
    elif progress is True:
        with ProgressBar(sys.stderr).rendering(runs) as report:
            yield report
    else:
        total = wanted_count(runs)
        yield lambda done: progress(done, total)


def render_on(engine, runs, on_pixels, note, memory=None):
    """Renderings of Prepared panels by an Engine, and the Engine that made them: without its devices if they fail and it may
    fall back; then `note` is called with a line. memory: the KeptMemory of a series of runs. An interruption of the calling
    thread ends the work after the current band of tiles."""
    interrupted = threading.Event()

    def report(done):
        if interrupted.is_set():
            raise InterruptedError
        if on_pixels is not None:
            on_pixels(done)

    arguments = (runs, engine.precision, engine.threads, engine.tile_shape, report)
    try:
        try:
            return interruptible(render_panels, *arguments, engine.devices, engine.parallel, memory), engine
        except DeviceError as error:
            if not engine.falls_back:
                raise
            note(f"{error}; rendering on the CPU")
            engine = replace(engine, devices=())
            return interruptible(render_panels, *arguments, engine.devices, engine.parallel, memory), engine
    except BaseException:
        interrupted.set()
        raise


def interpolation_ended(renderings):
    """Whether an index outside the table has switched interpolation off in any panel."""
    return any(rendering.history.latch_pixel < rendering.image.size for rendering in renderings)


def panel_images(renderings, runs, engine):
    """The PanelImages of Renderings."""
    return [
        PanelImage(rendering.image, prepared, engine, rendering.omega_sum)
        for rendering, prepared in zip(renderings, runs, strict=True)
    ]
