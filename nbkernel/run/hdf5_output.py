"""The HDF5 file of a run: images, geometry and provenance."""

import contextlib
from dataclasses import replace

import numpy as np

from nbkernel.experiment.config.writing import resolved_experiment
from nbkernel.image.counts import photon_strips
from nbkernel.image.labels import label_panel
from nbkernel.image.panel_image import as_ndarray
from nbkernel.image.seeds import seeds_of_crystal

from .provenance import provenance


def check_hdf5(runs):
    """Raises InputError for Prepared panels that NXmx cannot represent."""
    from nbkernel.io.nexus.writer import check_panels

    check_panels(runs)


def fill_hdf5(files, name, path, images, counts, command):
    """Fills the file that OutputFiles has opened under `name` with photons and noisy counts (or None) of all panels.

    images, counts: lists of PanelImage; path: the file's final name. Raises InputError for what NXmx
    cannot represent.
    """
    # h5py is imported only by runs that write an HDF5 file
    from nbkernel.io.nexus.writer import write_nxmx

    noise = getattr(counts[0], "noise", None) if counts else None
    stated = stated_of(images, noise, path, command)
    pixels = [[as_ndarray(image) for image in own] if own else None for own in (images, counts)]
    runs = with_responses(
        [image.run for image in images], [(getattr(own, "noise", None) or {}).get("response") for own in counts or ()]
    )
    files.write_by_name(name, lambda temporary: write_nxmx(temporary, runs, *pixels, stated, path))


def fill_labels(files, name, images, path, command):
    """Fills the file that OutputFiles has opened under `name` with the Labels of PanelImages, all panels of a run. path: the
    file's final name. Raises InputError if it cannot be written."""
    from nbkernel.io.hdf5.labels import write_label_file

    panels = (label_panel(image.run.added_up(), image.engine) for image in images)
    shapes = [image.run.wanted.shape for image in images]
    stated = stated_of(images, None, path, command)
    files.write_by_name(name, lambda temporary: write_label_file(temporary, shapes, panels, stated))


def with_responses(runs, responses):
    """The Prepared panels of a detector with the Responses of `detect`, which need not be the run's own."""
    if not responses or None in responses:
        return runs
    return [replace(run, experiment=replace(run.experiment, response=tuple(responses))) for run in runs]


@contextlib.contextmanager
def open_hdf5(files, name, path, runs, has_noise):
    """A context with the NxmxFile that OutputFiles has opened under `name`, for 32-bit counts if there is noise."""
    from nbkernel.io.nexus.writer import new_nxmx

    with files.written_by_name(name) as temporary, new_nxmx(temporary, runs, np.int32 if has_noise else None, path) as file:
        yield file


def finish_hdf5(file, images, noise, path, command):
    """Writes the rendered pixels and the provenance into an NxmxFile. noise: the properties of the counts that it has, None
    without counts; the others as for `fill_hdf5`."""
    for panel, image in enumerate(images):
        for strip, pixels in photon_strips(image):
            file.write_photons(panel, strip, pixels)
    file.finish(stated_of(images, noise, path, command))


def stated_of(images, noise, path, command):
    """The provenance of images with noise of these properties."""
    run, engine = images[0].run, images[0].engine
    experiment, seeds = resolved_experiment(run), seeds_of_crystal(run)
    return provenance(experiment, run.inputs, path, command=command, engine=engine, noise=noise, seeds=seeds)
