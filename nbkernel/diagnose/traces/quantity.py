"""One line of a trace."""

from typing import NamedTuple


class Quantity(NamedTuple):
    """at: the block, (loop, index) pairs of the loops around the quantity with more than one iteration, outermost first."""

    name: str
    values: tuple  # of numbers
    at: tuple
