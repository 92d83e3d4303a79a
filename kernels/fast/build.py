"""A piece of a row in precision `double` or `mixed`: nanoBragg's loop nest with the pixels innermost.

Layer -> sub-pixel slow -> sub-pixel fast -> source -> phi step -> mosaic domain, and each step for all pixels of the piece.
Every pixel sums its own steps in this order whatever pixels stand beside it, so an image does not depend on how it was cut.
A pixel comes out as nan where only the program's own operations tell its value (0/0 at a whole index, ...): the caller
renders those by `pixel.render_pixel`.
"""

from functools import cache
from typing import NamedTuple

import numpy as np

from nbkernel.kernels.numerics.vector_loops import fill
from nbkernel.kernels.physics.constants import SQUARE
from nbkernel.kernels.physics.orientations import cell_vectors
from nbkernel.kernels.physics.pixel import as_vector, vector_at
from nbkernel.kernels.physics.pixel_geometry import pixel_position
from nbkernel.kernels.physics.scattering import scattering_vector
from nbkernel.kernels.physics.vectors import magnitude, unitize
from nbkernel.kernels.physics.weights import has_running_weights, has_step_weights, needs_scattering

from .geometry import (
    INTENSITY,
    KEPT,
    NEAREST,
    OMEGA,
    OMEGAS,
    POLAR,
    STEP,
    TERM,
    THERE,
    WEIGHT,
    captures_of,
    direction_line_along_row,
    direction_line_as_program,
    directions_along_row,
    directions_as_program,
    index_line_along_row,
    index_line_as_program,
    keep_within_dmin,
    locate_along_row,
    locate_as_program,
    normalise_again,
    polarization_plane,
    polarizations_of,
    scatter_as_program,
    scatterings_as_program,
    solid_angles,
    subpixel_row,
)
from .interpolation import interpolation_of
from .lattice_factor import crystals_of, square_squared, square_squared_as_program
from .phases import FLUSH, flush, needs_offsets, offsets_of, phases_of
from .steps import index_along_row, index_as_program, orientation_of, there_of
from .weights import (
    add,
    add_pixel_weights,
    begin,
    has_captures,
    multiply,
    run_on,
    weigh,
)


class StepKind(NamedTuple):
    """What the loops over a run's steps have to do: the same for all its pixels."""

    xtal_shape: int
    has_table: bool  # looks up F_cell; without, it is a constant or interpolated
    interpolate: bool
    running: bool  # oversample flags weigh the running sum
    one_cell: bool  # F_latt is 1
    in_offsets: bool  # see `row_phases`


def step_kind(plan, table, interpolate):
    has_table = table.h_stride > 0.0 and not interpolate
    one_cell = plan.xtal_shape == SQUARE and not has_table and plan.Na <= 1.0 and plan.Nb <= 1.0 and plan.Nc <= 1.0
    return StepKind(plan.xtal_shape, has_table, interpolate, has_running_weights(plan), one_cell, needs_offsets(plan))


def cell_lines_of(index_line):
    def cell_lines(plan, slot, mos_tic, source, origin, fdet):
        """What `index` needs for a, b and c of one orientation."""
        incident, wavelength = vector_at(plan.source_incident, source), plan.source_lambda[source]
        a, b, c = cell_vectors(plan.orientation, slot, mos_tic)
        return (
            index_line(a, incident, wavelength, origin, fdet),
            index_line(b, incident, wavelength, origin, fdet),
            index_line(c, incident, wavelength, origin, fdet),
        )

    return cell_lines


def steps_in_float64(index, square, watched):
    """(step, flush): `step` adds one orientation's F_cell^2 F_latt^2 times weight to out."""
    add_orientation = orientation_of(index, square, watched)

    def step(plan, kind, crystals, out, weight, place, cell, table, space):
        add_orientation(kind.xtal_shape, crystals, kind.has_table, out, space.work[NEAREST], weight, place, cell, table)

    def no_flush(out, weight, space):
        pass

    return step, no_flush


def steps_in_float32(index):
    """The same for parallelepipeds in float32; what `step` adds reaches out by `flush`."""
    add_phases, add_offsets = phases_of(index), offsets_of(index)

    def step(plan, kind, crystals, out, weight, place, cell, table, space):
        if kind.in_offsets:
            add_offsets(plan, kind.has_table, place, cell, table, space)
        else:
            add_phases(plan, kind.has_table, place, cell, table, space)

    def flush_sums(out, weight, space):
        flush(out, weight, space.sums)

    return step, flush_sums


