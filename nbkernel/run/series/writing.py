"""Writes the files of a series: data files, one after the other, then what describes them all."""

import contextlib
import itertools
import logging
import re
import threading
from datetime import UTC, datetime

import numpy as np

from nbkernel.engine.threads import thread_count
from nbkernel.engine.tiles import wanted_count
from nbkernel.experiment.config.writing import resolved_experiment
from nbkernel.image.panel_image import as_ndarray
from nbkernel.io.nexus.data_file import DataFile
from nbkernel.io.nexus.master_file import write_master
from nbkernel.io.nexus.writer import check_panels
from nbkernel.run.provenance import contents_names, provenance
from nbkernel.support.logger import LOG

from .draws import draws_of
from .folder import Folder
from .frame import RNG
from .side_by_side import images_at_a_time, side_by_side
from .specification import FIRST_CHECKED, specification_text
from .table import table_text
from .truth import columns_of, truth_columns, truth_of

# of all series, so that one has the same bytes whenever it is made
DATE = datetime(2000, 1, 1, tzinfo=UTC)
NUMBERS = re.compile(r"[-+]?[0-9][0-9.e+-]*")
FIRST_PREPARED = 4  # images whose values are looked at more closely before a run begins
DTYPES = {None: None, 16: np.uint16, 32: np.int32}


def write_series(series, prefix, folder, shard, images, resume, counting, wrote=lambda name, images: None, making=None):
    """Writes the files of a Series, see `Series.run`; returns the paths of those written and the names of data files that
    are not there yet.

    prefix: of arguments in messages; counting: called with the number of images, returns a context manager whose value is
    called with the number of those done, or None; wrote: called with the name of each file and the number of its images, 0
    of files without; making: makes the data files elsewhere, see `cluster.made_by`; None: this process does.
    """
    option = f"{prefix}output" if prefix else "folder"
    place = Folder(folder, series.specification, series.simulator.engine.precision)
    asked, images = place.asked(prefix, shard, images)
    first = list(itertools.islice(itertools.chain.from_iterable(part.images for part in asked), FIRST_CHECKED))
    for image in first:
        draws_of(series.specification, image)
    maker = series.frames()
    check_panels(maker.base_panels)
    for image in first[:FIRST_PREPARED]:
        maker.check(image)
    place.open(option, resume)
    # images that are asked for are made again
    parts = asked if images is not None else [part for part in asked if not place.has(part.name)]
    written = []
    with warnings_once(), counting(sum(len(part.images) for part in parts)) as report:
        if making is None:
            made = files_made(maker, option, place, parts, report)
        else:
            made = making(option, place, parts, report, images is not None)
        with contextlib.closing(made):
            for part in made:
                written.append(part.name)
                wrote(part.name, len(part.images))
    written.sort()
    every = place.parts(images)
    missing = [part.name for part in every if not place.has(part.name)]
    if not missing:
        for name in describe(maker, option, place, every, images):
            written.append(name)
            wrote(name, 0)
    return [place.file(name) for name in written], missing


def files_made(maker, option, place, parts, report):
    """Writes Parts one after the other; yields each when its file is there. report: called with the number of images done,
    or None."""
    done = 0
    for part in parts:
        write_part(maker, option, place, part, report and (lambda count, done=done: report(done + count)))
        done += len(part.images)
        yield part


def write_part(maker, option, place, part, report):
    """Writes a data file. report: called with the number of its images done, or None. Images are written while the next
    ones are made."""
    specification, rows = maker.specification, []
    shapes = [run.wanted.shape for run in maker.base_panels]
    dtype = DTYPES[specification.bits] if specification.counts else np.float32
    with (
        DataFile(
            option, place.file(part.name), shapes, len(part.images), dtype, specification.photons, part.images.start + 1,
            place.inputs(),
        ) as file,
        contextlib.closing(made_images(maker, part)) as images,
    ):  # fmt: skip
        for data, photons, truth in images:
            file.append(data, photons)
            rows.append(truth)
            if report is not None:
                report(len(rows))
        file.add_truth(columns_of(rows, specification.has_several()))


def made_images(maker, part):
    """Yields what `made_image` returns for the images of a Part, in order; several are made at a time if that is faster."""
    engine, runs, stop = maker.simulator.engine, maker.base_panels, threading.Event()
    count, threads = 1, engine.threads
    if not engine.devices:
        pixels = sum(run.wanted.size for run in runs)
        steps = wanted_count(runs) * runs[0].plan.steps * runs[0].plan.detector_thicksteps
        count, threads = images_at_a_time(pixels, steps, len(part.images), thread_count(threads))
    own = maker.with_threads(threads, stop)
    yield from side_by_side(lambda image: made_image(own, part.name, image), part.images, count, stop)


def made_image(maker, name, image):
    """(data and photons of an image, as `DataFile.append` takes them, its truth). name: of the data file."""
    specification, frame = maker.specification, maker.frame(image)
    data, noise = maker.data(frame, image)
    if noise is not None:
        for line in noise.lines(name, specification.bits or 32):
            LOG.warning("%s", line)
    photons = [as_ndarray(panel) for panel in frame.photons] if specification.photons else None
    return [as_ndarray(panel) for panel in data], photons, truth_of(specification, frame, noise)


def describe(maker, option, place, parts, images):
    """Writes what describes all data files, the table of the truth and the master file; returns their names."""
    paths, inputs = [place.file(part.name) for part in parts], place.inputs()
    text = table_text([truth_columns(option, path) for path in paths])
    place.write(option, place.truth_name(images), text.encode())
    master = place.file(place.master_name(images))
    write_master(option, master, maker.base_panels, paths, stated_of(maker, master), DATE, inputs)
    return [place.truth_name(images), place.master_name(images)]


def stated_of(maker, path):
    """The provenance of the master file `path`."""
    specification = maker.specification
    noise = {"rng": RNG, "seed": specification.seed, "adc": specification.adc} if specification.counts else None
    experiment, inputs, engine = resolved_experiment(maker.base), maker.base.inputs, maker.simulator.engine
    text = specification_text(specification, path, contents_names(specification.experiment))
    return {**provenance(experiment, inputs, path, engine=engine, noise=noise), "series": text}


@contextlib.contextmanager
def warnings_once():
    """Within this context a warning that differs from an earlier one in numbers only is not repeated: every image might
    have it."""
    seen = set()

    def is_new(record):
        line = NUMBERS.sub("#", record.getMessage())
        if record.levelno < logging.WARNING or line in seen:
            return record.levelno < logging.WARNING
        seen.add(line)
        return True

    LOG.addFilter(is_new)
    try:
        yield
    finally:
        LOG.removeFilter(is_new)
