"""PGM images: 8-bit grey, with the scale in a comment."""

from .text import c_format


def pgm_header(fpixels, spixels, scale):
    return c_format("P5\n%d %d\n# pixels scaled by %g\n255\n", fpixels, spixels, scale).encode()
