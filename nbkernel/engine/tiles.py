"""Divides a panel into tiles, which include their geometry; edges without wanted pixels are cropped."""

import numpy as np

from nbkernel.geometry.region import pixels_of
from nbkernel.kernels.plan import Tile

# steps of one tile: enough for all threads, few enough to react to Ctrl-C and to show progress
STEPS_PER_TILE = 20_000_000
OMEGAS_PER_BAND = 4_000_000


def panel_tile(detector, panel=0):
    """The Tile of a complete panel, from its Detector. panel: its number."""
    d = detector

    def array(vector):
        return np.array(vector, np.float64)

    return Tile(
        panel, 0, d.spixels, 0, d.fpixels,
        array(d.fdet_vector), array(d.sdet_vector), array(d.odet_vector), array(d.pix0_vector), array(d.beam_vector),
        d.pixel_size, d.distance, d.close_distance, d.curved, d.point_pixel,
    )  # fmt: skip


def region_tile(prepared, panel=0):
    """The Tile of the region of interest of a Prepared panel. panel: its number."""
    f0, f1, s0, s1 = prepared.roi
    whole = panel_tile(prepared.detector, panel)
    return whole._replace(slow_start=s0, slow_stop=s1 + 1, fast_start=f0, fast_stop=f1 + 1)


def tile_slices(tile):
    """(slow, fast) slices of a tile's pixels in its panel."""
    return slice(tile.slow_start, tile.slow_stop), slice(tile.fast_start, tile.fast_stop)


def wanted_count(runs):
    """Number of pixels to render in all Prepared panels."""
    return sum(int(np.count_nonzero(prepared.wanted[pixels_of(prepared.roi)])) for prepared in runs)


def wanted_in(band, wanted):
    """How many pixels of a band of Tiles are wanted."""
    return sum(int(np.count_nonzero(wanted[tile_slices(tile)])) for tile in band)


def default_tile_shape(prepared, steps_per_pixel, omegas_per_pixel):
    """(slow, fast) size in pixels: complete rows of a Prepared panel, as many as give a suitable amount of work.

    omegas_per_pixel: solid angles that are kept for each pixel of a band.
    """
    fpixels, (fast_first, fast_last, _, _) = prepared.detector.fpixels, prepared.roi
    rows = STEPS_PER_TILE // max(1, int((fast_last - fast_first + 1) * steps_per_pixel))
    most = max(1, OMEGAS_PER_BAND // (fpixels * omegas_per_pixel))
    return min(max(rows, 4), 256, most), fpixels


def bands(region, tile_shape, wanted):
    """Yields rows of Tiles as lists, in file order; each Tile is cropped to its wanted pixels, and omitted if it has none.

    region: the Tile to divide; tile_shape: (slow, fast) pixels, counted from the panel's first; wanted: (slow, fast) bool,
    of the panel.
    """
    for slow in starts(region.slow_start, region.slow_stop, tile_shape[0]):
        band = []
        for fast in starts(region.fast_start, region.fast_stop, tile_shape[1]):
            edges = (
                max(slow, region.slow_start),
                min(slow + tile_shape[0], region.slow_stop),
                max(fast, region.fast_start),
                min(fast + tile_shape[1], region.fast_stop),
            )
            edges = shrink(edges, wanted)
            if edges is not None:
                band.append(
                    region._replace(slow_start=edges[0], slow_stop=edges[1], fast_start=edges[2], fast_stop=edges[3])
                )
        if band:
            yield band


def starts(first, stop, size):
    """Where tiles of a size begin that have pixels from `first` to before `stop`."""
    return range(first // size * size, stop, size)


def shrink(edges, wanted):
    """The smallest box around the wanted pixels within `edges` (slow start, stop, fast start, stop); None if empty."""
    block = wanted[edges[0] : edges[1], edges[2] : edges[3]]
    if all(edge.any() for edge in (block[0], block[-1], block[:, 0], block[:, -1])):
        return edges
    rows = np.flatnonzero(block.any(axis=1))
    if rows.size == 0:
        return None
    columns = np.flatnonzero(block.any(axis=0))
    return (edges[0] + rows[0], edges[0] + rows[-1] + 1, edges[2] + columns[0], edges[2] + columns[-1] + 1)
