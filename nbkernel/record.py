"""Images with all that is known of them, in one HDF5 file."""

from .panel_image import plain
from .provenance import provenance


def write_record(files, path, images, counts, experiment, command):
    """Fills the file that OutputFiles has opened as "--hdf5" with photons and noisy counts (or None) of all panels.

    images, counts: of PanelImage; experiment: resolved; path: what the file will be called. Raises InputError for what
    NXmx cannot hold.
    """
    # h5py is imported only by runs that write such a file
    from .io.nxmx_writer import write_nxmx

    noise = getattr(counts[0], "noise", None) if counts else None
    stated = provenance(experiment, path, command=command, engine=images[0].engine, noise=noise)
    runs = [image.run for image in images]
    pixels = [[plain(image) for image in own] if own else None for own in (images, counts)]
    files.write_by_name("--hdf5", lambda temporary: write_nxmx(temporary, runs, *pixels, stated, path))
