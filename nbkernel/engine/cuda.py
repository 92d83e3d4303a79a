"""Rendering on CUDA devices, tile by tile: several tiles in flight on streams, memory by tiles and not by the panel."""

import threading
from typing import NamedTuple

import numpy as np
from numba import cuda

from nbkernel.kernels.compile.object_cache import CACHE
from nbkernel.kernels.cuda.kinds import kernel_kind
from nbkernel.kernels.cuda.rows import THREADS, Share, compiled_kernel
from nbkernel.kernels.exact.rows import render_nan_rows
from nbkernel.kernels.physics.weights import is_renewed

from .cuda_streams import MOST_ROWS, CompiledInOneWay, device_arrays, keep_in_flight, pinned_arrays, share_tiles
from .precision import as_program, choose_rounding_limit, in_float32
from .threads import share_rows, thread_count
from .tiles import bands, panel_tile, tile_slices

# pixels of a tile: enough to fill a large device, little enough to go on while the last is copied; fewer where they have
# so many steps that a tile would take long
TILE_PIXELS, FEWEST_PIXELS, TILE_STEPS = 2**20, 2**15, 4e9
NO_TABLE = np.empty((0, 0, 9))


class Work:
    """A panel to render: what is in the host's memory."""

    def __init__(self, prepared, history):
        self.prepared, self.history = prepared, history
        shape = prepared.wanted.shape
        self.image, self.omega_sums = np.zeros(shape, np.float32), np.zeros(shape[0])
        self.unresolved = np.zeros(shape[0], np.int64)

    def omega_sum(self):
        plan = self.prepared.plan
        subpixels = plan.detector_thicksteps * plan.oversample * plan.oversample
        return float(self.omega_sums.sum()) * (1 if is_renewed(plan.oversample_omega) else subpixels)


class Job(NamedTuple):
    """What is the same for all tiles of a panel on a device: arrays in its memory."""

    plan: tuple
    whole: tuple  # the panel's Tile
    table: tuple
    rounding_limit: tuple
    axis: object
    launches: tuple  # (kernel, Share, whether it interpolates)
    mark_unresolved: object  # kernel; None where rounding decides nothing


