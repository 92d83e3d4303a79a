"""The innermost loops: one orientation's step of each pixel of a piece of a row, in float64.

Arrays are (n,) float64, one element per pixel. A cell vector's index comes from `index_along_row` (flat detectors: six
fused operations for h, k and l) or from `index_as_program` (the program's own operations: curved detectors, and crystals
so sharp that the last digits count); `place` is what either needs of each pixel.
"""

import numpy as np

from nbkernel.kernels.numerics.arithmetic import clamped, fma, rint
from nbkernel.kernels.numerics.vector_loops import full_vector_width, load, look_up, store
from nbkernel.kernels.physics.constants import GAUSS, ROUND, SQUARE
from nbkernel.kernels.physics.scattering import nearest_index

from .lattice_factor import gauss_squared, gauss_there, round_squared, tophat_squared, tophat_there


def index_along_row(line, place, i):
    """(line[0] + line[1] Fdet)/airpath + line[2]; place: (Fdet, 1/airpath)."""
    Fdet, inverse_airpath = place
    return fma(fma(line[1], load(Fdet, i), line[0]), load(inverse_airpath, i), line[2])


def index_as_program(vector, place, i):
    """Product of `vector` with that of pixel i, summed as the program does; place: three components."""
    x, y, z = place
    return vector[0] * load(x, i) + vector[1] * load(y, i) + vector[2] * load(z, i)


def table_position(h0, k0, l0, table):
    """Where in a SquaredTable's F_squared the whole indices are; those outside are on its border."""
    h0 = clamped(h0 - table.h_low, table.h_top)
    k0 = clamped(k0 - table.k_low, table.k_top)
    l0 = clamped(l0 - table.l_low, table.l_top)
    return np.int32(fma(h0, table.h_stride, fma(k0, table.k_stride, l0)))


def closer(nearest, h, k, l, h0, k0, l0):
    """`nearest` or, where one is less, the square of an index' offset from the nearest whole one."""
    dh, dk, dl = h - h0, k - k0, l - l0
    nearest = min(nearest, dh * dh)
    nearest = min(nearest, dk * dk)
    return min(nearest, dl * dl)


def closer_to_half(nearest, h, k, l, h0, k0, l0):
    """`nearest` or, where one is less, 1/4 less the square of an index' offset: about as far as the index is from half way
    between two whole ones."""
    dh, dk, dl = h - h0, k - k0, l - l0
    return min(nearest, 0.25 - max(max(dh * dh, dk * dk), dl * dl))


def steps_of(index, F_latt_squared, watched):
    """The loop for one kind of index and one shape of crystal, without a table."""

    def add_steps(I, nearest, weight, place, cell, crystal):
        """Adds F_latt^2 times weight to I; where `watched`, keeps the squared offset that comes nearest to a whole index."""
        full_vector_width()
        for i in range(I.shape[0]):
            h, k, l = index(cell[0], place, i), index(cell[1], place, i), index(cell[2], place, i)
            h0, k0, l0 = rint(h), rint(k), rint(l)
            step = F_latt_squared(h, k, l, h0, k0, l0, crystal)
            if watched:
                store(nearest, i, closer(load(nearest, i), h, k, l, h0, k0, l0))
            store(I, i, fma(step, load(weight, i), load(I, i)))

    return add_steps


def table_steps_of(index, F_latt_squared, watched, halves_watched):
    """The same with F_cell^2 of the nearest whole indices from a SquaredTable. halves_watched: whether an index half way
    between two whole ones is to be known from `nearest`, too."""

    def add_table_steps(I, nearest, weight, place, cell, crystal, table):
        full_vector_width()
        for i in range(I.shape[0]):
            h, k, l = index(cell[0], place, i), index(cell[1], place, i), index(cell[2], place, i)
            h0, k0, l0 = nearest_index(h), nearest_index(k), nearest_index(l)
            F_squared = look_up(table.F_squared, table_position(h0, k0, l0, table))
            step = F_latt_squared(h, k, l, h0, k0, l0, crystal) * F_squared
            if watched or halves_watched:
                near = load(nearest, i)
                if watched:
                    near = closer(near, h, k, l, h0, k0, l0)
                if halves_watched:
                    near = closer_to_half(near, h, k, l, h0, k0, l0)
                store(nearest, i, near)
            store(I, i, fma(step, load(weight, i), load(I, i)))

    return add_table_steps


def orientation_of(index, square_squared, watched):
    """The choice of the loop by the crystal's shape, for one kind of index and of sines. watched: whether indices are not
    the program's own. The offsets of other shapes than parallelepipeds lose nothing next to whole indices; Gaussian spots
    that reach half way to the next have the program's own indices (`precision.as_program`), tophats always."""
    add_square = steps_of(index, square_squared, watched)
    add_table_square = table_steps_of(index, square_squared, watched, watched)
    add_round, add_table_round = steps_of(index, round_squared, False), table_steps_of(index, round_squared, False, watched)
    add_gauss, add_table_gauss = steps_of(index, gauss_squared, False), table_steps_of(index, gauss_squared, False, False)
    add_tophat, add_table_tophat = (
        steps_of(index, tophat_squared, False),
        table_steps_of(index, tophat_squared, False, False),
    )

    def add_orientation(xtal_shape, crystals, has_table, I, nearest, weight, place, cell, table):
        """Adds one orientation's F_cell^2 F_latt^2 times weight to I; F_cell^2 only where there is a table."""
        parallelepiped, ellipsoid, gaussian, tophat = crystals
        if xtal_shape == SQUARE:
            if has_table:
                add_table_square(I, nearest, weight, place, cell, parallelepiped, table)
            else:
                add_square(I, nearest, weight, place, cell, parallelepiped)
        elif xtal_shape == ROUND:
            if has_table:
                add_table_round(I, nearest, weight, place, cell, ellipsoid, table)
            else:
                add_round(I, nearest, weight, place, cell, ellipsoid)
        elif xtal_shape == GAUSS:
            if has_table:
                add_table_gauss(I, nearest, weight, place, cell, gaussian, table)
            else:
                add_gauss(I, nearest, weight, place, cell, gaussian)
        elif has_table:
            add_table_tophat(I, nearest, weight, place, cell, tophat, table)
        else:
            add_tophat(I, nearest, weight, place, cell, tophat)

    return add_orientation


def there_of(index):
    """For runs in which a step that adds nothing still counts, unless its F_latt is exactly 0."""
    add_gauss_there, add_tophat_there = steps_of(index, gauss_there, False), steps_of(index, tophat_there, False)

    def add_there(plan, xtal_shape, crystals, there, kept, place, cell):
        """Adds `kept` to `there` where one orientation's F_latt is not 0, or there is water."""
        _, _, gaussian, tophat = crystals
        if plan.has_water or xtal_shape == SQUARE or xtal_shape == ROUND:
            for i in range(there.shape[0]):
                there[i] += kept[i]
        elif xtal_shape == GAUSS:
            add_gauss_there(there, there, kept, place, cell, gaussian)
        else:
            add_tophat_there(there, there, kept, place, cell, tophat)

    return add_there
