"""Stills that DIALS imports and whose spots it finds: they are where the true crystals diffract."""

import json
import os
from pathlib import Path

import h5py
import numpy as np
import pytest

import nbkernel

from dxtbx_python import ask, program, skip_without_dials
from running import command
from sharp_spots import CELL, DMIN, experiment_of_spots, gemmi, true_crystals

pytestmark = [pytest.mark.slow, pytest.mark.dials]

IMAGES = 4
SPOTS = """
import json, sys
from dials.array_family import flex
spots = flex.reflection_table.from_file(sys.argv[1])
print(json.dumps([list(place) for place in spots["xyzobs.px.value"]]))
"""


@pytest.fixture(scope="module")
def stills(tmp_path_factory):
    """(predicted, found): positions (n, 3) in pixels and images; predicted are those of every reflection near the Ewald
    sphere, on the detector as DIALS imports it, with the photons of the 3 x 3 pixels there, without noise or water."""
    skip_without_dials()
    folder, before = tmp_path_factory.mktemp("stills"), Path.cwd()
    os.chdir(folder)
    try:
        series = dict(images=IMAGES, seed=3, name="stills", photons=True)
        vary = dict(orientation="uniform", wavelength=dict(normal=[1.0, 0.01]))
        with nbkernel.Series({"series": series, "vary": vary}, experiment_of_spots(), precision="mixed") as those:
            those.run("stills")
        assert command("export", "stills/stills_master.h5", "--to", "dials")[0] == 0
        program("dials.import", "stills/stills_master.h5", "output.experiments=imported.expt")
        program("dials.find_spots", "stills/stills_imported.expt", "nproc=1")
        found = np.array(ask(SPOTS, "strong.refl"))
        with h5py.File("stills/stills_000001.h5") as file:
            photons = file["entry/photons/data"][()]
        imported = json.loads(Path("imported.expt").read_text())
        return np.vstack([*predict(imported, true_crystals("stills/stills_truth.csv"), photons)]), found
    finally:
        os.chdir(before)


def predict(imported, crystals, photons):
    """Rows of fast, slow, image and photons, image by image. A spot is where its blob touches the Ewald sphere."""
    (detector,) = imported["detector"]
    (panel,) = detector["panels"]
    edges = np.column_stack([panel["fast_axis"], panel["slow_axis"], panel["origin"]])
    half = gemmi.make_miller_array(gemmi.UnitCell(*CELL), gemmi.SpaceGroup("P 1"), DMIN)
    for image, (UB, experiment) in enumerate(zip(crystals, imported["experiment"], strict=True)):
        beam = imported["beam"][experiment["beam"]]
        s0 = -np.array(beam["direction"]) / beam["wavelength"]
        s1 = np.vstack([half, -half]) @ UB.T + s0
        offset = np.linalg.norm(s1, axis=1) - 1.0 / beam["wavelength"]
        s1 = s1[np.abs(offset) < 1.0 / 300.0]
        u, v, w = np.linalg.solve(edges, s1.T)
        fast, slow = u / w / panel["pixel_size"][0], v / w / panel["pixel_size"][1]
        height, width = photons[image].shape
        seen = (fast > 3) & (fast < width - 3) & (slow > 3) & (slow < height - 3)
        bare = photons[image] - np.median(photons[image])
        boxes = [bare[int(y) - 1 : int(y) + 2, int(x) - 1 : int(x) + 2].sum() for x, y in zip(fast[seen], slow[seen])]
        yield np.column_stack([fast[seen], slow[seen], np.full(len(boxes), image + 0.5), boxes])


def distances(some, others):
    """From each of `some` to the nearest of `others` in the same image, pixels."""
    between = np.linalg.norm(some[:, None, :2] - others[None, :, :2], axis=2)
    return np.where(some[:, None, 2] == others[None, :, 2], between, np.inf).min(axis=1)


def test_bright_reflections_are_found(stills):
    """All of more than 50 photons, within half a pixel, in every image."""
    predicted, found = stills
    bright = predicted[predicted[:, 3] > 50.0]
    assert np.all(np.bincount(bright[:, 2].astype(int), minlength=IMAGES) > 60)
    assert distances(bright, found).max() < 0.5


def test_nothing_else_is_found(stills):
    """99 % of the spots are within half a pixel of a reflection; some are at the edge, where none are predicted."""
    predicted, found = stills
    assert np.mean(distances(found, predicted) < 0.5) >= 0.99
