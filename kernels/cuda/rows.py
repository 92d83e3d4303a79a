"""Precisions `double` and `mixed` under CUDA: one thread per pixel, a block of threads per segment of a row.

A thread does what the CPU does for a segment of one pixel, with the same functions and in the same order (`fast/build.py`);
its work array is in registers. The threads of a block compute together what the next orientations need of their row, and
share it. They skip the groups of orientations that add nothing to any of their pixels (`fast/lit.py`). There is a kernel for
each kind of run, see `kinds`.
"""

from typing import NamedTuple

import numpy as np
from numba import cuda

from nbkernel.kernels.fast import along_row, as_program
from nbkernel.kernels.fast.build import (
    STEPS,
    build_add_orientation_steps,
    build_add_single_sources,
    build_add_source,
    build_orientation_lines,
    build_render_segment,
)
from nbkernel.kernels.fast.geometry import CAPTURE, INTENSITY, KEPT, OMEGA, OMEGAS, WORK
from nbkernel.kernels.fast.interpolation import INTERPOLATION_WORK
from nbkernel.kernels.fast.lattice_factor import crystals_by_shape
from nbkernel.kernels.fast.lit import build_group_indices, has_no_F_cell
from nbkernel.kernels.fast.phases import FLUSH, OFFSET_WORK, PHASE_WORK
from nbkernel.kernels.fast.photons import INFINITY, TO_IMAGE, as_float32
from nbkernel.kernels.fast.weights import finish
from nbkernel.kernels.physics.constants import GAUSS, TOPHAT
from nbkernel.kernels.physics.orientations import from_rotations, turned_vector
from nbkernel.kernels.physics.pixel import vector_at
from nbkernel.kernels.physics.reach import is_dark
from nbkernel.kernels.physics.weights import is_renewed
from nbkernel.kernels.rounding import build_may_be_rounding

from .launch import SIMULATED, THREADS

SHARED_LINES = 128  # orientations that a block computes at a time: a multiple of FLUSH
VECTORS, LINE = 3, 3  # cell vectors, numbers per vector
LINES = (SHARED_LINES, VECTORS * LINE + 1)  # one more, so that each begins where two numbers can be read at a time
ALIGNMENT = 16
NAN = np.float32(np.nan)


class CudaWorkspace(NamedTuple):
    """A thread's memory: `plan.Workspace` for one pixel, and the block's shared orientations."""

    work: np.ndarray
    phases: np.ndarray
    offsets: np.ndarray
    sums: np.ndarray
    nearest: np.ndarray
    interpolation: np.ndarray
    corner: np.ndarray
    lines: np.ndarray  # LINES float64


