"""Types of the fields that users fill in. A type checker sees the types that are accepted; at run time each is the type to
which `validation.convert_fields` converts, so that one annotation states both."""

import typing

T = typing.TypeVar("T")

if typing.TYPE_CHECKING:
    from collections.abc import Collection, Sequence
    from os import PathLike

    import numpy as np

    Many = Sequence[T]
    Numbers = Sequence[float] | np.ndarray
    NumberPair = Numbers
    Vector = Numbers
    Matrix = Sequence[Numbers] | np.ndarray
    PairRows = Sequence[Numbers] | np.ndarray
    IntPair = Sequence[int] | np.ndarray
    Region = IntPair
    File = str | PathLike[str]
    Names = Collection[str]  # a single name, too
else:
    Many = tuple[T, ...]
    Numbers = tuple[float, ...]
    NumberPair = tuple[float, float]
    Vector = tuple[float, float, float]
    Matrix = tuple[Vector, Vector, Vector]
    PairRows = tuple[NumberPair, ...]
    IntPair = tuple[int, int]
    Region = tuple[int, int, int, int]
    File = str
    Names = frozenset[str]
