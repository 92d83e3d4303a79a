"""Point spread: what a pixel gets from those around it, and the way that is faster for its radius: a sum over pixels, or
Fourier transforms."""

import math
from typing import NamedTuple

import numpy as np

from nbkernel.errors import InputError
from nbkernel.kernels.response.spread import AT_A_TIME, spread_rows

G_OF_FWHM = 1.0 / (2.0 * math.sqrt(2.0 ** (2.0 / 3.0) - 1.0))  # (g^2 + r^2)^(-3/2) is at half its height at fwhm/2
# beyond the automatic radius
GAUSS_TAIL, FIBER_TAIL = 1e-6, 1e-2
LARGEST_SUM = 12  # radius up to which summing is faster
FACTORS = 2, 3, 5, 7


class Spread(NamedTuple):
    """shares: (radius + 1, radius + 1) float64, what a pixel gets from one so many pixels away, slow and fast: 0 beyond the
    radius, the sum over all sides is 1."""

    shares: np.ndarray

    @property
    def radius(self):
        return len(self.shares) - 1

    def sums(self):
        """Whether the sum over pixels is faster."""
        return self.radius <= LARGEST_SUM


def spread_of(response, pixel_size, shape):
    """The Spread of a Response for pixels of so many micrometres, None without one. Raises InputError for a radius that is
    larger than the image (slow, fast)."""
    if response.psf is None:
        return None
    width, most = response.psf_fwhm / pixel_size, max(shape)
    radius = response.psf_radius
    if radius is None:
        radius = min(automatic_radius(response.psf, width), most)
    if radius > most:
        raise InputError(f"psf_radius: {radius} pixels are more than the image has, {shape[0]} x {shape[1]} (slow x fast)")
    return Spread(shares_of(response.psf, width, radius))


def automatic_radius(kind, width):
    """The radius (pixels) beyond which so little lies that it does not matter."""
    if kind == "gauss":
        return 1 + math.ceil(width * math.sqrt(-math.log(GAUSS_TAIL) / math.log(16.0)))
    return 1 + math.ceil(width * G_OF_FWHM * math.sqrt(FIBER_TAIL**-2 - 1.0))


def shares_of(kind, width, radius):
    """The shares of a Spread of full width `width` (pixels): integrals over pixels within the radius."""
    edges = np.arange(radius + 2) - 0.5
    if kind == "gauss":
        along = np.diff([0.5 * math.erf(edge / width * math.sqrt(math.log(16.0))) for edge in edges])
        shares = np.outer(along, along)
    else:
        g = width * G_OF_FWHM
        slow, fast = edges[:, None], edges[None, :]
        integral = np.arctan(slow * fast / (g * np.sqrt(g * g + slow * slow + fast * fast))) / (2.0 * math.pi)
        shares = np.diff(np.diff(integral, axis=0), axis=1)
        shares = (shares + shares.T) / 2.0
    distance = np.arange(radius + 1)
    shares[distance[:, None] ** 2 + distance[None, :] ** 2 > radius * radius] = 0.0
    sides = np.where(distance == 0, 1.0, 2.0)
    return shares / (sides[:, None] * sides[None, :] * shares).sum()


class SpreadBySums:
    """Spreads strips by sums over pixels; one thread at a time may call it."""

    def __init__(self, spread, width):
        radius = spread.radius
        columns = 1 + -(-radius // AT_A_TIME) * AT_A_TIME
        self.shares = np.zeros((radius + 1, columns), np.float32)
        self.shares[:, : radius + 1] = spread.shares
        self.reaches = np.array([np.flatnonzero(row)[-1] if row.any() else 0 for row in self.shares], np.int64)
        self.pair, self.total = np.zeros(width + 2 * columns, np.float32), np.empty(width, np.float32)

    def __call__(self, photons, out):
        spread_rows(photons, self.shares, self.reaches, self.pair, self.total, out, 0, len(out))


class SpreadByTransform:
    """The same by Fourier transforms of the whole strip."""

    def __init__(self, spread, rows, width):
        radius = spread.radius
        self.shape = tuple(next_smooth(size + 2 * radius) for size in (rows, width))
        whole = np.zeros(self.shape)
        for slow in range(-radius, radius + 1):
            whole[slow, : radius + 1] = spread.shares[abs(slow)]
            if radius:
                whole[slow, -radius:] = spread.shares[abs(slow), :0:-1]
        self.radius, self.transform = radius, np.fft.rfft2(whole)

    def __call__(self, photons, out):
        transform = np.fft.rfft2(photons, self.shape)
        transform *= self.transform
        spread = np.fft.irfft2(transform, self.shape)
        # what rounding leaves of dark pixels may be below 0
        np.maximum(spread[self.radius : self.radius + len(out), : out.shape[1]], 0.0, out=out)


def next_smooth(size):
    """The smallest number from `size` on without prime factors above 7."""
    while True:
        rest = size
        for factor in FACTORS:
            while rest % factor == 0:
                rest //= factor
        if rest == 1:
            return size
        size += 1
