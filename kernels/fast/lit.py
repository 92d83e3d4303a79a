"""Which pixels of a segment a group of orientations may add something to (`physics/reach.py`): its loops are over these.

They are copied side by side, summed like a segment of their own, and copied back.
"""

import math

from nbkernel.kernels.numerics.arithmetic import rint
from nbkernel.kernels.numerics.vector_loops import (
    copy_back,
    copy_listed,
    full_vector_width,
    list_flagged,
    load,
    look_up,
    store,
    with_columns,
)
from nbkernel.kernels.physics.pixel import vector_at
from nbkernel.kernels.physics.reach import has_one_nearest, is_dark
from nbkernel.kernels.physics.vectors import dot_product
from nbkernel.kernels.plan import Workspace

from .geometry import INTENSITY, NEAREST, WEIGHT
from .steps import table_position

# pixels that are asked before all are, to find out whether that is worth it
SAMPLES = 8
# orientations from which it is worth it to look up F_cell, too
MANY = 8
# pixels at a time
LANES = 8
# more than what rounding takes from |diffracted - incident|^2, near the direct beam
ROUNDING = 1e-14
# rows of workspace.phases
FLAG, POSITION = range(2)


def narrowed(workspace, size):
    """The memory of a Workspace as one for `size` pixels, not more than it has room for."""
    return Workspace(
        with_columns(workspace.work, size),
        workspace.omegas[:size],
        with_columns(workspace.phases, size),
        with_columns(workspace.offsets, size),
        workspace.sums[:size],
        workspace.nearest[:size],
        workspace.interpolation,
        workspace.corner,
    )


def build_group_indices(way, orientation_lines):
    """(lines_of_group, indices_and_length). way: `along_row` or `as_program`; orientation_lines: of
    `build.build_orientation_lines`."""
    direction_line, product, miller_indices = way.direction_line, way.product, way.miller_indices
    scatterings, directions = way.scatterings, way.directions

    def lines_of_group(plan, reach, group, source, origin, fdet):
        """What `indices_and_length` needs of a group and a source."""
        incident, wavelength = vector_at(plan.source_incident, source), plan.source_lambda[source]
        hkl_lines = orientation_lines(plan, reach.cell, group, 0, source, origin, fdet)
        squares = 1.0 + dot_product(incident, incident) + ROUNDING
        return hkl_lines, direction_line(incident, origin, fdet), squares, 1.0 / abs(wavelength)

    def indices_and_length(lines, work, i):
        """h, k, l in the group's mean orientation, and the length of the scattering vector (1/m)."""
        hkl_lines, incident_line, squares, per_wavelength = lines
        h, k, l = miller_indices(hkl_lines, scatterings(work), i)
        return h, k, l, per_wavelength * math.sqrt(squares - 2.0 * product(incident_line, directions(work), i))

    return lines_of_group, indices_and_length


def has_no_F_cell(h, k, l, length, reach, group, table):
    """Whether all orientations of the group have the same nearest whole indices, and their F_cell is 0."""
    position = table_position(rint(h), rint(k), rint(l), table)
    return has_one_nearest(h, k, l, length, reach, group) and look_up(table.F_squared, position) == 0.0


def build_list_lit(way, orientation_lines):
    """way, orientation_lines: see `build_group_indices`."""
    lines_of_group, indices_and_length = build_group_indices(way, orientation_lines)

    def count_dark_samples(lines, reach, group, table, work):
        has_table, every, number = table.h_stride > 0.0, work.shape[1] // SAMPLES, 0
        for n in range(SAMPLES):
            h, k, l, length = indices_and_length(lines, work, n * every + every // 2)
            dark = is_dark(h, k, l, length, reach, group)
            number += 1 if dark or (has_table and has_no_F_cell(h, k, l, length, reach, group, table)) else 0
        return number

    def flag_lit(flags, lines, reach, group, work):
        full_vector_width()
        for i in range(flags.shape[0]):
            h, k, l, length = indices_and_length(lines, work, i)
            store(flags, i, 0 if is_dark(h, k, l, length, reach, group) else 1)

    def unlist_without_F_cell(positions, number, lines, reach, group, table, work):
        """Removes those without F_cell from the first `number` positions; returns how many are left."""
        left = 0
        for n in range(number):
            i = load(positions, n)
            h, k, l, length = indices_and_length(lines, work, i)
            store(positions, left, i)
            left += 0 if has_no_F_cell(h, k, l, length, reach, group, table) else 1
        return left

    def list_lit(plan, table, reach, group, orientations, source, origin, fdet, workspace):
        """Lists in workspace.phases[POSITION] the pixels that a group of so many orientations may add something to, and
        returns how many there are; the number of all, unlisted, if it is not worth it to look."""
        work, flags, positions = workspace.work, workspace.phases[FLAG], workspace.phases[POSITION]
        lines = lines_of_group(plan, reach, group, source, origin, fdet)
        if 2 * orientations * count_dark_samples(lines, reach, group, table, work) < SAMPLES:
            return flags.shape[0]
        flag_lit(flags, lines, reach, group, work)
        lit = list_flagged(flags, positions)
        if table.h_stride > 0.0 and orientations >= MANY:
            lit = unlist_without_F_cell(positions, lit, lines, reach, group, table, work)
        return lit

    return list_lit


def build_add_lit_orientations(way, orientation_lines, add_orientations):
    """The loops of `add_orientations` over all groups of orientations, each for the pixels that it may add something to."""
    list_lit, scatterings = build_list_lit(way, orientation_lines), way.scatterings

    def copy_lit(workspace, side):
        """Fills `side` with what steps need of the listed pixels."""
        work, side_work, positions = workspace.work, side.work, workspace.phases[POSITION]
        pixel_terms, side_terms = scatterings(work), scatterings(side_work)
        for m in range(len(side_terms)):
            copy_listed(pixel_terms[m], positions, side_terms[m])
        copy_listed(work[WEIGHT], positions, side_work[WEIGHT])
        copy_listed(work[INTENSITY], positions, side_work[INTENSITY])
        copy_listed(work[NEAREST], positions, side_work[NEAREST])
        copy_listed(workspace.nearest, positions, side.nearest)

    def copy_sums_back(lit, side, workspace):
        positions = workspace.phases[POSITION]
        copy_back(side.work[INTENSITY], positions, lit, workspace.work[INTENSITY])
        copy_back(side.work[NEAREST], positions, lit, workspace.work[NEAREST])
        copy_back(side.nearest, positions, lit, workspace.nearest)

    def add_lit_orientations(plan, table, reach, interpolate, source, origin, fdet, workspace, side):
        """side: a second Workspace."""
        start, size = 0, workspace.sums.shape[0]
        for group in range(reach.phi_stop.shape[0]):
            stop, lit = reach.phi_stop[group], size
            if reach.is_limited:
                orientations = (stop - start) * plan.orientation.shape[1]
                lit = list_lit(plan, table, reach, group, orientations, source, origin, fdet, workspace)
            room = (lit + LANES - 1) // LANES * LANES
            apart = room < size
            if lit > 0:
                used = narrowed(side, room) if apart else workspace
                if apart:
                    copy_lit(workspace, used)
                add_orientations(plan, table, interpolate, source, origin, fdet, start, stop, used)
                if apart:
                    copy_sums_back(lit, used, workspace)
            start = stop

    return add_lit_orientations
