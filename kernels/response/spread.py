"""Point spread within a small radius, as a sum over the pixels around each pixel.

The spread is the same to all four sides: rows at the same distance are added first, then pixels, so that a quarter of the
products remain. Sums are of float32: all terms are positive, and a radius of 20 pixels leaves an error of some 1e-6.
"""

import numpy as np

from nbkernel.kernels.compile.kernel import Kernel
from nbkernel.kernels.numerics.arithmetic import fma
from nbkernel.kernels.numerics.vector_loops import fill, full_vector_width, load, store

f4 = np.float32
AT_A_TIME = 4  # distances along a row


def add_rows(upper, lower, radius, pair):
    full_vector_width()
    for i in range(upper.shape[0]):
        store(pair, radius + i, f4(load(upper, i)) + f4(load(lower, i)))


def take_row(row, radius, pair):
    full_vector_width()
    for i in range(row.shape[0]):
        store(pair, radius + i, f4(load(row, i)))


def four_distances(s0, s1, s2, s3, p0, p1, p2, p3, total):
    """total plus four products."""
    near = fma(s1, p1, fma(s0, p0, total))
    return near + fma(s3, p3, s2 * p2)


def add_middle(share, pair, radius, total):
    full_vector_width()
    for i in range(total.shape[0]):
        store(total, i, fma(share, load(pair, radius + i), load(total, i)))


def add_four_distances(shares, fast, pair, radius, total):
    """Adds the pixels at the distances fast .. fast + 3 to both sides."""
    full_vector_width()
    s0, s1, s2, s3 = shares[fast], shares[fast + 1], shares[fast + 2], shares[fast + 3]
    left, right = radius - fast, radius + fast
    for i in range(total.shape[0]):
        p0 = load(pair, right + i) + load(pair, left + i)
        p1 = load(pair, right + 1 + i) + load(pair, left - 1 + i)
        p2 = load(pair, right + 2 + i) + load(pair, left - 2 + i)
        p3 = load(pair, right + 3 + i) + load(pair, left - 3 + i)
        store(total, i, four_distances(s0, s1, s2, s3, p0, p1, p2, p3, load(total, i)))


def spread_to_pixel(photons, row, column, width, radius, shares, reaches):
    """What `spread_rows` gives a single pixel, float32, in the same order. row: in photons; width: pixels of a row."""
    total = f4(0.0)
    for slow in range(radius + 1):
        total = fma(shares[slow, 0], of_two_rows(photons, row, slow, column, width), total)
        for fast in range(1, reaches[slow] + 1, AT_A_TIME):
            total = four_distances(
                shares[slow, fast], shares[slow, fast + 1], shares[slow, fast + 2], shares[slow, fast + 3],
                of_four(photons, row, slow, column, fast, width), of_four(photons, row, slow, column, fast + 1, width),
                of_four(photons, row, slow, column, fast + 2, width), of_four(photons, row, slow, column, fast + 3, width),
                total,
            )  # fmt: skip
    return total


def of_four(photons, row, slow, column, fast, width):
    """The sum of the pixels so far away to all sides."""
    right = of_two_rows(photons, row, slow, column + fast, width)
    return right + of_two_rows(photons, row, slow, column - fast, width)


def of_two_rows(photons, row, slow, column, width):
    """The pixel of a column in the rows so far above and below; 0 beside the image."""
    if column < 0 or column >= width:
        return f4(0.0)
    if slow == 0:
        return f4(photons[row, column])
    return f4(photons[row - slow, column]) + f4(photons[row + slow, column])


@Kernel
def spread_rows(photons, shares, reaches, pair, total, out, slow_start, slow_stop):
    """out (rows, fast) float64: rows slow_start .. slow_stop after point spread.

    photons: (rows + 2 radius, fast) float64, which begin `radius` rows earlier; shares: (radius + 1, n) float32, what a
    pixel gets from one so many pixels away, slow and fast; reaches: (radius + 1,) int64, the last fast distance of each slow
    one that counts; pair: (fast + 2 margins,) float32, 0 in the margins, which are those of the last distance that is read;
    total: (fast,) float32.
    """
    radius = shares.shape[0] - 1
    margin = (pair.shape[0] - total.shape[0]) // 2
    for row in range(slow_start, slow_stop):
        fill(total, f4(0.0))
        for slow in range(radius + 1):
            if slow == 0:
                take_row(photons[row + radius], margin, pair)
            else:
                add_rows(photons[row + radius - slow], photons[row + radius + slow], margin, pair)
            own = shares[slow]
            add_middle(own[0], pair, margin, total)
            for fast in range(1, reaches[slow] + 1, AT_A_TIME):
                add_four_distances(own, fast, pair, margin, total)
        for i in range(total.shape[0]):
            out[row, i] = total[i]
