"""The innermost loops of parallelepipeds in float32: sines sixteen at a time, their sum added to float64 every FLUSH
orientations.

The offsets of the indices from integers, and N times the offsets, modulo 1, are computed in one of two ways:
* reduced in float64, then rounded to float32;
* as phases in fixed point, a third faster. A fractional index plus PHASE_SHIFT has 2^-32 as its last bit, so the low 32
  bits of that float64 are the offset in units of 2^-32, and N times the offset is a multiplication in int32 that wraps
  around. What the last bit rounds away matters only if N times the offset is within 1e-3 of a zero of the lattice factor,
  and then only if that is so for every step of a pixel and of its neighbours. So this is for runs with many orientations
  and sources, whose steps are all over the fringes. Needs |h| < LARGEST_INDEX.
"""

import numpy as np

from nbkernel.kernels.numerics.arithmetic import bits_of, fma, quotient, rint
from nbkernel.kernels.numerics.sine import scaled_sinpi_product
from nbkernel.kernels.numerics.vector_loops import full_vector_width, load, look_up, store
from nbkernel.kernels.physics.scattering import nearest_index

from .lattice_factor import offset_of_multiple
from .steps import POSITION, table_position

PHASE_SHIFT = 1.5 * 2.0**20
LARGEST_INDEX = 2.0**19
FLUSH = 16
TURN, QUARTER = np.float32(2.0**-32), np.float32(0.25)
# number of orientations and sources from which phases are good enough
MANY = 64
# rows of the int32 and of the float32 work array
DH, DK, DL = range(3)
PHASE_WORK = 4
NH, NK, NL = 3, 4, 5
OFFSET_WORK = 6


def needs_offsets(plan):
    """Whether the run has too few steps for phases."""
    return plan.source_lambda.shape[0] * plan.phi_slot.shape[0] * plan.orientation.shape[1] < MANY


def phase_of(shifted):
    """Offset from the nearest integer in units of 2^-32, as an int32, of an index plus PHASE_SHIFT."""
    return np.int32(bits_of(shifted))


def build_add_phases(way):
    """way: `along_row` or `as_program`."""
    product, miller_indices = way.product, way.miller_indices

    def fill_phases(pixel_terms, hkl_lines, phases):
        """Fills the phases (rows of int32) of h, k and l."""
        full_vector_width()
        dh, dk, dl = phases[DH], phases[DK], phases[DL]
        for i in range(dh.shape[0]):
            store(dh, i, phase_of(product(hkl_lines[0], pixel_terms, i) + PHASE_SHIFT))
            store(dk, i, phase_of(product(hkl_lines[1], pixel_terms, i) + PHASE_SHIFT))
            store(dl, i, phase_of(product(hkl_lines[2], pixel_terms, i) + PHASE_SHIFT))

    def fill_phases_and_positions(pixel_terms, hkl_lines, table, phases):
        """The same, and the positions of the nearest integer indices in the table: decided in float64."""
        full_vector_width()
        dh, dk, dl, positions = phases[DH], phases[DK], phases[DL], phases[POSITION]
        for i in range(dh.shape[0]):
            h, k, l = miller_indices(hkl_lines, pixel_terms, i)
            store(dh, i, phase_of(h + PHASE_SHIFT))
            store(dk, i, phase_of(k + PHASE_SHIFT))
            store(dl, i, phase_of(l + PHASE_SHIFT))
            store(positions, i, table_position(nearest_index(h), nearest_index(k), nearest_index(l), table))

    def add_phases(plan, has_table, pixel_terms, hkl_lines, table, workspace):
        """Adds one orientation's F_latt^2 (times F_cell^2 if there is a table) to workspace.sums, and keeps in
        workspace.nearest the smallest squared offset from an integer index (if there is a table, that of `closer_to_half`
        too)."""
        N = (np.int32(plan.Na), np.int32(plan.Nb), np.int32(plan.Nc))
        if has_table:
            fill_phases_and_positions(pixel_terms, hkl_lines, table, workspace.phases)
            phases, positions = workspace.phases, workspace.phases[POSITION]
            add_table_squares_of_phases(workspace.sums, workspace.nearest, (phases, N), positions, table.F_squared_single)
        else:
            fill_phases(pixel_terms, hkl_lines, workspace.phases)
            add_squares_of_phases(workspace.sums, workspace.nearest, (workspace.phases, N))

    return add_phases


