"""One line of a trace."""

from typing import NamedTuple


class Quantity(NamedTuple):
    """at: (loop, index) pairs of the loops around the quantity that have several turns, outermost first."""

    name: str
    values: tuple  # of numbers
    at: tuple
