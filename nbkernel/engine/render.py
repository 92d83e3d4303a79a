"""Rendering tile by tile in file order: on the CPU's threads; CUDA has `cuda.py`."""

import math
from typing import Any, NamedTuple

import numpy as np

from nbkernel.kernels.exact.bounded import WORK as BOUNDED_WORK
from nbkernel.kernels.exact.rows import render_nan_rows, render_rows_bounded, render_rows_exactly
from nbkernel.kernels.fast.cpu import RENDER_ROWS
from nbkernel.kernels.fast.geometry import WORK
from nbkernel.kernels.fast.interpolation import BLOCK, INTERPOLATION_WORK, LANES
from nbkernel.kernels.fast.phases import OFFSET_WORK, PHASE_WORK
from nbkernel.kernels.images import add_omegas
from nbkernel.kernels.physics.plan import History, Workspace
from nbkernel.kernels.physics.weights import is_renewed

from .bounded import table_and_error
from .history import find_history
from .options import DEFAULT_PRECISION
from .precision import as_program, choose_rounding_limit, in_float32, needs_exact, touches_sample
from .squared_table import Tables
from .threads import share_rows, thread_count
from .tiles import bands, default_tile_shape, panel_tile, tile_slices

# pixels of one row that are worked on side by side: whole vectors, and what is kept of them stays in the first cache
VECTOR, SEGMENT = 32, 512
BOUNDED_SEGMENT = 128
CACHE_LINE = 64  # bytes


class Rendering(NamedTuple):
    """What rendering makes of a panel."""

    image: np.ndarray  # (slow, fast) float32, photons
    omega_sum: float  # sr, of all sub-pixels
    history: History


def render(prepared, precision=DEFAULT_PRECISION, threads=None, tile_shape=None, on_pixels=None, devices=()):
    """The Rendering of a Prepared panel, see `render_panels`."""
    (rendering,) = render_panels((prepared,), precision, threads, tile_shape, on_pixels, devices)
    return rendering


def render_panels(runs, precision=DEFAULT_PRECISION, threads=None, tile_shape=None, on_pixels=None, devices=()):
    """A Rendering for each Prepared panel of a run. A panel's image does not depend on the others.

    precision: of `engine.PRECISIONS`. tile_shape: (slow, fast) pixels; on_pixels: called with the number of pixels done.
    devices: numbers of CUDA devices, none for the CPU (which exact needs). Raises InputError for a table too large for the
    precision, DeviceError where a device fails.
    """
    threads = thread_count(threads)
    tables = Tables(runs[0].reflections.places)
    histories = [history_of(prepared, precision, threads) for prepared in runs]
    parts: list[Any] = [None] * len(runs)
    elsewhere, done = [], 0
    for number, (prepared, own) in enumerate(zip(runs, histories, strict=True)):
        on_panel = on_pixels and offset_progress(on_pixels, done)
        if precision == "exact" or needs_exact(prepared.plan, panel_tile(prepared.detector)):
            parts[number] = render_exact(prepared, own, tables, threads, tile_shape, on_panel)
        elif devices:
            elsewhere.append(number)
            continue
        else:
            parts[number] = render_rows(prepared, own, tables, precision, threads, tile_shape, on_panel)
            if math.isnan(parts[number][1]):
                # of a pixel at the sample, with axes at other angles than right ones
                parts[number] = render_exact(prepared, own, tables, threads, tile_shape, None)
        if on_pixels is not None:
            done += int(np.count_nonzero(prepared.wanted))
    if elsewhere:
        from .cuda import render_on_cuda

        theirs = [runs[number] for number in elsewhere], [histories[number] for number in elsewhere]
        on_panels = on_pixels and offset_progress(on_pixels, done)
        found = render_on_cuda(*theirs, tables, precision, devices, threads, tile_shape, on_panels)
        for number, part in zip(elsewhere, found, strict=True):
            parts[number] = part
    return [Rendering(*part, own) for part, own in zip(parts, histories, strict=True)]


def offset_progress(on_pixels, before):
    return lambda done: on_pixels(before + done)


def history_of(prepared, precision, threads):
    return find_history(
        prepared.plan, panel_tile(prepared.detector), prepared.wanted, prepared.detector.polar_vector, threads,
        every_axis=precision == "exact",
    )  # fmt: skip


def render_exact(prepared, history, tables, threads, tile_shape, on_pixels):
    """Image and sum of solid angles by the program's own operations, or the vectorised way where that is certain."""
    plan, wanted = prepared.plan, prepared.wanted
    panel = panel_tile(prepared.detector)
    # at the sample directions are made of rounding errors, which no bound holds
    bound = None if touches_sample(plan, panel) else table_and_error(plan, history, tables)
    subpixels = plan.detector_thicksteps * plan.oversample * plan.oversample
    omegas_per_pixel, repeats = (subpixels, 1) if is_renewed(plan.oversample_omega) else (1, subpixels)
    if tile_shape is None:
        steps_per_pixel = plan.steps * plan.detector_thicksteps
        tile_shape = default_tile_shape(wanted.shape[1], steps_per_pixel, omegas_per_pixel)
    image = np.zeros(wanted.shape, np.float32)
    omega_sum, done = np.zeros(1), 0
    for band in bands(panel, tile_shape, wanted):
        slow_start = min(tile.slow_start for tile in band)
        slow_stop = max(tile.slow_stop for tile in band)
        omegas = np.empty((slow_stop - slow_start, wanted.shape[1], omegas_per_pixel))
        for tile in band:
            exact_tile(plan, history, tile, bound, wanted, image, omegas[tile.slow_start - slow_start :], threads)
        add_omegas(omegas, wanted, slow_start, repeats, omega_sum)
        if on_pixels is not None:
            done += int(np.count_nonzero(wanted[slow_start:slow_stop]))
            on_pixels(done)
    return image, float(omega_sum[0])


