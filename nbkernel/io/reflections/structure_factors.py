"""Structure factors of a run: a text table, an MTZ or mmCIF file, or a dump file. The content tells which."""

import os

from nbkernel.errors import InputError
from nbkernel.io.files.kept_files import KeptFiles
from nbkernel.io.files.opening import dump_is_there, read_bytes
from nbkernel.io.formats import REFLECTIONS, find_format, format_names

from .fdump import dump_bytes, dump_reflections
from .reflections import NO_REFLECTIONS

PAGE = 4096  # bytes of memory that one entry takes where all around it are empty

KEPT = KeptFiles()


def find_reflections(experiment):
    """Reflections of an Experiment: its hkl file, else a dump file that is there, else none where default_F is set.

    Raises InputError where there is nothing to take structure factors from.
    """
    if experiment.hkl is not None:
        return read_structure_factors(experiment.hkl, experiment.default_F, experiment.column)
    if experiment.column is not None:
        raise InputError("--column: chooses from an MTZ or mmCIF file; give one with -hkl FILE")
    if dump_is_there(experiment.dump):
        return read_dump(experiment.dump)
    if experiment.default_F == 0.0:
        dump = "" if experiment.dump is None else f", or a dump file {experiment.dump}"
        raise InputError(f"no structure factors: give -hkl FILE or -default_F{dump}")
    return NO_REFLECTIONS


def read_structure_factors(path, default_F, column=None):
    """Reflections of a text table (h k l F, all of P1), an MTZ or an mmCIF file; absent ones are default_F.

    column: label of the amplitudes in an MTZ or mmCIF file, two with a comma for F(+) and F(-); None for the usual one.
    An unchanged file is read once. Raises InputError for whatever cannot be used.
    """

    def make(content):
        return reflections_of(content, path, default_F, column)

    return KEPT.get(path, (os.fspath(path), default_F, column), lambda: read_bytes("-hkl", path), make, bytes_of)


def read_dump(path):
    """Reflections of a dump file, an unchanged one read once. Raises InputError where its header and its length
    disagree."""
    return KEPT.get(
        path, os.fspath(path), lambda: dump_bytes(path), lambda content: dump_reflections(path, content), bytes_of
    )


def reflections_of(content, path, default_F, column):
    """The same of a file's bytes."""
    found = find_format(REFLECTIONS, content)
    if column is not None and not found.has_columns:
        raise InputError(
            f"--column: -hkl {path} is not an {format_names(REFLECTIONS, 'has_columns')} file; a table of 'h k l F' has no "
            "columns to choose from"
        )
    return found.read(content, path, default_F, column)


def bytes_of(reflections):
    """Memory that Reflections take at most."""
    if reflections.nonzero is None:
        return reflections.F.nbytes
    return reflections.nonzero.nbytes + min(reflections.F.nbytes, PAGE * reflections.nonzero.size)
