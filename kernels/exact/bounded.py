"""The exact engine's fast way: nearest neighbours, pixels side by side.

A pixel ends as a float32. Its sum over steps has positive terms only, so it can be computed with a vectorised sine or
exponential and in any order to within a known relative error; where both ends of that interval round to the same
float32, this is nanoBragg.c's. Elsewhere (some pixels in a million, and where a lattice factor is 0/0) the caller renders
the pixel by `pixel.render_pixel`. Fractional indices are computed with the program's own operations: next to a zero of
the lattice factor nothing else keeps the relative error small.

Arrays are (n,) float64, one element per pixel of a piece of a row; sx, sy, sz: scattering vector (1/m).
"""

import math

import numpy as np

from nbkernel.kernels.numerics.arithmetic import clamped
from nbkernel.kernels.numerics.exponential import EXPONENTIAL_ERROR, exponential
from nbkernel.kernels.numerics.sine import SINE_ERROR, sine_and_cosine_up_to_sign, sine_up_to_sign
from nbkernel.kernels.physics.constants import GAUSS, PI, R_E_SQR, ROUND, SQUARE
from nbkernel.kernels.physics.lattice_factor import F_latt_tophat, rad_star_squared, round_radius_squared
from nbkernel.kernels.physics.orientations import cell_vectors
from nbkernel.kernels.physics.pixel import as_vector, subpixel_position, vector_at
from nbkernel.kernels.physics.pixel_geometry import absorbed_fraction, pixel_position, solid_angle
from nbkernel.kernels.physics.polarization import polarization_factor, unpolarized_factor
from nbkernel.kernels.physics.scattering import beyond_dmin, nearest_index, scattering_vector
from nbkernel.kernels.physics.vectors import dot_product, magnitude, unitize
from nbkernel.kernels.physics.weights import step_weight, weigh_final_sum, weight_varies

# rows of the work array
DX, DY, DZ, SX, SY, SZ, WEIGHT, KEPT, TERM, INTENSITY, UNCERTAIN, OMEGA, CAPTURE, POLAR = range(14)
WORK = 14

# of one term F_cell^2 F_latt^2: twelve sines (the C library's own good to 1.2e-16) and the products, in both programs;
# doubled for safety
TERM_ERROR = 2 * (12 * (max(SINE_ERROR, EXPONENTIAL_ERROR) + 1.2e-16) + 40 * 1.2e-16)
# of sin(x)/x - cos(x), relative to |sin(x)/x| + 1, in both programs; doubled for safety
DIFFERENCE_ERROR = 2 * (2 * SINE_ERROR + 3.5e-16)
# of each addition, in both programs
STEP_ERROR = 2.3e-16


def relative_error(terms):
    """Bound on the relative difference to nanoBragg.c's value before rounding, for a sum of so many terms."""
    return TERM_ERROR + STEP_ERROR * (terms + 40)


def index_of(vector, sx, sy, sz, i):
    """Fractional Miller index of pixel i along a cell vector, summed in the program's order."""
    return vector[0] * sx[i] + vector[1] * sy[i] + vector[2] * sz[i]


def add_square(I, sx, sy, sz, orientation, slot, mos_tic, Na, Nb, Nc, weight):
    """Adds F_latt^2 of one orientation of a parallelepiped times `weight` (n,) to I."""
    a, b, c = cell_vectors(orientation, slot, mos_tic)
    for i in range(I.shape[0]):
        x = PI * index_of(a, sx, sy, sz, i)
        y = PI * index_of(b, sx, sy, sz, i)
        z = PI * index_of(c, sx, sy, sz, i)
        above = sine_up_to_sign(x * Na) * sine_up_to_sign(y * Nb) * sine_up_to_sign(z * Nc)
        below = sine_up_to_sign(x) * sine_up_to_sign(y) * sine_up_to_sign(z)
        F_latt = above / below
        I[i] += F_latt * F_latt * weight[i]


def add_round(I, uncertain, sx, sy, sz, orientation, slot, mos_tic, Na, Nb, Nc, fudge, weight):
    """The same for an ellipsoid. Its transform is a difference that can cancel: what that leaves uncertain of the sum is
    added to `uncertain` (n,)."""
    a, b, c = cell_vectors(orientation, slot, mos_tic)
    volume = Na * Nb * Nc * 0.723601254558268
    for i in range(I.shape[0]):
        h = index_of(a, sx, sy, sz, i)
        k = index_of(b, sx, sy, sz, i)
        l = index_of(c, sx, sy, sz, i)
        dh, dk, dl = h - nearest_index(h), k - nearest_index(k), l - nearest_index(l)
        x = PI * math.sqrt(round_radius_squared(dh, dk, dl, Na, Nb, Nc) * fudge)
        sine, cosine = sine_and_cosine_up_to_sign(x)
        scale = volume * 3.0 / (x * x)
        F_latt = abs(scale * (sine / x - cosine))
        error = scale * DIFFERENCE_ERROR * (abs(sine / x) + 1.0)
        I[i] += F_latt * F_latt * weight[i]
        uncertain[i] += (2.0 * F_latt + error) * error * weight[i]


def add_spots(I, sx, sy, sz, orientation, slot, mos_tic, recip, Na, Nb, Nc, fudge, gauss, weight):
    """The same for spots that depend on the distance to the nearest reciprocal-lattice point: Gaussian or tophat."""
    a, b, c = cell_vectors(orientation, slot, mos_tic)
    recip = (recip[0], recip[1], recip[2], recip[3], recip[4], recip[5], recip[6], recip[7], recip[8])
    cells = Na * Nb * Nc
    for i in range(I.shape[0]):
        h = index_of(a, sx, sy, sz, i)
        k = index_of(b, sx, sy, sz, i)
        l = index_of(c, sx, sy, sz, i)
        dh, dk, dl = h - nearest_index(h), k - nearest_index(k), l - nearest_index(l)
        rad_star_sqr = rad_star_squared(dh, dk, dl, recip, Na, Nb, Nc)
        if gauss:
            F_latt = cells * exponential(-(rad_star_sqr / 0.63 * fudge))
        else:
            F_latt = F_latt_tophat(rad_star_sqr, Na, Nb, Nc, fudge)
        I[i] += F_latt * F_latt * weight[i]


