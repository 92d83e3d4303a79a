"""The HDF5 file of a run: images, geometry and provenance."""

from nbkernel.experiment.config.writing import resolved_experiment
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
    runs = [image.run for image in images]
    seeds = seeds_of_crystal(runs[0])
    experiment = resolved_experiment(runs[0])
    stated = provenance(experiment, runs[0].inputs, path, command=command, engine=images[0].engine, noise=noise, seeds=seeds)
    pixels = [[as_ndarray(image) for image in own] if own else None for own in (images, counts)]
    files.write_by_name(name, lambda temporary: write_nxmx(temporary, runs, *pixels, stated, path))
