"""Which pixels of a segment a block of sources, or a group of orientations, may add something to (`physics/reach.py`): its
loops are over these.

They are copied side by side, summed like a segment of their own, and copied back.
"""

import math

from nbkernel.kernels.numerics.arithmetic import rint
from nbkernel.kernels.numerics.vector_loops import (
    copy_back,
    copy_listed,
    fill,
    full_vector_width,
    list_flagged,
    load,
    look_up,
    store,
    with_columns,
)
from nbkernel.kernels.physics.pixel import vector_at
from nbkernel.kernels.physics.reach import has_one_nearest, is_dark, is_dark_within, spread_of_block
from nbkernel.kernels.physics.vectors import dot_product
from nbkernel.kernels.physics.weights import weight_varies
from nbkernel.kernels.plan import Workspace

from .geometry import CAPTURE, INTENSITY, NEAREST, OMEGA, POLAR, WEIGHT
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


def build_copy_lit(terms_of):
    """terms_of: gives the rows of `work` that a pixel's indices follow from."""

    def copy_lit(workspace, side):
        """Fills `side` with what steps need of the listed pixels, except WEIGHT."""
        work, side_work, positions = workspace.work, side.work, workspace.phases[POSITION]
        pixel_terms, side_terms = terms_of(work), terms_of(side_work)
        for m in range(len(side_terms)):
            copy_listed(pixel_terms[m], positions, side_terms[m])
        copy_listed(work[INTENSITY], positions, side_work[INTENSITY])
        copy_listed(work[NEAREST], positions, side_work[NEAREST])
        copy_listed(workspace.nearest, positions, side.nearest)

    return copy_lit


def copy_sums_back(lit, side, workspace):
    positions = workspace.phases[POSITION]
    copy_back(side.work[INTENSITY], positions, lit, workspace.work[INTENSITY])
    copy_back(side.work[NEAREST], positions, lit, workspace.work[NEAREST])
    copy_back(side.nearest, positions, lit, workspace.nearest)


def room_for(lit):
    """`lit` pixels, and as many more as fill the last vector."""
    return (lit + LANES - 1) // LANES * LANES


def build_add_lit_orientations(way, orientation_lines, add_orientations):
    """The loops of `add_orientations` over all groups of orientations, each for the pixels that it may add something to."""
    list_lit, copy_lit = build_list_lit(way, orientation_lines), build_copy_lit(way.scatterings)

    def add_lit_orientations(plan, table, reach, interpolate, source, origin, fdet, workspace, side):
        """side: a second Workspace."""
        start, size = 0, workspace.sums.shape[0]
        for group in range(reach.phi_stop.shape[0]):
            stop, lit = reach.phi_stop[group], size
            if reach.is_limited:
                orientations = (stop - start) * plan.orientation.shape[1]
                lit = list_lit(plan, table, reach, group, orientations, source, origin, fdet, workspace)
            room = room_for(lit)
            apart = room < size
            if lit > 0:
                used = narrowed(side, room) if apart else workspace
                if apart:
                    copy_lit(workspace, used)
                    copy_listed(workspace.work[WEIGHT], workspace.phases[POSITION], used.work[WEIGHT])
                add_orientations(plan, table, interpolate, source, origin, fdet, start, stop, used)
                if apart:
                    copy_sums_back(lit, used, workspace)
            start = stop

    return add_lit_orientations


def build_list_lit_of_block(way, orientation_lines):
    """way, orientation_lines: see `build_group_indices`."""
    scatter, each_scatters = way.scatter, way.EACH_SOURCE_SCATTERS
    lines_of_group, indices_and_length = build_group_indices(way, orientation_lines)

    def count_dark_samples(plan, reach, source, origin, fdet, work):
        every, number = work.shape[1] // SAMPLES, 0
        for n in range(SAMPLES):
            dark = True
            for group in range(reach.phi_stop.shape[0]):
                lines = lines_of_group(plan, reach, group, reach.middle[source], origin, fdet)
                h, k, l, length = indices_and_length(lines, work, n * every + every // 2)
                spread = spread_of_block(reach, group, reach.stretch[source])
                dark = dark and is_dark_within(h, k, l, length, reach, spread)
            number += 1 if dark else 0
        return number

    def flag_lit_of_group(flags, lines, reach, spread, work):
        full_vector_width()
        for i in range(flags.shape[0]):
            h, k, l, length = indices_and_length(lines, work, i)
            store(flags, i, load(flags, i) if is_dark_within(h, k, l, length, reach, spread) else 1)

    def list_lit_of_block(plan, reach, source, origin, fdet, workspace):
        """Lists in workspace.phases[POSITION] the pixels that a source's block from there on may add something to, and
        returns how many there are; the number of all, unlisted, if it is not worth it to look."""
        work, flags, positions = workspace.work, workspace.phases[FLAG], workspace.phases[POSITION]
        if each_scatters:
            scatter(plan, reach.middle[source], work)
        sources = reach.source_stop[source] - source
        if sources * count_dark_samples(plan, reach, source, origin, fdet, work) < 2 * SAMPLES:
            return flags.shape[0]
        fill(flags, 0)
        for group in range(reach.phi_stop.shape[0]):
            lines = lines_of_group(plan, reach, group, reach.middle[source], origin, fdet)
            flag_lit_of_group(flags, lines, reach, spread_of_block(reach, group, reach.stretch[source]), work)
        return list_flagged(flags, positions)

    return list_lit_of_block


def build_add_lit_sources(way, orientation_lines, add_source):
    """The loop of `add_source` over the sources of a block, for the pixels that they may add something to."""
    list_lit_of_block, copy_lit = build_list_lit_of_block(way, orientation_lines), build_copy_lit(way.directions)
    scatter, each_scatters = way.scatter, way.EACH_SOURCE_SCATTERS

    def copy_factors(workspace, block):
        """Fills `block` with what the weights of the listed pixels' steps consist of."""
        work, block_work, positions = workspace.work, block.work, workspace.phases[POSITION]
        copy_listed(work[CAPTURE], positions, block_work[CAPTURE])
        copy_listed(work[POLAR], positions, block_work[POLAR])
        copy_listed(work[OMEGA], positions, block_work[OMEGA])

    def add_lit_sources(plan, table, reach, interpolate, first, stop, origin, fdet, workspace, block, side):
        """Adds the sources first .. stop: one, whose scattering vectors are in `workspace`, or a block. block, side: other
        Workspaces, for the pixels of the block and of a group of orientations."""
        size, several = workspace.sums.shape[0], stop > first + 1
        lit = list_lit_of_block(plan, reach, first, origin, fdet, workspace) if several else size
        room = room_for(lit)
        apart = room < size
        if lit > 0:
            used = narrowed(block, room) if apart else workspace
            if apart:
                copy_lit(workspace, used)
                if weight_varies(plan):
                    copy_factors(workspace, used)
            for source in range(first, stop):
                if several and each_scatters:
                    scatter(plan, source, used.work)
                add_source(plan, table, reach, interpolate, source, origin, fdet, used, side)
            if apart:
                copy_sums_back(lit, used, workspace)

    return add_lit_sources
