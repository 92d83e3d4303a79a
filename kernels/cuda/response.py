"""What becomes of Bragg photons under CUDA: the background is added to them, and a detector responds, by the functions of
`response.background`, `response.photons`, `response.spread` and `response.read_out`.

One thread per pixel adds its background. One counts its photons, then one spreads and reads them out. One thread per row
adds up, one after another as the CPU does.
"""

import numpy as np
from numba import cuda

from nbkernel.kernels.numerics.arithmetic import floor
from nbkernel.kernels.numerics.gaussian import gaussian
from nbkernel.kernels.numerics.philox import uniform_pair
from nbkernel.kernels.numerics.poisson import poisson
from nbkernel.kernels.response.background import WORK, add_up, with_photons
from nbkernel.kernels.response.counts import NOISE_SUMS
from nbkernel.kernels.response.photons import expected_photons
from nbkernel.kernels.response.read_out import converted, digitised, tally
from nbkernel.kernels.response.spread import spread_to_pixel
from nbkernel.kernels.response.stages import CALIBRATION, READ_OUT

from .launch import THREADS


def add_background(scatter, tile, wanted, image):
    """Adds the photons of a Scatter to the wanted pixels of `image`: one pixel per thread, a row per blockIdx.y. Pixels that
    are nan stay so.

    wanted, image: (slow, fast) from the Tile's first pixel on, bool and float32.
    """
    row, column = cuda.blockIdx.y, cuda.blockIdx.x * THREADS + cuda.threadIdx.x
    if column < tile.fast_stop - tile.fast_start and wanted[row, column]:
        work = cuda.local.array((WORK, 1), np.float64)
        add_up(scatter, tile, np.int32(tile.slow_start + row), np.int32(tile.fast_start + column), 0, work)
        image[row, column] = with_photons(image[row, column], work, 0)


def count_photons(means, lit, width, flicker, calibration, calibration_key, number, fpixels, frame, key, photons):
    """Fills `photons` (rows, fast) float64 with deviates of `means` (float32): one pixel per thread, a row per blockIdx.y.

    lit: first and last row of the region, in which photons arrive; width: pixels of a row; number: of the first pixel;
    fpixels: the step between rows; the others as for `photons.counted_photons`.
    """
    row, column = cuda.blockIdx.y, cuda.blockIdx.x * THREADS + cuda.threadIdx.x
    if column < width:
        counted = 0.0
        if lit[0] <= row and row <= lit[1]:
            pixel = np.int64(number) + np.int64(row) * fpixels + column
            u, v = 0.5, 0.5
            if calibration > 0.0:
                u, v = uniform_pair(pixel, 0, CALIBRATION, calibration_key)
            mean = expected_photons(means[row, column], flicker, calibration, u, v)
            counted = poisson(np.float64(mean), pixel, frame, key)
        photons[row, column] = counted


def read_out(
    photons, width, radius, shares, reaches, stages, gain, pedestal, mask, has_map, corner, least, most, number, fpixels,
    frame, key, arrived, counts,
):  # fmt: skip
    """Fills `arrived` (float64), photons after point spread, and `counts` (int32), both (rows, fast): one pixel per thread,
    a row per blockIdx.y.

    photons: (rows + 2 radius, fast); radius: 0 without point spread; shares, reaches: as for `spread.spread_rows`; has_map:
    whether gain, pedestal and mask are maps of the panel or (1, 1); corner: slow and fast of the first pixel in the panel;
    the others as for `read_out.read_out_rows` and `count_photons`.
    """
    row, column = cuda.blockIdx.y, cuda.blockIdx.x * THREADS + cuda.threadIdx.x
    if column < width:
        here = photons[row + radius, column]
        if radius > 0:
            here = np.float64(spread_to_pixel(photons, row + radius, column, width, radius, shares, reaches))
        slow, fast = corner[0] + row, corner[1] + column
        own_gain = gain[slow, fast] if has_map[0] else gain[0, 0]
        own_pedestal = pedestal[slow, fast] if has_map[1] else pedestal[0, 0]
        bits = mask[slow, fast] if has_map[2] else mask[0, 0]
        u, v = uniform_pair(np.int64(number) + np.int64(row) * fpixels + column, frame, READ_OUT, key)
        value = floor(converted(here, stages, own_gain, own_pedestal, gaussian(u, v)) + 0.5)
        arrived[row, column] = here
        counts[row, column] = digitised(value, bits, least, most)


def sum_read_out(arrived, counts, rows, width, mask, has_map, corner, most, sums):
    """Fills sums[row] with what `read_out.tally` adds up of that row: one row per thread. The arguments are those of
    `read_out`."""
    row = cuda.blockIdx.x * THREADS + cuda.threadIdx.x
    if row < rows:
        own = cuda.local.array(NOISE_SUMS, np.float64)
        for i in range(NOISE_SUMS):
            own[i] = 0.0
        for column in range(width):
            bits = mask[corner[0] + row, corner[1] + column] if has_map[2] else mask[0, 0]
            tally(arrived[row, column], counts[row, column], bits, most, own)
        for i in range(NOISE_SUMS):
            sums[row, i] = own[i]
