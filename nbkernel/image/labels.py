"""Labels: what each pixel of an image shows, for learning from simulated images and for judging programs by them."""

from __future__ import annotations

import typing
from collections.abc import Sequence
from dataclasses import replace
from functools import partial

import numpy as np

from nbkernel.engine.background import add_background
from nbkernel.engine.bounds.reach import find_reach
from nbkernel.engine.options import Engine
from nbkernel.engine.render import panel_history
from nbkernel.engine.threads import choose_sharing, thread_count
from nbkernel.engine.tiles import bands, default_tile_shape, panel_tile, region_tile
from nbkernel.experiment.argument_names import naming_arguments
from nbkernel.kernels.exact.labels import label_rows
from nbkernel.support.memory import require_memory
from nbkernel.support.validation import check_threads

from .panel_image import PanelImage, checked_panels, runs_of

BYTES_PER_PIXEL = 32  # of all arrays


class Labels(typing.NamedTuple):
    """What each pixel of a panel shows.

    wavelength: (slow, fast) float32, the mean of its Bragg photons (Angstrom); hkl: (slow, fast, 3) int32, the whole Miller
    indices nearest to the step (sub-pixel, layer, source, phi step, mosaic domain) that adds most of them; bragg_share:
    (slow, fast) float32, Bragg photons divided by all photons. Where there are no Bragg photons, or the pixel is not
    rendered: nan, 0 0 0, and 0.
    """

    wavelength: np.ndarray
    hkl: np.ndarray
    bragg_share: np.ndarray


@naming_arguments()
def label(
    images: PanelImage | Sequence[PanelImage], *, threads: int | None = None
) -> Labels | typing.Any:  # a list of them for a list
    """What each pixel shows: the mean wavelength of its Bragg photons, the reflection of the largest contribution, and their
    share of all photons.

    images: what `simulate`, `add_noise`, `to_counts` or `detect` returned, one image or a list of panels; what they were
    made from counts, not their pixels, and of an image of a Series only its first lattice. threads: as for `simulate`; None
    takes the image's. Computed on the CPU, in double precision, whatever the image was rendered with. Returns the Labels, or
    a list of them. Raises InputError for anything else.
    """
    check_threads(threads)
    panels, is_single = checked_panels("label", images)
    runs_of("label", panels)
    found = [
        label_panel(image.run.added_up(), image.engine if threads is None else replace(image.engine, threads=threads))
        for image in panels
    ]
    return found[0] if is_single else found


def label_panel(runs: Sequence[typing.Any], engine: Engine) -> Labels:
    """The Labels of a panel's image that is the sum of several Prepared runs, by the threads of an Engine."""
    shape = runs[0].wanted.shape
    require_memory(BYTES_PER_PIXEL * runs[0].wanted.size, "--labels", "the labels of a panel")
    threads, share = thread_count(engine.threads), choose_sharing(engine.parallel)
    bragg, largest, others = (np.zeros(shape, np.float32) for _ in range(3))
    wavelength, hkl = np.full(shape, np.nan, np.float32), np.zeros((*shape, 3), np.int32)
    for run in runs:
        new_call = label_calls(run, threads, bragg, wavelength, largest, hkl, others)
        tile_shape = default_tile_shape(run, run.plan.steps * run.plan.detector_thicksteps, 1)
        for band in bands(region_tile(run), tile_shape, run.wanted):
            for tile in band:
                share(partial(new_call, tile), tile.slow_start, tile.slow_stop, threads)
        add_background(run, others, share, threads)
    np.add(others, bragg, out=others)
    bragg_share = np.divide(bragg, others, out=np.zeros(shape, np.float32), where=bragg > 0.0)
    return Labels(wavelength, hkl, bragg_share)


def label_calls(run, threads, *arrays):
    """A function that returns a call for one thread, which adds a Prepared panel's labels to rows of a Tile. arrays: those
    of `label_rows` from `bragg` on."""
    history = panel_history(run, "double", threads)
    reach = find_reach(run.plan, panel_tile(run.detector), False)
    return lambda tile: label_rows.over_rows(run.plan, history, tile, reach, run.wanted, *arrays)
