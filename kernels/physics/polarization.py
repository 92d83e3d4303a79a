"""Polarisation of the scattered beam (Kahn et al. 1982, J. Appl. Cryst. 15, 330)."""

import math

from .vectors import cross_product, dot_product, unitize


def unpolarized_factor(incident, diffracted):
    """(1 + cos^2 2theta)/2, for unit vectors."""
    cos2theta = dot_product(incident, diffracted)
    return 0.5 * (1.0 + cos2theta * cos2theta)


def polarization_factor(kahn_factor, incident, diffracted, axis):
    """Share of the intensity that survives polarisation, for unit vectors.

    kahn_factor is 0 for an unpolarised beam, 1 for one polarised along `axis` (made orthogonal to `incident`).
    """
    cos2theta = dot_product(incident, diffracted)
    cos2theta_sqr = cos2theta * cos2theta
    sin2theta_sqr = 1 - cos2theta_sqr
    if kahn_factor != 0.0:
        B_in = unitize(cross_product(axis, incident))
        E_in = unitize(cross_product(incident, B_in))
        psi = -math.atan2(dot_product(diffracted, B_in), dot_product(diffracted, E_in))
        return 0.5 * (1.0 + cos2theta_sqr - kahn_factor * math.cos(2 * psi) * sin2theta_sqr)
    return unpolarized_factor(incident, diffracted)


def polarization_plane(incident, axis):
    """E_in and B_in, see `polarization_factor`; zero vectors if the axis is along the beam."""
    B_in = unitize(cross_product(axis, incident))
    return unitize(cross_product(incident, B_in)), B_in


def kahn_polarization(cos2theta, E, B, kahn_factor, in_plane):
    """Kahn's formula. cos(2 psi) sin^2(2 theta) is E^2 - B^2, the squared components of the diffracted direction along E_in
    and B_in; sin^2(2 theta) if there is no plane of polarisation."""
    cos2theta_sqr = cos2theta * cos2theta
    turned = E * E - B * B if in_plane else 1.0 - cos2theta_sqr
    return 0.5 * (1.0 + cos2theta_sqr - kahn_factor * turned)