@cache  # shared by kernels, a part is compiled once
def orientation_steps_of(index, steps):
    """One orientation's steps of all pixels of a piece, whatever is special about the run. steps: (step, flush)."""
    step, flush_steps = steps
    add_there, interpolated = there_of(index), interpolation_of(index)

    def add_orientation_steps(plan, table, kind, crystals, place, cell, unflushed, space):
        """Returns how many orientations the phases' sums hold. kind: a StepKind."""
        interpolate, running, work = kind.interpolate, kind.running, space.work
        out = work[STEP] if running else work[INTENSITY]
        weight = work[TERM] if interpolate else work[WEIGHT]
        if interpolate:
            interpolated(plan, weight, table.F_flat, place, cell, space.interpolation, space.corner)
            multiply(weight, work[WEIGHT])
        if running:
            fill(out, 0.0)
        if kind.one_cell:
            add(out, weight)
        else:
            step(plan, kind, crystals, out, weight, place, cell, table, space)
            unflushed += 1
            if unflushed == FLUSH or interpolate or running:
                flush_steps(out, weight, space)
                unflushed = 0
        if running:
            fill(work[THERE], 0.0)
            add_there(plan, kind.xtal_shape, crystals, work[THERE], work[KEPT], place, cell)
            run_on(plan, work)
        return unflushed

    def flush_rest(unflushed, space):
        if unflushed > 0:
            flush_steps(space.work[INTENSITY], space.work[WEIGHT], space)

    return add_orientation_steps, flush_rest


def orientations_of(index, index_line, scatterings, steps):
    """The loops over phi steps and mosaic domains. steps: (step, flush)."""
    add_orientation_steps, flush_rest = orientation_steps_of(index, steps)
    cell_lines = cell_lines_of(index_line)

    def add_orientations(plan, table, interpolate, source, origin, fdet, space):
        place, crystals = scatterings(space.work), crystals_of(plan)
        kind = step_kind(plan, table, interpolate)
        unflushed = 0
        for phi_tic in range(plan.phi_slot.shape[0]):
            for mos_tic in range(plan.orientation.shape[1]):
                cell = cell_lines(plan, plan.phi_slot[phi_tic], mos_tic, source, origin, fdet)
                unflushed = add_orientation_steps(plan, table, kind, crystals, place, cell, unflushed, space)
        flush_rest(unflushed, space)

    return add_orientations


def all_known(factors):
    for i in range(factors.shape[0]):
        if factors[i] == 0.0:
            return False
    return True


def beyond_table(plan, tile, table, source, spixel, first, last):
    """True where no pixel of the piece (on a flat detector) comes near an index with a structure factor: from the ends of
    the piece, the scattering vector gets shorter by at most the way between them, a pixel and the sensor's depth."""
    if table.s_beyond == np.inf:
        return False
    incident, wavelength = vector_at(plan.source_incident, source), plan.source_lambda[source]
    Sdet = tile.pixel_size * (spixel + 0.5)
    fdet, sdet, odet, pix0 = as_vector(tile.fdet), as_vector(tile.sdet), as_vector(tile.odet), as_vector(tile.pix0)
    left = pixel_position(tile.pixel_size * first, Sdet, 0.0, fdet, sdet, odet, pix0)
    right = pixel_position(tile.pixel_size * last, Sdet, 0.0, fdet, sdet, odet, pix0)
    depth = (tile.pixel_size + plan.detector_thick) / min(magnitude(left), magnitude(right))
    left, right = unitize(left), unitize(right)
    way = magnitude((right[0] - left[0], right[1] - left[1], right[2] - left[2]))
    at_left = magnitude(scattering_vector(left, incident, wavelength))
    at_right = magnitude(scattering_vector(right, incident, wavelength))
    return min(at_left, at_right) - (way + depth) / wavelength > table.s_beyond


