"""NXmx files of small runs, and the geometry expected in them."""

import numpy as np

from nbkernel.experiment.experiment import Experiment
from nbkernel.geometry.panels import Panel
from nbkernel.io.nexus.writer import write_nxmx
from nbkernel.setup.prepare import prepare_panels

CRYSTAL = dict(cell=(50, 60, 70, 90, 95, 100), misset=(10, 20, 30), default_F=100, Na=3, Nb=3, Nc=3)
RUN = dict(CRYSTAL, wavelength=1.2, oversample=1)
FLAT = dict(detpixels_f=31, detpixels_s=23, pixel=0.2, distance=150)
# tilted, with different sizes and pixels; the second is at the side
PANELS = (
    Panel((0.15, 0.004, -0.003), (0.0, 0.1, 1.0), (0.1, -1.0, 0.1), 31, 23, 0.2, None, 0.0, None, "A", "CdTe"),
    Panel((0.02, 0.1, 0.01), (1.0, 0.2, 0.0), (0.0, 0.3, -1.0), 12, 40, 0.1, 250.0, 300.0, 4, "B", "CdTe"),
    Panel((0.2, -0.05, 0.02), (0.0, 0.0, -1.0), (0.3, 1.0, 0.2), 44, 5, 0.4, np.inf, 10.0, None, "C", "CdTe"),
)  # fmt: skip


def write(path, fields=FLAT, counts=True, **more):
    """Writes a run with random pixels; returns each panel's Prepared, photons and counts."""
    runs = prepare_panels(Experiment(**RUN, **fields), 1)
    random = np.random.default_rng(1)
    images = [(300.0 * random.random(run.wanted.shape)).astype(np.float32) * run.wanted for run in runs]
    noisy = [random.poisson(image).astype(np.uint16) for image in images] if counts else None
    write_nxmx(path, runs, images, noisy, **more)
    return runs, images, noisy


def corners(detector):
    """The corners of a Detector (4, 3) in the laboratory frame, m."""
    places = [(f, s) for f in (0, detector.fpixels) for s in (0, detector.spixels)]
    fdet, sdet, pix0 = (np.array(v) for v in (detector.fdet_vector, detector.sdet_vector, detector.pix0_vector))
    return np.array([pix0 + detector.pixel_size * (f * fdet + s * sdet) for f, s in places])


def mcstas_rotation(detector):
    """Rotation matrix from the laboratory to the McStas frame: z along the beam, x against the electric field."""
    z, polar = (np.array(v) for v in (detector.beam_vector, detector.polar_vector))
    x = polar @ z * z - polar
    x /= np.linalg.norm(x)
    return np.array([x, np.cross(z, x), z])
