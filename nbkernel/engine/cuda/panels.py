"""A panel to render on CUDA devices: its data in the host's memory and in a device's."""

from typing import NamedTuple

import numpy as np

from nbkernel.engine.bounds.precision import can_use_float32, choose_rounding_limit, needs_own_operations
from nbkernel.engine.bounds.reach import find_reach
from nbkernel.engine.tiles import panel_tile
from nbkernel.kernels.cuda.arguments import DeviceArray
from nbkernel.kernels.cuda.kinds import kernel_kind
from nbkernel.kernels.cuda.launch import Share
from nbkernel.kernels.physics.pixel import omegas_per_pixel, subpixels_per_pixel
from nbkernel.support.memory import panel_zeros

NO_TABLE = np.empty((0, 0, 9))


class HostPanel:
    """A panel in the host's memory, with its results.

    image: (slow, fast) float32, photons; omega_sums: (slow,) float64, sums of the solid angles (sr); unresolved: (slow,)
    int64, the number of pixels that are left to the program's own operations.
    """

    def __init__(self, prepared, history):
        """prepared: the Prepared panel; history: its History."""
        self.prepared, self.history = prepared, history
        shape = prepared.wanted.shape
        self.image, self.omega_sums = panel_zeros(shape, np.float32, prepared.roi), np.zeros(shape[0])
        self.unresolved = np.zeros(shape[0], np.int64)

    def omega_sum(self):
        """Sum of the solid angles (sr) of all layers and sub-pixels."""
        plan = self.prepared.plan
        return float(self.omega_sums.sum()) * (subpixels_per_pixel(plan) // omegas_per_pixel(plan))


class DevicePanel(NamedTuple):
    """A panel on a device: arguments that are the same for all its tiles, with arrays in the device's memory."""

    plan: tuple  # RenderPlan
    tile: tuple  # the Tile of the complete panel
    table: tuple  # SquaredTable
    reach: tuple  # Reach
    rounding_limit: tuple  # RoundingLimit
    axis: DeviceArray  # (1, 3): the polarisation axis
    scatter: tuple | None  # Scatter: its background, if it has one
    launches: tuple  # (KernelKind, Share, whether it interpolates)
    marks_unresolved: bool  # whether any pixel depends on rounding
    kept_table: object  # KeptTable, which has the memory of `table`


def upload_panel(host_panel, tables, precision, uploads, kept):
    """The DevicePanel of a HostPanel. tables: the run's SquaredTables; uploads: the device's, for this image; kept: its
    KeptDevice."""
    prepared, history = host_panel.prepared, host_panel.history
    plan = prepared.plan
    panel = panel_tile(prepared.detector)
    use_float32 = precision == "mixed" and can_use_float32(plan, panel, prepared.reflections.nonzero)
    own_operations = needs_own_operations(plan, use_float32, panel)
    table = tables.get_checked(plan, use_float32, precision)
    rounding_limit = choose_rounding_limit(plan, use_float32, own_operations, panel)
    device_plan, reach = unfolded(plan, find_reach(plan, panel, use_float32))
    scatter = None if prepared.scatter is None else uploads.get(prepared.scatter)
    last = prepared.wanted.size
    fpixels = prepared.wanted.shape[1]

    def launch(interpolate, first, stop):
        kind = kernel_kind(plan, table, use_float32, own_operations, interpolate)
        return kind, Share(first, stop, fpixels, history.first_pixel, history.latch_pixel), interpolate

    split = min(history.latch_pixel + 1, last) if plan.interpolate else 0
    launches = [launch(True, 0, split)] if split > 0 else []
    if split < last:
        launches.append(launch(False, split, last))
    limited = max(rounding_limit.relative_offset, rounding_limit.half_way) > 0.0
    kept_table = kept.table(table)
    device_table, Fhkl = kept_table.upload(table, plan.Fhkl)
    return DevicePanel(
        uploads.get(without_table(device_plan)._replace(Fhkl=Fhkl)), uploads.get(panel), device_table, uploads.get(reach),
        rounding_limit, uploads.get_array(history.axis[:1]), scatter, tuple(launches), limited, kept_table,
    )  # fmt: skip


def unfolded(plan, reach):
    """(plan, reach) of domains that the spindle turns, in which each domain of each phi step is a phi step of its own, with
    a single domain: a device computes orientations from phi steps and domains independent of them. Others stay as they
    are."""
    slots, domains = plan.orientation.shape[:2]
    if len(plan.phi_vectors) == slots:
        return plan, reach
    number = np.arange(domains)

    def each(phi_slot):
        return (phi_slot[:, np.newaxis] * domains + number).ravel()

    plan = plan._replace(
        mosaic_umats=np.eye(3).reshape(1, 9), phi_slot=each(plan.phi_slot), phi_slot_first=each(plan.phi_slot_first)
    )
    return plan, reach._replace(phi_stop=reach.phi_stop * domains)


def without_table(plan):
    """The plan without the table of orientations: CUDA kernels compute them from their rotations, see
    `physics/orientations.py`."""
    return plan._replace(orientation=NO_TABLE)


class Uploads:
    """Arrays in a Memory; an array that several panels share is uploaded once."""

    def __init__(self, memory):
        self.memory = memory
        self.arrays = {}  # by the host array's id; the array is kept, so that no other gets the same id

    def get(self, value):
        """The NamedTuple `value` with its arrays in the device's memory."""
        return type(value)(
            *(self.get_array(field) if isinstance(field, np.ndarray) else field for field in in_device_types(value))
        )

    def get_array(self, array):
        if id(array) not in self.arrays:
            self.arrays[id(array)] = array, self.memory.upload(array)
        return self.arrays[id(array)][1]


def in_device_types(value):
    """The NamedTuple `value` with its integers in 32 bits, with which loops need fewer registers."""
    return type(value)(*(np.int32(field) if type(field) is int else field for field in value))
