"""Tricubic interpolation, vectorised over pixels: `structure_factor.F_tricubic`, summed along the table's memory.

In blocks of BLOCK pixels: the weights of h and k; then sums over h and k, for eight pixels at a time if they have the same
neighbours, otherwise pixel by pixel with four neighbours along l at a time; then the weights of l. The four neighbours along
an axis are always in the table: after a rounding error at its edge, the polynomial is continued there.
"""

import numpy as np

from nbkernel.kernels.numerics.arithmetic import clamped, floor
from nbkernel.kernels.numerics.vector_loops import (
    add_eight,
    add_eight_of_table,
    add_four,
    add_four_of_table,
    eight,
    fill,
    full_vector_width,
    load,
    store,
    store_eight,
)
from nbkernel.kernels.physics.scattering import nearest_index
from nbkernel.kernels.physics.structure_factor import F_nearest, interpolation_out_of_range, lagrange_weights

BLOCK, LANES = 128, 8
# number of pixels from which eight at a time pay off
WORTH_EIGHT = 3
ZEROS = (0.0, 0.0, 0.0, 0.0)
NO_LINES = ((0.0,) * LANES,) * 4
# rows of the work array (INTERPOLATION_WORK, BLOCK + LANES)
WEIGHT_H, WEIGHT_K, LINE, H, K, L = 0, 4, 8, 12, 13, 14
INTERPOLATION_WORK = 15


def node_below(h, low, top):
    """The second of the four nodes around h: the integer below h, among those with all four in the table."""
    return low + clamped(floor(h) - low, top - low)


def store_weights(weights, hs, size, low, top):
    """weights: (4, n), those of the four nodes around the first `size` of hs."""
    full_vector_width()
    first, second, third, fourth = weights[0], weights[1], weights[2], weights[3]
    for i in range(size):
        h = load(hs, i)
        w = lagrange_weights(h, node_below(h, low, top))
        store(first, i, w[0])
        store(second, i, w[1])
        store(third, i, w[2])
        store(fourth, i, w[3])


def end_of_same_corner(corner, start, size):
    """The first pixel after `start`, or `size`, that has other neighbours."""
    end = start + 1
    while end < size and load(corner, end) == load(corner, start):
        end += 1
    return end


def sum_over_h_and_k(work, i, F_flat, corner, k_range, l_range):
    """LINE of one pixel: sums for the four neighbours along l."""
    sums = ZEROS
    weights = (work[WEIGHT_K, i], work[WEIGHT_K + 1, i], work[WEIGHT_K + 2, i], work[WEIGHT_K + 3, i])
    for di in range(4):
        plane = ZEROS
        for dj in range(4):
            plane = add_four_of_table(plane, weights[dj], F_flat, corner + (di * k_range + dj) * l_range)
        sums = add_four(sums, work[WEIGHT_H + di, i], plane)
    for m in range(4):
        work[LINE + m, i] = sums[m]


def eight_sums_over_h_and_k(work, i, F_flat, corner, k_range, l_range):
    """The same, to the last bit, of eight pixels that have these neighbours; those beyond are written later."""
    plane = k_range * l_range
    # no loops: their running sums would be taken out of the vector registers
    sums = add_planes(NO_LINES, eight(work[WEIGHT_H], i), sum_over_k(work, i, F_flat, corner, l_range))
    sums = add_planes(sums, eight(work[WEIGHT_H + 1], i), sum_over_k(work, i, F_flat, corner + plane, l_range))
    sums = add_planes(sums, eight(work[WEIGHT_H + 2], i), sum_over_k(work, i, F_flat, corner + 2 * plane, l_range))
    sums = add_planes(sums, eight(work[WEIGHT_H + 3], i), sum_over_k(work, i, F_flat, corner + 3 * plane, l_range))
    store_eight(work[LINE], i, sums[0])
    store_eight(work[LINE + 1], i, sums[1])
    store_eight(work[LINE + 2], i, sums[2])
    store_eight(work[LINE + 3], i, sums[3])


def sum_over_k(work, i, F_flat, corner, l_range):
    sums = add_line(NO_LINES, eight(work[WEIGHT_K], i), F_flat, corner)
    sums = add_line(sums, eight(work[WEIGHT_K + 1], i), F_flat, corner + l_range)
    sums = add_line(sums, eight(work[WEIGHT_K + 2], i), F_flat, corner + 2 * l_range)
    return add_line(sums, eight(work[WEIGHT_K + 3], i), F_flat, corner + 3 * l_range)


def add_line(sums, weights, F_flat, position):
    """Four 8-tuples, one for each neighbour along l."""
    return (
        add_eight_of_table(sums[0], weights, F_flat, position),
        add_eight_of_table(sums[1], weights, F_flat, position + 1),
        add_eight_of_table(sums[2], weights, F_flat, position + 2),
        add_eight_of_table(sums[3], weights, F_flat, position + 3),
    )


def add_planes(sums, weights, planes):
    return (
        add_eight(sums[0], weights, planes[0]),
        add_eight(sums[1], weights, planes[1]),
        add_eight(sums[2], weights, planes[2]),
        add_eight(sums[3], weights, planes[3]),
    )


