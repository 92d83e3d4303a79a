"""What each pixel's Bragg photons are made of: their wavelengths, the reflection that gives most, and other photons.

The loop nest of `pixel.render_pixel` with the same functions. The sums are kept for Bragg and other photons apart; whatever
multiplies the running sum or the final one multiplies both.
"""

import math

from nbkernel.kernels.compile.kernel import Kernel
from nbkernel.kernels.physics.constants import R_E_SQR
from nbkernel.kernels.physics.lattice_factor import lattice_factor
from nbkernel.kernels.physics.pixel import as_vector, subpixel_position, vector_at
from nbkernel.kernels.physics.pixel_geometry import absorbed_fraction, solid_angle
from nbkernel.kernels.physics.polarization import polarization_factor
from nbkernel.kernels.physics.reach import is_dark
from nbkernel.kernels.physics.scattering import beyond_dmin, miller_indices, nearest_index, scattering_vector
from nbkernel.kernels.physics.structure_factor import F_nearest, F_tricubic, interpolation_out_of_range
from nbkernel.kernels.physics.vectors import dot_product, magnitude, unitize
from nbkernel.kernels.physics.weights import (
    has_running_weights,
    has_step_weights,
    is_renewed,
    mean_background,
    pixel_weight,
    step_weight,
    weigh_final_sum,
    weigh_running_sum,
)

from .history import history_at


def add_orientations(plan, sums, wavelength, scattering, slots, interpolate, weight, factors, reach, limited):
    """Adds a source's steps to `sums`: (of Bragg photons, of these times the wavelength, the largest step, its h, k, l, of
    other photons), all in the units of F_cell^2 F_latt^2. Returns the sums and whether interpolation is still on.

    factors: capture fraction, polarisation, solid angle; limited: whether groups of orientations that `reach` excludes are
    left out.
    """
    bragg, moment, largest, best_h, best_k, best_l, others = sums
    running = has_running_weights(plan)
    skip_zeros = plan.F_latt_is_finite and not running
    start = 0
    for group in range(reach.phi_stop.shape[0]):
        first, start = start, reach.phi_stop[group]
        if limited:
            h, k, l = miller_indices(reach.cell, group, 0, scattering)
            if is_dark(h, k, l, magnitude(scattering), reach, group):
                continue
        for phi_tic in range(first, start):
            for mos_tic in range(plan.orientation.shape[1]):
                h, k, l = miller_indices(plan.orientation, slots[phi_tic], mos_tic, scattering)
                h0, k0, l0 = nearest_index(h), nearest_index(k), nearest_index(l)
                F_cell = plan.default_F
                if not interpolate:
                    F_cell = F_nearest(h0, k0, l0, plan.Fhkl, plan.h_min, plan.k_min, plan.l_min, plan.default_F)
                    if F_cell == 0.0 and skip_zeros:
                        continue
                F_latt = lattice_factor(
                    h, k, l, h0, k0, l0, plan.spot_axes, plan.Na, plan.Nb, plan.Nc, plan.fudge, plan.xtal_shape
                )
                if F_latt == 0.0 and not plan.has_water:
                    continue
                if interpolate:
                    if interpolation_out_of_range(h, k, l, plan.Fhkl, plan.h_min, plan.k_min, plan.l_min):
                        interpolate = not plan.interpolation_latch
                        F_cell = F_nearest(h0, k0, l0, plan.Fhkl, plan.h_min, plan.k_min, plan.l_min, plan.default_F)
                    else:
                        F_cell = F_tricubic(h, k, l, plan.Fhkl, plan.h_min, plan.k_min, plan.l_min)
                step = F_cell * F_cell * F_latt * F_latt * weight
                bragg += step
                moment += step * wavelength
                if step > largest:
                    largest, best_h, best_k, best_l = step, h0, k0, l0
                if running:
                    bragg = weigh_running_sum(plan, bragg, factors[0], factors[1], factors[2])
                    moment = weigh_running_sum(plan, moment, factors[0], factors[1], factors[2])
                    largest = weigh_running_sum(plan, largest, factors[0], factors[1], factors[2])
                    others = weigh_running_sum(plan, others, factors[0], factors[1], factors[2])
    return (bragg, moment, largest, best_h, best_k, best_l, others), interpolate


