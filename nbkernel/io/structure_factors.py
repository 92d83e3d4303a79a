"""Structure factors of a run: a text table or a dump file."""

import os

from nbkernel.errors import InputError

from .fdump import read_dump
from .hkl_text import table_reflections
from .reflections import NO_REFLECTIONS
from .text import read_bytes


def find_reflections(experiment):
    """Reflections of an Experiment: its hkl file, else a dump file that is there, else none where default_F is set.

    Raises InputError where there is nothing to take structure factors from.
    """
    if experiment.hkl is not None:
        return read_structure_factors(experiment.hkl, experiment.default_F)
    if os.path.exists(experiment.dump):
        return read_dump(experiment.dump)
    if experiment.default_F == 0.0:
        raise InputError(f"no structure factors: give -hkl FILE or -default_F, or a dump file {experiment.dump}")
    return NO_REFLECTIONS


def read_structure_factors(path, default_F):
    """Reflections of a text table (h k l F, all of P1); absent ones are default_F. Raises InputError for any other file."""
    content = read_bytes("-hkl", path)
    return table_reflections(content, path, default_F)
