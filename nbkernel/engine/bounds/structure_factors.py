"""What bounds need to know of a table of structure factors, found once for all images that share the table."""

import functools
import weakref

import numpy as np


def once_for_a_table(function):
    """function(F, ...), whose result is kept as long as the array F exists, unless F can be written to."""
    kept = {}  # {id(F): (weak reference to F, result)}

    @functools.wraps(function)
    def found(F, *more):
        if F.flags.writeable:
            return function(F, *more)
        key = id(F)
        if key not in kept:
            result = function(F, *more)
            kept[key] = weakref.ref(F, lambda _: kept.pop(key, None)), result
            return result
        return kept[key][1]

    return found


@once_for_a_table
def largest_F(F):
    """The largest absolute value in F (electrons), at least 0; nan if F has one."""
    return max(float(F.max(initial=0.0)), -float(F.min(initial=0.0)))


@once_for_a_table
def is_finite(F, nonzero=None):
    """Whether all values in F are finite. nonzero: positions in the flattened F of all that are not 0, None if there are
    many."""
    return bool(np.isfinite(F if nonzero is None else F.reshape(-1)[nonzero]).all())
