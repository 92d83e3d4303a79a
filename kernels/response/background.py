"""Photons that amorphous materials scatter into each pixel, added to an image of Bragg photons.

F of each material is a cubic polynomial of stol between points of its table, so that the sum of F^2 over materials is one
polynomial between the points of all tables: the work does not depend on the number of materials.
"""

from typing import NamedTuple

import numpy as np

from nbkernel.kernels.compile.kernel import Kernel
from nbkernel.kernels.numerics.arithmetic import fma
from nbkernel.kernels.numerics.exponential import exponential
from nbkernel.kernels.numerics.vector_loops import full_vector_width, load, look_up, store, with_columns
from nbkernel.kernels.physics.pixel import as_vector, subpixel_position, vector_at
from nbkernel.kernels.physics.pixel_geometry import pixel_position, solid_angle
from nbkernel.kernels.physics.polarization import kahn_polarization, polarization_plane
from nbkernel.kernels.physics.vectors import dot_product, magnitude

# columns of `pieces`: where u = (stol - MIDDLE) STEEPNESS is 0 and how it grows, and the coefficients of a polynomial of u
MIDDLE, STEEPNESS, FIRST = range(3)
DEGREE = 6
NEAR = 8  # pieces, beyond which one is found faster by halves
PIECE = FIRST + DEGREE + 1
# rows of `work`
X, Y, Z, SHARE, STOL, POLAR, PHOTONS = range(7)
WORK = 7


class Scatter(NamedTuple):
    """What scatters, and the beam that it scatters. Arrays are C-contiguous float64."""

    edges: np.ndarray  # (n,) 1/m: where all pieces but the first begin, increasing, then inf
    pieces: np.ndarray  # (n PIECE,), row by row: of the sum over materials of F^2 r_e^2 fluence molecules
    incident: np.ndarray  # (sources, 3) unit vectors
    wavelength: np.ndarray  # (sources,) m
    weight: np.ndarray  # (sources,): the share of each in the photons
    axis: np.ndarray  # (3,): along the electric field
    polarization: float  # Kahn factor
    nopolar: bool
    depth: float  # thickness of the sensor over its attenuation depth; 0 if it absorbs all photons


def piece_of(edges, stol, piece):
    """The piece that `stol` lies in, looked for near `piece` first; nan lies in any."""
    for _ in range(NEAR):
        if stol >= look_up(edges, piece):
            piece += 1
        elif piece > 0 and stol < look_up(edges, piece - 1):
            piece -= 1
        else:
            return piece
    first, last = 0, edges.shape[0] - 1
    while first < last:
        middle = (first + last) // 2
        if stol >= look_up(edges, middle):
            first = middle + 1
        else:
            last = middle
    return first


def run_end(edges, piece, stols, start):
    """Where the pixels from `start` on leave a piece, in which the first of them lies."""
    lower, upper = look_up(edges, piece - 1) if piece > 0 else -np.inf, look_up(edges, piece)
    stop = start + 1
    while stop < stols.shape[0] and lower <= load(stols, stop) < upper:
        stop += 1
    return stop


def polynomial_of(pieces, piece):
    """MIDDLE, STEEPNESS and the coefficients of a piece."""
    start = piece * PIECE
    return (
        look_up(pieces, start + MIDDLE), look_up(pieces, start + STEEPNESS), look_up(pieces, start + FIRST),
        look_up(pieces, start + FIRST + 1), look_up(pieces, start + FIRST + 2), look_up(pieces, start + FIRST + 3),
        look_up(pieces, start + FIRST + 4), look_up(pieces, start + FIRST + 5), look_up(pieces, start + FIRST + 6),
    )  # fmt: skip


def value_of(polynomial, stol):
    """A polynomial at stol (1/m)."""
    middle, steepness, c0, c1, c2, c3, c4, c5, c6 = polynomial
    u = (stol - middle) * steepness
    return fma(fma(fma(fma(fma(fma(c6, u, c5), u, c4), u, c3), u, c2), u, c1), u, c0)


def direction_and_share(position, pixel_size, close_distance, point_pixel, odet, depth):
    """Unit vector to a position (m), and the solid angle of a pixel there times the share of photons that stay in it."""
    airpath = magnitude(position)
    direction = (position[0] / airpath, position[1] / airpath, position[2] / airpath)
    omega = solid_angle(pixel_size, airpath, close_distance, point_pixel)
    captured = 1.0 - exponential(-depth / abs(dot_product(direction, odet))) if depth > 0.0 else 1.0
    return direction, omega * captured


def stol_and_polar(direction, incident, half_wavenumber, E_in, B_in, in_plane, kahn_factor, nopolar):
    """stol (1/m) and the polarisation factor of a direction, for a source of a wavelength of 1/(2 half_wavenumber)."""
    x, y, z = direction[0] - incident[0], direction[1] - incident[1], direction[2] - incident[2]
    stol = magnitude((x, y, z)) * half_wavenumber
    along_E, along_B = dot_product(direction, E_in), dot_product(direction, B_in)
    polar = kahn_polarization(dot_product(direction, incident), along_E, along_B, kahn_factor, in_plane)
    return stol, 1.0 if nopolar else polar


