"""One pixel of the exact engine: nanoBragg.c's loop nest.

Layer -> sub-pixel slow -> sub-pixel fast -> source -> phi step -> mosaic domain, in this order and with the
operations in the order of the program, so that the sum has its bits.
"""

from .constants import R_E_SQR
from .lattice_factor import lattice_factor
from .pixel_geometry import absorbed_fraction, curved_position, pixel_position, solid_angle
from .polarization import polarization_factor
from .scattering import beyond_dmin, miller_indices, nearest_index, scattering_vector
from .structure_factor import F_nearest, F_tricubic, interpolation_out_of_range
from .vectors import dot_product, magnitude, unitize
from .weights import (
    has_running_weights,
    has_step_weights,
    is_renewed,
    mean_background,
    pixel_weight,
    step_weight,
    weigh_final_sum,
    weigh_running_sum,
)


def vector_at(array, row):
    return (array[row, 0], array[row, 1], array[row, 2])


def as_vector(array):
    return (array[0], array[1], array[2])


def subpixel_position(tile, oversample, spixel, fpixel, subS, subF, Odet):
    """Laboratory position (m) of a sub-pixel's centre at depth `Odet` (m) in the sensor."""
    subpixel_size = tile.pixel_size / oversample
    Fdet = subpixel_size * (fpixel * oversample + subF) + subpixel_size / 2.0
    Sdet = subpixel_size * (spixel * oversample + subS) + subpixel_size / 2.0
    fdet, sdet = as_vector(tile.fdet), as_vector(tile.sdet)
    pixel_pos = pixel_position(Fdet, Sdet, Odet, fdet, sdet, as_vector(tile.odet), as_vector(tile.pix0))
    if tile.curved_detector:
        pixel_pos = curved_position(pixel_pos, tile.distance, as_vector(tile.beam), fdet, sdet)
    return pixel_pos


def sum_orientations(plan, I, scattering, slots, interpolate, weight, capture_fraction, polar, omega_pixel):
    """Adds F_cell^2 F_latt^2 of every phi step and mosaic domain to `I`; returns it and whether interpolation is
    still on. Steps whose F_latt is exactly 0 are skipped unless there is water, as the program does."""
    running = has_running_weights(plan)
    skip_zeros = plan.F_latt_is_finite and not running
    for phi_tic in range(slots.shape[0]):
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
            I += F_cell * F_cell * F_latt * F_latt * weight
            if running:
                I = weigh_running_sum(plan, I, capture_fraction, polar, omega_pixel)
    return I, interpolate


def subpixels_per_pixel(plan):
    """How many sub-pixels of all the sensor's layers a pixel has."""
    return plan.detector_thicksteps * plan.oversample * plan.oversample


def omegas_per_pixel(plan):
    """How many solid angles `render_pixel` stores."""
    return subpixels_per_pixel(plan) if is_renewed(plan.oversample_omega) else 1


def render_pixel(plan, tile, spixel, fpixel, interpolate, first_of_run, axis, axis_next, axis_state, omega):
    """Photons in one pixel (float64).

    interpolate: whether interpolation is still on when the pixel is reached; first_of_run: whether the run's first
    evaluated source is in this pixel; axis, axis_next, axis_state: the states of the polarisation axis, and the initial one.
    omega: (omegas_per_pixel,) array that receives the solid angles (sr): one per layer and sub-pixel if they are renewed for
    each, else the pixel's.
    """
    own_weights = has_step_weights(plan)
    # if each step has its own weight, the background gets the mean of those weights in the end
    I = 0.0 if own_weights else plan.I_bg
    pixel_weights = 0.0
    polar = 1.0 if plan.nopolar else 0.0
    omega_pixel = 0.0
    capture_fraction = 1.0
    slots = plan.phi_slot_first if first_of_run else plan.phi_slot
    subpixel = 0
    for thick_tic in range(plan.detector_thicksteps):
        Odet = thick_tic * plan.detector_thickstep
        capture_fraction = 1.0 if plan.detector_thick == 0.0 else 0.0
        for subS in range(plan.oversample):
            for subF in range(plan.oversample):
                pixel_pos = subpixel_position(tile, plan.oversample, spixel, fpixel, subS, subF, Odet)
                airpath = magnitude(pixel_pos)
                diffracted = unitize(pixel_pos)
                # 0 stands for "not yet known"
                if omega_pixel == 0.0 or is_renewed(plan.oversample_omega):
                    omega_pixel = solid_angle(tile.pixel_size, airpath, tile.close_distance, tile.point_pixel)
                    omega[subpixel] = omega_pixel
                if is_renewed(plan.oversample_omega):
                    subpixel += 1
                if capture_fraction == 0.0 or is_renewed(plan.oversample_thick):
                    parallax = dot_product(diffracted, as_vector(tile.odet))
                    capture_fraction = absorbed_fraction(thick_tic, plan.detector_thickstep, plan.detector_mu, parallax)
                for source in range(plan.source_lambda.shape[0]):
                    incident = vector_at(plan.source_incident, source)
                    scattering = scattering_vector(diffracted, incident, plan.source_lambda[source])
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
                    I, interpolate = sum_orientations(
                        plan, I, scattering, slots, interpolate, weight, capture_fraction, polar, omega_pixel
                    )
                    slots = plan.phi_slot
                if own_weights:
                    pixel_weights += pixel_weight(plan, 1.0, capture_fraction, polar, omega_pixel)
    if own_weights:
        I += mean_background(plan, pixel_weights)
    photons = R_E_SQR * plan.fluence * I / plan.steps
    return weigh_final_sum(plan, photons, capture_fraction, polar, omega_pixel)
