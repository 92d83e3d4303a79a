"""Sources of one direction as one source, where only a function of sin(theta)/lambda tells them apart.

At a pixel all sources of a direction have the same angle, so that sin(theta)/lambda of each is that of the first times the
ratio of their wavelengths, and the sum of what they scatter is again a polynomial between points: those of the table, for
each wavelength. So a spectrum costs as much as one wavelength.
"""

import numpy as np

from nbkernel.kernels.response.background import DEGREE, FIRST, MIDDLE, PIECE, STEEPNESS, Scatter

# a polynomial of a source takes as long to add as the photons of so many pixels, and is added by one thread
PIXELS_OF_A_PIECE = 500
SAME_SHARE = 1e-12


def with_one_source_per_direction(scatter, pixels):
    """A Scatter whose sources of one direction are one, if all directions have the same spectrum and that takes less time
    for so many pixels; else the same Scatter. The image differs only by rounding in the last digits of float64.
    """
    incident, direction = np.unique(scatter.incident, axis=0, return_inverse=True)
    spectrum = shared_spectrum(scatter, len(incident), direction.reshape(-1))
    if spectrum is None:
        return scatter
    wavelength, share = spectrum
    if len(scatter.edges) * len(wavelength) ** 2 * PIXELS_OF_A_PIECE > pixels * len(scatter.weight):
        return scatter
    edges, pieces = summed_pieces(scatter, wavelength / wavelength[0], share)
    if not np.isfinite(pieces).all():
        return scatter
    weight = np.bincount(direction.reshape(-1), scatter.weight)
    return scatter._replace(
        edges=edges, pieces=pieces, incident=incident, wavelength=np.full(len(incident), wavelength[0]), weight=weight
    )


def shared_spectrum(scatter: Scatter, directions, direction):
    """(wavelengths (m), shares of the photons) of more than one source that each direction has; None if they differ.

    direction: (sources,) the number of each source's direction.
    """
    count, rest = divmod(len(direction), directions)
    if rest or count < 2:
        return None
    order = np.lexsort((scatter.weight, scatter.wavelength, direction))
    if not np.array_equal(direction[order].reshape(directions, count), np.arange(directions)[:, None].repeat(count, 1)):
        return None
    wavelength = scatter.wavelength[order].reshape(directions, count)
    weight = scatter.weight[order].reshape(directions, count)
    total = weight.sum(axis=1, keepdims=True)
    if not (total > 0.0).all() or not (wavelength == wavelength[0]).all():
        return None
    share = weight / total
    return (wavelength[0], share[0]) if (abs(share - share[0]) <= SAME_SHARE).all() else None


def summed_pieces(scatter, ratio, share):
    """(edges, pieces) as in Scatter, of the sum over sources of share P(stol / ratio), P being the Scatter's."""
    points, old = scatter.edges[:-1], np.ascontiguousarray(scatter.pieces.reshape(-1, PIECE).T)
    edges = np.unique(points * ratio[:, None])
    # the first and the last piece are constant, as those of each source are there
    middle = np.concatenate([edges[:1], (edges[1:] + edges[:-1]) / 2.0, edges[-1:]])
    half = np.concatenate([[0.0], (edges[1:] - edges[:-1]) / 2.0, [0.0]])
    pieces = np.zeros((PIECE, len(middle)))
    pieces[MIDDLE] = middle
    pieces[STEEPNESS, 1:-1] = 1.0 / half[1:-1]
    for own_ratio, own_share in zip(ratio, share, strict=True):
        place = middle / own_ratio
        number = np.searchsorted(points, place, side="right")
        number[0], number[-1] = 0, len(points)
        own = old[:, number]
        # u of the source's piece is start + slope u of the new one
        start = (place - own[MIDDLE]) * own[STEEPNESS]
        pieces[FIRST:] += own_share * composed(own[FIRST:], start, half / own_ratio * own[STEEPNESS])
    return np.append(edges, np.inf), np.ascontiguousarray(pieces.T).ravel()


def composed(coefficients, start, slope):
    """Coefficients (DEGREE + 1, n) of polynomials of u, of those of start + slope u."""
    found = np.zeros_like(coefficients)
    for power in range(DEGREE, -1, -1):
        terms = DEGREE - power
        shifted = found[:terms] * slope
        found[:terms] *= start
        found[1 : terms + 1] += shifted
        found[0] += coefficients[power]
    return found
