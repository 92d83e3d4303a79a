"""Small runs of every kind that an engine may treat differently, and the files that they read."""

import numpy as np
import pytest

from nbkernel.experiment.experiment import Experiment
from nbkernel.setup.prepare import prepare

from running import smv_bytes, write_hkl

CELL = "-cell 70 80 90 75 85 95 -misset 10 20 30 -fluence 1e24 -default_F 100 -nointerpolate"
NEAR = f"{CELL} -lambda 1 -distance 80 -detpixels_f 70 -detpixels_s 45 -pixel 1.2 -oversample 1"
ALIGNED = (
    "-cell 100 100 100 90 90 90 -default_F 10 -N 7 -lambda 1 -distance 100 -detpixels 41 -pixel 1 -nointerpolate "
    "-Xbeam 20.5 -Ybeam 20.5 -xds -oversample 1"
)
TABLE = f"{NEAR} -hkl table.hkl -N 5"
SENSOR = "-detector_abs 200 -detector_thick 300 -detector_thicksteps 3 -oversample 2"
OVERSAMPLED = f"{NEAR} -N 3 {SENSOR} -dispersion 2 -dispsteps 3 -polar 0.9"

# indices along rows or columns that are exactly halfway between two integers
HALVES = (
    "-cell 20 10 50 90 90 120 -misset 90 0 0 -phi 90 -lambda 1 -detpixels 41 -pixel 2 -distance 200 -adxv -Xbeam 3 -Ybeam 1 "
)
HALVES += "-twotheta 30 -oversample 1 -hkl steep.hkl -default_F 3 -nointerpolate"
# the direct beam, index 0 0 0, at the centre of a pixel
NODE = "-distance 100 -pixel 1 -oversample 1 -detpixels 9"
# the detector passes through the sample
EDGE_ON = (
    "-cell 2 2 2 90 90 90 -misset -90 30 90 -lambda 1 -N 3 -detpixels 31 -pixel 1 -distance 12 -Xbeam 15.5 -Ybeam 15.5 "
)
EDGE_ON += (
    "-detector_rotx 90 -detector_roty 90 -default_F 1 -nointerpolate -oversample 1 -nopolar -osc 180 -phisteps 1 -adxv"
)
NEGATIVE = f"{NEAR} -N 5 -gauss_xtal -fudge -0.001 -detpixels 12"

