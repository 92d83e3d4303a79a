"""Rendering tile by tile in file order, on the CPU's threads; for CUDA see `cuda/render.py`."""

import math
from typing import Any, NamedTuple

import numpy as np

from nbkernel.geometry.region import pixels_of
from nbkernel.kernels.compile.kernel import Kernel
from nbkernel.kernels.exact.bounded import WORK as BOUNDED_WORK
from nbkernel.kernels.exact.lit import POSITIONS
from nbkernel.kernels.exact.rows import render_nan_rows, render_rows_bounded, render_rows_exactly
from nbkernel.kernels.fast.cpu import RENDER_ROWS
from nbkernel.kernels.images import add_omegas
from nbkernel.kernels.physics.pixel import omegas_per_pixel, subpixels_per_pixel
from nbkernel.kernels.plan import History, Reach, RoundingLimit, SquaredTable
from nbkernel.support.memory import panel_zeros

from .background import add_background
from .bounds.bounded import table_reach_and_error
from .bounds.precision import can_use_float32, choose_rounding_limit, needs_exact, needs_own_operations, touches_sample
from .bounds.reach import find_reach, with_blocks_of_sources
from .history import find_history
from .kept_memory import KeptMemory
from .options import DEFAULT_PRECISION
from .threads import ReusedCalls, choose_sharing, thread_count
from .tiles import bands, default_tile_shape, panel_tile, region_tile, wanted_count, wanted_in
from .workspaces import Workspaces

# pixels of one row that precision `exact` processes together
BOUNDED_SEGMENT = 128


class Rendering(NamedTuple):
    """The result of rendering a panel."""

    image: np.ndarray  # (slow, fast) float32, photons
    omega_sum: float  # sr, of all sub-pixels
    history: History


def render(prepared, precision=DEFAULT_PRECISION, threads=None, tile_shape=None, on_pixels=None, devices=(), parallel=None):
    """The Rendering of a Prepared panel, see `render_panels`."""
    (rendering,) = render_panels((prepared,), precision, threads, tile_shape, on_pixels, devices, parallel)
    return rendering


def render_panels(
    runs, precision=DEFAULT_PRECISION, threads=None, tile_shape=None, on_pixels=None, devices=(), parallel=None, memory=None
):
    """A Rendering for each Prepared panel of a run, the sum of all its lattices; see `render_lattice` for the arguments."""
    lattices = [runs, *zip(*(prepared.lattices for prepared in runs), strict=True)]
    memory = KeptMemory() if memory is None else memory
    found = []
    for number, own in enumerate(lattices):
        on_own = on_pixels and share_of_progress(on_pixels, number, len(lattices), wanted_count(runs))
        renderings = render_lattice(own, precision, threads, tile_shape, on_own, devices, parallel, memory)
        for total, more in zip(found, renderings, strict=False):
            np.add(total.image, more.image, out=total.image)
        found = found or renderings
    return found


