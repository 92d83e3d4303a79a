"""Command lines made for close decisions: crystals along the axes, integer and half indices, the beam in the middle of a
pixel, detectors edge-on or swung beyond 90 degrees, thresholds met exactly."""

import math

from bench.fuzz.draw import group

from .command_inputs import MATRICES, SOURCES, TABLES
from .ordinary import mosaic, outputs, sensor

CELLS = (
    "38 38 95", "20 10 50 90 90 120", "100 100 100 90 90 90", "25 5 1 90 90 90", "10 10 10 90 90 90",
    "50 25 25 90 90 90",
    "20 100 1 90 90 90", "40 40 40 60 60 60", "30 30 60 90 90 120", "20 20 20 120 120 90", "1 1 1 90 90 90",
    "7 7 7 45 60 90",
)  # fmt: skip
ANGLES = (0, 30, 45, 60, 90, 120, 135, 180, 270, -30, -90)
AXES = ("1 0 0", "0 1 0", "0 0 1", "-1 0 0", "0 -1 0", "0 0 -1")
PIXELS = ("0.05", "0.1", "0.25", "0.5", "1", "2", "5")
DISTANCES = ("10", "20", "50", "100", "120", "200", "500", "1000", "2000", "10000", "-100")
WAVELENGTHS = ("1", "0.5", "2", "0.9768", "0.25", "4", "10", "1.5")
FUDGES = (
    "-0.001", "-1", "-1e-9", "0", "1e-300", "1e-15", "1e-6", "0.01", "0.3969", "0.63", "1e6", "1e300",
)  # fmt: skip


def aligned_line(draw, folder):
    """A command line (tuple of groups) drawn by `draw`; files are those of `folder`."""
    geometry = {
        "pixel": draw.choice(PIXELS),
        "distance": draw.choice(DISTANCES),
        "wavelength": draw.choice(WAVELENGTHS),
        "detpixels": draw.pick(1, 2, 5, 9, 15, 16, 21, 33, 41),
    }
    parts = [
        *crystal(draw, folder),
        *beam(draw, folder, geometry),
        *detector(draw, geometry),
        *sampling(draw, geometry),
    ]
    parts += [*spindle(draw)]
    if draw.some(0.15):
        parts += sensor(draw, folder)
    if draw.some(0.12):
        parts += mosaic(draw, folder)
    return (*parts, *outputs(draw, folder))


def crystal(draw, folder):
    if draw.some(0.15):
        yield group("-mat", folder / draw.choice(MATRICES))
    elif draw.some(0.6):
        yield group("-cell", draw.choice(CELLS))
    else:
        edges = [draw.pick(1, 5, 8, 10, 16, 20, 25, 32, 50, 100, 1000) for _ in range(3)]
        yield group("-cell", *edges, draw.pick("90 90 90", "90 90 90", "90 90 120", "60 60 60", "90 90 60", "90 45 90"))
    if draw.some(0.5):
        yield group("-misset", *(draw.choice(ANGLES) if draw.some(0.5) else 0 for _ in range(3)))
    if draw.some(0.6):
        yield group("-N", draw.pick(1, 2, 3, 5, 7, 10, 36, 50, 100, 1000, 30000))
    else:
        for axis in "abc":
            yield group(f"-N{axis}", draw.pick(1, 2, 3, 5, 10, 36, 50, 1000))
    if draw.some(0.35):
        yield group(draw.pick("-round_xtal", "-gauss_xtal", "-tophat_spots"))
        if draw.some(0.7):
            yield group("-fudge", draw.choice(FUDGES) if draw.some(0.7) else tophat_edge(draw))
    if draw.some(0.5):
        yield group("-hkl", folder / draw.choice(TABLES))
        if draw.some(0.7):
            yield group("-default_F", draw.pick("3", "0", "100"))
    else:
        yield group("-default_F", draw.pick("100", "1", "3"))
    if draw.some(0.4):
        yield group(draw.pick("-interpolate", "-nointerpolate", "-nointerpolate"))


def tophat_edge(draw):
    """A fudge with which a spot may end exactly at a simple distance from its reflection."""
    cells, edge, offset = (
        draw.pick(1, 2, 3, 5, 10),
        draw.pick(10, 20, 25, 50, 100),
        draw.pick(0.5, 0.25, 0.1, 0.2, 1 / 3),
    )
    return repr(0.3969 / (offset / edge * cells**3) ** 2)