def locate(tile, depth, spixel, first, work):
    """X, Y, Z, SHARE of the pixels of a row from `first` on."""
    full_vector_width()
    xs, ys, zs, shares = work[X], work[Y], work[Z], work[SHARE]
    fdet, sdet, odet, pix0 = as_vector(tile.fdet), as_vector(tile.sdet), as_vector(tile.odet), as_vector(tile.pix0)
    pixel_size, close_distance, point_pixel = tile.pixel_size, tile.close_distance, tile.point_pixel
    Sdet = pixel_size * (spixel + 0.5)
    for i in range(work.shape[1]):
        Fdet = pixel_size * (np.int32(first + i) + 0.5)
        position = pixel_position(Fdet, Sdet, 0.0, fdet, sdet, odet, pix0)
        direction, share = direction_and_share(position, pixel_size, close_distance, point_pixel, odet, depth)
        store(xs, i, direction[0])
        store(ys, i, direction[1])
        store(zs, i, direction[2])
        store(shares, i, share)


def locate_curved(tile, depth, spixel, first, work):
    """The same on a curved detector."""
    for i in range(work.shape[1]):
        position = subpixel_position(tile, 1, spixel, first + i, 0, 0, 0.0)
        direction, share = direction_and_share(
            position, tile.pixel_size, tile.close_distance, tile.point_pixel, as_vector(tile.odet), depth
        )
        work[X, i], work[Y, i], work[Z, i], work[SHARE, i] = direction[0], direction[1], direction[2], share


def meet_source(scatter, source, work):
    """STOL, POLAR of the located pixels."""
    full_vector_width()
    xs, ys, zs, stols, polars = work[X], work[Y], work[Z], work[STOL], work[POLAR]
    incident, half_wavenumber = vector_at(scatter.incident, source), 0.5 / scatter.wavelength[source]
    E_in, B_in = polarization_plane(incident, as_vector(scatter.axis))
    in_plane, kahn_factor, nopolar = magnitude(B_in) > 0.0, scatter.polarization, scatter.nopolar
    for i in range(work.shape[1]):
        direction = (load(xs, i), load(ys, i), load(zs, i))
        stol, polar = stol_and_polar(direction, incident, half_wavenumber, E_in, B_in, in_plane, kahn_factor, nopolar)
        store(stols, i, stol)
        store(polars, i, polar)


def add_source(scatter, source, nearest, work):
    """Adds to PHOTONS what a source's photons become; returns the piece of the first pixel, searched for from `nearest`
    on."""
    edges, weight, stols = scatter.edges, scatter.weight[source], work[STOL]
    piece = nearest = piece_of(edges, load(stols, 0), nearest)
    start = 0
    while start < stols.shape[0]:
        piece = piece_of(edges, load(stols, start), piece)
        stop = run_end(edges, piece, stols, start)
        polynomial = polynomial_of(scatter.pieces, piece)
        add_run(weight, polynomial, stols[start:stop], work[POLAR, start:stop], work[PHOTONS, start:stop])
        start = stop
    return nearest


def add_run(weight, polynomial, stols, polars, photons):
    full_vector_width()
    for i in range(stols.shape[0]):
        value = weight * load(polars, i) * value_of(polynomial, load(stols, i))
        store(photons, i, load(photons, i) + value)


def add_up(scatter, tile, spixel, first, nearest, work):
    """SHARE, and PHOTONS of all sources, of the pixels of a row from `first` on; returns the piece from which on that of the
    next pixels is searched for, as theirs was from `nearest`."""
    if tile.curved_detector:
        locate_curved(tile, scatter.depth, spixel, first, work)
    else:
        locate(tile, scatter.depth, spixel, first, work)
    for i in range(work.shape[1]):
        work[PHOTONS, i] = 0.0
    for source in range(scatter.weight.shape[0]):
        meet_source(scatter, source, work)
        nearest = add_source(scatter, source, nearest, work)
    return nearest


def with_photons(bragg, work, i):
    """The photons of a pixel (float32) and those added up."""
    return np.float32(bragg + work[PHOTONS, i] * work[SHARE, i])


@Kernel
def add_background_rows(scatter, tile, wanted, image, work, slow_start, slow_stop):
    """Adds the photons of a Scatter to the wanted pixels of a Tile's columns.

    wanted: (slow, fast) bool, image: (slow, fast) float32, of the panel; work: (WORK, pixels at a time) float64.
    """
    at_a_time, nearest = work.shape[1], 0
    for spixel in range(slow_start, slow_stop):
        for first in range(tile.fast_start, tile.fast_stop, at_a_time):
            own = with_columns(work, min(at_a_time, tile.fast_stop - first))
            if not wanted[spixel, first : first + own.shape[1]].any():
                continue
            nearest = add_up(scatter, tile, spixel, first, nearest, own)
            for i in range(own.shape[1]):
                if wanted[spixel, first + i]:
                    image[spixel, first + i] = with_photons(image[spixel, first + i], own, i)
