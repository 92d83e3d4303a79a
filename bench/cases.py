"""Workloads, as nanoBragg.c's flags. Sizes are small enough for a laptop; `full` has the real ones."""

import itertools
import os
import random
from dataclasses import dataclass
from pathlib import Path

CELL = "-cell 70 80 90 75 85 95 -misset 10 20 30 -lambda 1 -fluence 1e24"
NEAR = f"{CELL} -distance 100 -oversample 1"
LARGE = "-Na 36 -Nb 47 -Nc 29"
DOMAINS = "-mosaic 0.5 -mosaic_dom 100"
# nanoBragg.c's Gaussian of 20 cells is N^2 times as narrow as simtbx's, which -fudge makes up for
WIDE_GAUSS = "-N 20 -gauss_xtal -fudge 0.0000156"
FLOAT_AND_SMV = "-nonoise -nopgm -noprogress"


@dataclass(frozen=True)
class Case:
    """flags: as they are run; {table} is a file of random structure factors, {sparse} one with most of them 0, {data} the
    folder of a real case. scaled: how the run is smaller than the real one; full: the flags of the real one."""

    name: str
    about: str
    flags: str
    scaled: str = ""
    full: str = ""

    def command(self, inputs, full):
        flags = self.full if full and self.full else self.flags
        return f"{flags.format(**inputs, large=LARGE)} {FLOAT_AND_SMV}".split()

    def needs(self, inputs):
        """What is missing to run the case, empty if nothing is."""
        if "{data}" in self.flags and inputs["data"] is None:
            return "needs --data, the folder with scaled.hkl and A.mat"
        return ""


CASES = {
    case.name: case
    for case in (
        Case("still", "4096^2 pixels, one step, N = 5", f"{NEAR} -default_F 100 -N 5 -detpixels 4096 -pixel 0.1"),
        Case(
            "pilatus",
            "2463 x 2527 pixels, 10 phi steps, a table",
            "-mat {data}/A.mat -hkl {data}/scaled.hkl -nointerpolate -oversample 1 -exposure 1 -flux 1e18 -beamsize 1.0 "
            "-spindle_axis -1 0 0 -Xbeam 217.742295 -Ybeam 213.907080 -distance 231.274660 -lambda 0.976800 -pixel 0.172 "
            "-detpixels_x 2463 -detpixels_y 2527 -odet_vector -0.000088 0.004914 -0.999988 "
            "-sdet_vector -0.005998 -0.999970 -0.004913 -fdet_vector 0.999982 -0.005998 -0.000118 "
            "-pix0_vector_mm -216.336293 215.205512 -230.200866 -beam_vector 0.00051387949 0.0 -0.99999986 {large} "
            "-osc 0.1 -phi 0 -phisteps 10",
        ),
        Case(
            "one-F",
            "100 domains, N = 36 47 29, one F",
            f"{NEAR} {LARGE} {DOMAINS} -default_F 100 -detpixels 512 -pixel 0.4",
            "512^2 of 1024^2",
            f"{NEAR} {LARGE} {DOMAINS} -default_F 100 -detpixels 1024 -pixel 0.2",
        ),
        Case(
            "mosaic",
            "100 domains, N = 36 47 29, a table of 65,000",
            f"{NEAR} {LARGE} {DOMAINS} -hkl {{table}} -detpixels 512 -pixel 0.4",
            "512^2 of 1024^2",
            f"{NEAR} {LARGE} {DOMAINS} -hkl {{table}} -detpixels 1024 -pixel 0.2",
        ),
        Case(
            "xfel",
            "Gaussian spots, 25 domains x 100 energies, a table",
            f"{NEAR} -N 20 -gauss_xtal -hkl {{table}} -mosaic 0.05 -mosaic_dom 25 -dispersion 1 -dispsteps 100 "
            "-detpixels 3000 -pixel 0.1 -roi 1400 1599 1200 1399",
            "200^2 of 3000^2",
            f"{NEAR} -N 20 -gauss_xtal -hkl {{table}} -mosaic 0.05 -mosaic_dom 25 -dispersion 1 -dispsteps 100 "
            "-detpixels 3000 -pixel 0.1",
        ),
        Case(
            "widths",
            "Gaussian spots as wide as simtbx's, 25 domains x 100 energies, a table",
            f"{NEAR} {WIDE_GAUSS} -hkl {{table}} -mosaic 0.05 -mosaic_dom 25 -dispersion 1 -dispsteps 100 "
            "-detpixels 256 -pixel 0.8",
            "256^2 of 3000^2",
            f"{NEAR} {WIDE_GAUSS} -hkl {{table}} -mosaic 0.05 -mosaic_dom 25 -dispersion 1 -dispsteps 100 "
            "-detpixels 3000 -pixel 0.068",
        ),
        Case(
            "sparse",
            "100 domains, N = 36 47 29, a table with 1 in 20 of its F not 0",
            f"{NEAR} {LARGE} {DOMAINS} -hkl {{sparse}} -detpixels 512 -pixel 0.4",
            "512^2 of 1024^2",
            f"{NEAR} {LARGE} {DOMAINS} -hkl {{sparse}} -detpixels 1024 -pixel 0.2",
        ),
        Case(
            "gauss",
            "Gaussian spots, 100 domains, one F",
            f"{NEAR} {DOMAINS} -N 10 -gauss_xtal -default_F 100 -detpixels 512 -pixel 0.4",
        ),
        Case(
            "round",
            "ellipsoid, 100 domains, one F",
            f"{NEAR} {DOMAINS} -N 10 -round_xtal -default_F 100 -detpixels 512 -pixel 0.4",
        ),
        Case(
            "sensor",
            "9 sub-pixels, 5 layers, Kahn factor 0.95",
            f"{CELL} -distance 100 -default_F 100 -N 10 -detpixels 512 -pixel 0.2 -oversample 3 -detector_abs 234 "
            "-detector_thick 450 -detector_thicksteps 5 -polar 0.95",
        ),
        Case(
            "saxs",
            "one cell, tricubic interpolation",
            f"{CELL} -distance 1000 -oversample 1 -hkl {{table}} -N 1 -detpixels 1024 -pixel 0.2",
        ),
    )
}


def make_inputs(folder, data):
    """Files that the cases read: {name: path}. data: folder of the real case, or None."""
    table, sparse, stol = (Path(folder, name) for name in ("table.hkl", "sparse.hkl", "water.stol"))
    stol.write_text("0 2.57\n0.1 2.6\n0.16 4.5\n0.25 3.1\n0.4 1.9\n0.8 0.5\n")
    draw = random.Random(1)
    with open(table, "w") as file, open(sparse, "w") as few:
        for number, (h, k, l) in enumerate(itertools.product(range(-20, 21), repeat=3)):
            line = f"{h} {k} {l} {draw.uniform(10, 1000):.3f}\n"
            file.write(line)
            few.write(line if number % 20 == 0 else f"{h} {k} {l} 0\n")
    paths = {name: str(path) for name, path in (("table", table), ("sparse", sparse), ("stol", stol))}
    return paths | {"data": None if data is None else os.path.abspath(data)}
