"""Digests of a run's input files, for the record of what an image was made from."""

import hashlib
import os
import stat

from nbkernel.errors import InputError

FIELDS = ("hkl", "mat", "sourcefile", "stol", "img", "mask", "panels")


def input_digests(experiment):
    """{field: {"path": absolute path, "sha256": hexadecimal digits}} of the files that an Experiment names.

    What is no regular file, such as a pipe, is read only once and has None for a digest. Raises InputError for a file
    that cannot be read.
    """
    named = ((field, getattr(experiment, field, None)) for field in FIELDS)
    return {
        field: {"path": os.path.abspath(path), "sha256": sha256_of(field, path)}
        for field, path in named
        if isinstance(path, (str, os.PathLike))
    }


def sha256_of(field, path):
    try:
        if not stat.S_ISREG(os.stat(path).st_mode):
            return None
        with open(path, "rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    except (OSError, ValueError) as error:
        flag = "--panels" if field == "panels" else f"-{field}"
        raise InputError(f"{flag}: cannot read {path}: {getattr(error, 'strerror', None) or error}") from None
