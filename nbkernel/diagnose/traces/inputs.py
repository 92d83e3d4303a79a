"""What each quantity of a trace is computed from."""

import functools

ROTATED = tuple(f"rot_{axis}_angstroms" for axis in "abc")
REAL = "the unrotated cell, phi about the spindle, mosaic rotation and strain"
# quantity: the traced quantities it is computed from; then what else it is computed from, which a trace does not show
INPUTS = {
    "fdet_vector": ((), "detector orientation flags"),
    "sdet_vector": ((), "detector orientation flags"),
    "odet_vector": (("fdet_vector", "sdet_vector"), "detector orientation flags"),
    "beam_vector": ((), "convention or -beam_vector"),
    "polar_vector": ((), "convention or -polar_vector"),
    "spindle_vector": ((), "convention or -spindle_axis"),
    "pix0_vector_meters": (
        ("fdet_vector", "sdet_vector", "odet_vector", "beam_vector"),
        "beam centre, distance, pivot and detector rotations",
    ),
    "I_bg": (("fluence_photons_per_m2", "r_e_sqr"), "water size"),
    "pixel_pos_meters": (
        ("pix0_vector_meters", "fdet_vector", "sdet_vector", "odet_vector"),
        "pixel indices, pixel size, oversample and layer depth",
    ),
    "R_distance_meters": (("pixel_pos_meters",), ""),
    "close_distance_meters": (("pix0_vector_meters", "odet_vector"), "distance and pivot"),
    "obliquity_factor": (("close_distance_meters", "R_distance_meters"), ""),
    "omega_pixel_sr": (("R_distance_meters", "close_distance_meters", "obliquity_factor"), "pixel size, -point_pixel"),
    "diffracted_vec": (("pixel_pos_meters", "R_distance_meters"), ""),
    "parallax": (("diffracted_vec", "odet_vector"), ""),
    "incident_vec": (("beam_vector",), "source position (divergence)"),
    "lambda_meters": ((), "wavelength and dispersion of the source, or the spectrum"),
    "lambda_angstroms": (("lambda_meters",), "wavelength and dispersion of the source"),
    "source_weight": ((), "source file, spectrum"),
    "scattering_vec": (("diffracted_vec", "incident_vec", "lambda_meters"), ""),
    "beyond_dmin": (("scattering_vec",), "-dmin"),
    "cell_from_phi_tic": ((), "phi of the step: a step at phi = 0 may keep the cell of another step (quirk phi0)"),
    **dict.fromkeys(ROTATED, (("cell_from_phi_tic", "spindle_vector"), REAL)),
    **{f"rot_{axis}_star": (ROTATED, REAL) for axis in "abc"},
    "hkl_frac": ((*ROTATED, "scattering_vec"), ""),
    "h_frac": (("rot_a_angstroms", "scattering_vec"), ""),
    "k_frac": (("rot_b_angstroms", "scattering_vec"), ""),
    "l_frac": (("rot_c_angstroms", "scattering_vec"), ""),
    "hkl_rounded": (("hkl_frac",), ""),
    **{f"F_latt_{axis}": (("hkl_frac",), f"N{axis}, crystal shape") for axis in "abc"},
    "F_latt": (
        ("F_latt_a", "F_latt_b", "F_latt_c", "hkl_frac", "hkl_rounded"),
        "Na Nb Nc, crystal shape, spot_metric and fudge",
    ),
    "interpolated": (("hkl_frac",), "range of the structure factor table"),
    "F_cell": (("hkl_rounded", "hkl_frac", "interpolated"), "structure factors: hkl file, dump file, default_F"),
    "I_sum": (("F_cell", "F_latt", "source_weight", "I_bg"), "the sum before this step"),
    "I_before_scaling": (("F_cell", "F_latt", "I_sum", "I_bg", "source_weight"), "all steps of the pixel"),
    "r_e_meters": ((), "a constant"),
    "r_e_sqr": ((), "a constant"),
    "fluence_photons_per_m2": ((), "flux, exposure and beam size, or -fluence"),
    "steps": ((), "sources x mosaic domains x phi steps x oversample^2"),
    "oversample_thick": ((), "flag"),
    "oversample_polar": ((), "flag"),
    "oversample_omega": ((), "flag"),
    "capture_fraction": (("parallax", "diffracted_vec", "odet_vector"), "sensor thickness, absorption, layer"),
    "kahn_factor": ((), "-polar"),
    "cos_2theta": (("incident_vec", "diffracted_vec"), ""),
    "polar": (("kahn_factor", "incident_vec", "diffracted_vec", "polar_vector", "cos_2theta"), "-nopolar"),
    "I_pixel_final": (
        (
            "I_before_scaling",
            "steps",
            "r_e_sqr",
            "fluence_photons_per_m2",
            "polar",
            "omega_pixel_sr",
            "capture_fraction",
            "oversample_thick",
            "oversample_polar",
            "oversample_omega",
        ),
        "",
    ),
    "background_direction_vec": (
        ("pix0_vector_meters", "fdet_vector", "sdet_vector"),
        "the pixel's centre: pixel indices, pixel size",
    ),
    "background_omega_captured_sr": (
        ("background_direction_vec", "close_distance_meters", "odet_vector"),
        "pixel size, -point_pixel, sensor thickness, absorption",
    ),
    "background_stol_inverse_angstroms": (("background_direction_vec", "incident_vec", "lambda_meters"), ""),
    "background_polar": (("background_direction_vec", "incident_vec", "polar_vector", "kahn_factor"), "-nopolar"),
    "background_photons_per_sr": (
        ("background_stol_inverse_angstroms", "background_polar", "r_e_sqr", "fluence_photons_per_m2", "source_weight"),
        "tables of the materials, their molecules, number of sources",
    ),
    "background_photons": (("background_photons_per_sr", "background_omega_captured_sr"), "all sources"),
    "photons_with_background": (("I_pixel_final", "background_photons"), ""),
    "floatimage_accumulated": (("I_pixel_final",), "earlier contributions"),
}


@functools.cache
def all_inputs(name):
    """Names of everything that `name` is computed from, directly or not, without itself."""
    found, waiting = set(), [name]
    while waiting:
        new = set(INPUTS.get(waiting.pop(), ((), ""))[0]) - found
        found |= new
        waiting += new
    return found - {name}
