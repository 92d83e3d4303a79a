"""Structure factors of a run: from a text table, an MTZ or mmCIF file, or a dump file, recognised by content."""

import os

from nbkernel.errors import InputError
from nbkernel.io.files.kept_files import KeptFiles
from nbkernel.io.files.opening import dump_is_there, read_bytes

from .fdump import dump_bytes, dump_reflections
from .reflections import NO_REFLECTIONS

PAGE = 4096  # bytes of memory that one entry takes if all its neighbours are empty

KEPT = KeptFiles()


def find_reflections(experiment, kept):
    """Reflections of an Experiment: from its hkl file, else an existing dump file, else none if default_F is set.

    kept: KeptInputs. Raises InputError if there is no source of structure factors.
    """
    if experiment.hkl is not None and not isinstance(experiment.hkl, str):
        return experiment.hkl.reflections(experiment.default_F, experiment.column)
    if experiment.hkl is not None:
        return kept.get(
            "-hkl", experiment.hkl, read_structure_factors, experiment.hkl, experiment.default_F, experiment.column
        )
    if experiment.column is not None:
        raise InputError("--column: chooses from an MTZ or mmCIF file; give one with -hkl FILE")
    dumped = None if experiment.dump is None else kept.get("-dump", experiment.dump, read_dump_if_any, experiment.dump)
    if dumped is not None:
        return dumped
    if experiment.default_F == 0.0:
        dump = "" if experiment.dump is None else f", or a dump file {experiment.dump}"
        raise InputError(f"no structure factors: give -hkl FILE or -default_F{dump}")
    return NO_REFLECTIONS


def read_structure_factors(path, default_F, column=None):
    """Reflections in a text table (h k l F, all of P1), an MTZ or an mmCIF file; absent ones are default_F.

    column: label of the amplitudes in an MTZ or mmCIF file, or two with a comma for F(+) and F(-); None for the usual one.
    An unchanged file is read only once. Raises InputError for a file that cannot be used.
    """

    def make(content):
        return reflections_of(content, path, default_F, column)

    return KEPT.get(path, (os.fspath(path), default_F, column), lambda: read_bytes("-hkl", path), make, bytes_of)


def read_dump_if_any(path):
    """`read_dump`, or None if there is no dump file."""
    return read_dump(path) if dump_is_there(path) else None


def read_dump(path):
    """Reflections in a dump file; an unchanged one is read only once. Raises InputError if header and length disagree."""
    return KEPT.get(
        path, os.fspath(path), lambda: dump_bytes(path), lambda content: dump_reflections(path, content), bytes_of
    )


def reflections_of(content, path, default_F, column):
    """The same for a file's bytes."""
    from nbkernel.io.formats import REFLECTIONS, find_format, format_names

    found = find_format(REFLECTIONS, content)
    if column is not None and not found.has_columns:
        raise InputError(
            f"--column: -hkl {path} is not an {format_names(REFLECTIONS, 'has_columns')} file; a table of 'h k l F' has no "
            "columns to choose from"
        )
    return found.read(content, path, default_F, column)


def bytes_of(reflections):
    """Upper bound on the memory (bytes) of Reflections."""
    if reflections.nonzero is None:
        return reflections.F.nbytes
    return reflections.nonzero.nbytes + min(reflections.F.nbytes, PAGE * reflections.nonzero.size)
