"""The innermost loops of parallelepipeds in float32: phases in fixed point.

A fractional index plus PHASE_SHIFT has 2^-32 as its last bit, so the low 32 bits of that float64 are the index' offset
from a whole number in units of 2^-32. N times the offset, less whole numbers, is a multiplication in int32 that
overflows as it likes: next to zeros of the lattice factor nothing is lost. The sines take float32, sixteen at a time; their
sum is added to float64 every FLUSH orientations. Needs |h| < LARGEST_INDEX.
"""

import numpy as np

from .arithmetic import fma
from .row_steps import table_position
from .scattering import nearest_index
from .sine import sinpi_over_x
from .vector_loops import full_vector_width, load, look_up, store

PHASE_SHIFT = 1.5 * 2.0**20
LARGEST_INDEX = 2.0**19
FLUSH = 16
TURN = np.float32(2.0**-32)
# rows of the int32 work array
DH, DK, DL, POSITION = range(4)
PHASE_WORK = 4


def phase(h):
    """Offset of `h` from the nearest whole number in units of 2^-32, as an int32."""
    return np.int32(np.float64(h + PHASE_SHIFT).view(np.int64))


def phases_of(index):
    def phases(place, cell, work):
        full_vector_width()
        dh, dk, dl = work[DH], work[DK], work[DL]
        for i in range(work.shape[1]):
            store(dh, i, phase(index(cell[0], place, i)))
            store(dk, i, phase(index(cell[1], place, i)))
            store(dl, i, phase(index(cell[2], place, i)))

    def phases_and_positions(place, cell, table, work):
        """The same, and where the nearest whole indices are in the table: decided in float64."""
        full_vector_width()
        dh, dk, dl, positions = work[DH], work[DK], work[DL], work[POSITION]
        for i in range(work.shape[1]):
            h, k, l = index(cell[0], place, i), index(cell[1], place, i), index(cell[2], place, i)
            store(dh, i, phase(h))
            store(dk, i, phase(k))
            store(dl, i, phase(l))
            store(positions, i, table_position(nearest_index(h), nearest_index(k), nearest_index(l), table))

    def add_phases(plan, has_table, sums, nearest, place, cell, table, work):
        """Adds one orientation's F_latt^2 (times F_cell^2 where there is a table) to sums (n,) float32, and keeps the
        squared offset that comes nearest to a whole index in `nearest` (n,) float32."""
        N = (np.int32(plan.Na), np.int32(plan.Nb), np.int32(plan.Nc))
        if has_table:
            phases_and_positions(place, cell, table, work)
            add_table_squares(sums, nearest, work, N, table.F_squared_single)
        else:
            phases(place, cell, work)
            add_squares(sums, nearest, work, N)

    return add_phases


def square_from_phases(nearest, dh, dk, dl, N):
    """F_latt^2 of a parallelepiped as a float32 (nan where an offset is 0), and the new `nearest`."""
    nh, nk, nl = np.float32(np.int32(dh * N[0])), np.float32(np.int32(dk * N[1])), np.float32(np.int32(dl * N[2]))
    dh, dk, dl = np.float32(dh), np.float32(dk), np.float32(dl)
    hh, kk, ll = squared_turns(dh), squared_turns(dk), squared_turns(dl)
    # sines times 2^32, above and below
    above = (nh * sinpi_over_x(squared_turns(nh))) * (nk * sinpi_over_x(squared_turns(nk)))
    above *= nl * sinpi_over_x(squared_turns(nl))
    below = ((dh * sinpi_over_x(hh)) * (dk * sinpi_over_x(kk))) * (dl * sinpi_over_x(ll))
    F_latt = above / below
    nearest = min(nearest, hh)
    nearest = min(nearest, kk)
    return F_latt * F_latt, min(nearest, ll)


def squared_turns(x):
    turns = x * TURN
    return turns * turns


def add_squares(sums, nearest, work, N):
    full_vector_width()
    dh, dk, dl = work[DH], work[DK], work[DL]
    for i in range(sums.shape[0]):
        square, closest = square_from_phases(load(nearest, i), load(dh, i), load(dk, i), load(dl, i), N)
        store(nearest, i, closest)
        store(sums, i, load(sums, i) + square)


def add_table_squares(sums, nearest, work, N, F_squared):
    full_vector_width()
    dh, dk, dl, positions = work[DH], work[DK], work[DL], work[POSITION]
    for i in range(sums.shape[0]):
        square, closest = square_from_phases(load(nearest, i), load(dh, i), load(dk, i), load(dl, i), N)
        store(nearest, i, closest)
        store(sums, i, fma(square, look_up(F_squared, load(positions, i)), load(sums, i)))


def flush(I, weight, sums):
    """Adds the float32 sums times weight to I, and clears them."""
    full_vector_width()
    for i in range(I.shape[0]):
        store(I, i, fma(np.float64(load(sums, i)), load(weight, i), load(I, i)))
        store(sums, i, np.float32(0.0))
