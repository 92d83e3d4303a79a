"""From directions and wavelength to the scattering vector and the Miller indices."""

from nbkernel.kernels.numerics.arithmetic import ceil

from .vectors import magnitude


def scattering_vector(diffracted, incident, wavelength):
    """(diffracted - incident) / wavelength, in 1/m for a wavelength in m."""
    return (
        (diffracted[0] - incident[0]) / wavelength,
        (diffracted[1] - incident[1]) / wavelength,
        (diffracted[2] - incident[2]) / wavelength,
    )


def beyond_dmin(scattering, dmin):
    """True if the spacing d = 1/|scattering| is finer than `dmin` (m); stol is sin(theta)/lambda."""
    stol = 0.5 * magnitude(scattering)
    return dmin > 0.0 and stol > 0.0 and dmin > 0.5 / stol


def miller_indices(orientation, slot, mos_tic, scattering):
    """Fractional h, k, l: the products of a, b, c (nine numbers, m) at orientation[slot, mos_tic] with the scattering
    vector (1/m)."""
    x, y, z = scattering
    return (
        orientation[slot, mos_tic, 0] * x + orientation[slot, mos_tic, 1] * y + orientation[slot, mos_tic, 2] * z,
        orientation[slot, mos_tic, 3] * x + orientation[slot, mos_tic, 4] * y + orientation[slot, mos_tic, 5] * z,
        orientation[slot, mos_tic, 6] * x + orientation[slot, mos_tic, 7] * y + orientation[slot, mos_tic, 8] * z,
    )


def nearest_index(h):
    """The integer index nearest to `h`, as a float; halves are rounded down."""
    return ceil(h - 0.5)