def exact_tile(plan, history, tile, bound, wanted, image, omegas, threads):
    """Fills the tile's part of the image and of omegas (rows from the tile's first on)."""
    size = min(BOUNDED_SEGMENT, tile.fast_stop - tile.fast_start)

    def exactly():
        return render_rows_exactly.over_rows(plan, history, tile, wanted, image, omegas)

    def bounded():
        work, position = np.empty((BOUNDED_WORK, size)), np.empty(size, np.int32)
        return render_rows_bounded.over_rows(plan, history, tile, *bound, wanted, image, omegas, work, position)

    share_rows(exactly if bound is None else bounded, tile.slow_start, tile.slow_stop, threads)


def render_rows(prepared, history, tables, precision, threads, tile_shape, on_pixels):
    """Image and sum of solid angles in precision double or mixed."""
    plan, wanted = prepared.plan, prepared.wanted
    panel = panel_tile(prepared.detector)
    use_float32 = precision == "mixed" and in_float32(plan, panel, prepared.reflections.places)
    own_operations = as_program(plan, use_float32, panel)
    kernel = RENDER_ROWS[use_float32, own_operations]
    table = tables.checked(plan, use_float32, precision)
    rounding_limit = choose_rounding_limit(plan, use_float32, own_operations, panel)
    if tile_shape is None:
        tile_shape = default_tile_shape(wanted.shape[1], plan.steps * plan.detector_thicksteps, 1)
    image, omega_sums = np.zeros(wanted.shape, np.float32), np.zeros(wanted.shape[0])
    workspaces = Workspaces()
    done = 0
    for band in bands(panel, tile_shape, wanted):
        for tile in band:
            fill_tile(kernel, plan, history, tile, table, rounding_limit, wanted, image, omega_sums, workspaces, threads)
        if on_pixels is not None:
            done += sum(int(np.count_nonzero(wanted[tile_slices(tile)])) for tile in band)
            on_pixels(done)
    return image, float(omega_sums.sum())


def fill_tile(kernel, plan, history, tile, table, rounding_limit, wanted, image, omega_sums, workspaces, threads):
    unresolved = np.zeros(wanted.shape[0], np.int64)
    width = tile.fast_stop - tile.fast_start

    def rows():
        return kernel.over_rows(
            plan, history, tile, table, rounding_limit, wanted, image, unresolved, omega_sums, workspaces.take(width)
        )

    def left_over():
        omega = np.empty(plan.detector_thicksteps * plan.oversample * plan.oversample)
        return render_nan_rows.over_rows(plan, history, tile, wanted, image, unresolved, omega)

    share_rows(rows, tile.slow_start, tile.slow_stop, threads)
    workspaces.take_back()
    if unresolved.any():
        share_rows(left_over, tile.slow_start, tile.slow_stop, threads)


class Workspaces:
    """Workspaces for the threads of one tile after the other: new memory would have to be brought into the cache."""

    def __init__(self):
        self.free, self.taken = {}, []  # lists by width; (width, Workspace)

    def take(self, width):
        try:
            workspace = self.free[width].pop()
        except LookupError:
            workspace = new_workspace(width, SEGMENT)
        self.taken.append((width, workspace))
        return workspace

    def take_back(self):
        """Once no thread works any more."""
        for width, workspace in self.taken:
            self.free.setdefault(width, []).append(workspace)
        self.taken = []


def new_workspace(width, largest):
    """Workspace for rows of so many pixels: segments of equal size, not above the largest, that leave few lanes idle."""
    segments = -(-width // largest)
    size = -(-width // (segments * VECTOR)) * VECTOR
    return Workspace(
        work=filled((WORK, size), np.float64, 1.0),
        omegas=filled(size, np.float64, 0.0),
        phases=filled((PHASE_WORK, size), np.int32, 0),
        offsets=filled((OFFSET_WORK, size), np.float32, 0.0),
        sums=filled(size, np.float32, 0.0),
        nearest=filled(size, np.float32, 1.0),
        interpolation=filled((INTERPOLATION_WORK, BLOCK + LANES), np.float64, 0.0),
        corner=filled(BLOCK, np.int32, 0),
    )


def filled(shape, dtype, value):
    """An array that begins at a cache line, as its rows do: a vector register's load that crosses into the next line counts
    double."""
    size = int(np.prod(shape)) * np.dtype(dtype).itemsize
    memory = np.empty(size + CACHE_LINE, np.uint8)
    start = -memory.ctypes.data % CACHE_LINE
    array = memory[start : start + size].view(dtype).reshape(shape)
    array[...] = value
    return array