def table_positions(position, sx, sy, sz, orientation, slot, mos_tic, table):
    """position (n,) int32: where in table.F_squared the nearest whole index of each pixel is."""
    a, b, c = cell_vectors(orientation, slot, mos_tic)
    for i in range(position.shape[0]):
        h0 = nearest_index(index_of(a, sx, sy, sz, i)) - table.h_low
        k0 = nearest_index(index_of(b, sx, sy, sz, i)) - table.k_low
        l0 = nearest_index(index_of(c, sx, sy, sz, i)) - table.l_low
        h0 = clamped(h0, table.h_top)
        k0 = clamped(k0, table.k_top)
        l0 = clamped(l0, table.l_top)
        position[i] = np.int32((h0 * table.h_stride + k0 * table.k_stride) + l0)


def look_up(term_weight, weight, position, F_squared):
    """term_weight (n,): F_cell^2 times weight. Returns whether there is anything but zeros."""
    any_F = False
    for i in range(position.shape[0]):
        F2 = F_squared[position[i]]
        term_weight[i] = F2 * weight[i]
        any_F |= F2 != 0.0
    return any_F


def locate(plan, tile, spixel, first, subS, subF, thick_tic, work):
    """Directions, solid angles and capture fractions of one layer's sub-pixel of each pixel from `first` on."""
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
    """Scattering vectors for one source, and whether dmin leaves them."""
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
    """WEIGHT of one source's steps: 0 where dmin cuts it."""
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
    """The polarisation factor of each pixel where it is not known yet and the source is not cut by dmin; its
    direction is normalised once more, as the program does."""
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


def render_piece(plan, tile, table, axis, spixel, first, work, position):
    """Photons of the pixels from `first` on, left in work[INTENSITY], their solid angles in work[OMEGA], and in
    work[UNCERTAIN] a relative error on top of that of a sum of well-known terms.

    work: (WORK, n) float64; position: (n,) int32.
    """
    sx, sy, sz, weight, term_weight = work[SX], work[SY], work[SZ], work[WEIGHT], work[TERM]
    I = work[INTENSITY]
    for i in range(work.shape[1]):
        work[INTENSITY, i] = plan.I_bg
        work[UNCERTAIN, i] = 0.0
        work[OMEGA, i] = 0.0
        work[POLAR, i] = 1.0 if plan.nopolar else 0.0
    has_table = table.h_stride > 0.0
    for thick_tic in range(plan.detector_thicksteps):
        for subS in range(plan.oversample):
            for subF in range(plan.oversample):
                locate(plan, tile, spixel, first, subS, subF, thick_tic, work)
                for source in range(plan.source_lambda.shape[0]):
                    scatter(plan, source, work)
                    if not plan.nopolar:
                        polarize(plan, source, axis, work)
                    weigh(plan, source, work)
                    if not has_table:
                        for i in range(work.shape[1]):
                            work[TERM, i] = table.F_squared[0] * work[WEIGHT, i]
                    for phi_tic in range(plan.phi_slot.shape[0]):
                        slot = plan.phi_slot[phi_tic]
                        for mos_tic in range(plan.orientation.shape[1]):
                            if has_table:
                                table_positions(position, sx, sy, sz, plan.orientation, slot, mos_tic, table)
                                if not look_up(term_weight, weight, position, table.F_squared):
                                    continue
                            if plan.xtal_shape == SQUARE:
                                add_square(
                                    I,
                                    sx,
                                    sy,
                                    sz,
                                    plan.orientation,
                                    slot,
                                    mos_tic,
                                    plan.Na,
                                    plan.Nb,
                                    plan.Nc,
                                    term_weight,
                                )
                            elif plan.xtal_shape == ROUND:
                                add_round(
                                    I,
                                    work[UNCERTAIN],
                                    sx,
                                    sy,
                                    sz,
                                    plan.orientation,
                                    slot,
                                    mos_tic,
                                    plan.Na,
                                    plan.Nb,
                                    plan.Nc,
                                    plan.fudge,
                                    term_weight,
                                )
                            elif plan.xtal_shape == GAUSS:
                                add_spots(
                                    I,
                                    sx,
                                    sy,
                                    sz,
                                    plan.orientation,
                                    slot,
                                    mos_tic,
                                    plan.recip,
                                    plan.Na,
                                    plan.Nb,
                                    plan.Nc,
                                    plan.fudge,
                                    True,
                                    term_weight,
                                )
                            else:
                                add_spots(
                                    I,
                                    sx,
                                    sy,
                                    sz,
                                    plan.orientation,
                                    slot,
                                    mos_tic,
                                    plan.recip,
                                    plan.Na,
                                    plan.Nb,
                                    plan.Nc,
                                    plan.fudge,
                                    False,
                                    term_weight,
                                )
    for i in range(work.shape[1]):
        if work[UNCERTAIN, i] > 0.0:
            work[UNCERTAIN, i] /= work[INTENSITY, i]
        photons = R_E_SQR * plan.fluence * work[INTENSITY, i] / plan.steps
        work[INTENSITY, i] = weigh_final_sum(plan, photons, work[CAPTURE, i], work[POLAR, i], work[OMEGA, i])
