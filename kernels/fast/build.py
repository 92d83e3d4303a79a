"""A segment of a row in precision `double` or `mixed`: nanoBragg's loop nest with the pixels innermost.

Layer -> sub-pixel slow -> sub-pixel fast -> source -> phi step -> mosaic domain, and each step for all pixels of the
segment. Every pixel sums its own steps in this order whatever its neighbours are, so an image does not depend on how it was
divided. A pixel becomes nan if only the program's own operations give its value (0/0 at an integer index, ...): the caller
renders those by `pixel.render_pixel`.

Here the parts are put together, from the inside out: a step of all pixels (STEPS), the loops over the orientations, those
over layers, sub-pixels and sources. Each `build_...` makes a function out of other functions.
"""

from functools import cache
from typing import NamedTuple

from nbkernel.kernels.numerics.vector_loops import fill
from nbkernel.kernels.physics.constants import SQUARE
from nbkernel.kernels.physics.orientations import cell_vectors
from nbkernel.kernels.physics.pixel import as_vector, vector_at
from nbkernel.kernels.physics.polarization import polarization_plane
from nbkernel.kernels.physics.vectors import magnitude, unitize
from nbkernel.kernels.physics.weights import FINAL_SUM, has_running_weights, has_step_weights, is_renewed, needs_scattering

from . import along_row, as_program
from .as_program import locate as locate_as_program
from .as_program import normalise_again
from .as_program import scatter as scatter_as_program
from .geometry import (
    INTENSITY,
    KEPT,
    NONZERO,
    OMEGA,
    OMEGAS,
    POLAR,
    STEP,
    TERM,
    WEIGHT,
    beyond_table,
    build_capture_fractions,
    build_polarization_factors,
    keep_within_dmin,
    solid_angles,
    subpixel_row,
)
from .interpolation import build_interpolated
from .lattice_factor import crystals_by_shape, square_squared, square_squared_as_program
from .lit import build_add_lit_orientations, build_add_lit_sources
from .phases import FLUSH, build_steps_in_float32, needs_offsets
from .steps import build_add_nonzero, build_steps_in_float64
from .weights import add, add_pixel_weights, begin, has_captures, multiply, run_on, weigh

# (step, flush) by whether parallelepipeds are computed in float32, and whether the program's own operations give the indices
STEPS = {
    (False, False): build_steps_in_float64(along_row.miller_indices, square_squared, True),
    (False, True): build_steps_in_float64(as_program.miller_indices, square_squared_as_program, False),
    (True, False): build_steps_in_float32(along_row),
    (True, True): build_steps_in_float32(as_program),
}


class StepKind(NamedTuple):
    """What the loops over a run's steps have to do: the same for all of its pixels."""

    xtal_shape: int
    has_table: bool  # looks up F_cell; otherwise it is a constant or interpolated
    interpolate: bool
    running: bool  # oversample flags weight the running sum
    one_cell: bool  # F_latt is 1
    in_offsets: bool  # see `phases`


def step_kind(plan, table, interpolate):
    has_table = table.h_stride > 0.0 and not interpolate
    one_cell = plan.xtal_shape == SQUARE and not has_table and plan.Na <= 1.0 and plan.Nb <= 1.0 and plan.Nc <= 1.0
    return StepKind(plan.xtal_shape, has_table, interpolate, has_running_weights(plan), one_cell, needs_offsets(plan))


@cache  # shared by kernels, a part is compiled once
def build_add_orientation_steps(miller_indices, steps):
    """(add_orientation_steps, flush_rest): one orientation's steps of all pixels of a segment, for runs of every kind.
    steps: (step, flush)."""
    step, flush_steps = steps
    add_nonzero, interpolated = build_add_nonzero(miller_indices), build_interpolated(miller_indices)

    def add_orientation_steps(plan, table, kind, crystals, pixel_terms, hkl_lines, unflushed, workspace):
        """Returns how many orientations the phases' sums contain. kind: a StepKind."""
        interpolate, running, work = kind.interpolate, kind.running, workspace.work
        out = work[STEP] if running else work[INTENSITY]
        weight = work[TERM] if interpolate else work[WEIGHT]
        if interpolate:
            interpolated(plan, weight, table.F_flat, pixel_terms, hkl_lines, workspace.interpolation, workspace.corner)
            multiply(weight, work[WEIGHT])
        if running:
            fill(out, 0.0)
        if kind.one_cell:
            add(out, weight)
        else:
            step(plan, kind, crystals, out, weight, pixel_terms, hkl_lines, table, workspace)
            unflushed += 1
            if unflushed == FLUSH or interpolate or running:
                flush_steps(out, weight, workspace)
                unflushed = 0
        if running:
            fill(work[NONZERO], 0.0)
            add_nonzero(plan, kind.xtal_shape, crystals, work[NONZERO], work[KEPT], pixel_terms, hkl_lines)
            run_on(plan, work)
        return unflushed

    def flush_rest(unflushed, workspace):
        if unflushed > 0:
            flush_steps(workspace.work[INTENSITY], workspace.work[WEIGHT], workspace)

    return add_orientation_steps, flush_rest


