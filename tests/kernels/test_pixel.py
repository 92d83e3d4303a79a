"""The loops over a pixel's steps against a slow, direct sum over unit cells."""

import cmath
import math
from pathlib import Path

import numba
import numpy as np
import pytest

from nbkernel.engine.tiles import panel_tile
from nbkernel.experiment.arguments import parse_flags
from nbkernel.experiment.experiment import Experiment
from nbkernel.kernels.compile.jit import REGISTRY
from nbkernel.kernels.physics.constants import R_E_SQR
from nbkernel.kernels.physics.pixel import render_pixel
from nbkernel.setup.prepare import prepare

TINY = (
    "-cell 50 60 70 85 95 100 -misset 10 20 30 -Na 2 -Nb 3 -Nc 1 -lambda 1 -distance 100 -detpixels_f 5 -detpixels_s 4 "
    "-pixel 3 -fluence 1e28 -hkl table.hkl -default_F 7 -nointerpolate -mosaic_seed 5"
)

RUNS = {
    "one step": "-oversample 1",
    "sub-pixels": "-oversample 3",
    "several sources": "-oversample 1 -dispersion 2 -dispsteps 2 -hdivrange 3 -hdivsteps 3",
    "phi steps": "-oversample 1 -phi 5 -osc 4 -phisteps 3",
    "mosaic domains": "-oversample 1 -mosaic 2 -mosaic_domains 4",
    "layers": "-oversample 1 -detector_abs 50 -detector_thick 100 -detector_thicksteps 3",
    "no polarisation": "-oversample 1 -nopolar",
    "polarised": "-oversample 1 -polar 0.9",
    "point pixel": "-oversample 1 -point_pixel",
    "beyond dmin": "-oversample 1 -dmin 9",
    "tilted": "-oversample 1 -detector_rotx 3 -detector_roty -4 -detector_rotz 5 -twotheta 6",
    "all": "-oversample 2 -dispersion 2 -dispsteps 2 -phi 5 -osc 4 -phisteps 2 -mosaic 2 -mosaic_domains 2 -polar 0.5 "
    "-detector_abs 50 -detector_thick 100 -detector_thicksteps 2",
}


