"""Rendering on the CPU's threads: tiles in file order, statistics gathered on the way."""

import threading

import numba
import numpy as np

from nbkernel.kernels.cpu_images import add_omegas
from nbkernel.kernels.cpu_tiles import render_tile, render_tile_certified

from .carried import survey
from .certify import certification
from .tiles import bands, default_tile_shape, panel_tile

# numba's thread pool takes one caller at a time
ONE_CALLER = threading.Lock()


def use_threads(threads):
    """Sets the number of threads for what follows; None means all cores."""
    most = numba.config.NUMBA_NUM_THREADS
    numba.set_num_threads(most if threads is None else min(threads, most))
    # small helpings keep threads busy where work is uneven (masks, dmin, empty parts of the table)
    numba.set_parallel_chunksize(4)


def render_exact(prepared, threads=None, tile_shape=None, on_pixels=None):
    """The image of a Prepared run with `--precision exact`: (slow, fast) float32 photons, the sum of the solid angles
    of all sub-pixels (sr), and the run's Carried.

    tile_shape: (slow, fast) pixels; on_pixels: called with the number of pixels done after each band of tiles.
    """
    with ONE_CALLER:
        use_threads(threads)
        plan, wanted = prepared.plan, prepared.wanted
        whole = panel_tile(prepared.detector)
        carried = survey(plan, whole, wanted, prepared.detector.polar_vector)
        certain = certification(plan, carried)
        subpixels = plan.detector_thicksteps * plan.oversample * plan.oversample
        omegas_per_pixel, repeats = (subpixels, 1) if plan.oversample_omega else (1, subpixels)
        if tile_shape is None:
            steps_per_pixel = plan.steps * plan.detector_thicksteps
            tile_shape = default_tile_shape(wanted.shape[1], steps_per_pixel, omegas_per_pixel)
        image = np.zeros(wanted.shape, np.float32)
        omega_sum, done = 0.0, 0
        for band in bands(whole, tile_shape, wanted):
            slow_start = min(tile.slow_start for tile in band)
            slow_stop = max(tile.slow_stop for tile in band)
            omegas = np.empty((slow_stop - slow_start, wanted.shape[1], omegas_per_pixel))
            for tile in band:
                tile_omegas = omegas[tile.slow_start - slow_start :]
                if certain is None:
                    render_tile(plan, carried, tile, wanted, image, tile_omegas)
                else:
                    render_tile_certified(plan, carried, tile, *certain, wanted, image, tile_omegas)
            omega_sum = add_omegas(omegas, wanted, slow_start, repeats, omega_sum)
            done += int(np.count_nonzero(wanted[slow_start:slow_stop]))
            if on_pixels is not None:
                on_pixels(done)
    return image, omega_sum, carried
