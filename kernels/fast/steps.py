"""The innermost loops: one orientation's step of each pixel of a segment of a row, in float64.

Arrays are (n,) float64, one element per pixel. `miller_indices` is that of `along_row` or of `as_program`; hkl_lines is what
it needs of the orientation, pixel_terms what it needs of each pixel (rows of `work`).
"""

import numpy as np

from nbkernel.kernels.numerics.arithmetic import clamped, fma, rint
from nbkernel.kernels.numerics.vector_loops import full_vector_width, gathers, interleaved, load, look_up, store
from nbkernel.kernels.physics.constants import GAUSS, ROUND, SQUARE
from nbkernel.kernels.physics.scattering import nearest_index

from .geometry import NEAREST, TERM
from .lattice_factor import (
    gauss_is_nonzero,
    gauss_squared,
    round_squared,
    square_squared,
    square_squared_as_program,
    tophat_is_nonzero,
    tophat_squared,
)

# row of the int32 work array, of which `phases` has the others
POSITION = 3
# whose operations need not wait for one another
SIX_SINES = (square_squared, square_squared_as_program)


def table_position(h0, k0, l0, table):
    """Position of the integer indices in a SquaredTable's F_squared; those outside are on its border."""
    h0 = clamped(h0 - table.h_low, table.h_top)
    k0 = clamped(k0 - table.k_low, table.k_top)
    l0 = clamped(l0 - table.l_low, table.l_top)
    return np.int32(fma(h0, table.h_stride, fma(k0, table.k_stride, l0)))


def closer(nearest, h, k, l, h0, k0, l0):
    """`nearest` or, if one is less, the square of an index' offset from the nearest integer."""
    dh, dk, dl = h - h0, k - k0, l - l0
    nearest = min(nearest, dh * dh)
    nearest = min(nearest, dk * dk)
    return min(nearest, dl * dl)


def closer_to_half(nearest, h, k, l, h0, k0, l0):
    """`nearest` or, if one is less, 1/4 minus the square of an index' offset: about the distance of the index from half way
    between two integers."""
    dh, dk, dl = h - h0, k - k0, l - l0
    return min(nearest, 0.25 - max(max(dh * dh, dk * dk), dl * dl))


def build_add_steps(miller_indices, F_latt_squared, track_nearest):
    """The loop for one kind of indices and one shape of crystal, without a table."""
    is_chain = F_latt_squared not in SIX_SINES

    def add_steps(I, nearest, weight, pixel_terms, hkl_lines, crystal):
        """Adds F_latt^2 times weight to I; if track_nearest, keeps the smallest squared offset from an integer
        index."""
        full_vector_width()
        for i in range(I.shape[0]):
            if is_chain:
                interleaved()
            h, k, l = miller_indices(hkl_lines, pixel_terms, i)
            h0, k0, l0 = rint(h), rint(k), rint(l)
            step = F_latt_squared(h, k, l, h0, k0, l0, crystal)
            if track_nearest:
                store(nearest, i, closer(load(nearest, i), h, k, l, h0, k0, l0))
            store(I, i, fma(step, load(weight, i), load(I, i)))

    return add_steps


def build_add_table_steps(miller_indices, F_latt_squared, track_nearest, track_halves):
    """The same with F_cell^2 of the nearest integer indices from a SquaredTable. track_halves: whether `nearest` also has to
    show an index half way between two integers."""
    is_chain = F_latt_squared not in SIX_SINES

    def add_table_steps(I, nearest, weight, pixel_terms, hkl_lines, crystal, table, steps, positions):
        """steps (float64), positions (int32): memory for as many pixels."""
        full_vector_width()
        at_once = gathers()
        for i in range(I.shape[0]):
            if is_chain:
                interleaved()
            h, k, l = miller_indices(hkl_lines, pixel_terms, i)
            h0, k0, l0 = nearest_index(h), nearest_index(k), nearest_index(l)
            position = table_position(h0, k0, l0, table)
            step = F_latt_squared(h, k, l, h0, k0, l0, crystal)
            if track_nearest or track_halves:
                near = load(nearest, i)
                if track_nearest:
                    near = closer(near, h, k, l, h0, k0, l0)
                if track_halves:
                    near = closer_to_half(near, h, k, l, h0, k0, l0)
                store(nearest, i, near)
            if at_once:
                store(I, i, fma(step * look_up(table.F_squared, position), load(weight, i), load(I, i)))
            else:
                store(steps, i, step)
                store(positions, i, position)
        if not at_once:
            add_looked_up(I, weight, steps, positions, table.F_squared)

    return add_table_steps


