"""The exact engine's fast way: nearest neighbours, vectorised over pixels.

A pixel's result is a float32. Its sum over steps has positive terms only, so it can be computed with a vectorised sine or
exponential and in any order to within a known relative error; if both ends of that interval round to the same float32,
this is nanoBragg.c's. Otherwise (some pixels in a million, and where a lattice factor is 0/0) the caller renders the pixel
by `pixel.render_pixel`. Fractional indices are computed with the program's own operations: next to a zero of the lattice
factor nothing else keeps the relative error small.

`work` has one row of float64 per quantity, one element per pixel of a segment of a row.
"""

from nbkernel.kernels.numerics.vector_loops import copy_back, copy_listed, with_columns
from nbkernel.kernels.physics.constants import R_E_SQR
from nbkernel.kernels.physics.orientations import cell_vectors
from nbkernel.kernels.physics.pixel import as_vector, subpixel_position, vector_at
from nbkernel.kernels.physics.pixel_geometry import absorbed_fraction, pixel_position, solid_angle
from nbkernel.kernels.physics.polarization import polarization_factor, unpolarized_factor
from nbkernel.kernels.physics.scattering import beyond_dmin, scattering_vector
from nbkernel.kernels.physics.vectors import dot_product, magnitude, unitize
from nbkernel.kernels.physics.weights import step_weight, weigh_final_sum, weight_varies

from .lattice_factor import add_orientation, look_up, table_positions
from .lit import BLOCK_POSITION, IN_TABLE, LANES, POSITION, list_lit, list_lit_of_block

# rows of the work array
DX, DY, DZ, SX, SY, SZ, WEIGHT, KEPT, TERM, INTENSITY, UNCERTAIN, OMEGA, CAPTURE, POLAR = range(14)
WORK = 14


def locate(plan, tile, spixel, first, subS, subF, thick_tic, work):
    """Directions, solid angles and capture fractions of one sub-pixel, in one layer, of each pixel from `first` on."""
    Odet = thick_tic * plan.detector_thickstep
    if tile.curved_detector:
        for i in range(work.shape[1]):
            pixel_pos = subpixel_position(tile, plan.oversample, spixel, first + i, subS, subF, Odet)
            work[DX, i], work[DY, i], work[DZ, i] = pixel_pos
    else:
        # the same without the branch, which would keep the loop from being vectorised
        subpixel_size = tile.pixel_size / plan.oversample
        Sdet = subpixel_size * (spixel * plan.oversample + subS) + subpixel_size / 2.0
        fdet, sdet, odet, pix0 = as_vector(tile.fdet), as_vector(tile.sdet), as_vector(tile.odet), as_vector(tile.pix0)
        for i in range(work.shape[1]):
            Fdet = subpixel_size * ((first + i) * plan.oversample + subF) + subpixel_size / 2.0
            pixel_pos = pixel_position(Fdet, Sdet, Odet, fdet, sdet, odet, pix0)
            work[DX, i], work[DY, i], work[DZ, i] = pixel_pos
    point_pixel, close_distance, pixel_size = tile.point_pixel, tile.close_distance, tile.pixel_size
    for i in range(work.shape[1]):
        x, y, z = work[DX, i], work[DY, i], work[DZ, i]
        airpath = magnitude((x, y, z))
        # a pixel at the sample is left to the caller as nan
        work[DX, i], work[DY, i], work[DZ, i] = x / airpath, y / airpath, z / airpath
        omega_pixel = solid_angle(pixel_size, airpath, close_distance, point_pixel)
        work[OMEGA, i] = omega_pixel if work[OMEGA, i] == 0.0 else work[OMEGA, i]
    if subS == 0 and subF == 0:
        for i in range(work.shape[1]):
            work[CAPTURE, i] = 1.0 if plan.detector_thick == 0.0 else 0.0
    if plan.detector_thick != 0.0:
        odet = as_vector(tile.odet)
        for i in range(work.shape[1]):
            if work[CAPTURE, i] == 0.0:
                parallax = dot_product((work[DX, i], work[DY, i], work[DZ, i]), odet)
                work[CAPTURE, i] = absorbed_fraction(thick_tic, plan.detector_thickstep, plan.detector_mu, parallax)


def scatter(plan, source, work):
    """Scattering vectors for one source, and whether dmin keeps them."""
    incident = vector_at(plan.source_incident, source)
    wavelength = plan.source_lambda[source]
    for i in range(work.shape[1]):
        diffracted = (work[DX, i], work[DY, i], work[DZ, i])
        work[SX, i], work[SY, i], work[SZ, i] = scattering_vector(diffracted, incident, wavelength)
        work[KEPT, i] = 1.0
    if plan.dmin > 0.0:
        for i in range(work.shape[1]):
            if beyond_dmin((work[SX, i], work[SY, i], work[SZ, i]), plan.dmin):
                work[KEPT, i] = 0.0


def weigh(plan, source, work):
    """WEIGHT of one source's steps: 0 where dmin excludes it."""
    weight = plan.source_weight[source]
    for i in range(work.shape[1]):
        work[WEIGHT, i] = weight
    if weight_varies(plan):
        for i in range(work.shape[1]):
            scattering = (work[SX, i], work[SY, i], work[SZ, i])
            work[WEIGHT, i] = step_weight(plan, weight, scattering, work[CAPTURE, i], work[POLAR, i], work[OMEGA, i])
    if plan.dmin > 0.0:
        for i in range(work.shape[1]):
            if work[KEPT, i] == 0.0:
                work[WEIGHT, i] = 0.0


