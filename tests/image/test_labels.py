"""What each pixel shows, against the trace's steps one by one, sums of single images, and images with and without water."""

from dataclasses import replace
from pathlib import Path

import h5py
import numpy as np
import pytest

import nbkernel
from nbkernel.diagnose.traces.events import (
    Absorption,
    PixelEvents,
    Polarization,
    SolidAngle,
    Source,
    Step,
    Total,
    start_of_pixel,
)
from nbkernel.engine.render import panel_history
from nbkernel.engine.tiles import panel_tile
from nbkernel.image.labels import label_panel
from nbkernel.kernels.physics.weights import step_weight, weigh_running_sum
from nbkernel.run.simulate import make_engine

from api_runs import TOP, TURNED, experiment_of_panels
from kinds_of_runs import RUNS, inputs, prepared  # noqa: F401  a fixture
from running import BASE, simulate

# few steps per pixel: each is computed by bare Python
KINDS = (
    "plain",
    "N 100000, two sources, polarised",
    "table, Gaussian, sources",
    "table, tophat",
    "table of low resolution",
    "interpolation that ends within the image",
    "stale phi step",
    "dmin, water, several sources",
    "sensor",
    "oversample_thick",
    "all three, Gaussian",
    "region",
    "mask",
)
ENGINE = make_engine("cpu", "double", 1, None)


def steps_of(run, history, spixel, fpixel):
    """(photons, wavelengths (Angstrom), whole indices) of a pixel's steps, arrays, and all of its photons: the program's sum,
    event by event."""
    plan = run.plan
    start = start_of_pixel(plan, history, spixel, fpixel, run.wanted.shape[1])
    polar, omega, capture = (1.0 if plan.nopolar else 0.0), 0.0, 1.0 if plan.detector_thick == 0.0 else 0.0
    photons, wavelengths, hkls, source = [], [], [], None
    for event in PixelEvents(plan, panel_tile(run.detector), spixel, fpixel, start).events():
        match event:
            case SolidAngle():
                omega = event.omega_pixel
            case Absorption():
                capture = event.capture_fraction
            case Polarization():
                polar = event.polar
            case Source():
                source = event
            case Step() if event.F_cell is not None:
                weight = step_weight(plan, source.weight, source.scattering, capture, polar, omega)
                photons.append(event.F_cell**2 * event.F_latt**2 * weight)
                wavelengths.append(source.wavelength * 1e10)
                hkls.append(event.hkl0)
                photons = [weigh_running_sum(plan, x, capture, polar, omega) for x in photons]
            case Total():
                scale = event.photons / event.I if event.I else 0.0
    return np.array(photons) * scale, np.array(wavelengths), np.array(hkls), event.photons


@pytest.mark.parametrize("kind", KINDS)
def test_labels_are_those_of_the_trace_s_steps(kind):
    """Mean wavelengths to 3e-7 and shares to 1e-5 (float32), indices those of a step that is the largest to 1e-9."""
    run = prepared(RUNS[kind])
    labels = label_panel([run], ENGINE)
    history = panel_history(run, "double", 1)
    draw = np.random.default_rng(3)
    # some of all pixels, some of those said to have Bragg photons
    chosen = np.vstack([draw.permutation(np.argwhere(part))[:12] for part in (run.wanted, labels.bragg_share > 0.0)])
    lit = 0
    for s, f in chosen:
        photons, wavelengths, hkls, total = steps_of(run, history, s, f)
        # what is left out adds nothing that a float32 shows
        if not photons.sum() > 1e-37:
            assert np.isnan(labels.wavelength[s, f]) and not labels.hkl[s, f].any() and labels.bragg_share[s, f] == 0.0
            continue
        lit += 1
        mean = (photons * wavelengths).sum() / photons.sum()
        assert labels.wavelength[s, f] == pytest.approx(mean, rel=3e-7)
        own = photons[(hkls == labels.hkl[s, f]).all(axis=1)]
        assert own.size and own.max() >= photons.max() * (1 - 1e-9)
        assert labels.bragg_share[s, f] == pytest.approx(photons.sum() / total, rel=1e-5)
    assert lit > 3
    dark = ~run.wanted
    assert np.isnan(labels.wavelength[dark]).all() and not labels.hkl[dark].any() and not labels.bragg_share[dark].any()


CRYSTAL = dict(
    cell=(50, 60, 70, 80, 95, 100), default_F=100.0, Na=30, Nb=40, Nc=30, misset=(10, 20, 30), fluence=1e28, xtal_shape="gauss", spot_metric="hkl",
    mosaic_spread=0.4, mosaic_domains=6, distance=100, detpixels_f=90, detpixels_s=70, pixel=0.8, oversample=1, dump=None, fix="all",
)  # fmt: skip


