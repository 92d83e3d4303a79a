"""The files that a run reads: its outputs must not replace them, and its record contains their paths and digests."""

import os
import stat
from typing import NamedTuple

from nbkernel.io.files.opening import dump_is_there

# fields of Experiment that name an input file; the dump is one only if there is no hkl
FIELDS = ("hkl", "mat", "sourcefile", "spectrum", "mosaic_blocks", "stol", "img", "mask", "panels", "dump")
# an old intimage.img may be the source of the geometry for the next
MAY_BE_REPLACED = ("img",)
# fields that may name several
LISTS = ("hkl_per_energy",)


class InputFile(NamedTuple):
    """field: of Experiment, background[0] for the first of several files; path: absolute; state: size and modification time
    (ns) when it was read, None if it is not a regular file."""

    field: str
    path: str
    state: tuple | None

    @property
    def owner(self):
        """The field of Experiment itself."""
        return self.field.partition("[")[0]


def input_files(experiment):
    """InputFiles of an Experiment, with their present states."""
    named = [(field, getattr(experiment, field)) for field in FIELDS]
    named += [
        (f"{field}[{number}]", path)
        for field in LISTS
        if isinstance(getattr(experiment, field), tuple)
        for number, path in enumerate(getattr(experiment, field))
    ]
    named += [(f"background[{number}]", material.table) for number, material in enumerate(experiment.background)]
    return tuple(
        InputFile(field, os.path.abspath(path), state_of(path))
        for field, path in named
        if isinstance(path, str) and (field != "dump" or (has_no_factors(experiment) and dump_is_there(path)))
    )


def has_no_factors(experiment):
    """Whether an Experiment names no structure factors, so that an existing dump file is read."""
    return experiment.hkl is None and experiment.hkl_per_energy is None


def state_of(path):
    try:
        found = os.stat(path)
    except (OSError, ValueError):
        return None
    return (found.st_size, found.st_mtime_ns) if stat.S_ISREG(found.st_mode) else None


def protected_paths(files):
    """Paths of the InputFiles that no output may replace."""
    return [file.path for file in files if file.field not in MAY_BE_REPLACED]


def input_digests(files):
    """{field: {"path": absolute path, "sha256": hexadecimal digits}}; the digest is None if the file has changed since it
    was read, or is not a regular file."""
    return {file.field: {"path": file.path, "sha256": digest_of(file)} for file in files}


def digest_of(file):
    if file.state is None or state_of(file.path) != file.state:
        return None
    return sha256_of(file.path)


def sha256_of(path):
    """Hexadecimal SHA-256 digest of a regular file, None if it cannot be read."""
    import hashlib

    try:
        if not stat.S_ISREG(os.stat(path).st_mode):
            return None
        with open(path, "rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    except (OSError, ValueError):
        return None