def build_orientation_lines(index_line):
    def orientation_lines(plan, orientation, slot, mos_tic, source, origin, fdet):
        """The lines of h, k and l in one of the orientations: what `miller_indices` needs."""
        incident, wavelength = vector_at(plan.source_incident, source), plan.source_lambda[source]
        a, b, c = cell_vectors(orientation, slot, mos_tic)
        return (
            index_line(a, incident, wavelength, origin, fdet),
            index_line(b, incident, wavelength, origin, fdet),
            index_line(c, incident, wavelength, origin, fdet),
        )

    return orientation_lines


def build_add_orientations(way, steps):
    """The loops over phi steps and mosaic domains. way: `along_row` or `as_program`; steps: (step, flush)."""
    add_orientation_steps, flush_rest = build_add_orientation_steps(way.miller_indices, steps)
    orientation_lines, scatterings = build_orientation_lines(way.index_line), way.scatterings

    def add_orientations(plan, table, interpolate, source, origin, fdet, phi_start, phi_stop, workspace):
        pixel_terms, crystals = scatterings(workspace.work), crystals_by_shape(plan)
        kind = step_kind(plan, table, interpolate)
        unflushed = 0
        for phi_tic in range(phi_start, phi_stop):
            for mos_tic in range(plan.orientation.shape[1]):
                slot = plan.phi_slot[phi_tic]
                hkl_lines = orientation_lines(plan, plan.orientation, slot, mos_tic, source, origin, fdet)
                unflushed = add_orientation_steps(plan, table, kind, crystals, pixel_terms, hkl_lines, unflushed, workspace)
        flush_rest(unflushed, workspace)

    return build_add_lit_orientations(way, orientation_lines, add_orientations)


def build_add_source(add_orientations):
    def add_source(plan, table, reach, interpolate, source, origin, fdet, workspace, side):
        weigh(plan, table, source, interpolate, workspace.work)
        add_orientations(plan, table, reach, interpolate, source, origin, fdet, workspace, side)

    return add_source


def build_add_single_sources(add_source):
    """Where each source is a block of its own."""

    def add_single_sources(plan, table, reach, interpolate, first, stop, origin, fdet, workspace, block, side):
        add_source(plan, table, reach, interpolate, first, origin, fdet, workspace, side)

    return add_single_sources


def all_known(factors):
    for i in range(factors.shape[0]):
        if factors[i] == 0.0:
            return False
    return True


def all_beyond_table(plan, tile, table, source, source_stop, spixel, start, stop):
    """Whether `beyond_table` holds for a block of sources."""
    for each in range(source, source_stop):
        if not beyond_table(plan, tile, table, each, spixel, start, stop):
            return False
    return True


def first_beyond_table(plan, tile, table, source, source_stop, spixel, start, stop):
    """`all_beyond_table` where each source is a block of its own."""
    return beyond_table(plan, tile, table, source, spixel, start, stop)


def build_polarize(way):
    directions, direction_line = way.directions, way.direction_line
    polarization_factors = build_polarization_factors(way.product)
    again = way is as_program

    def polarize(plan, source, axis, origin, fdet, work):
        if again or needs_scattering(plan):
            normalise_again(plan, work)
        incident = unitize(vector_at(plan.source_incident, source))
        E_in, B_in = polarization_plane(incident, axis)
        polarization_factors(
            plan,
            direction_line(E_in, origin, fdet),
            direction_line(B_in, origin, fdet),
            direction_line(incident, origin, fdet),
            magnitude(E_in) > 0.0,
            directions(work),
            work,
        )

    return polarize


