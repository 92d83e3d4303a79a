"""Two traces of a pixel compared quantity by quantity: where they first diverge."""

import math
from collections import Counter
from dataclasses import dataclass
from typing import NamedTuple

from nbkernel.errors import InputError

from .inputs import all_inputs
from .notes import explain


class Row(NamedTuple):
    """A quantity in A and in B. difference: relative to the length of A's values; inf if B has another number of values."""

    name: str
    at: tuple
    a: tuple
    b: tuple
    difference: float

    @property
    def where(self):
        return " ".join(f"{loop} {index}" for loop, index in self.at)


def align(quantities_a, quantities_b):
    """(pairs, only_a, only_b): matching quantities, in A's order.

    A name that occurs once in each trace matches; otherwise quantities match by block and occurrence within it, or by
    occurrence alone if one of the traces has no blocks.
    """
    counts = [Counter(quantity.name for quantity in quantities) for quantities in (quantities_a, quantities_b)]
    blocks = all(any(quantity.at for quantity in quantities) for quantities in (quantities_a, quantities_b))
    unique = {name for name, count in counts[0].items() if count == counts[1][name] == 1}
    keyed_a, keyed_b = (keyed(quantities, unique, blocks) for quantities in (quantities_a, quantities_b))
    pairs = [(quantity, keyed_b[key]) for key, quantity in keyed_a.items() if key in keyed_b]
    only_a = [quantity for key, quantity in keyed_a.items() if key not in keyed_b]
    only_b = [quantity for key, quantity in keyed_b.items() if key not in keyed_a]
    return pairs, only_a, only_b


def keyed(quantities, unique, blocks):
    result, occurrences = {}, {}
    for quantity in quantities:
        key = (quantity.name, quantity.at if blocks and quantity.name not in unique else ())
        occurrences[key] = occurrences.get(key, -1) + 1
        result[(*key, occurrences[key])] = quantity
    return result


def relative_difference(a, b):
    """Largest difference of any component, relative to the length of `a` (of `b` if that is 0); inf if the numbers of
    components differ, or if a component is nan or infinite in one only."""
    if a == b:
        return 0.0
    if len(a) != len(b):
        return math.inf
    if any(not same_kind(x, y) for x, y in zip(a, b, strict=True)):
        return math.inf
    finite = [(x, y) for x, y in zip(a, b, strict=True) if math.isfinite(x)]
    largest = max((abs(x - y) for x, y in finite), default=0.0)
    length = math.hypot(*(x for x, _ in finite)) or math.hypot(*(y for _, y in finite))
    if math.isinf(length) or math.isinf(largest):
        return relative_difference(*(tuple(x / 1024.0 for x in values) for values in (a, b)))
    return largest / length if largest else 0.0


def same_kind(x, y):
    if math.isfinite(x) and math.isfinite(y):
        return True
    return x == y or (math.isnan(x) and math.isnan(y))


@dataclass(frozen=True)
class Comparison:
    """rows in A's order; first: the Row where the traces first diverge, None if they do not; notes: lines about it."""

    rows: list
    only_a: list
    only_b: list
    first: Row | None
    notes: list


def compare_traces(quantities_a, quantities_b, tolerance):
    """Comparison of two traces. Raises InputError if they have no quantity in common."""
    pairs, only_a, only_b = align(quantities_a, quantities_b)
    if not pairs:
        raise InputError("compare-traces: the two traces have no quantity in common")
    rows = [Row(x.name, x.at or y.at, x.values, y.values, relative_difference(x.values, y.values)) for x, y in pairs]
    first = first_divergence(rows, tolerance)
    notes = [] if first is None else explain(first, rows, quantities_a, quantities_b, tolerance)
    return Comparison(rows, only_a, only_b, first, notes)


def first_divergence(rows, tolerance):
    """The first divergent Row none of whose inputs, direct or indirect, diverges; so the order in which a program prints
    its numbers does not matter."""
    divergent = [row for row in rows if row.difference > tolerance]
    blocks = Blocks(divergent)
    for row in divergent:
        if not any(blocks.touch(name, row.at) for name in all_inputs(row.name)):
            return row
    return divergent[0] if divergent else None


class Blocks:
    """The blocks of rows by name; finds whether any of them touches a given block without looking at each one."""

    def __init__(self, rows):
        self.blocks = {}  # name: loops: blocks, as tuples of the loops' indices
        for row in rows:
            loops, indices = split_block(row.at)
            self.blocks.setdefault(row.name, {}).setdefault(loops, set()).add(indices)
        self.parts = {}  # name, loops, some of these loops: the blocks reduced to those

    def touch(self, name, at):
        """Whether a row of that name is in the block `at`, inside it or around it, see `notes.touches`."""
        at = dict(at)
        for loops in self.blocks.get(name, ()):
            common = tuple(loop for loop in loops if loop in at)
            if tuple(at[loop] for loop in common) in self.reduced(name, loops, common):
                return True
        return False

    def reduced(self, name, loops, common):
        key = name, loops, common
        if key not in self.parts:
            kept = [loops.index(loop) for loop in common]
            self.parts[key] = {tuple(indices[i] for i in kept) for indices in self.blocks[name][loops]}
        return self.parts[key]


def split_block(at):
    """The loops of a block, and its index in each."""
    return tuple(loop for loop, _ in at), tuple(index for _, index in at)
