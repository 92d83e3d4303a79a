"""The innermost loops of parallelepipeds in float32: phases in fixed point.

A fractional index plus PHASE_SHIFT has 2^-32 as its last bit, so the low 32 bits of that float64 are the index' offset
from a whole number in units of 2^-32. N times the offset, less whole numbers, is a multiplication in int32 that
overflows as it likes. The sines take float32, sixteen at a time; their sum is added to float64 every FLUSH orientations.
Needs |h| < LARGEST_INDEX.

What the last bit rounds away matters only where N times the offset is within 1e-3 of a zero of the lattice factor, and
then only where that holds for every step of a pixel and of its neighbours. So runs with few orientations and sources keep
it, as a float32 that is added afterwards; the others, which have their steps all over the fringes, do without (a third
faster).
"""

import numpy as np

from .arithmetic import bits_of, fma, quotient
from .row_steps import table_position
from .scattering import nearest_index
from .sine import sinpi_over_x
from .vector_loops import full_vector_width, load, look_up, store

PHASE_SHIFT = 1.5 * 2.0**20
LARGEST_INDEX = 2.0**19
FLUSH = 16
TURN = np.float32(2.0**-32)
UNITS = np.float32(2.0**32)
# orientations and sources from which the rest is left out
MANY = 64
# rows of the int32 and of the float32 work array
DH, DK, DL, POSITION = range(4)
PHASE_WORK = 4
REST_WORK = 3


def keeps_rests(plan):
    return plan.source_lambda.shape[0] * plan.phi_slot.shape[0] * plan.orientation.shape[1] < MANY


def phase_of(shifted):
    """Offset from the nearest whole number in units of 2^-32, as an int32, of an index plus PHASE_SHIFT."""
    return np.int32(bits_of(shifted))


def phases_of(index):
    def phases(place, cell, offsets):
        """Fills the offsets (rows of int32) of h, k and l."""
        full_vector_width()
        dh, dk, dl = offsets[DH], offsets[DK], offsets[DL]
        for i in range(dh.shape[0]):
            store(dh, i, phase_of(index(cell[0], place, i) + PHASE_SHIFT))
            store(dk, i, phase_of(index(cell[1], place, i) + PHASE_SHIFT))
            store(dl, i, phase_of(index(cell[2], place, i) + PHASE_SHIFT))

    def phases_and_positions(place, cell, table, offsets):
        """The same, and where the nearest whole indices are in the table: decided in float64."""
        full_vector_width()
        dh, dk, dl, positions = offsets[DH], offsets[DK], offsets[DL], offsets[POSITION]
        for i in range(dh.shape[0]):
            h, k, l = index(cell[0], place, i), index(cell[1], place, i), index(cell[2], place, i)
            store(dh, i, phase_of(h + PHASE_SHIFT))
            store(dk, i, phase_of(k + PHASE_SHIFT))
            store(dl, i, phase_of(l + PHASE_SHIFT))
            store(positions, i, table_position(nearest_index(h), nearest_index(k), nearest_index(l), table))

    def rest(place, line, rests):
        """Fills what the offsets of one index leave (float32, turns)."""
        full_vector_width()
        for i in range(rests.shape[0]):
            h = index(line, place, i)
            store(rests, i, np.float32(h - ((h + PHASE_SHIFT) - PHASE_SHIFT)))

    def add_phases(plan, has_table, with_rests, place, cell, table, space):
        """Adds one orientation's F_latt^2 (times F_cell^2 where there is a table) to space.sums, and keeps the squared offset
        that comes nearest to a whole index in space.nearest."""
        N = (np.int32(plan.Na), np.int32(plan.Nb), np.int32(plan.Nc))
        offsets, rests = space.phases, space.rests
        if has_table:
            phases_and_positions(place, cell, table, offsets)
        else:
            phases(place, cell, offsets)
        if with_rests:
            rest(place, cell[0], rests[DH])
            rest(place, cell[1], rests[DK])
            rest(place, cell[2], rests[DL])
            if has_table:
                add_table_squares(space.sums, space.nearest, offsets, rests, N, table.F_squared_single)
            else:
                add_squares(space.sums, space.nearest, offsets, rests, N)
        elif has_table:
            add_table_squares_without_rests(space.sums, space.nearest, offsets, rests, N, table.F_squared_single)
        else:
            add_squares_without_rests(space.sums, space.nearest, offsets, rests, N)

    return add_phases


def squares_of(with_rests):
    """(loop, loop with a table), with or without the rests."""

    def square(nearest, offsets, rests, N, i):
        """F_latt^2 of pixel i as a float32 (nan where an offset is 0), and the new `nearest`."""
        ih, ik, il = load(offsets[DH], i), load(offsets[DK], i), load(offsets[DL], i)
        dh, dk, dl = np.float32(ih), np.float32(ik), np.float32(il)
        nh, nk, nl = np.float32(np.int32(ih * N[0])), np.float32(np.int32(ik * N[1])), np.float32(np.int32(il * N[2]))
        if with_rests:
            rh, rk, rl = load(rests[DH], i) * UNITS, load(rests[DK], i) * UNITS, load(rests[DL], i) * UNITS
            dh, dk, dl = dh + rh, dk + rk, dl + rl
            nh, nk, nl = fma(rh, np.float32(N[0]), nh), fma(rk, np.float32(N[1]), nk), fma(rl, np.float32(N[2]), nl)
        hh, kk, ll = squared_turns(dh), squared_turns(dk), squared_turns(dl)
        # sines times 2^32, above and below
        above = (nh * sinpi_over_x(squared_turns(nh))) * (nk * sinpi_over_x(squared_turns(nk)))
        above *= nl * sinpi_over_x(squared_turns(nl))
        below = ((dh * sinpi_over_x(hh)) * (dk * sinpi_over_x(kk))) * (dl * sinpi_over_x(ll))
        F_latt = quotient(above, below)
        nearest = min(nearest, hh)
        nearest = min(nearest, kk)
        return F_latt * F_latt, min(nearest, ll)

    def add_squares(sums, nearest, phases, rests, N):
        full_vector_width()
        offsets, rests = (phases[DH], phases[DK], phases[DL]), (rests[DH], rests[DK], rests[DL])
        for i in range(sums.shape[0]):
            F_latt_squared, closest = square(load(nearest, i), offsets, rests, N, i)
            store(nearest, i, closest)
            store(sums, i, load(sums, i) + F_latt_squared)

    def add_table_squares(sums, nearest, phases, rests, N, F_squared):
        full_vector_width()
        offsets, rests = (phases[DH], phases[DK], phases[DL]), (rests[DH], rests[DK], rests[DL])
        positions = phases[POSITION]
        for i in range(sums.shape[0]):
            F_latt_squared, closest = square(load(nearest, i), offsets, rests, N, i)
            store(nearest, i, closest)
            store(sums, i, fma(F_latt_squared, look_up(F_squared, load(positions, i)), load(sums, i)))

    return add_squares, add_table_squares


def squared_turns(x):
    turns = x * TURN
    return turns * turns


add_squares, add_table_squares = squares_of(True)
add_squares_without_rests, add_table_squares_without_rests = squares_of(False)


def flush(I, weight, sums):
    """Adds the float32 sums times weight to I, and clears them."""
    full_vector_width()
    for i in range(I.shape[0]):
        store(I, i, fma(np.float64(load(sums, i)), load(weight, i), load(I, i)))
        store(sums, i, np.float32(0.0))