def piece_of(way, add_orientations, single, may_have_table=True):
    """`render_piece` for one way of describing a piece (see `row_geometry`) and its loops over the orientations; single:
    whether their steps are in float32."""
    locate, directions, direction_line, index, along_row, _, _ = way
    capture_fractions, polarization_factors = captures_of(index), polarizations_of(index)

    def polarize(plan, source, axis, origin, fdet, work):
        if not along_row or needs_scattering(plan):
            normalise_again(plan, work)
        incident = unitize(vector_at(plan.source_incident, source))
        E_in, B_in = polarization_plane(plan, incident, axis)
        polarization_factors(
            plan,
            direction_line(E_in, origin, fdet),
            direction_line(B_in, origin, fdet),
            direction_line(incident, origin, fdet),
            magnitude(E_in) > 0.0,
            directions(work),
            work,
        )

    def render_piece(plan, tile, table, axis, interpolate, spixel, first, start, stop, simply, space):
        """Sums of the pixels from `first` on, left in work[INTENSITY] for `row_sums.finish`. A source is left out where that
        holds for all pixels start .. stop.

        simply: POLAR and OMEGA are not needed, because the run `row_image.is_simple`.
        """
        work = space.work
        fdet, odet = as_vector(tile.fdet), as_vector(tile.odet)
        begin(plan, space, single)
        polar_wanted = not simply and (plan.oversample_polar or not plan.nopolar)
        capture_kept = plan.oversample_thick or plan.own_thick
        may_be_empty = (
            along_row and may_have_table and not interpolate and not has_running_weights(plan) and plan.F_latt_is_finite
        )
        for thick_tic in range(plan.detector_thicksteps):
            Odet = thick_tic * plan.detector_thickstep
            capture_wanted = capture_kept or thick_tic == plan.detector_thicksteps - 1
            for subS in range(plan.oversample):
                origin = subpixel_row(plan, tile, spixel, subS, Odet).origin
                for subF in range(plan.oversample):
                    if along_row and needs_scattering(plan):
                        # before `locate`, whose nan for a pixel at the sample has to stay
                        locate_as_program(plan, tile, spixel, first, subS, subF, Odet, work)
                    locate(plan, tile, spixel, first, subS, subF, Odet, work)
                    if plan.oversample_omega or (not simply and thick_tic == 0 and subS == 0 and subF == 0):
                        solid_angles(tile, work)
                        if plan.oversample_omega:
                            add(work[OMEGAS], work[OMEGA])
                    if has_captures(plan) and capture_wanted:
                        if plan.oversample_thick or (subS == 0 and subF == 0):
                            line = direction_line(odet, origin, fdet)
                            capture_fractions(plan, thick_tic, line, directions(work), work)
                    for source in range(plan.source_lambda.shape[0]):
                        if needs_scattering(plan) or not along_row:
                            scatter_as_program(plan, source, work)
                        if plan.dmin > 0.0:
                            keep_within_dmin(plan, work)
                        if polar_wanted:
                            polarize(plan, source, axis, origin, fdet, work)
                            # without dmin the first source of all is the one that counts
                            polar_wanted = plan.oversample_polar or (plan.dmin > 0.0 and not all_known(work[POLAR]))
                        if may_be_empty and beyond_table(plan, tile, table, source, spixel, start, stop):
                            continue
                        weigh(plan, table, source, interpolate, work)
                        add_orientations(plan, table, interpolate, source, origin, fdet, space)
                    if has_step_weights(plan):
                        add_pixel_weights(plan, work)

    return render_piece


class Way(NamedTuple):
    """How a piece is described: functions of `row_geometry` and `row_steps`."""

    locate: object
    directions: object
    direction_line: object
    index: object
    along_row: bool
    scatterings: object
    index_line: object


ALONG_ROW = Way(
    locate_along_row, directions_along_row, direction_line_along_row, index_along_row, True,
    directions_along_row, index_line_along_row,
)  # fmt: skip
AS_PROGRAM = Way(
    locate_as_program, directions_as_program, direction_line_as_program, index_as_program, False,
    scatterings_as_program, index_line_as_program,
)  # fmt: skip
# by whether parallelepipeds are computed in float32, and whether the program's own operations give the indices
STEPS = {
    (False, False): steps_in_float64(index_along_row, square_squared, True),
    (False, True): steps_in_float64(index_as_program, square_squared_as_program, False),
    (True, False): steps_in_float32(index_along_row),
    (True, True): steps_in_float32(index_as_program),
}


def cpu_piece(single, as_program):
    way = AS_PROGRAM if as_program else ALONG_ROW
    index = way.index
    return piece_of(way, orientations_of(index, way.index_line, way.scatterings, STEPS[single, as_program]), single)
