"""Labels of pixels as HDF5, see docs/physics/labels.md."""

import numpy as np

import nbkernel

from .output import create_file
from .tree import as_stored, chunk_shape, set_attributes

CHUNK = 1 << 18  # pixels
# name: (axes beside those of pixels, type, value of pixels that a panel does not have, attributes)
DATASETS = {
    "wavelength": ((), np.float32, np.nan, {"units": "angstrom", "long_name": "mean wavelength of the Bragg photons"}),
    "hkl": ((3,), np.int32, 0, {"units": "1", "long_name": "Miller indices of the largest contribution"}),
    "bragg_share": ((), np.float32, 0.0, {"units": "1", "long_name": "Bragg photons divided by all photons"}),
}


def write_label_file(path, shapes, panels, provenance):
    """Writes the file `path`, which is overwritten: datasets (panels, slow, fast) and (panels, slow, fast, 3), compressed.

    shapes: (slow, fast) of each panel; panels: an iterator of their Labels; provenance: as for `write_nxmx`. Raises OSError
    if the file cannot be written.
    """
    size = tuple(map(max, zip(*shapes, strict=True)))
    chunk = chunk_shape(size, CHUNK)
    with create_file(path) as file:
        set_attributes(file, creator="nbkernel", creator_version=nbkernel.__version__)
        for name, (more, dtype, missing, attributes) in DATASETS.items():
            whole = file.create_dataset(
                name, (len(shapes), *size, *more), dtype, chunks=(1, *chunk, *more), fillvalue=missing,
                compression="gzip", compression_opts=1, shuffle=True,
            )  # fmt: skip
            axes = ["panel", "slow", "fast", *["h k l" for _ in more]]
            set_attributes(whole, axes=axes, **attributes)
        for number, (labels, (slow, fast)) in enumerate(zip(panels, shapes, strict=True)):
            for name in DATASETS:
                file[name][number, :slow, :fast] = getattr(labels, name)
        stated = file.create_group("provenance")
        for name, value in provenance.items():
            stated.create_dataset(name, data=as_stored(value))