def build_render_segment(way, add_sources, has_blocks, use_float32, may_have_table=True):
    """`render_segment` for one way of describing a row, `along_row` or `as_program`, and its loops over a block of sources
    and the orientations; has_blocks: whether a block may have more than one source; use_float32: whether steps are in
    float32."""
    locate, directions, direction_line = way.locate, way.directions, way.direction_line
    capture_fractions, polarize = build_capture_fractions(way.product), build_polarize(way)
    is_along_row = way is along_row
    are_beyond_table = all_beyond_table if has_blocks else first_beyond_table

    def render_segment(
        plan, tile, table, reach, axis, interpolate, spixel, first, start, stop, is_simple, workspace, block, side
    ):
        """Sums of the pixels from `first` on, in work[INTENSITY] for `weights.finish`. A source is skipped if it adds
        nothing to any of the pixels start .. stop.

        is_simple: POLAR and OMEGA are not needed, see `photons.run_is_simple`; block, side: see `add_lit_sources`.
        """
        work = workspace.work
        fdet, odet = as_vector(tile.fdet), as_vector(tile.odet)
        begin(plan, workspace, use_float32)
        needs_polar = not is_simple and (is_renewed(plan.oversample_polar) or not plan.nopolar)
        keeps_captures = plan.oversample_thick != FINAL_SUM
        scatters = not is_along_row or needs_scattering(plan)
        may_be_empty = (
            is_along_row and may_have_table and not interpolate and not has_running_weights(plan) and plan.F_latt_is_finite
        )
        # otherwise each source has polarisation factors or a limit of resolution of its own
        in_blocks = has_blocks and not needs_scattering(plan) and not is_renewed(plan.oversample_polar)
        for thick_tic in range(plan.detector_thicksteps):
            Odet = thick_tic * plan.detector_thickstep
            needs_captures = keeps_captures or thick_tic == plan.detector_thicksteps - 1
            for subS in range(plan.oversample):
                origin = subpixel_row(plan, tile, spixel, subS, Odet).origin
                for subF in range(plan.oversample):
                    if is_along_row and scatters:
                        # before `locate`, whose nan for a pixel at the sample has to stay
                        locate_as_program(plan, tile, spixel, first, subS, subF, Odet, work)
                    locate(plan, tile, spixel, first, subS, subF, Odet, work)
                    if is_renewed(plan.oversample_omega) or (not is_simple and thick_tic == 0 and subS == 0 and subF == 0):
                        solid_angles(tile, work)
                        if is_renewed(plan.oversample_omega):
                            add(work[OMEGAS], work[OMEGA])
                    if has_captures(plan) and needs_captures:
                        if is_renewed(plan.oversample_thick) or (subS == 0 and subF == 0):
                            odet_line = direction_line(odet, origin, fdet)
                            capture_fractions(plan, thick_tic, odet_line, directions(work), work)
                    source = source_stop = 0
                    while source_stop < plan.source_lambda.shape[0]:
                        source = source_stop
                        # the program may change directions when it computes polarisation factors
                        source_stop = reach.source_stop[source] if in_blocks and not needs_polar else source + 1
                        if scatters and source_stop == source + 1:
                            scatter_as_program(plan, source, work)
                        if plan.dmin > 0.0:
                            keep_within_dmin(plan, work)
                        if needs_polar:
                            polarize(plan, source, axis, origin, fdet, work)
                            # without dmin the first source of all is the one that counts
                            needs_polar = is_renewed(plan.oversample_polar) or (
                                plan.dmin > 0.0 and not all_known(work[POLAR])
                            )
                        if may_be_empty and are_beyond_table(plan, tile, table, source, source_stop, spixel, start, stop):
                            continue
                        add_sources(
                            plan, table, reach, interpolate, source, source_stop, origin, fdet, workspace, block, side
                        )
                    if has_step_weights(plan):
                        add_pixel_weights(plan, work)

    return render_segment


def build_cpu_segment(use_float32, own_operations):
    """`render_segment` with the CPU's loops over the orientations."""
    way = as_program if own_operations else along_row
    add_source = build_add_source(build_add_orientations(way, STEPS[use_float32, own_operations]))
    add_lit_sources = build_add_lit_sources(way, build_orientation_lines(way.index_line), add_source)
    return build_render_segment(way, add_lit_sources, True, use_float32)
