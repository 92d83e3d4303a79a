"""Adds what amorphous materials scatter to the rendered photons of a panel, on the CPU. What a CUDA device has rendered gets
it there."""

import numpy as np

from nbkernel.kernels.response.background import WORK, add_background_rows

from .tiles import region_tile

# pixels of a row at a time, whose work stays in the cache
SEGMENT = 256
# the same where few pixels are wanted
FEW = 8
# rows after which an interruption is noticed
ROWS = 256


def add_background(prepared, image, share, threads, on_rows=None):
    """Adds the background of a Prepared panel, if it has one, to its wanted pixels in `image` (slow, fast) float32.

    share, threads: as for `render`; on_rows: called after some rows. The sum is in float64, rounded to float32 once.
    """
    if prepared.scatter is None:
        return
    tile = region_tile(prepared)
    new_call = new_background_call(prepared, tile, prepared.wanted, image)
    for first in range(tile.slow_start, tile.slow_stop, ROWS):
        share(new_call, first, min(first + ROWS, tile.slow_stop), threads)
        if on_rows is not None:
            on_rows()


def new_background_call(prepared, tile, wanted, image, segment=SEGMENT):
    """A function that returns a call for one thread, which adds the background of a Prepared panel to the wanted pixels of a
    Tile's rows. segment: pixels of a row at a time."""

    def new_call():
        work = np.empty((WORK, min(segment, tile.fast_stop - tile.fast_start)))
        return add_background_rows.over_rows(prepared.scatter, tile, wanted, image, work)

    return new_call