def beam(draw, folder, geometry):
    yield group("-lambda", geometry["wavelength"])
    if draw.some(0.3):
        yield group("-polar", draw.pick("1", "-1", "0", "0.5"))
    if draw.some(0.2):
        yield group("-nopolar")
    if draw.some(0.08):
        yield group("-sourcefile", folder / draw.choice(SOURCES))
    if draw.some(0.1):
        yield group("-dispersion", draw.pick("1", "100", "50", "0"))
        yield group("-dispsteps", draw.pick(1, 2, 3, 5))
    if draw.some(0.1):
        yield group("-divergence", draw.pick("2", "100", "1000"))
        yield group("-divsteps", draw.pick(2, 3))


def detector(draw, geometry):
    size, pixel = geometry["detpixels"], float(geometry["pixel"])
    yield group("-detpixels", size)
    yield group("-pixel", geometry["pixel"])
    if draw.some(0.1):
        yield group("-close_distance", geometry["distance"])
    else:
        yield group("-distance", geometry["distance"])
    convention = draw.pick("-mosflm", "-xds", "-adxv", "-denzo", "-dials", "-custom", "")
    if convention == "-custom":
        yield from custom_vectors(draw)
    elif convention:
        yield group(convention)
    if draw.some(0.75):
        offset = draw.pick(0.5, 0.5, 0.5, 0.0, 0.25, -100.5)
        for flag in ("-Xbeam", "-Ybeam"):
            yield group(flag, f"{(draw.randrange(size) + offset) * pixel:.12g}")
    elif draw.some(0.5):
        for flag in ("-ORGX", "-ORGY"):
            yield group(flag, draw.randrange(1, size + 1) + draw.pick(0, 0, 0.5))
    if draw.some(0.4):
        yield group("-twotheta", draw.choice(ANGLES) if draw.some(0.8) else draw.pick(100, 150, 89.999999, 90.000001))
    for axis in "xyz":
        if draw.some(0.1):
            yield group(f"-detector_rot{axis}", draw.choice(ANGLES))
    if draw.some(0.1):
        yield group("-pivot", draw.pick("sample", "beam"))
    for flag in ("-curved_det", "-point_pixel"):
        if draw.some(0.08):
            yield group(flag)


def custom_vectors(draw):
    """Some of the directions, along axes; occasionally two of them are the same."""
    fast, slow, beam = draw.sample(AXES, 3)
    for flag, value in (
        ("-fdet_vector", fast), ("-sdet_vector", slow), ("-beam_vector", beam), ("-polar_vector", draw.choice(AXES)),
        ("-spindle_axis", draw.choice(AXES)), ("-twotheta_axis", draw.choice(AXES)), ("-odet_vector",
        draw.choice(AXES)),
    ):  # fmt: skip
        if draw.some(0.5):
            yield group(flag, value)


def sampling(draw, geometry):
    yield group("-oversample", draw.pick(1, 1, 1, 1, 2, 3, 4))
    for kind in ("thick", "polar", "omega"):
        if draw.some(0.06):
            yield group(f"-oversample_{kind}")
    if draw.some(0.2):
        yield group("-dmin", spacing(draw, geometry))
    if draw.some(0.08):
        yield group("-water", draw.pick("1", "100", "-1"))
    if draw.some(0.06):
        edge = geometry["detpixels"]
        yield group(
            "-roi", draw.pick(f"0 {edge} 0 {edge}", "0 0 0 0", f"0 {edge - 1} 0 0", f"{edge - 1} {edge} 0 {edge + 5}")
        )


def spacing(draw, geometry):
    """A -dmin that a pixel may meet exactly: its own spacing, the smallest of the wavelength, or that of a simple
    plane."""
    wavelength = float(geometry["wavelength"])
    if draw.some(0.5):
        away = draw.randrange(1, geometry["detpixels"] + 1) * float(geometry["pixel"])
        angle = math.atan2(away, float(geometry["distance"]))
        return repr(wavelength / (2 * math.sin(abs(angle) / 2)))
    if draw.some(0.3):
        return repr(wavelength / 2)
    return draw.pick("5", "10", "2", "1", "1e-9", "1e9", repr(wavelength), repr(wavelength / math.sqrt(2)))


def spindle(draw):
    if draw.some(0.35):
        yield group("-phi", draw.choice(ANGLES))
    if draw.some(0.2):
        yield group("-osc", draw.pick(90, 180, 30, 1, 0))
        yield group("-phisteps", draw.pick(1, 2, 3, 4))
