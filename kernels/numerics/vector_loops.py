"""Hints to the compiler in vectorised loops. In plain Python these do the obvious thing; the compiled forms are in
`compile/lowering.py`."""


def full_vector_width():
    """Called at the head of a function whose loops shall use 512-bit registers if there are any: by default LLVM uses half
    of that on processors whose predecessors were slowed down by them."""


def gathers():
    """Whether the processor reads a vector of elements of a table in one instruction. If not, a loop that computes a
    position and looks it up does so pixel by pixel, with all that the position follows from; it has to come from memory."""
    return True


def interleaved():
    """Called in the body of a loop, before any branch: the compiled loop may do two vectors of pixels at a time, operation
    by operation. For steps whose operations mostly wait for one another, on processors that look ahead too little to
    overlap one step with the next by themselves."""


def look_up(table, position):
    """table[position], for an integer position within the table (not checked).

    Compiled, it names the table's memory; `load` and `store` promise not to touch it. Without that, one look-up at a
    computed address prevents the loop from being vectorised. Such loops read tables in no other way.
    """
    return table[position]


def load(array, i):
    """array[i], for an array that is not a table; i from 0 (not checked)."""
    return array[i]


def store(array, i, value):
    """array[i] = value, for an array that is not a table; i from 0 (not checked)."""
    array[i] = value


def with_columns(array, columns):
    """The beginning of the memory of a 2-D array as one with as many rows and so many columns, not more than it has."""
    rows = array.shape[0]
    return array.reshape(-1)[: rows * columns].reshape(rows, columns)


def list_flagged(flags, positions):
    """Fills `positions` with those of the flags that are 1, then with the first of them; returns how many there are."""
    number = 0
    for i in range(flags.shape[0]):
        store(positions, number, i)
        number += load(flags, i)
    for i in range(number, flags.shape[0]):
        store(positions, i, load(positions, 0))
    return number


def copy_listed(source, positions, target):
    """Fills `target` with the listed elements of `source`."""
    for i in range(target.shape[0]):
        store(target, i, load(source, load(positions, i)))


def copy_back(source, positions, number, target):
    """Puts the first `number` elements of `source` where they are listed to be."""
    for i in range(number):
        store(target, load(positions, i), load(source, i))


def fill(out, value):
    """`value` everywhere in `out`, which is not a table."""
    full_vector_width()
    for i in range(out.shape[0]):
        store(out, i, value)


def add_four(sums, weight, four):
    """The 4-tuple `sums` plus `weight` times the 4-tuple `four`, side by side."""
    return tuple(sums[m] + weight * four[m] for m in range(4))


def add_four_of_table(sums, weight, table, position):
    """The 4-tuple `sums` plus `weight` times table[position] .. table[position + 3], side by side."""
    return tuple(sums[m] + weight * table[position + m] for m in range(4))


def eight(array, i):
    """The 8-tuple array[i] .. array[i + 7], for an array that is not a table."""
    return tuple(array[i + m] for m in range(8))


def store_eight(array, i, values):
    """array[i] .. array[i + 7] = the 8-tuple `values`, for an array that is not a table."""
    for m in range(8):
        array[i + m] = values[m]


def add_eight(sums, weights, factors):
    """The 8-tuple `sums` plus, side by side, the 8-tuples `weights` times `factors`."""
    return tuple(sums[m] + weights[m] * factors[m] for m in range(8))


def add_eight_of_table(sums, weights, table, position):
    """The 8-tuple `sums` plus the 8-tuple `weights` times table[position]."""
    return tuple(sums[m] + weights[m] * table[position] for m in range(8))