def polarize(plan, source, axis, work):
    """The polarisation factor of each pixel whose factor is not known yet and whose source dmin does not exclude; its
    direction is normalised once more, as in the program."""
    incident = unitize(vector_at(plan.source_incident, source))
    if plan.polarization == 0.0 and plan.dmin == 0.0:
        # no branch, so that the loop is vectorised: here all pixels are known or none is
        if work[POLAR, 0] == 0.0:
            for i in range(work.shape[1]):
                x, y, z = work[DX, i], work[DY, i], work[DZ, i]
                mag = magnitude((x, y, z))
                work[DX, i], work[DY, i], work[DZ, i] = x / mag, y / mag, z / mag
                work[POLAR, i] = unpolarized_factor(incident, (work[DX, i], work[DY, i], work[DZ, i]))
        return
    for i in range(work.shape[1]):
        if work[POLAR, i] == 0.0 and (work[KEPT, i] != 0.0 or plan.keep_water_beyond_dmin):
            diffracted = unitize((work[DX, i], work[DY, i], work[DZ, i]))
            work[DX, i], work[DY, i], work[DZ, i] = diffracted
            work[POLAR, i] = polarization_factor(plan.polarization, incident, diffracted, axis)


def add_orientations(plan, table, phi_start, phi_stop, work, position):
    """Adds to INTENSITY the steps of all orientations of some phi steps, of the source that WEIGHT is of."""
    scattering, weight, term_weight = (work[SX], work[SY], work[SZ]), work[WEIGHT], work[TERM]
    has_table = table.h_stride > 0.0
    if not has_table:
        for i in range(work.shape[1]):
            work[TERM, i] = table.F_squared[0] * work[WEIGHT, i]
    for phi_tic in range(phi_start, phi_stop):
        slot = plan.phi_slot[phi_tic]
        for mos_tic in range(plan.orientation.shape[1]):
            cell = cell_vectors(plan.orientation, slot, mos_tic)
            if has_table:
                table_positions(position, scattering, cell, table)
                if not look_up(term_weight, weight, position, table.F_squared):
                    continue
            add_orientation(plan, work[INTENSITY], work[UNCERTAIN], scattering, cell, term_weight)


def add_lit_orientations(plan, table, reach, work, side, position):
    """`add_orientations` over all groups of orientations, each for the pixels that it may add something to."""
    start, size = 0, work.shape[1]
    for group in range(reach.phi_stop.shape[0]):
        stop, lit = reach.phi_stop[group], size
        if reach.is_limited:
            lit = list_lit(reach, group, (work[SX], work[SY], work[SZ]), position)
        room = (lit + LANES - 1) // LANES * LANES
        apart = room < size
        if lit > 0:
            used = with_columns(side, room) if apart else work
            if apart:
                for row in (SX, SY, SZ, WEIGHT, INTENSITY, UNCERTAIN):
                    copy_listed(work[row], position[POSITION], used[row])
            add_orientations(plan, table, start, stop, used, position[IN_TABLE][: used.shape[1]])
            if apart:
                for row in (INTENSITY, UNCERTAIN):
                    copy_back(used[row], position[POSITION], lit, work[row])
        start = stop


def add_sources(plan, table, reach, axis, first, stop, work, block, side, position):
    """The sources first .. stop: one, or some of a block, whose pixels' polarisation factors are known, for the pixels that
    they may add something to."""
    size, several = work.shape[1], stop > first + 1
    lit = size
    if several:
        scatter(plan, reach.middle[first], work)
        lit = list_lit_of_block(reach, first, (work[SX], work[SY], work[SZ]), position)
    room = (lit + LANES - 1) // LANES * LANES
    apart = room < size
    if lit > 0:
        used = with_columns(block, room) if apart else work
        if apart:
            for row in (DX, DY, DZ, INTENSITY, UNCERTAIN, CAPTURE, POLAR, OMEGA):
                copy_listed(work[row], position[BLOCK_POSITION], used[row])
        for source in range(first, stop):
            scatter(plan, source, used)
            if not plan.nopolar and not several:
                polarize(plan, source, axis, used)
            weigh(plan, source, used)
            add_lit_orientations(plan, table, reach, used, side, position)
        if apart:
            for row in (INTENSITY, UNCERTAIN):
                copy_back(used[row], position[BLOCK_POSITION], lit, work[row])


def render_segment(plan, tile, table, reach, axis, spixel, first, work, block, side, position):
    """Photons of the pixels from `first` on, in work[INTENSITY]; their solid angles, in work[OMEGA]; and in
    work[UNCERTAIN] a relative error on top of that of a sum of well-known terms.

    work, block, side: (WORK, n) float64; position: (lit.POSITIONS, n) int32.
    """
    for i in range(work.shape[1]):
        work[INTENSITY, i] = plan.I_bg
        work[UNCERTAIN, i] = 0.0
        work[OMEGA, i] = 0.0
        work[POLAR, i] = 1.0 if plan.nopolar else 0.0
    for thick_tic in range(plan.detector_thicksteps):
        for subS in range(plan.oversample):
            for subF in range(plan.oversample):
                locate(plan, tile, spixel, first, subS, subF, thick_tic, work)
                stop = 0
                while stop < plan.source_lambda.shape[0]:
                    source = stop
                    # polarisation factors are computed for the first source of all, with dmin for the first that is kept
                    alone = plan.dmin > 0.0 or (source == 0 and not plan.nopolar)
                    stop = source + 1 if alone else reach.source_stop[source]
                    add_sources(plan, table, reach, axis, source, stop, work, block, side, position)
    for i in range(work.shape[1]):
        if work[UNCERTAIN, i] > 0.0:
            work[UNCERTAIN, i] /= work[INTENSITY, i]
        photons = R_E_SQR * plan.fluence * work[INTENSITY, i] / plan.steps
        work[INTENSITY, i] = weigh_final_sum(plan, photons, work[CAPTURE, i], work[POLAR, i], work[OMEGA, i])