def label_pixel(plan, tile, spixel, fpixel, interpolate, first_of_run, axis, axis_next, axis_state, reach):
    """(Bragg photons, their mean wavelength (m), photons of the largest step, its h, k, l, other photons) of a pixel, all as
    floats; without Bragg photons the wavelength is nan.

    reach: Reach; the other arguments are those of `pixel.render_pixel`.
    """
    own_weights = has_step_weights(plan)
    sums = (0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0 if own_weights else plan.I_bg)
    limited = reach.is_limited and not first_of_run
    pixel_weights = 0.0
    polar = 1.0 if plan.nopolar else 0.0
    omega_pixel = 0.0
    capture_fraction = 1.0
    slots = plan.phi_slot_first if first_of_run else plan.phi_slot
    for thick_tic in range(plan.detector_thicksteps):
        Odet = thick_tic * plan.detector_thickstep
        capture_fraction = 1.0 if plan.detector_thick == 0.0 else 0.0
        for subS in range(plan.oversample):
            for subF in range(plan.oversample):
                pixel_pos = subpixel_position(tile, plan.oversample, spixel, fpixel, subS, subF, Odet)
                airpath = magnitude(pixel_pos)
                diffracted = unitize(pixel_pos)
                if omega_pixel == 0.0 or is_renewed(plan.oversample_omega):
                    omega_pixel = solid_angle(tile.pixel_size, airpath, tile.close_distance, tile.point_pixel)
                if capture_fraction == 0.0 or is_renewed(plan.oversample_thick):
                    parallax = dot_product(diffracted, as_vector(tile.odet))
                    capture_fraction = absorbed_fraction(thick_tic, plan.detector_thickstep, plan.detector_mu, parallax)
                for source in range(plan.source_lambda.shape[0]):
                    incident, wavelength = vector_at(plan.source_incident, source), plan.source_lambda[source]
                    scattering = scattering_vector(diffracted, incident, wavelength)
                    beyond = beyond_dmin(scattering, plan.dmin)
                    if beyond and not plan.keep_water_beyond_dmin:
                        continue
                    if polar == 0.0 or is_renewed(plan.oversample_polar):
                        diffracted = unitize(diffracted)
                        polar = polarization_factor(
                            plan.polarization, unitize(incident), diffracted, vector_at(axis, axis_state)
                        )
                        axis_state = axis_next[axis_state]
                    if beyond:
                        continue
                    weight = step_weight(plan, plan.source_weight[source], scattering, capture_fraction, polar, omega_pixel)
                    factors = (capture_fraction, polar, omega_pixel)
                    sums, interpolate = add_orientations(
                        plan, sums, wavelength, scattering, slots, interpolate, weight, factors, reach, limited
                    )
                    slots = plan.phi_slot
                if own_weights:
                    pixel_weights += pixel_weight(plan, 1.0, capture_fraction, polar, omega_pixel)
    bragg, moment, largest, best_h, best_k, best_l, others = sums
    if own_weights:
        others += mean_background(plan, pixel_weights)
    scale = weigh_final_sum(plan, R_E_SQR * plan.fluence / plan.steps, capture_fraction, polar, omega_pixel)
    mean = moment / bragg if bragg != 0.0 else math.nan
    return bragg * scale, mean, largest * scale, best_h, best_k, best_l, others * scale


@Kernel
def label_rows(plan, history, tile, reach, wanted, bragg, wavelength, largest, hkl, others, slow_start, slow_stop):
    """Adds what a run gives to the wanted pixels of the tile's rows slow_start .. slow_stop.

    wanted: (slow, fast) bool; bragg, wavelength, largest, others: (slow, fast) float32, Bragg photons, their mean wavelength
    (Angstrom), photons of the largest step so far, and other photons; hkl: (slow, fast, 3) int32, of the largest step.
    """
    for spixel in range(slow_start, slow_stop):
        for fpixel in range(tile.fast_start, tile.fast_stop):
            if not wanted[spixel, fpixel]:
                continue
            interpolate, first_of_run, axis_state = history_at(plan, history, spixel, fpixel, wanted.shape[1])
            photons, mean, most, h, k, l, rest = label_pixel(
                plan,
                tile,
                spixel,
                fpixel,
                interpolate,
                first_of_run,
                history.axis,
                history.axis_next,
                axis_state,
                reach,
            )
            others[spixel, fpixel] += rest
            before = bragg[spixel, fpixel]
            bragg[spixel, fpixel] = before + photons
            if bragg[spixel, fpixel] == before:
                continue
            mean *= 1e10
            if before != 0.0:
                mean += (wavelength[spixel, fpixel] - mean) * (before / (before + photons))
            wavelength[spixel, fpixel] = mean
            if most > largest[spixel, fpixel]:
                largest[spixel, fpixel] = most
                hkl[spixel, fpixel, 0] = int(h)
                hkl[spixel, fpixel, 1] = int(k)
                hkl[spixel, fpixel, 2] = int(l)