def share_of_progress(on_pixels, number, count, pixels):
    """`on_pixels` for one of several lattices, each of which has all the pixels."""
    return on_pixels if count == 1 else lambda done: on_pixels((number * pixels + done) // count)


def render_lattice(
    runs, precision=DEFAULT_PRECISION, threads=None, tile_shape=None, on_pixels=None, devices=(), parallel=None, memory=None
):
    """A Rendering for each Prepared panel of a run with one lattice. A panel's image does not depend on the others.

    precision: of `options.PRECISIONS`; threads: the most to use, None for all cores; tile_shape: (slow, fast) pixels, None
    for a suitable one; on_pixels: called with the number of wanted pixels done; devices: numbers of CUDA devices, empty for
    the CPU (which exact needs); parallel: of `options.PARALLEL`, None for a suitable one; memory: the KeptMemory of a series
    of runs. Raises InputError for a table too large for the precision, DeviceError if a device fails.
    """
    threads, share = thread_count(threads), choose_sharing(parallel)
    memory = KeptMemory() if memory is None else memory
    if runs[0].parts:
        return render_parts(runs, precision, threads, tile_shape, on_pixels, devices, parallel, memory)
    tables = memory.tables_of(runs[0].reflections)
    histories = [panel_history(prepared, precision, threads) for prepared in runs]
    images: list[Any] = [None] * len(runs)
    on_devices, done = [], 0
    for number, (prepared, history) in enumerate(zip(runs, histories, strict=True)):
        on_panel = on_pixels and offset_progress(on_pixels, done)
        if precision == "exact" or needs_exact(prepared.plan, panel_tile(prepared.detector)):
            images[number] = render_exact(prepared, history, tables, share, threads, tile_shape, on_panel)
        elif devices:
            on_devices.append(number)
            continue
        else:
            workspaces = Workspaces(memory.workspaces)
            images[number] = render_rows(
                prepared, history, tables, workspaces, precision, share, threads, tile_shape, on_panel
            )
            if math.isnan(images[number][1]):
                # a pixel at the sample, with oblique axes
                images[number] = render_exact(prepared, history, tables, share, threads, tile_shape, None)
        if on_pixels is not None and len(runs) > 1:
            done += wanted_count([prepared])
    if on_devices:
        from .cuda.render import render_on_cuda

        panels = [runs[number] for number in on_devices], [histories[number] for number in on_devices]
        on_panels = on_pixels and offset_progress(on_pixels, done)
        found = render_on_cuda(*panels, tables, precision, devices, threads, tile_shape, on_panels, memory.devices)
        for number, image_and_sum in zip(on_devices, found, strict=True):
            images[number] = image_and_sum
    for number, (prepared, (image, _)) in enumerate(zip(runs, images, strict=True)):
        if number not in on_devices:
            add_background(prepared, image, share, threads, on_pixels and (lambda: on_pixels(wanted_count(runs))))
    return [Rendering(*image_and_sum, history) for image_and_sum, history in zip(images, histories, strict=True)]


def render_parts(runs, precision, threads, tile_shape, on_pixels, devices, parallel, memory):
    """The Renderings of Prepared panels of one lattice whose sources have structure factors of their own: the sums of their
    parts, in float64. Arguments as for `render_lattice`."""
    count, every = len(runs[0].parts), wanted_count(runs)
    sums = [panel_zeros(run.wanted.shape, np.float64, run.roi) for run in runs]
    found: list[Rendering] = []
    for number in range(count):
        on_part = on_pixels and (lambda done, before=number * every: on_pixels((before + done) // count))
        parts = [run.parts[number] for run in runs]
        # for each part, because the first is the first use of a device
        memory.make_room(count)
        own = render_lattice(parts, precision, threads, tile_shape, on_part, devices, parallel, memory)
        for total, run, rendering in zip(sums, runs, own, strict=True):
            total[pixels_of(run.roi)] += rendering.image[pixels_of(run.roi)]
        # the history of the part that leaves its table first
        found = [min(both, key=lambda each: each.history.latch_pixel) for both in zip(found or own, own, strict=True)]
    for rendering, total, run in zip(found, sums, runs, strict=True):
        rendering.image[pixels_of(run.roi)] = total[pixels_of(run.roi)]
    return found


def offset_progress(on_pixels, before):
    """`on_pixels` for a panel that is rendered after `before` pixels of other panels."""
    return lambda done: on_pixels(before + done)


def panel_history(prepared, precision, threads):
    """The History of a Prepared panel."""
    return find_history(
        prepared.plan, region_tile(prepared), prepared.wanted, prepared.detector.polar_vector, threads,
        every_axis=precision == "exact",
    )  # fmt: skip


def render_exact(prepared, history, tables, share, threads, tile_shape, on_pixels):
    """(image (slow, fast) float32, sum of solid angles (sr)) with the program's own operations, or vectorised if that
    certainly gives the same bits. tables: the run's SquaredTables."""
    plan, wanted = prepared.plan, prepared.wanted
    region = region_tile(prepared)
    bound = exact_bound(plan, history, tables, panel_tile(prepared.detector), region)
    kept_omegas = omegas_per_pixel(plan)
    repeats = subpixels_per_pixel(plan) // kept_omegas
    if tile_shape is None:
        steps_per_pixel = plan.steps * plan.detector_thicksteps
        tile_shape = default_tile_shape(prepared, steps_per_pixel, kept_omegas)
    image = panel_zeros(wanted.shape, np.float32, prepared.roi)
    omega_sum, done = np.zeros(1), 0
    for band in bands(region, tile_shape, wanted):
        slow_start = min(tile.slow_start for tile in band)
        slow_stop = max(tile.slow_stop for tile in band)
        omegas = np.empty((slow_stop - slow_start, wanted.shape[1], kept_omegas))
        for tile in band:
            exact_tile(plan, history, tile, bound, wanted, image, omegas[tile.slow_start - slow_start :], share, threads)
        add_omegas(omegas, wanted, slow_start, prepared.roi, repeats, omega_sum)
        if on_pixels is not None:
            done += wanted_in(band, wanted)
            on_pixels(done)
    return image, float(omega_sum[0])


def exact_bound(plan, history, tables, panel, region):
    """See `table_reach_and_error`; None without a bound. region: the Tile that is rendered."""
    # close to the sample rounding errors dominate the directions
    bound = None if touches_sample(plan, panel) else table_reach_and_error(plan, history, tables, panel)
    if bound is None:
        return None
    table, reach, error = bound
    return table, with_blocks_of_sources(reach, plan, region), error


def exact_tile(plan, history, tile, bound, wanted, image, omegas, share, threads):
    """Fills the tile's part of the image and of omegas (sr, from the tile's first row on).

    bound: see `exact_bound`.
    """
    new_call = new_exact_call(plan, history, tile, bound, wanted, image, omegas)
    share(new_call, tile.slow_start, tile.slow_stop, threads)


def new_exact_call(plan, history, tile, bound, wanted, image, omegas):
    """A function that returns a call for one thread's rows of a tile, see `exact_tile`."""
    size = min(BOUNDED_SEGMENT, tile.fast_stop - tile.fast_start)

    def exactly():
        return render_rows_exactly.over_rows(plan, history, tile, wanted, image, omegas)

    def bounded():
        work, block, side = (np.empty((BOUNDED_WORK, size)) for _ in range(3))
        position = np.empty((POSITIONS, size), np.int32)
        return render_rows_bounded.over_rows(plan, history, tile, *bound, wanted, image, omegas, work, block, side, position)

    return exactly if bound is None else bounded


def render_rows(prepared, history, tables, workspaces, precision, share, threads, tile_shape, on_pixels):
    """(image (slow, fast) float32, sum of solid angles (sr)) in precision double or mixed, on the CPU. tables: the run's
    SquaredTables; workspaces: Workspaces."""
    plan, wanted = prepared.plan, prepared.wanted
    region = region_tile(prepared)
    fast = choose_fast(prepared, tables, precision)
    if tile_shape is None:
        tile_shape = default_tile_shape(prepared, plan.steps * plan.detector_thicksteps, 1)
    image, omega_sums = panel_zeros(wanted.shape, np.float32, prepared.roi), np.zeros(wanted.shape[0])
    unresolved = np.zeros(wanted.shape[0], np.int64)
    done, columns = 0, None
    for band in bands(region, tile_shape, wanted):
        for tile in band:
            if columns != (tile.fast_start, tile.fast_stop):
                columns = tile.fast_start, tile.fast_stop
                workspaces.take_back()
                new_calls = new_fast_calls(fast, plan, history, tile, wanted, image, unresolved, omega_sums, workspaces)
                rows, nan_rows = map(ReusedCalls, new_calls)
            fill_tile(tile, rows, nan_rows, unresolved, share, threads)
        if on_pixels is not None:
            done += wanted_in(band, wanted)
            on_pixels(done)
    workspaces.take_back()
    return image, float(omega_sums.sum())


class Fast(NamedTuple):
    """How a panel is rendered in precision double or mixed: the kernel, and its arguments."""

    kernel: Kernel
    table: SquaredTable
    reach: Reach
    rounding_limit: RoundingLimit


def choose_fast(prepared, tables, precision):
    """The Fast of a Prepared panel. tables: the run's SquaredTables."""
    plan, panel = prepared.plan, panel_tile(prepared.detector)
    use_float32 = precision == "mixed" and can_use_float32(plan, panel, prepared.reflections.nonzero)
    own_operations = needs_own_operations(plan, use_float32, panel)
    return Fast(
        RENDER_ROWS[use_float32, own_operations],
        tables.get_checked(plan, use_float32, precision),
        with_blocks_of_sources(find_reach(plan, panel, use_float32), plan, region_tile(prepared)),
        choose_rounding_limit(plan, use_float32, own_operations, panel),
    )


def fill_tile(tile, rows, nan_rows, unresolved, share, threads):
    """Fills the tile's part of the image. rows, nan_rows: ReusedCalls of `new_fast_calls`, for the tile's columns."""
    share(rows, tile.slow_start, tile.slow_stop, threads)
    rows.take_back()
    if unresolved[tile.slow_start : tile.slow_stop].any():
        share(nan_rows, tile.slow_start, tile.slow_stop, threads)
        nan_rows.take_back()


def new_fast_calls(fast, plan, history, tile, wanted, image, unresolved, omega_sums, workspaces):
    """Two functions that return a call for one thread's rows in the tile's columns: to render them, and, when all are
    rendered, for the pixels left as nan.

    unresolved: (slow,) int64, set to the number of pixels left as nan in each row; omega_sums: (slow,) float64, to which the
    solid angles (sr) are added.
    """
    width = tile.fast_stop - tile.fast_start

    def rows():
        return fast.kernel.over_rows(
            plan, history, tile, fast.table, fast.reach, fast.rounding_limit, wanted, image, unresolved, omega_sums,
            *workspaces.take(width),
        )  # fmt: skip

    def nan_rows():
        omega = np.empty(subpixels_per_pixel(plan))
        return render_nan_rows.over_rows(plan, history, tile, wanted, image, unresolved, omega)

    return rows, nan_rows
