"""Cutting a panel into tiles that carry their own geometry; what nobody asked for is cut away."""

import numpy as np

from nbkernel.kernels.physics.plan import Tile

# one tile should take this many steps: enough for all threads, little enough to hear Ctrl-C and to show progress
STEPS_PER_TILE = 20_000_000
OMEGAS_PER_BAND = 4_000_000


def panel_tile(detector, panel=0):
    """The Tile that is a whole panel."""
    d = detector

    def array(vector):
        return np.array(vector, np.float64)

    return Tile(
        panel, 0, d.spixels, 0, d.fpixels,
        array(d.fdet_vector), array(d.sdet_vector), array(d.odet_vector), array(d.pix0_vector), array(d.beam_vector),
        d.pixel_size, d.distance, d.close_distance, d.curved, d.point_pixel,
    )  # fmt: skip


def tile_slices(tile):
    """Where a tile's pixels are in its panel: (slow, fast) slices."""
    return slice(tile.slow_start, tile.slow_stop), slice(tile.fast_start, tile.fast_stop)


def default_tile_shape(fpixels, steps_per_pixel, omegas_per_pixel):
    """(slow, fast) size: whole rows, as many as make a good helping of work."""
    rows = STEPS_PER_TILE // max(1, int(fpixels * steps_per_pixel))
    most = max(1, OMEGAS_PER_BAND // (fpixels * omegas_per_pixel))
    return min(max(rows, 4), 256, most), fpixels


def bands(whole, tile_shape, wanted):
    """Lists of tiles side by side, in file order; each tile is shrunk to its wanted pixels and dropped without any."""
    for slow in range(whole.slow_start, whole.slow_stop, tile_shape[0]):
        band = []
        for fast in range(whole.fast_start, whole.fast_stop, tile_shape[1]):
            edges = (
                slow,
                min(slow + tile_shape[0], whole.slow_stop),
                fast,
                min(fast + tile_shape[1], whole.fast_stop),
            )
            edges = shrink(edges, wanted)
            if edges is not None:
                band.append(whole._replace(slow_start=edges[0], slow_stop=edges[1], fast_start=edges[2], fast_stop=edges[3]))
        if band:
            yield band


def shrink(edges, wanted):
    """The smallest box around the wanted pixels within `edges` (slow start, stop, fast start, stop); None if empty."""
    block = wanted[edges[0] : edges[1], edges[2] : edges[3]]
    if block.all():
        return edges
    rows = np.flatnonzero(block.any(axis=1))
    if rows.size == 0:
        return None
    columns = np.flatnonzero(block.any(axis=0))
    return (edges[0] + rows[0], edges[0] + rows[-1] + 1, edges[2] + columns[0], edges[2] + columns[-1] + 1)
