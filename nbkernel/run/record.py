"""Images with all that is known of them, in one HDF5 file."""

from nbkernel.image.panel_image import plain
from nbkernel.image.seeds import seeds_of_crystal

from .provenance import provenance


def check_record(runs):
    """Raises InputError for Prepared panels that NXmx cannot hold."""
    from nbkernel.io.nexus.writer import check_panels

    check_panels(runs)


def write_record(files, name, path, images, counts, experiment, command):
    """Fills the file that OutputFiles has opened under `name` with photons and noisy counts (or None) of all panels.

    images, counts: of PanelImage; experiment: resolved; path: what the file will be called. Raises InputError for what
    NXmx cannot hold.
    """
    # h5py is imported only by runs that write such a file
    from nbkernel.io.nexus.writer import write_nxmx

    noise = getattr(counts[0], "noise", None) if counts else None
    runs = [image.run for image in images]
    seeds = seeds_of_crystal(runs[0])
    stated = provenance(experiment, runs[0].inputs, path, command=command, engine=images[0].engine, noise=noise, seeds=seeds)
    pixels = [[plain(image) for image in own] if own else None for own in (images, counts)]
    files.write_by_name(name, lambda temporary: write_nxmx(temporary, runs, *pixels, stated, path))