@pytest.fixture(autouse=True)
def table(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    draw = np.random.default_rng(1)
    lines = [f"{h} {k} {l} {draw.uniform(1, 100)!r}\n" for h in range(-6, 7) for k in range(-9, 10) for l in range(-9, 10)]
    Path("table.hkl").write_text("".join(lines))


def prepared_run(flags):
    return prepare(Experiment(**parse_flags(f"{TINY} {flags}".split()).settings), 1)


def crystal_intensity(a, b, c, q, Na, Nb, Nc):
    """|sum over unit cells exp(2 pi i q . r)|^2."""
    total = 0j
    for i in range(Na):
        for j in range(Nb):
            for m in range(Nc):
                total += cmath.exp(2j * math.pi * float(q @ (i * a + j * b + m * c)))
    return abs(total) ** 2


def rotate_about(axis, vector, angle):
    parallel = axis * (axis @ vector)
    return parallel + (vector - parallel) * math.cos(angle) + np.cross(axis, vector) * math.sin(angle)


def polarization(kahn, incident, diffracted, axis):
    """Two dipoles, each radiating with sin^2 of the angle to it: (1 + kahn) / 2 of the intensity is polarised along the
    axis, (1 - kahn) / 2 perpendicular to it."""
    parallel = axis - incident * (axis @ incident)
    parallel /= np.linalg.norm(parallel)
    perpendicular = np.cross(parallel, incident)
    radiated = [1 - (field @ diffracted) ** 2 for field in (parallel, perpendicular)]
    return (radiated[0] * (1 + kahn) + radiated[1] * (1 - kahn)) / 2


def expected_photons(run, spixel, fpixel):
    """Photons in a pixel, with each factor computed from the vectors of the detector and the crystal."""
    d, e, plan = run.detector, run.experiment, run.plan
    fdet, sdet, odet, pix0 = (np.array(v) for v in (d.fdet_vector, d.sdet_vector, d.odet_vector, d.pix0_vector))
    # the mosaic domains' rotations, from their cell vectors before the rotation by phi
    cell = np.array([run.crystal.a, run.crystal.b, run.crystal.c])
    domains = [np.linalg.solve(cell, rotated.reshape(3, 3)) for rotated in plan.orientation[0]]
    table = {}
    for line in Path("table.hkl").read_text().splitlines():
        h, k, l, F = line.split()
        table[int(h), int(k), int(l)] = float(F)

    n = plan.oversample
    total, capture = 0.0, 1.0
    pixel_polar = pixel_omega = None
    for layer in range(plan.detector_thicksteps):
        layer_capture = None
        for sub_slow in range(n):
            for sub_fast in range(n):
                position = (
                    pix0
                    + d.pixel_size * ((fpixel + (sub_fast + 0.5) / n) * fdet + (spixel + (sub_slow + 0.5) / n) * sdet)
                    + layer * plan.detector_thickstep * odet
                )
                airpath = np.linalg.norm(position)
                diffracted = position / airpath
                if pixel_omega is None:
                    obliquity = d.close_distance / airpath
                    pixel_omega = 1 / airpath**2 if d.point_pixel else d.pixel_size**2 / airpath**2 * obliquity
                if layer_capture is None and plan.detector_thick > 0:
                    path = plan.detector_thickstep / (diffracted @ odet)
                    mu = 1 / (e.detector_abs * 1e-6)
                    layer_capture = capture = math.exp(-layer * path * mu) * (1 - math.exp(-path * mu))
                for incident, wavelength in zip(plan.source_incident, plan.source_lambda):
                    q = (diffracted - incident) / wavelength
                    if e.dmin > 0 and 1 / np.linalg.norm(q) < e.dmin * 1e-10:
                        continue
                    if pixel_polar is None:
                        pixel_polar = polarization(e.polarization, incident, diffracted, np.array(d.polar_vector))
                    for step in range(len(plan.phi_slot)):
                        phi = run.phi_start + step * run.osc / len(plan.phi_slot)
                        for domain in domains:
                            a, b, c = (rotate_about(np.array(d.spindle_vector), v, phi) @ domain for v in cell)
                            hkl = tuple(math.floor(q @ v + 0.5) for v in (a, b, c))
                            F = table.get(hkl, e.default_F)
                            total += F**2 * crystal_intensity(a, b, c, q, 2, 3, 1)
    factors = capture * pixel_omega * (1.0 if e.nopolar else pixel_polar or 0.0)
    steps = len(plan.source_lambda) * len(plan.phi_slot) * len(domains) * n * n
    return R_E_SQR * e.fluence * total / steps * factors


def rendered(run, function, spixel, fpixel):
    axis = np.array([run.detector.polar_vector])
    omega = np.empty(1)
    return function(run.plan, panel_tile(run.detector), spixel, fpixel, False, False, axis, np.zeros(1, np.int64), 0, omega)


PIXELS = [(s, f) for s in range(4) for f in range(5)]


@pytest.mark.parametrize("name", RUNS)
def test_a_pixel_is_the_sum_over_unit_cells(name):
    """To 1e-12 of the largest pixel: sin(pi h) loses the digits that the integer part of h takes."""
    run = prepared_run(RUNS[name])
    expected = np.array([expected_photons(run, *pixel) for pixel in PIXELS])
    found = np.array([rendered(run, render_pixel, *pixel) for pixel in PIXELS])
    assert expected.max() > 0
    np.testing.assert_allclose(found, expected, rtol=0, atol=1e-12 * expected.max())


compiled_pixel = numba.njit(error_model="numpy")(REGISTRY.register_called(render_pixel))


@pytest.mark.slow
@pytest.mark.parametrize("name", RUNS)
def test_a_compiled_pixel_has_the_bits_of_bare_python(name):
    run = prepared_run(RUNS[name])
    for pixel in PIXELS:
        assert rendered(run, compiled_pixel, *pixel) == rendered(run, render_pixel, *pixel)