def add_looked_up(I, weight, steps, positions, F_squared):
    full_vector_width()
    for i in range(I.shape[0]):
        step = load(steps, i) * look_up(F_squared, load(positions, i))
        store(I, i, fma(step, load(weight, i), load(I, i)))


def build_add_orientation(miller_indices, square_squared, track_nearest):
    """The choice of the loop by the crystal's shape, for one kind of indices and of sines. track_nearest: whether indices
    are not the program's own. The offsets of other shapes than parallelepipeds lose nothing next to integer indices;
    Gaussian spots that reach half way to the next have the program's own indices (`precision.needs_own_operations`),
    tophats always."""
    add_square = build_add_steps(miller_indices, square_squared, track_nearest)
    add_table_square = build_add_table_steps(miller_indices, square_squared, track_nearest, track_nearest)
    add_round = build_add_steps(miller_indices, round_squared, False)
    add_table_round = build_add_table_steps(miller_indices, round_squared, False, track_nearest)
    add_gauss = build_add_steps(miller_indices, gauss_squared, False)
    add_table_gauss = build_add_table_steps(miller_indices, gauss_squared, False, False)
    add_tophat = build_add_steps(miller_indices, tophat_squared, False)
    add_table_tophat = build_add_table_steps(miller_indices, tophat_squared, False, False)

    def add_orientation(
        xtal_shape, crystals, has_table, I, nearest, weight, pixel_terms, hkl_lines, table, steps, positions
    ):
        """Adds one orientation's F_cell^2 F_latt^2 times weight to I; F_cell^2 only where there is a table."""
        parallelepiped, ellipsoid, gaussian, tophat = crystals
        if xtal_shape == SQUARE:
            if has_table:
                add_table_square(I, nearest, weight, pixel_terms, hkl_lines, parallelepiped, table, steps, positions)
            else:
                add_square(I, nearest, weight, pixel_terms, hkl_lines, parallelepiped)
        elif xtal_shape == ROUND:
            if has_table:
                add_table_round(I, nearest, weight, pixel_terms, hkl_lines, ellipsoid, table, steps, positions)
            else:
                add_round(I, nearest, weight, pixel_terms, hkl_lines, ellipsoid)
        elif xtal_shape == GAUSS:
            if has_table:
                add_table_gauss(I, nearest, weight, pixel_terms, hkl_lines, gaussian, table, steps, positions)
            else:
                add_gauss(I, nearest, weight, pixel_terms, hkl_lines, gaussian)
        elif has_table:
            add_table_tophat(I, nearest, weight, pixel_terms, hkl_lines, tophat, table, steps, positions)
        else:
            add_tophat(I, nearest, weight, pixel_terms, hkl_lines, tophat)

    return add_orientation


def build_add_nonzero(miller_indices):
    """For runs in which a step that adds nothing still matters, unless its F_latt is exactly 0."""
    add_gauss_nonzero = build_add_steps(miller_indices, gauss_is_nonzero, False)
    add_tophat_nonzero = build_add_steps(miller_indices, tophat_is_nonzero, False)

    def add_nonzero(plan, xtal_shape, crystals, nonzero, kept, pixel_terms, hkl_lines):
        """Adds `kept` to `nonzero` where one orientation's F_latt is not 0, or if there is water."""
        _, _, gaussian, tophat = crystals
        if plan.has_water or xtal_shape == SQUARE or xtal_shape == ROUND:
            for i in range(nonzero.shape[0]):
                nonzero[i] += kept[i]
        elif xtal_shape == GAUSS:
            add_gauss_nonzero(nonzero, nonzero, kept, pixel_terms, hkl_lines, gaussian)
        else:
            add_tophat_nonzero(nonzero, nonzero, kept, pixel_terms, hkl_lines, tophat)

    return add_nonzero


def build_steps_in_float64(miller_indices, square_squared, track_nearest):
    """(step, flush): `step` adds one orientation's F_cell^2 F_latt^2 times weight to out."""
    add_orientation = build_add_orientation(miller_indices, square_squared, track_nearest)

    def step(plan, kind, crystals, out, weight, pixel_terms, hkl_lines, table, workspace):
        nearest, steps, positions = workspace.work[NEAREST], workspace.work[TERM], workspace.phases[POSITION]
        add_orientation(
            kind.xtal_shape, crystals, kind.has_table, out, nearest, weight, pixel_terms, hkl_lines, table, steps, positions
        )

    def no_flush(out, weight, workspace):
        pass

    return step, no_flush