def build_interpolated(miller_indices):
    def interpolate(F_squared, pixel_terms, first, hkl_lines, Fhkl, F_flat, h_min, k_min, l_min, work, corner):
        """F_squared from pixel `first` on, at most BLOCK of them: F_cell^2 at the fractional indices, or at the nearest
        integer ones where the neighbours are not all in the table.

        Fhkl: (h, k, l); F_flat: the same in one dimension; work: (INTERPOLATION_WORK, BLOCK + LANES); corner: (BLOCK,)
        int32."""
        full_vector_width()
        size = min(BLOCK, F_squared.shape[0] - first)
        k_range, l_range = Fhkl.shape[1], Fhkl.shape[2]
        interpolation_weights(pixel_terms, first, hkl_lines, size, Fhkl, h_min, k_min, l_min, work, corner)
        start = 0
        while start < size:
            end = end_of_same_corner(corner, start, size)
            if end - start < WORTH_EIGHT:
                for i in range(start, end):
                    sum_over_h_and_k(work, i, F_flat, corner[i], k_range, l_range)
            else:
                for i in range(start, end, LANES):
                    eight_sums_over_h_and_k(work, i, F_flat, corner[start], k_range, l_range)
            start = end
        l_low, l_top = l_min + 1.0, l_min + Fhkl.shape[2] - 3.0
        ls = work[L]
        lines = (work[LINE], work[LINE + 1], work[LINE + 2], work[LINE + 3])
        for i in range(size):
            l = load(ls, i)
            w = lagrange_weights(l, node_below(l, l_low, l_top))
            F_cell = (load(lines[0], i) * w[0] + load(lines[1], i) * w[1]) + (
                load(lines[2], i) * w[2] + load(lines[3], i) * w[3]
            )
            store(F_squared, first + i, F_cell * F_cell)

    def interpolation_weights(pixel_terms, first, hkl_lines, size, Fhkl, h_min, k_min, l_min, work, corner):
        """h, k, l, the weights of h and k, and the position of the first neighbour, within the table in any case."""
        full_vector_width()
        hs, ks, ls = work[H], work[K], work[L]
        h_low, k_low, l_low = h_min + 1.0, k_min + 1.0, l_min + 1.0
        h_top, k_top, l_top = h_low + Fhkl.shape[0] - 4.0, k_low + Fhkl.shape[1] - 4.0, l_low + Fhkl.shape[2] - 4.0
        h_stride, k_stride = float(Fhkl.shape[1] * Fhkl.shape[2]), float(Fhkl.shape[2])
        for i in range(size):
            h, k, l = miller_indices(hkl_lines, pixel_terms, first + i)
            store(hs, i, h)
            store(ks, i, k)
            store(ls, i, l)
        store_weights(work[WEIGHT_H : WEIGHT_H + 4], hs, size, h_low, h_top)
        store_weights(work[WEIGHT_K : WEIGHT_K + 4], ks, size, k_low, k_top)
        for i in range(size):
            h1 = node_below(load(hs, i), h_low, h_top) - h_low
            k1 = node_below(load(ks, i), k_low, k_top) - k_low
            l1 = node_below(load(ls, i), l_low, l_top) - l_low
            store(corner, i, np.int32(h1 * h_stride + k1 * k_stride + l1))

    def out_of_range(pixel_terms, hkl_lines, pixels, Fhkl, h_min, k_min, l_min):
        """Number of pixels with neighbours outside the table."""
        full_vector_width()
        outside = 0
        for i in range(pixels):
            h, k, l = miller_indices(hkl_lines, pixel_terms, i)
            outside += 1 if interpolation_out_of_range(h, k, l, Fhkl, h_min, k_min, l_min) else 0
        return outside

    def interpolated(plan, F_squared, F_flat, pixel_terms, hkl_lines, work, corner):
        """F_squared (n,): F_cell^2 of every pixel of the segment."""
        Fhkl, h_min, k_min, l_min = plan.Fhkl, plan.h_min, plan.k_min, plan.l_min
        if Fhkl.shape[0] >= 4 and Fhkl.shape[1] >= 4 and Fhkl.shape[2] >= 4:
            for first in range(0, F_squared.shape[0], BLOCK):
                interpolate(F_squared, pixel_terms, first, hkl_lines, Fhkl, F_flat, h_min, k_min, l_min, work, corner)
        else:
            fill(F_squared, 0.0)
        # up to where it ends, interpolation never leaves the table, except for steps whose F_latt is 0
        if (
            plan.interpolation_latch
            or out_of_range(pixel_terms, hkl_lines, F_squared.shape[0], Fhkl, h_min, k_min, l_min) == 0
        ):
            return
        for i in range(F_squared.shape[0]):
            h, k, l = miller_indices(hkl_lines, pixel_terms, i)
            if interpolation_out_of_range(h, k, l, Fhkl, h_min, k_min, l_min):
                F_cell = F_nearest(
                    nearest_index(h), nearest_index(k), nearest_index(l), Fhkl, h_min, k_min, l_min, plan.default_F
                )
                F_squared[i] = F_cell * F_cell

    return interpolated
