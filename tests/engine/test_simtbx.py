"""Crystals as simtbx has them, compared with its own images; what the options for them do.

The images are float32, (slow, fast), by simtbx's nanoBragg of cctbx_project (commit 25ddd67 of the branch gauss_star_gonio, of
which pull request 985 is made), compiled without changes. simtbx got the numbers of `CASES`, the cell vectors a, b, c of the
misset crystal (Amatrix_RUB), the matrices of the mosaic domains (set_mosaic_blocks), and of a spectrum the wavelengths and the
fractions of intensity (xray_source_...).
"""

from pathlib import Path

import numpy as np
import pytest

import nbkernel
from nbkernel.diagnose.images.compare import judge, make_pair
from nbkernel.engine.bounds.precision import sharpness
from nbkernel.io.images.image import Image
from nbkernel.setup.prepare import prepare

from running import simulate

IMAGES = Path(__file__).parents[1] / "golden" / "simtbx.npz"
GAUSS = (
    "-cell 50 60 70 -default_F 100 -lambda 1 -distance 100 -oversample 1 -fluence 1e28 -seed 1 -noprogress -nointerpolate "
    "-gauss_xtal -detpixels 24 -pixel 3 -nopgm -nonoise"
)

# the direct beam is beside the detector: simtbx takes F of 0 0 0 as 0 where there is only a default
COMMON = dict(
    misset=(10.0, 20.0, 30.0), default_F=100.0, wavelength=1.0, fluence=1e24, distance=100.0, detpixels_f=40, detpixels_s=32,
    pixel=1.2, Xbeam=-5.0, Ybeam=-4.0, oversample=1, interpolate=False, spot_metric="hkl", dump=None,
)  # fmt: skip
CELL, HEXAGONAL = (48.0, 61.0, 79.0, 90.0, 90.0, 90.0), (55.0, 55.0, 80.0, 90.0, 90.0, 120.0)
SPREAD = dict(mosaic_spread=0.8, mosaic_domains=5)
CASES = {
    "square": dict(cell=CELL, Na=5, Nb=6, Nc=7),
    "square, domains": dict(cell=CELL, Na=3, Nb=6, Nc=2, **SPREAD),
    "round": dict(cell=CELL, xtal_shape="round", Na=5.3, Nb=6.25, Nc=7.7),
    "round, domains": dict(cell=CELL, xtal_shape="round", Na=4, Nb=3, Nc=7, **SPREAD),
    "gauss": dict(cell=CELL, xtal_shape="gauss", Na=2.3, Nb=3.25, Nc=1.7, fudge=0.7),
    "gauss, hexagonal": dict(cell=HEXAGONAL, xtal_shape="gauss", Na=2, Nb=2, Nc=3, fudge=0.5),
    "gauss, domains": dict(cell=CELL, xtal_shape="gauss", Na=4.0, Nb=3.5, Nc=7.25, **SPREAD),
    "tophat": dict(cell=CELL, xtal_shape="tophat", Na=2.5, Nb=3.25, Nc=2.125, fudge=0.3),
    "gauss_star": dict(cell=CELL, xtal_shape="gauss_star", Na=2.5, Nb=1.25, Nc=1.75, fudge=0.8),
    "gauss_star, hexagonal": dict(cell=HEXAGONAL, xtal_shape="gauss_star", Na=3, Nb=3, Nc=2, fudge=0.5),
    "gauss_star, domains": dict(cell=CELL, xtal_shape="gauss_star", Na=3, Nb=5, Nc=2, **SPREAD),
    "spectrum": dict(
        cell=CELL, xtal_shape="round", Na=6, Nb=4, Nc=3, spectrum=((0.97, 0.985, 1.0, 1.02), (1.0, 2.5, 4.0, 0.5))
    ),
}


def experiment_of(name):
    return nbkernel.Experiment(**COMMON, **CASES[name])


def local_maximum(image):
    """The largest of the 5 x 5 pixels around each."""
    padded = np.pad(image, 2, mode="edge")
    return np.lib.stride_tricks.sliding_window_view(padded, (5, 5)).max(axis=(2, 3))


@pytest.mark.golden
@pytest.mark.parametrize("name", CASES)
def test_images_are_those_of_simtbx(name):
    experiment = experiment_of(name)
    expected = np.load(IMAGES)[name]
    found = np.asarray(nbkernel.simulate(experiment, precision="exact", device="cpu"))
    if experiment.xtal_shape in ("square", "round"):
        np.testing.assert_array_equal(found, expected)
    else:
        allowed = np.maximum(np.spacing(expected), 1e-9 * local_maximum(expected))
        assert (abs(found.astype(float) - expected) <= allowed).all()
    for precision in ("double", "mixed"):
        image = np.asarray(nbkernel.simulate(experiment, precision=precision, device="cpu"))
        pair = make_pair(*(Image("", "float", pixels, False, None, None) for pixels in (expected, image)))
        verdict = judge(pair, precision, sharpness(prepare(experiment, 1).plan))
        assert verdict["within"], verdict


def test_options_are_the_fields_of_an_experiment(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    run = simulate(f"{GAUSS} --spot-metric hkl --Na 2.5 --Nb 4 --save-config a.toml --hdf5 a.h5 -floatfile a.bin")
    assert run.status == 0, run.err
    saved = nbkernel.Experiment.from_toml("a.toml")
    assert (saved.Na, saved.Nb, saved.spot_metric) == (2.5, 4, "hkl")
    assert nbkernel.Experiment.from_toml("a.h5") == saved
    assert "gauss, 2.5 x 4 x 1 cells" in run.out
    again = simulate("--config a.toml -nopgm -nonoise -floatfile b.bin")
    assert again.status == 0 and Path("a.bin").read_bytes() == Path("b.bin").read_bytes()
    other = simulate("--config a.toml --spot-metric reciprocal -nopgm -nonoise -floatfile c.bin")
    assert other.status == 0 and Path("a.bin").read_bytes() != Path("c.bin").read_bytes()


@pytest.mark.parametrize(
    "more, message",
    [
        ("--Na 2.5 -square_xtal", "-N: a square crystal has whole cells, not 2.5; give a whole number, or another shape"),
        ("--Nb 0.5", "-N: needs at least 1 cell along each edge, not 0.5"),
        ("--Nc 5.5 -N 5", "--Nc: a flag of nanoBragg.c sets Nc, too; give one of them"),
        ("--xtal-shape gauss_star", "--xtal-shape: a flag of nanoBragg.c sets xtal_shape, too; give one of them"),
    ],
)
def test_what_has_no_crystal_is_refused(more, message, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    run = simulate(f"{GAUSS} {more} -floatfile a.bin")
    assert run.status == 2 and len(run.errors) == 1 and message in run.errors[0]
    assert not list(tmp_path.iterdir())
