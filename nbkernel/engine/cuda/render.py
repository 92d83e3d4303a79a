"""Rendering on CUDA devices, tile by tile: several tiles are in flight on streams, and memory depends on the size of tiles,
not of panels."""

import threading

import numpy as np

from nbkernel.engine.background import FEW, new_background_call
from nbkernel.engine.threads import share_rows, thread_count
from nbkernel.engine.tiles import bands, region_tile, tile_slices, wanted_in
from nbkernel.kernels.cuda.launch import ADD_BACKGROUND, MARK_UNRESOLVED, THREADS
from nbkernel.kernels.exact.rows import render_nan_rows
from nbkernel.kernels.physics.pixel import subpixels_per_pixel

from .kept import kept_device, lasting_memory
from .panels import HostPanel, Uploads, upload_panel
from .streams import MOST_ROWS, device_arrays, keep_in_flight, pinned_arrays, share_tiles

# pixels of a tile: enough to fill a large device, few enough that computing overlaps with copying; fewer if a tile would
# take long because they have many steps
TILE_PIXELS, FEWEST_PIXELS, TILE_STEPS = 2**20, 2**15, 4e9


def render_on_cuda(runs, histories, tables, precision, devices, threads, tile_shape, on_pixels, kept=None):
    """(image (slow, fast) float32 with background, sum of the solid angles (sr)) of each Prepared panel, in precision double
    or mixed.

    histories: the History of each; tables: the run's SquaredTables; devices: their numbers; tile_shape: (slow, fast) pixels,
    None for a suitable one; on_pixels: called with the number of pixels done; kept: {Device: KeptDevice} of a series, None
    for a single image. Pixels that need the program's own operations are finished on the CPU's threads. Raises DeviceError
    if a device fails or has too little memory; InputError for a table that is too large.
    """
    host_panels = [HostPanel(*parts) for parts in zip(runs, histories, strict=True)]
    shapes = [cuda_tile_shape(tile_shape, prepared) for prepared in runs]
    tiles = (
        tile
        for number, (prepared, shape) in enumerate(zip(runs, shapes, strict=True))
        for band in bands(region_tile(prepared, number), shape, prepared.wanted)
        for tile in band
    )
    largest = tuple(max(sizes) for sizes in zip(*shapes, strict=True))
    lock, done = threading.Lock(), [0]
    kept = {} if kept is None else kept

    def new_device_panel(panel, *where):
        with lock:
            return upload_panel(host_panels[panel], tables, precision, *where)

    def finish(tile):
        host_panel = host_panels[tile.panel]
        finish_on_cpu(host_panel, tile, threads)
        with lock:
            done[0] += wanted_in([tile], host_panel.prepared.wanted)
            if on_pixels is not None:
                on_pixels(done[0])

    def serve(next_tile, memory):
        uploads, device_panels, taken = Uploads(memory), {}, []
        here = kept_device(kept, memory.device)

        def device_panel(panel):
            if panel not in device_panels:
                device_panels[panel] = new_device_panel(panel, uploads, here)
            return device_panels[panel]

        def new_slot():
            taken.append(here.take(largest, lambda: TileMemory(memory.device, largest)))
            return Slot(taken[-1], host_panels, device_panel)

        keep_in_flight(next_tile, new_slot, finish)
        here.give_back(largest, taken)

    share_tiles(tiles, devices, serve)
    return [(host_panel.image, host_panel.omega_sum()) for host_panel in host_panels]


