"""The tables of a TOML file of an Experiment, and which fields are alternatives to each other."""

import dataclasses

from nbkernel.experiment.fields import ExperimentFields

# the first field of each table, in the order of Experiment's fields
FIRST_FIELDS = {
    "wavelength": "beam",
    "cell": "crystal",
    "phi": "spindle",
    "detpixels_f": "detector",
    "oversample": "sampling",
}
TOP_LEVEL = ("fix", "panels", "background", "lattices")
# alternatives: the fields of each
ALTERNATIVES = (
    (("distance",), ("close_distance",)),
    (("Xbeam", "Ybeam", "Ybeam_from_far_edge"), ("Xclose", "Yclose"), ("ORGX", "ORGY")),
    (("detpixels_f",), ("detsize_f",)),
    (("detpixels_s",), ("detsize_s",)),
    (("fluence",), ("flux",)),
    (("cell",), ("mat",)),
    (("Na",), ("sample_x",)),
    (("Nb",), ("sample_y",)),
    (("Nc",), ("sample_z",)),
    (("phistep",), ("phisteps",)),
    (("hdivstep",), ("hdivsteps",)),
    (("vdivstep",), ("vdivsteps",)),
    (
        ("sourcefile",),
        ("sources",),
        ("hdivrange", "hdivstep", "hdivsteps", "vdivrange", "vdivstep", "vdivsteps", "dispersion", "dispsteps"),
    ),
    (("mosaic_blocks",), ("mosaic_sigma",), ("mosaic_spread",)),
    (("mosaic_blocks",), ("mosaic_domains",)),
    (("hkl",), ("hkl_per_energy",)),
    (("spectrum",), ("sourcefile",), ("sources",), ("dispersion", "dispsteps")),
)
CONTENTS = "contents"  # in place of a value: where the content is that an Experiment holds in memory
RECORD = "config"  # the name of the TOML text in an HDF5 file


def tables():
    """{table: names of fields} in the order of Experiment."""
    found, table = {}, None
    for field in dataclasses.fields(ExperimentFields):
        table = FIRST_FIELDS.get(field.name, table)
        if field.name not in TOP_LEVEL:
            found.setdefault(table, []).append(field.name)
    return found


def without_overridden(found, given):
    """A file's fields, {field: value}, without the alternatives to the fields given by flags: with both, the file's could
    win."""
    found = dict(found)
    for ways in ALTERNATIVES:
        ours = [way for way in ways if any(name in given for name in way)]
        for way in ways:
            if ours and way not in ours:
                for name in way:
                    found.pop(name, None)
    return found
