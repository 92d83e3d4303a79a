"""Questions about a pixel whose answers nanoBragg.c passes on to later pixels (see `plan.History`).

They run through the same loop nest as `pixel.render_pixel`, down to the level that the question needs.
"""

from nbkernel.kernels.physics.lattice_factor import lattice_factor
from nbkernel.kernels.physics.pixel import subpixel_position, vector_at
from nbkernel.kernels.physics.scattering import beyond_dmin, miller_indices, nearest_index, scattering_vector
from nbkernel.kernels.physics.structure_factor import interpolation_out_of_range
from nbkernel.kernels.physics.vectors import magnitude, unitize
from nbkernel.kernels.physics.weights import is_renewed


def history_at(plan, history, spixel, fpixel, fpixels):
    """The history of a pixel of a panel `fpixels` wide: whether interpolation is still on, whether it
    contains the run's first evaluated source, and its first state of the polarisation axis."""
    number = spixel * fpixels + fpixel
    axis_state = history.axis_start[spixel, fpixel] if history.axis.shape[0] > 1 else 0
    return plan.interpolate and number <= history.latch_pixel, number == history.first_pixel, axis_state


def polar_calls_in_pixel(plan, tile, spixel, fpixel):
    """How often a pixel computes its polarisation factor (assumed never to be exactly 0)."""
    calls = 0
    for thick_tic in range(plan.detector_thicksteps):
        Odet = thick_tic * plan.detector_thickstep
        for subS in range(plan.oversample):
            for subF in range(plan.oversample):
                diffracted = unitize(subpixel_position(tile, plan.oversample, spixel, fpixel, subS, subF, Odet))
                for source in range(plan.source_lambda.shape[0]):
                    incident = vector_at(plan.source_incident, source)
                    scattering = scattering_vector(diffracted, incident, plan.source_lambda[source])
                    if beyond_dmin(scattering, plan.dmin) and not plan.keep_water_beyond_dmin:
                        continue
                    if is_renewed(plan.oversample_polar) or (calls == 0 and not plan.nopolar):
                        diffracted = unitize(diffracted)
                        calls += 1
                    if not is_renewed(plan.oversample_polar):
                        return calls
    return calls


def pixel_evaluates(plan, tile, spixel, fpixel):
    """True if dmin does not exclude at least one source of one sub-pixel."""
    for thick_tic in range(plan.detector_thicksteps):
        Odet = thick_tic * plan.detector_thickstep
        for subS in range(plan.oversample):
            for subF in range(plan.oversample):
                diffracted = unitize(subpixel_position(tile, plan.oversample, spixel, fpixel, subS, subF, Odet))
                for source in range(plan.source_lambda.shape[0]):
                    incident = vector_at(plan.source_incident, source)
                    if not beyond_dmin(scattering_vector(diffracted, incident, plan.source_lambda[source]), plan.dmin):
                        return True
    return False


def orientations_leave_table(plan, scattering, slots):
    """True if a step with a lattice factor (or water) needs table entries that do not exist."""
    for phi_tic in range(slots.shape[0]):
        for mos_tic in range(plan.orientation.shape[1]):
            h, k, l = miller_indices(plan.orientation, slots[phi_tic], mos_tic, scattering)
            if interpolation_out_of_range(h, k, l, plan.Fhkl, plan.h_min, plan.k_min, plan.l_min):
                if plan.has_water:
                    return True
                h0, k0, l0 = nearest_index(h), nearest_index(k), nearest_index(l)
                if 0.0 != lattice_factor(
                    h, k, l, h0, k0, l0, plan.spot_axes, plan.Na, plan.Nb, plan.Nc, plan.fudge, plan.xtal_shape
                ):
                    return True
    return False


def pixel_leaves_table(plan, tile, spixel, fpixel, first_of_run):
    """True if a pixel would switch interpolation off."""
    polar_known = plan.nopolar
    slots = plan.phi_slot_first if first_of_run else plan.phi_slot
    for thick_tic in range(plan.detector_thicksteps):
        Odet = thick_tic * plan.detector_thickstep
        for subS in range(plan.oversample):
            for subF in range(plan.oversample):
                diffracted = unitize(subpixel_position(tile, plan.oversample, spixel, fpixel, subS, subF, Odet))
                for source in range(plan.source_lambda.shape[0]):
                    incident = vector_at(plan.source_incident, source)
                    scattering = scattering_vector(diffracted, incident, plan.source_lambda[source])
                    beyond = beyond_dmin(scattering, plan.dmin)
                    if beyond and not plan.keep_water_beyond_dmin:
                        continue
                    if is_renewed(plan.oversample_polar) or not polar_known:
                        diffracted = unitize(diffracted)
                        polar_known = True
                    if beyond:
                        continue
                    if orientations_leave_table(plan, scattering, slots):
                        return True
                    slots = plan.phi_slot
    return False


def segment_may_leave_table(plan, tile, spixel, first, last):
    """False only if no step of the pixels first .. last - 1 of a row comes near the edges of the table.

    Seen from the sample, a flat detector's row is an arc of a great circle, which deviates from the chord between its ends
    by at most a quarter of the chord's square; of any other row it is only known that it is not farther from its ends than
    the chord. Sub-pixels and the sensor's layers are no farther from the row than a pixel and the sensor's depth.
    """
    left_pos = subpixel_position(tile, plan.oversample, spixel, first, 0, 0, 0.0)
    right_pos = subpixel_position(tile, plan.oversample, spixel, last - 1, 0, 0, 0.0)
    left, right = unitize(left_pos), unitize(right_pos)
    depth = (2.0 * tile.pixel_size + abs(plan.detector_thick)) / min(magnitude(left_pos), magnitude(right_pos))
    chord = magnitude((right[0] - left[0], right[1] - left[1], right[2] - left[2]))
    reach = (chord if tile.curved_detector else 0.25 * chord * chord) + 2.0 * depth
    for source in range(plan.source_lambda.shape[0]):
        incident, wavelength = vector_at(plan.source_incident, source), plan.source_lambda[source]
        at_left = scattering_vector(left, incident, wavelength)
        at_right = scattering_vector(right, incident, wavelength)
        for phi_tic in range(plan.phi_slot.shape[0]):
            for mos_tic in range(plan.orientation.shape[1]):
                slot = plan.phi_slot[phi_tic]
                h, k, l = miller_indices(plan.orientation, slot, mos_tic, at_left)
                h1, k1, l1 = miller_indices(plan.orientation, slot, mos_tic, at_right)
                cell = plan.orientation[slot, mos_tic]
                for i, low, high, first_index, indices in (
                    (0, min(h, h1), max(h, h1), plan.h_min, plan.Fhkl.shape[0]),
                    (3, min(k, k1), max(k, k1), plan.k_min, plan.Fhkl.shape[1]),
                    (6, min(l, l1), max(l, l1), plan.l_min, plan.Fhkl.shape[2]),
                ):
                    width = magnitude((cell[i], cell[i + 1], cell[i + 2])) * reach / wavelength + 1e-9
                    inside = low - width - 2.0 >= first_index and high + width - first_index + 3.0 <= indices
                    if not inside:
                        return True
    return False