class TileMemory:
    """A stream with memory for one tile on the device and (pinned, so that copies overlap) on the host."""

    def __init__(self, device, shape):
        """shape: (slow, fast) pixels of the largest tile."""
        rows, columns = shape
        blocks = -(-columns // THREADS)
        copied = {
            "wanted": (shape, np.bool_),
            "image": (shape, np.float32),
            "unresolved": ((rows,), np.int32),
            "parts": ((rows, blocks), np.float64),
        }
        self.memory = memory = lasting_memory(self, device)
        self.stream, self.host = memory.stream(), pinned_arrays(memory, copied)
        self.device = device_arrays(memory, copied | {"suspect": (shape, np.uint8)})


class Slot:
    """A tile in flight."""

    def __init__(self, tile_memory, host_panels, device_panel):
        """host_panels: by number; device_panel(number): the DevicePanel."""
        self.host_panels, self.device_panel = host_panels, device_panel
        self.memory, self.stream = tile_memory.memory, tile_memory.stream
        self.host, self.device = tile_memory.host, tile_memory.device

    def send(self, tile):
        """Starts rendering a Tile."""
        panel, wanted = self.device_panel(tile.panel), self.host_panels[tile.panel].prepared.wanted
        self.tile = tile
        rows, columns = tile.slow_stop - tile.slow_start, tile.fast_stop - tile.fast_start
        host, device = self.host, self.device
        host["wanted"][:rows, :columns] = wanted[tile_slices(tile)]
        host["unresolved"][:] = 0
        host["parts"][:] = 0.0
        for name in ("wanted", "unresolved", "parts"):
            self.memory.copy_to_device(host[name], device[name], self.stream)
        grid = (-(-columns // THREADS), rows)
        # the types of `in_device_types`
        edges = {name: np.int32(getattr(tile, name)) for name in ("slow_start", "slow_stop", "fast_start", "fast_stop")}
        device_tile = panel.tile._replace(**edges)
        for kind, share, interpolate in panel.launches:
            arguments = (
                panel.plan, device_tile, panel.table, panel.reach, panel.rounding_limit, panel.axis, share, interpolate,
                device["wanted"], device["image"], device["suspect"], device["unresolved"], device["parts"],
            )  # fmt: skip
            self.memory.device.launch(kind, grid, THREADS, self.stream, arguments)
        if panel.marks_unresolved:
            marked = panel.plan, device_tile, panel.rounding_limit, device["image"], device["suspect"], device["unresolved"]
            self.memory.device.launch(MARK_UNRESOLVED, grid, THREADS, self.stream, marked)
        if panel.scatter is not None:
            added = panel.scatter, device_tile, device["wanted"], device["image"]
            self.memory.device.launch(ADD_BACKGROUND, grid, THREADS, self.stream, added)
        for name in ("image", "unresolved", "parts"):
            self.memory.copy_to_host(device[name], host[name], self.stream)

    def receive(self):
        """Waits for the tile in flight, copies its pixels to the panel's image and returns the tile."""
        tile = self.tile
        self.memory.synchronize(self.stream)
        panel, rows, columns = (
            self.host_panels[tile.panel],
            tile.slow_stop - tile.slow_start,
            tile.fast_stop - tile.fast_start,
        )
        panel.image[tile_slices(tile)] = self.host["image"][:rows, :columns]
        panel.unresolved[tile.slow_start : tile.slow_stop] = self.host["unresolved"][:rows]
        panel.omega_sums[tile.slow_start : tile.slow_stop] += self.host["parts"][:rows].sum(axis=1)
        return tile


def finish_on_cpu(host_panel, tile, threads):
    """Renders the pixels of a tile that the device has left as nan, with the program's own operations, and adds their
    background."""
    if not host_panel.unresolved[tile.slow_start : tile.slow_stop].any():
        return
    prepared, image = host_panel.prepared, host_panel.image
    plan, pixels, left = prepared.plan, tile_slices(tile), np.zeros(image.shape, bool)
    left[pixels] = prepared.wanted[pixels] & np.isnan(image[pixels])

    def new_call():
        omega = np.empty(subpixels_per_pixel(plan))
        return render_nan_rows.over_rows(plan, host_panel.history, tile, left, image, host_panel.unresolved, omega)

    new_calls = [new_call]
    if prepared.scatter is not None:
        new_calls.append(new_background_call(prepared, tile, left, image, FEW))
    for new in new_calls:
        share_rows(new, tile.slow_start, tile.slow_stop, thread_count(threads))


def cuda_tile_shape(tile_shape, prepared):
    """(slow, fast) size in pixels of a tile within the panel: `tile_shape` if given, else complete rows."""
    panel_shape = prepared.wanted.shape
    if tile_shape is None:
        pixels = TILE_STEPS / (prepared.plan.steps * prepared.plan.detector_thicksteps)
        pixels = int(min(max(pixels, FEWEST_PIXELS), TILE_PIXELS))
        tile_shape = (max(1, pixels // panel_shape[1]), panel_shape[1])
    return min(tile_shape[0], panel_shape[0], MOST_ROWS), min(tile_shape[1], panel_shape[1])