# {subject: flags}
RUNS = {
    "plain": f"{NEAR} -N 5",
    "one cell": f"{NEAR} -N 1",
    "one cell along one edge": f"{NEAR} -Na 1 -Nb 36 -Nc 47",
    "N 1000": f"{NEAR} -N 1000",
    "N 5000, domains": f"{NEAR} -N 5000 -mosaic 0.3 -mosaic_dom 7",
    "N 100000": f"{NEAR} -N 100000",
    "N 100000, two sources, polarised": f"{NEAR} -N 100000 -dispersion 1 -dispsteps 2 -polar 0.9 -osc 0.1 -phisteps 5",
    "zeros of the lattice factor": f"{CELL} -N 5 -lambda 1 -distance 800 -detpixels 90 -pixel 0.01 -oversample 1",
    "zeros, ellipsoid": f"{CELL} -N 5 -round_xtal -lambda 1 -distance 800 -detpixels 90 -pixel 0.01 -oversample 1",
    "whole indices": ALIGNED,
    "whole indices, ellipsoid": f"{ALIGNED} -round_xtal",
    "whole indices, Gaussian": f"{ALIGNED} -gauss_xtal",
    "indices whole but not 0": "-cell 25 5 1 90 90 90 -lambda 1 -Na 50 -Nb 1 -Nc 1 -default_F 1 -nointerpolate -detpixels 21 "
    "-pixel 1 -distance 12 -xds -Xbeam 1.5 -Ybeam 10.5 -oversample 1",
    "turned detector, whole indices": "-cell 10 10 10 90 90 90 -misset 90 0 0 -N 50 -default_F 7 -interpolate -lambda 1 "
    "-nopolar -detpixels 33 -pixel 0.05 -distance 3100.6 -xds -Xbeam 0.825 -Ybeam 0.825 -twotheta 30 -oversample 1",
    "every pixel next to a zero": "-cell 50 25 25 90 90 90 -lambda 0.5 -Na 36 -Nb 50 -Nc 36 -default_F 1 -nointerpolate "
    "-detpixels 21 -pixel 0.1 -distance 120 -dials -Xbeam 1.05 -Ybeam 1.05 -oversample 1",
    "every sub-pixel next to a zero": "-cell 20 100 1 90 90 90 -lambda 0.5 -Na 7 -Nb 36 -Nc 36 -default_F 1 -nointerpolate "
    "-detpixels 21 -pixel 0.05 -distance 120 -xds -Xbeam -89.475 -Ybeam 0.525 -oversample 3",
    "direct beam in the middle of a pixel": "-cell 38 38 95 90 90 90 -lambda 0.9768 -N 100 -default_F 100 -detpixels 41 -pixel 1 "
    "-distance 500 -dials -oversample 1",
    "direct beam in the middle of a pixel, table": "-cell 50 20 200 90 90 90 -misset 0 90 0 -lambda 1.5 -N 5 -detpixels 21 "
    "-pixel 1 -distance 500 -Xbeam 10.5 -Ybeam 10.5 -hkl steep.hkl -default_F 1 -nointerpolate -oversample 1 -polar 1 -denzo",
    "half indices": f"{HALVES} -N 3",
    "half indices, domains": f"{HALVES} -N 3 -mosaic 0 -mosaic_dom 65",
    "half indices, ellipsoid": f"{HALVES} -N 3 -round_xtal",
    "half indices, Gaussian": f"{HALVES} -N 3 -gauss_xtal -fudge 0.01",
    "half indices, tophat": f"{HALVES} -N 3 -tophat_spots -fudge 1e-3",
    "every pixel next to a zero along one edge": "-cell 38 2 100 90 90 90 -lambda 0.5 -N 100 -detpixels 41 -pixel 0.1 "
    "-distance 1000 -Xbeam 0.25 -Ybeam 3.85 -hkl steep.hkl -default_F 1 -oversample 1 -nopolar",
    "every pixel next to a zero, turned about that edge": "-cell 50 100 2 70 80 100 -lambda 0.1 -Na 1 -Nb 3 -Nc 100 -detpixels 41 "
    "-pixel 0.1 -distance 200 -Xbeam 0 -Ybeam 2 -default_F 100 -oversample 1 -polar 0.9 -osc 90 -phisteps 70 -phi 180 -dmin 1 -mosflm",
    "a pixel at the sample": EDGE_ON,
    "a pixel at the sample, dmin": f"{EDGE_ON} -dmin 5",
    "whole indices, ellipsoid of a huge fudge": "-cell 10 10 10 90 90 90 -round_xtal -fudge 1e300 -default_F 1 -detpixels 5 "
    "-pixel 1 -distance 100 -lambda 1",
    "ellipsoid of a large fudge": "-cell 20 20 20 120 120 90 -Nb 1000 -round_xtal -fudge 1e6 -default_F 1 -detpixels 5 -detector_roty 135 "
    "-osc 90 -pixel 0.1 -distance 100 -lambda 1",
    "next to a zero, alone": "-cell 50 25 25 90 90 90 -Nb 3 -default_F 1 -lambda 1.5 -detpixels 1 -xds -twotheta 90 -pixel 0.1 -distance 100",
    "along the sensor": "-cell 1 1 1 90 90 90 -default_F 1 -detpixels 3 -beam_vector 0 0 1 -Ybeam 5 -twotheta 120 -oversample_thick",
    "a pixel at the sample, oblique axes": "-cell 50 10 25 60 60 60 -default_F 1 -detpixels 5 -fdet_vector 0 -1 0 -twotheta 0 "
    "-detector_roty 90 -pixel 0.1 -distance 100 -lambda 1",
    "a sub-pixel at the sample, parallel axes": "-cell 100 100 100 90 90 90 -lambda 1 -distance 100 -pixel 0.1 -detpixels 1 "
    "-tophat_spots -default_F 1 -fdet_vector 0 -1 0 -beam_vector 0 0 1 -twotheta 0 -oversample 2 -oversample_omega",
    "polarisation factors of nearly 0": "-cell 20 100 1 90 90 90 -lambda 1 -default_F 1 -polar -1 -detpixels 2 -pixel 0.1 "
    "-distance 10000 -dials -twotheta 90 -oversample 1",
    "ellipsoid of very many fringes": "-cell 100 100 100 90 90 90 -N 30000 -round_xtal -fudge 1e6 -default_F 3 -detpixels 17 "
    "-lambda 1 -distance 100 -pixel 0.1 -oversample 1",
    "ellipsoid of many fringes": "-cell 100 100 100 90 90 90 -N 200 -round_xtal -fudge 1e6 -default_F 3 -detpixels 41 "
    "-lambda 1 -distance 100 -pixel 0.1 -oversample 1",
    "Gaussian, negative fudge, running sum": f"{NEGATIVE} -oversample_omega",
    "ellipsoid, negative fudge, F of 0": f"{NEAR} -N 5 -round_xtal -fudge -1 -hkl low.hkl -default_F 0 -detpixels 12 -twotheta 120",
    "high angle": f"{NEAR} -N 12 -distance 3",
    "back scattering": f"{NEAR} -N 12 -twotheta 150",
    "long wavelength": f"{NEAR} -N 12 -lambda 40",
    "short wavelength": f"{NEAR} -N 12 -lambda 0.05",
    "ellipsoid": f"{NEAR} -N 36 -round_xtal -mosaic 0.3 -mosaic_dom 5",
    "ellipsoid, no fudge": f"{NEAR} -N 3 -round_xtal -fudge 0",
    "Gaussian": f"{NEAR} -N 4 -gauss_xtal -fudge 0.01 -mosaic 0.3 -mosaic_dom 5",
    "sharp Gaussian": f"{NEAR} -N 1000 -gauss_xtal -fudge 1e-12 -mosaic 0.3 -mosaic_dom 5",
    "Gaussian, negative fudge": f"{NEAR} -N 2 -gauss_xtal -fudge -0.0001 -detpixels 12",
    "tophat": f"{NEAR} -N 5 -tophat_spots -fudge 0.0001 -mosaic 0.3 -mosaic_dom 5",
    "table": f"{TABLE} -mosaic 0.3 -mosaic_dom 20",
    "table, tophat": f"{TABLE} -tophat_spots -fudge 0.0001",
    "table, Gaussian, sources": f"{TABLE} -gauss_xtal -fudge 0.001 -dispersion 2 -dispsteps 5 -hdivrange 3 -hdivsteps 3",
    "table of low resolution": f"{NEAR} -hkl low.hkl -N 5 -default_F 0 -mosaic 0.3 -mosaic_dom 5",
    "interpolation, many pixels from index to index": f"{NEAR} -N 3 -hkl table.hkl -interpolate -distance 4000 -polar 0.9",
    "interpolation": f"{TABLE} -interpolate -lambda 6",
    "interpolation that ends within the image": f"{TABLE} -interpolate -lambda 1.4 -osc 0.5 -phisteps 2",
    "interpolation far away": f"{TABLE} -interpolate -lambda 6 -distance 100000 -Xbeam 5000 -Ybeam 5000",
    "interpolation, Gaussian": f"{TABLE} -interpolate -lambda 6 -gauss_xtal -fudge 0.001",
    "interpolation in a single layer": "-cell 70 80 3 75 85 95 -misset 10 20 30 -hkl layer.hkl -default_F 10 -interpolate -gauss_xtal -N 10 "
    "-lambda 1 -distance 80 -detpixels 40 -pixel 1.2 -oversample 10",
    "at the beam, many orientations": "-cell 200 200 3 90 90 90 -Na 5 -Nb 5 -Nc 50 -hkl table.hkl -default_F 5 -interpolate "
    "-lambda 1 -nopolar -detpixels_f 23 -detpixels_s 60 -pixel 1.2 -distance 27.964 -Xbeam 36 -Ybeam 13.2 -twotheta 90 "
    "-oversample 1 -mosaic 5 -mosaic_dom 17",
    "stale phi step": f"{NEAR} -N 5 -osc 3 -phisteps 3 -dmin 3",
    "water below 0": "-cell 62 62 150 90 90 120 -N 3 -default_F 33 -fluence 1e24 -detpixels 3 -pixel 0.05 -distance 500 "
    "-detector_thick 1 -water -1",
    "dmin, water, several sources": f"{NEAR} -N 5 -water 10 -dmin 3 -dispersion 4 -dispsteps 3",
    "sensor": f"{NEAR} -N 5 {SENSOR} -polar 0.95",
    "curved": f"{NEAR} -N 5 -curved_det -point_pixel -nopolar",
    "curved, thick": f"{NEAR} -N 36 -curved_det {SENSOR} -polar 0.9",
    "oversample_thick": f"{OVERSAMPLED} -oversample_thick",
    "oversample_polar": f"{OVERSAMPLED} -oversample_polar",
    "oversample_omega": f"{OVERSAMPLED} -oversample_omega",
    "all three, Gaussian": f"{OVERSAMPLED} -gauss_xtal -oversample_thick -oversample_polar -oversample_omega",
    "all three, tophat": f"{OVERSAMPLED} -tophat_spots -fudge 1e-4 -oversample_thick -oversample_polar -oversample_omega",
    "all three, interpolated, dmin": f"{OVERSAMPLED} -hkl table.hkl -interpolate -lambda 6 -dmin 8 -oversample_thick "
    "-oversample_polar -oversample_omega",
    "thickness without absorption": f"{NEAR} -N 5 -oversample_thick",
    "region": f"{NEAR} -N 5 -roi 13 57 7 31",
    "mask": f"{NEAR} -N 5 -mask mask.img",
}
FIXES = {
    "oversample": "all three, Gaussian",
    "thickness": "sensor",
    "interpolation": "interpolation that ends within the image",
    "phi0": "stale phi step",
    "dmin,water": "dmin, water, several sources",
}


@pytest.fixture(autouse=True)
def inputs(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    draw = np.random.default_rng(1)
    write_hkl("table.hkl", draw.uniform(50, 150, (21, 23, 25)) * (draw.random((21, 23, 25)) < 0.8), (-10, -11, -12))
    write_hkl("layer.hkl", draw.uniform(50, 150, (25, 25, 1)), (-12, -12, 0))
    low = np.zeros((15, 15, 15))
    low[3:12, 3:12, 3:12] = draw.uniform(50, 150, (9, 9, 9))
    write_hkl("low.hkl", low, (-7, -7, -7))
    write_hkl("steep.hkl", 10.0 ** draw.uniform(-1, 3, (13, 13, 13)), (-6, -6, -6))
    node = draw.uniform(50, 150, (9, 9, 9))
    node[4, 4, 4] = 0
    write_hkl("node.hkl", node, (-4, -4, -4))
    mask = np.ones((45, 70))
    mask[:6, :9] = mask[20:24] = mask[7:18, 15:33] = 0
    with open("mask.img", "wb") as file:
        file.write(smv_bytes(mask, "PIXEL_SIZE=1.2;\n"))


def prepared(flags, fixes=()):
    return prepare(Experiment.from_command_line(flags, fixes), 1)