def test_the_mean_wavelength_and_the_strongest_reflection_of_sums_of_single_images():
    """Each wavelength's image alone, by the engine; its reflections from the orientation of each pixel. Means to 1e-6."""
    wavelengths, weights = np.linspace(0.97, 1.03, 7), np.array([1.0, 3, 5, 6, 4, 2, 1])
    experiment = nbkernel.Experiment(**CRYSTAL, spectrum=(wavelengths, weights), water=0.1)
    image = nbkernel.simulate(experiment, precision="exact")
    labels = nbkernel.label(image)
    single = [
        nbkernel.simulate(replace(experiment, spectrum=None, wavelength=w, water=0.0), precision="exact")
        for w in wavelengths
    ]
    each = np.array(single, np.float64) * (weights / weights.sum())[:, None, None]
    total = each.sum(axis=0)
    lit = total > 1e-20
    assert lit.sum() > 500 and not lit.all()
    mean = (each * wavelengths[:, None, None]).sum(axis=0)[lit] / total[lit]
    np.testing.assert_allclose(labels.wavelength[lit], mean, rtol=1e-6)
    np.testing.assert_allclose(labels.bragg_share[lit], total[lit] / np.asarray(image, np.float64)[lit], rtol=1e-5)
    # where one wavelength gives nearly all, the reflection is the nearest to that wavelength's indices
    run = single[0].run
    cell = np.array([run.crystal.a, run.crystal.b, run.crystal.c])
    d, checked = run.detector, 0
    for s, f in np.argwhere((each.max(axis=0) > 0.98 * total) & (total > 1e-3 * total.max())):
        pixel = np.array(d.pix0_vector) + d.pixel_size * (
            (f + 0.5) * np.array(d.fdet_vector) + (s + 0.5) * np.array(d.sdet_vector)
        )
        q = (pixel / np.linalg.norm(pixel) - d.beam_vector) / (wavelengths[each[:, s, f].argmax()] * 1e-10)
        assert (np.abs(labels.hkl[s, f] - cell @ q) < 0.5).all()
        checked += 1
    assert checked > 20


def test_the_share_beside_a_background_and_of_all_panels():
    """Image without the material, divided by that with it, to 1e-6."""
    experiment = replace(experiment_of_panels(TOP, TURNED), background=nbkernel.Material([[0.0, 3.0], [0.5, 2.0]]))
    images, alone = nbkernel.simulate(experiment), nbkernel.simulate(replace(experiment, background=()))
    for found, image, bragg in zip(nbkernel.label(images, threads=2), images, alone, strict=True):
        assert 0 < found.bragg_share.min() < 0.9
        np.testing.assert_allclose(found.bragg_share, np.asarray(bragg) / np.asarray(image), rtol=1e-6)


def test_a_file_has_the_labels_and_the_image_keeps_its_bits():
    run = f"{BASE} -detpixels_f 30 -detpixels_s 20 -roi 3 20 2 15 -nopgm -nonoise -intfile int.img"
    assert simulate(run, "-floatfile", "plain.bin").status == 0
    found = simulate(run, "-floatfile", "float.bin", "--labels", "labels.h5")
    assert found.status == 0, found.err
    assert Path("plain.bin").read_bytes() == Path("float.bin").read_bytes()
    expected = nbkernel.label(nbkernel.simulate(nbkernel.Experiment.from_command_line(run)))
    with h5py.File("labels.h5") as file:
        assert {name: (file[name].shape, file[name].dtype) for name in ("wavelength", "hkl", "bragg_share")} == {
            "wavelength": ((1, 20, 30), np.float32), "hkl": ((1, 20, 30, 3), np.int32), "bragg_share": ((1, 20, 30), np.float32)
        }  # fmt: skip
        assert file["wavelength"].attrs["units"] == b"angstrom"
        for name in expected._fields:
            np.testing.assert_array_equal(file[name][0], getattr(expected, name))
        assert b"--labels labels.h5" in file["provenance/command"][()]
    assert (expected.bragg_share[2:16, 3:21] == 1.0).all() and expected.bragg_share.sum() == 14 * 18


def test_panels_of_different_sizes_and_bad_input():
    images = nbkernel.simulate(experiment_of_panels(TOP, TURNED))
    nbkernel.write_labels("labels.h5", images)
    with h5py.File("labels.h5") as file:
        assert file["hkl"].shape == (2, 10, 16, 3)
        assert np.isnan(file["wavelength"][1, 9:]).all() and np.isnan(file["wavelength"][1, :, 12:]).all()
        np.testing.assert_array_equal(file["hkl"][1, :9, :12], nbkernel.label(images)[1].hkl)
    with pytest.raises(nbkernel.InputError, match=r"^label: needs the whole image of a panel"):
        nbkernel.label(np.zeros((3, 3), np.float32))
    found = simulate(f"{BASE} -detpixels 8 -floatfile f.bin --labels nowhere/labels.h5")
    assert found.status == 2 and len(found.errors) == 1 and "nowhere/labels.h5" in found.err
    assert not Path("f.bin").exists()