def build_add_offsets(way):
    """way: `along_row` or `as_program`."""
    product, miller_indices = way.product, way.miller_indices

    def fill_offsets(pixel_terms, line, N, offsets, multiples):
        """Fills the offsets (float32) of one index, and N times them, modulo 1."""
        full_vector_width()
        for i in range(offsets.shape[0]):
            h = product(line, pixel_terms, i)
            offset = h - rint(h)
            store(offsets, i, np.float32(offset))
            store(multiples, i, np.float32(offset_of_multiple(N, offset)))

    def fill_positions(pixel_terms, hkl_lines, table, positions):
        """Fills the positions of the nearest integer indices in the table."""
        full_vector_width()
        for i in range(positions.shape[0]):
            h, k, l = miller_indices(hkl_lines, pixel_terms, i)
            store(positions, i, table_position(nearest_index(h), nearest_index(k), nearest_index(l), table))

    def add_offsets(plan, has_table, pixel_terms, hkl_lines, table, workspace):
        """As `add_phases`."""
        offsets = workspace.offsets
        fill_offsets(pixel_terms, hkl_lines[0], plan.Na, offsets[DH], offsets[NH])
        fill_offsets(pixel_terms, hkl_lines[1], plan.Nb, offsets[DK], offsets[NK])
        fill_offsets(pixel_terms, hkl_lines[2], plan.Nc, offsets[DL], offsets[NL])
        if has_table:
            fill_positions(pixel_terms, hkl_lines, table, workspace.phases[POSITION])
            add_table_squares_of_offsets(
                workspace.sums, workspace.nearest, offsets, workspace.phases[POSITION], table.F_squared_single
            )
        else:
            add_squares_of_offsets(workspace.sums, workspace.nearest, offsets)

    return add_offsets


def phases_at(phases_and_N, i):
    """Offsets and N times the offsets (turns), of pixel i."""
    phases, N = phases_and_N
    dh, dk, dl = load(phases[DH], i), load(phases[DK], i), load(phases[DL], i)
    return turns(dh), turns(dk), turns(dl), turns(dh * N[0]), turns(dk * N[1]), turns(dl * N[2])


def offsets_at(offsets, i):
    """The same."""
    return (
        load(offsets[DH], i), load(offsets[DK], i), load(offsets[DL], i),
        load(offsets[NH], i), load(offsets[NK], i), load(offsets[NL], i),
    )  # fmt: skip


def turns(phase):
    return np.float32(np.int32(phase)) * TURN


def build_add_squares(offsets_of_pixel):
    """(loop, loop with a table), for offsets in one of the two ways."""

    def square(nearest, offsets, i):
        """F_latt^2 of pixel i as a float32 (nan where an offset is 0), the new `nearest`, and the largest squared offset."""
        dh, dk, dl, nh, nk, nl = offsets_of_pixel(offsets, i)
        hh, kk, ll = dh * dh, dk * dk, dl * dl
        below = scaled_sinpi_product(dh, dk, dl)
        F_latt = quotient(scaled_sinpi_product(nh, nk, nl), below)
        nearest = min(nearest, hh)
        nearest = min(nearest, kk)
        return F_latt * F_latt, min(nearest, ll), max(max(hh, kk), ll)

    def add_squares(sums, nearest, offsets):
        full_vector_width()
        for i in range(sums.shape[0]):
            F_latt_squared, closest, _ = square(load(nearest, i), offsets, i)
            store(nearest, i, closest)
            store(sums, i, load(sums, i) + F_latt_squared)

    def add_table_squares(sums, nearest, offsets, positions, F_squared):
        full_vector_width()
        for i in range(sums.shape[0]):
            F_latt_squared, closest, farthest = square(load(nearest, i), offsets, i)
            # see `steps.closer_to_half`; in float32 a half is 1/2 to the last bit
            store(nearest, i, min(closest, QUARTER - farthest))
            store(sums, i, fma(F_latt_squared, look_up(F_squared, load(positions, i)), load(sums, i)))

    return add_squares, add_table_squares


add_squares_of_phases, add_table_squares_of_phases = build_add_squares(phases_at)
add_squares_of_offsets, add_table_squares_of_offsets = build_add_squares(offsets_at)


def flush(I, weight, sums):
    """Adds the float32 sums times weight to I, and clears them."""
    full_vector_width()
    for i in range(I.shape[0]):
        store(I, i, fma(np.float64(load(sums, i)), load(weight, i), load(I, i)))
        store(sums, i, np.float32(0.0))


def build_steps_in_float32(way):
    """(step, flush) for parallelepipeds in float32; what `step` adds reaches out by `flush`."""
    add_phases, add_offsets = build_add_phases(way), build_add_offsets(way)

    def step(plan, kind, crystals, out, weight, pixel_terms, hkl_lines, table, workspace):
        if kind.in_offsets:
            add_offsets(plan, kind.has_table, pixel_terms, hkl_lines, table, workspace)
        else:
            add_phases(plan, kind.has_table, pixel_terms, hkl_lines, table, workspace)

    def flush_sums(out, weight, workspace):
        flush(out, weight, workspace.sums)

    return step, flush_sums
