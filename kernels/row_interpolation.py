"""Tricubic interpolation for pixels side by side: `structure_factor.F_tricubic`, summed along the table's memory.

In blocks of BLOCK pixels: the weights of h and k; then, pixel by pixel, 4 x 4 runs of four neighbours along l; then the
weights of l.
"""

import numpy as np

from .row_steps import clamped
from .scattering import nearest_index
from .structure_factor import F_nearest, interpolation_out_of_range, lagrange_weights
from .vector_loops import add_four, add_four_of_table, full_vector_width, load, store

BLOCK = 64
ZEROS = (0.0, 0.0, 0.0, 0.0)
# rows of the work array (INTERPOLATION_WORK, BLOCK)
WEIGHT_H, WEIGHT_K, LINE, H, K, L = 0, 4, 8, 12, 13, 14
INTERPOLATION_WORK = 15


def interpolation_of(index):
    def interpolate(F_squared, place, first, cell, Fhkl, F_flat, h_min, k_min, l_min, work, corner):
        """F_squared from pixel `first` on, at most BLOCK of them: F_cell^2 at the fractional indices, of the nearest whole
        ones where the neighbours are not all in the table.

        Fhkl: (h, k, l); F_flat: the same in one dimension; work: (INTERPOLATION_WORK, BLOCK); corner: (BLOCK,) int64.
        """
        full_vector_width()
        size = min(BLOCK, F_squared.shape[0] - first)
        k_range, l_range = Fhkl.shape[1], Fhkl.shape[2]
        interpolation_weights(place, first, cell, size, Fhkl, h_min, k_min, l_min, work, corner)
        for i in range(size):
            sums = ZEROS
            weights = (work[WEIGHT_K, i], work[WEIGHT_K + 1, i], work[WEIGHT_K + 2, i], work[WEIGHT_K + 3, i])
            for di in range(4):
                plane = ZEROS
                for dj in range(4):
                    plane = add_four_of_table(plane, weights[dj], F_flat, corner[i] + (di * k_range + dj) * l_range)
                sums = add_four(sums, work[WEIGHT_H + di, i], plane)
            for m in range(4):
                work[LINE + m, i] = sums[m]
        ls = work[L]
        lines = (work[LINE], work[LINE + 1], work[LINE + 2], work[LINE + 3])
        for i in range(size):
            l = load(ls, i)
            w = lagrange_weights(l, np.floor(l))
            F_cell = (load(lines[0], i) * w[0] + load(lines[1], i) * w[1]) + (load(lines[2], i) * w[2] + load(lines[3], i) * w[3])
            store(F_squared, first + i, F_cell * F_cell)

    def interpolation_weights(place, first, cell, size, Fhkl, h_min, k_min, l_min, work, corner):
        """h, k, l, the weights of h and k, and the position of the first neighbour, within the table in any case."""
        full_vector_width()
        hs, ks, ls = work[H], work[K], work[L]
        h_weights = (work[WEIGHT_H], work[WEIGHT_H + 1], work[WEIGHT_H + 2], work[WEIGHT_H + 3])
        k_weights = (work[WEIGHT_K], work[WEIGHT_K + 1], work[WEIGHT_K + 2], work[WEIGHT_K + 3])
        h_top, k_top, l_top = Fhkl.shape[0] - 4.0, Fhkl.shape[1] - 4.0, Fhkl.shape[2] - 4.0
        h_stride, k_stride = float(Fhkl.shape[1] * Fhkl.shape[2]), float(Fhkl.shape[2])
        for i in range(size):
            h, k, l = index(cell[0], place, first + i), index(cell[1], place, first + i), index(cell[2], place, first + i)
            store(hs, i, h)
            store(ks, i, k)
            store(ls, i, l)
        for i in range(size):
            h, k = load(hs, i), load(ks, i)
            w = lagrange_weights(h, np.floor(h))
            v = lagrange_weights(k, np.floor(k))
            for m in range(4):
                store(h_weights[m], i, w[m])
                store(k_weights[m], i, v[m])
        for i in range(size):
            h1 = clamped(np.floor(load(hs, i)) - (h_min + 1.0), h_top)
            k1 = clamped(np.floor(load(ks, i)) - (k_min + 1.0), k_top)
            l1 = clamped(np.floor(load(ls, i)) - (l_min + 1.0), l_top)
            store(corner, i, np.int64(h1 * h_stride + k1 * k_stride + l1))

    def interpolated(plan, F_squared, F_flat, place, cell, work, corner):
        """F_squared (n,): F_cell^2 of every pixel of the piece."""
        Fhkl, h_min, k_min, l_min = plan.Fhkl, plan.h_min, plan.k_min, plan.l_min
        if Fhkl.shape[0] >= 4 and Fhkl.shape[1] >= 4 and Fhkl.shape[2] >= 4:
            for first in range(0, F_squared.shape[0], BLOCK):
                interpolate(F_squared, place, first, cell, Fhkl, F_flat, h_min, k_min, l_min, work, corner)
        for i in range(F_squared.shape[0]):
            h, k, l = index(cell[0], place, i), index(cell[1], place, i), index(cell[2], place, i)
            if interpolation_out_of_range(h, k, l, Fhkl, h_min, k_min, l_min):
                F_cell = F_nearest(
                    nearest_index(h), nearest_index(k), nearest_index(l), Fhkl, h_min, k_min, l_min, plan.default_F
                )
                F_squared[i] = F_cell * F_cell

    return interpolated