class Slot:
    """A stream with the memory for one tile, on the device and (pinned, so that copies overlap) on the host."""

    def __init__(self, shape, works, job_of):
        """job_of(panel): its Job on the current device."""
        rows, columns = shape
        blocks = -(-columns // THREADS)
        copied = {
            "wanted": (shape, np.bool_),
            "image": (shape, np.float32),
            "unresolved": (rows, np.int32),
            "parts": ((rows, blocks), np.float64),
        }
        self.works, self.job_of = works, job_of
        self.stream, self.host = cuda.stream(), pinned_arrays(copied)
        self.device = device_arrays(copied | {"suspect": (shape, np.uint8)})

    def send(self, tile):
        """Begins to render a tile."""
        job, wanted = self.job_of(tile.panel), self.works[tile.panel].prepared.wanted
        self.tile = tile
        rows, columns = tile.slow_stop - tile.slow_start, tile.fast_stop - tile.fast_start
        host, device = self.host, self.device
        host["wanted"][:rows, :columns] = wanted[tile_slices(tile)]
        host["unresolved"][:] = 0
        host["parts"][:] = 0.0
        for name in ("wanted", "unresolved", "parts"):
            device[name].copy_to_device(host[name], stream=self.stream)
        grid = (-(-columns // THREADS), rows)
        edges = {name: np.int32(getattr(tile, name)) for name in ("slow_start", "slow_stop", "fast_start", "fast_stop")}
        tile_there = job.whole._replace(**edges)
        for kernel, share, interpolate in job.launches:
            kernel[grid, THREADS, self.stream](
                job.plan, tile_there, job.table, job.rounding_limit, job.axis, share, interpolate,
                device["wanted"], device["image"], device["suspect"], device["unresolved"], device["parts"],
            )  # fmt: skip
        if job.mark_unresolved is not None:
            job.mark_unresolved[grid, THREADS, self.stream](
                job.plan, tile_there, job.rounding_limit, device["image"], device["suspect"], device["unresolved"]
            )
        for name in ("image", "unresolved", "parts"):
            device[name].copy_to_host(host[name], stream=self.stream)

    def receive(self):
        """Waits for the tile in flight, puts its pixels in its panel's image and returns it."""
        tile = self.tile
        self.stream.synchronize()
        work, rows, columns = self.works[tile.panel], tile.slow_stop - tile.slow_start, tile.fast_stop - tile.fast_start
        work.image[tile_slices(tile)] = self.host["image"][:rows, :columns]
        work.unresolved[tile.slow_start : tile.slow_stop] = self.host["unresolved"][:rows]
        work.omega_sums[tile.slow_start : tile.slow_stop] += self.host["parts"][:rows].sum(axis=1)
        return tile


def render_on_cuda(runs, histories, tables, precision, devices, threads, tile_shape, on_pixels):
    """(image (slow, fast) float32, sum of the solid angles (sr)) of each Prepared panel, by precision double or mixed.

    histories: the History of each; tables: the run's Tables; devices: their numbers. Pixels that only the program's own
    operations tell are finished on the CPU's threads. Raises DeviceError where a device fails or has too little memory;
    InputError for a table too large.
    """
    works = [Work(*parts) for parts in zip(runs, histories, strict=True)]
    shapes = [cuda_tile_shape(tile_shape, prepared) for prepared in runs]
    tiles = (
        tile
        for number, (prepared, shape) in enumerate(zip(runs, shapes, strict=True))
        for band in bands(panel_tile(prepared.detector, number), shape, prepared.wanted)
        for tile in band
    )
    largest = tuple(max(sizes) for sizes in zip(*shapes, strict=True))
    lock, done = threading.Lock(), [0]

    def new_job(panel, uploads):
        with lock:
            return make_job(works[panel], tables, precision, uploads)

    def finish(tile):
        work = works[tile.panel]
        finish_on_cpu(work, tile, threads)
        with lock:
            done[0] += int(np.count_nonzero(work.prepared.wanted[tile_slices(tile)]))
            if on_pixels is not None:
                on_pixels(done[0])

    def serve(next_tile):
        uploads, jobs = Uploads(), {}

        def job_of(panel):
            if panel not in jobs:
                jobs[panel] = new_job(panel, uploads)
            return jobs[panel]

        keep_in_flight(next_tile, lambda: Slot(largest, works, job_of), finish)

    share_tiles(tiles, devices, serve)
    return [(work.image, work.omega_sum()) for work in works]


def make_job(work, tables, precision, uploads):
    """The Job of a panel on the current device."""
    prepared, history = work.prepared, work.history
    plan = prepared.plan
    whole = panel_tile(prepared.detector)
    single = precision == "mixed" and in_float32(plan, whole, prepared.reflections.places)
    own_operations = as_program(plan, single, whole)
    table = tables.checked(plan, single, precision)
    rounding_limit = choose_rounding_limit(plan, single, own_operations, whole)
    last = prepared.wanted.size
    fpixels = prepared.wanted.shape[1]

    def launch(interpolate, first, stop):
        kernel = kernel_for(kernel_kind(plan, table, single, own_operations, interpolate))
        return kernel, Share(first, stop, fpixels, history.first_pixel, history.latch_pixel), interpolate

    split = min(history.latch_pixel + 1, last) if plan.interpolate else 0
    launches = [launch(True, 0, split)] if split > 0 else []
    if split < last:
        launches.append(launch(False, split, last))
    axis = cuda.to_device(history.axis[:1].copy())
    limited = max(rounding_limit.relative_offset, rounding_limit.half_way) > 0.0
    mark_unresolved = kernel_for("mark_unresolved") if limited else None
    return Job(
        uploads.of(without_table(plan)), uploads.of(whole), uploads.of(table), rounding_limit, axis, tuple(launches),
        mark_unresolved,
    )  # fmt: skip


def kernel_for(key):
    CACHE.announce_once()
    return CompiledInOneWay(compiled_kernel(key, cuda.current_context().device.compute_capability))


def without_table(plan):
    """The plan as kernels here take it: they work out the orientations from their rotations, see
    `physics/orientations.py`."""
    return plan._replace(orientation=NO_TABLE)


class Uploads:
    """Arrays in the current device's memory; one that several panels share is there once."""

    def __init__(self):
        self.there = {}  # by the host array's identity; the array is kept, so that it stays its own

    def of(self, value):
        """A NamedTuple with its arrays in the device's memory."""
        return type(value)(
            *(self.array(field) if isinstance(field, np.ndarray) else field for field in in_device_types(value))
        )

    def array(self, array):
        if id(array) not in self.there:
            self.there[id(array)] = array, cuda.to_device(array)
        return self.there[id(array)][1]


def in_device_types(value):
    """A NamedTuple with its numbers as kernels take them: loops count in fewer registers in 32 bits."""
    return type(value)(*(np.int32(field) if type(field) is int else field for field in value))


def finish_on_cpu(work, tile, threads):
    """Renders the pixels of a tile that are left as nan by the program's own operations."""
    if not work.unresolved[tile.slow_start : tile.slow_stop].any():
        return
    plan = work.prepared.plan

    def new_call():
        omega = np.empty(plan.detector_thicksteps * plan.oversample * plan.oversample)
        return render_nan_rows.over_rows(plan, work.history, tile, work.prepared.wanted, work.image, work.unresolved, omega)

    share_rows(new_call, tile.slow_start, tile.slow_stop, thread_count(threads))


def cuda_tile_shape(tile_shape, prepared):
    """(slow, fast) size of a tile within the panel: what is asked for, else whole rows."""
    panel_shape = prepared.wanted.shape
    if tile_shape is None:
        pixels = TILE_STEPS / (prepared.plan.steps * prepared.plan.detector_thicksteps)
        pixels = int(min(max(pixels, FEWEST_PIXELS), TILE_PIXELS))
        tile_shape = (max(1, pixels // panel_shape[1]), panel_shape[1])
    return min(tile_shape[0], panel_shape[0], MOST_ROWS), min(tile_shape[1], panel_shape[1])