def build_shared_segment(kind):
    """`build.build_add_orientations`, but the block's threads share what a row needs of the orientations."""
    way = as_program if kind.own_operations else along_row
    scatterings = way.scatterings
    add_orientation_steps, flush_rest = build_add_orientation_steps(
        way.miller_indices, STEPS[kind.use_float32, kind.own_operations]
    )
    index_line = way.index_line
    lines_of_group, indices_and_length = build_group_indices(way, build_orientation_lines(index_line))
    steps = kind.steps
    may_be_limited = steps.has_table or (steps.xtal_shape in (GAUSS, TOPHAT) and not steps.interpolate)

    def share_lines(plan, source, origin, fdet, start, size, lines):
        """Fills `lines` with what `miller_indices` needs of the orientations from number `start` on."""
        domains = np.uint32(plan.mosaic_umats.shape[0])
        incident, wavelength = vector_at(plan.source_incident, source), plan.source_lambda[source]
        # a thread computes one vector after another: more at a time would take the registers of the step
        n, vectors = np.uint32(cuda.threadIdx.x), np.uint32(VECTORS * size)
        while n < vectors:
            entry, m = n // np.uint32(VECTORS), n % np.uint32(VECTORS)
            number = np.uint32(start + entry)
            vector = turned_vector(plan, plan.phi_slot[number // domains], number % domains, m)
            line = index_line(vector, incident, wavelength, origin, fdet)
            for i in range(LINE):
                lines[entry, LINE * m + i] = line[i]
            n = np.uint32(n + THREADS)

    def is_lit(plan, table, reach, group, source, origin, fdet, work):
        """Whether a group of orientations may add something to the pixel."""
        lines = lines_of_group(plan, reach, group, source, origin, fdet)
        h, k, l, length = indices_and_length(lines, work, 0)
        if is_dark(h, k, l, length, reach, group):
            return False
        return not (steps.has_table and has_no_F_cell(h, k, l, length, reach, group, table))

    def add_group(plan, table, source, origin, fdet, start, stop, lit, workspace):
        """Adds the orientations from number `start` to `stop`, but only to lit pixels. All threads of a block call it."""
        pixel_terms, crystals, lines = scatterings(workspace.work), crystals_by_shape(plan), workspace.lines
        while start < stop:
            size = np.uint32(min(SHARED_LINES, np.uint32(stop - start)))
            cuda.syncthreads()
            share_lines(plan, source, origin, fdet, start, size, lines)
            cuda.syncthreads()
            n = np.uint32(0) if lit else size
            while n < size:
                # the loop of a step neither counts nor flushes
                last, unflushed = min(size, np.uint32(n + FLUSH)), 0
                while n < last:
                    hkl_lines = (
                        (lines[n, 0], lines[n, 1], lines[n, 2]),
                        (lines[n, 3], lines[n, 4], lines[n, 5]),
                        (lines[n, 6], lines[n, 7], lines[n, 8]),
                    )
                    unflushed = add_orientation_steps(plan, table, steps, crystals, pixel_terms, hkl_lines, 0, workspace)
                    n = np.uint32(n + 1)
                flush_rest(unflushed, workspace)
            start = np.uint32(start + SHARED_LINES)

    def add_orientations(plan, table, reach, interpolate, source, origin, fdet, workspace, side):
        # 32 bits are enough: a pixel with more steps would take seconds
        domains = plan.mosaic_umats.shape[0]
        if may_be_limited and reach.is_limited:
            start = np.uint32(0)
            for group in range(reach.phi_stop.shape[0]):
                stop = np.uint32(reach.phi_stop[group] * domains)
                lit = is_lit(plan, table, reach, group, source, origin, fdet, workspace.work)
                if cuda.syncthreads_or(np.int32(1 if lit else 0)) != 0:
                    add_group(plan, table, source, origin, fdet, start, stop, lit, workspace)
                start = stop
        else:
            stop = np.uint32(plan.phi_slot.shape[0] * domains)
            add_group(plan, table, source, origin, fdet, np.uint32(0), stop, True, workspace)

    add_sources = build_add_single_sources(build_add_source(add_orientations))
    return build_render_segment(way, add_sources, False, kind.use_float32, steps.has_table)


def sum_of_block(value, shared, parts, row):
    """Adds the sum over the block's threads of `value` to the block's own element of parts[row], in a fixed order."""
    me = cuda.threadIdx.x
    cuda.syncthreads()
    shared[me] = value
    cuda.syncthreads()
    width = THREADS // 2
    while width > 0:
        if me < width:
            shared[me] += shared[me + width]
        cuda.syncthreads()
        width //= 2
    if me == 0:
        parts[row, cuda.blockIdx.x] += shared[0]


def build_tile_kernel(kind):
    """The kernel of a kind."""
    render_segment = build_shared_segment(kind)
    _, _, is_near_limit = TO_IMAGE[kind.use_float32]

    def render_tile(
        plan, tile, table, reach, rounding_limit, axis, share, interpolate, wanted, image, suspect, unresolved, omega_parts
    ):
        """Fills `image` with photons, nan where only the program's own operations give them (counted per row in
        `unresolved`), or where `suspect` (then `mark_unresolved` has to be called): one pixel per thread, a row per
        blockIdx.y.

        wanted, image, suspect: (slow, fast) from the tile's first pixel on, bool, float32, uint8; unresolved: (slow,) int32;
        omega_parts: (slow, blocks) float64, receives the sums of the wanted pixels' solid angles (sr).
        """
        work = cuda.local.array((WORK, 1), np.float64)
        if SIMULATED:
            lines = cuda.shared.array(LINES, np.float64)
        else:
            lines = cuda.shared.array(LINES, np.float64, alignment=ALIGNMENT)
        workspace = CudaWorkspace(
            work,
            cuda.local.array((PHASE_WORK, 1), np.int32),
            cuda.local.array((OFFSET_WORK, 1), np.float32),
            cuda.local.array(1, np.float32),
            cuda.local.array(1, np.float32),
            cuda.local.array((INTERPOLATION_WORK, 1), np.float64),
            cuda.local.array(1, np.int32),
            lines,
        )
        shared = cuda.shared.array(THREADS, np.float64)
        row, column = cuda.blockIdx.y, cuda.blockIdx.x * THREADS + cuda.threadIdx.x
        number = (tile.slow_start + row) * share.fpixels + tile.fast_start + column
        spixel, fpixel = np.int32(tile.slow_start + row), np.int32(tile.fast_start + column)
        width = tile.fast_stop - tile.fast_start
        within = column < width
        mine = within and wanted[row, min(column, width - 1)]
        if within and not mine:
            image[row, column], suspect[row, column] = np.float32(0.0), 0
        mine = mine and share.first <= number < share.stop
        if cuda.syncthreads_count(np.int32(1 if mine else 0)) == 0:
            return
        work[KEPT, 0] = work[CAPTURE, 0] = 1.0
        workspace.sums[0] = np.float32(0.0)
        begin = np.int32(tile.fast_start + cuda.blockIdx.x * THREADS)
        end = min(np.int32(begin + THREADS), tile.fast_stop)
        render_segment(
            plan,
            tile,
            table,
            reach,
            vector_at(axis, 0),
            interpolate,
            spixel,
            fpixel,
            begin,
            end,
            False,
            workspace,
            None,
            None,
        )  # fmt: skip
        finish(plan, work)
        omega = work[OMEGAS, 0] if is_renewed(plan.oversample_omega) else work[OMEGA, 0]
        sum_of_block(omega if mine else 0.0, shared, omega_parts, row)
        if mine:
            photons = as_float32(work[INTENSITY, 0])
            special = number == share.first_pixel or (plan.interpolate and number == share.latch_pixel)
            if special or not abs(photons) < INFINITY:
                photons = NAN
                cuda.atomic.add(unresolved, row, 1)
            suspect[row, column] = 1 if is_near_limit(workspace, 0, rounding_limit) else 0
            image[row, column] = photons

    return render_tile


may_be_rounding = build_may_be_rounding(from_rotations)


def mark_unresolved(plan, tile, rounding_limit, image, suspect, unresolved):
    """Sets to nan those suspect pixels that only the program's own operations give."""
    row, column = cuda.blockIdx.y, cuda.blockIdx.x * THREADS + cuda.threadIdx.x
    if column < tile.fast_stop - tile.fast_start and suspect[row, column] != 0:
        photons = image[row, column]
        if photons == photons and may_be_rounding(
            plan, tile, tile.slow_start + row, tile.fast_start + column, rounding_limit
        ):
            image[row, column] = NAN
            cuda.atomic.add(unresolved, row, 1)
