"""The finest spacing that a run's pixels record."""

import numpy as np

from nbkernel.kernels.physics.pixel_geometry import curved_position

SAMPLES = 33  # positions along either edge of a panel's region, the edges among them


def finest_spacing(detectors, rois, sources):
    """The least 1/|scattering vector| (Angstrom) of the panels' regions (fast first, fast last, slow first, slow last) with
    any of the Sources: of a flat panel that the beam does not hit from behind, it is at a corner."""
    incident, wavelength = np.unique(sources.incident, axis=0), sources.wavelength.min()
    longest = 0.0
    for detector, (f0, f1, s0, s1) in zip(detectors, rois, strict=True):
        fdet, sdet, pix0 = (np.array(v) for v in (detector.fdet_vector, detector.sdet_vector, detector.pix0_vector))
        fast, slow = np.linspace(f0, f1 + 1, SAMPLES), np.linspace(s0, s1 + 1, SAMPLES)
        position = pix0 + detector.pixel_size * (slow[:, None, None] * sdet + fast[:, None] * fdet)
        position = position.reshape(-1, 3)
        if detector.curved:
            along = detector.distance, detector.beam_vector, detector.fdet_vector, detector.sdet_vector
            position = np.array([curved_position(tuple(each), *along) for each in position.tolist()])
        length = np.linalg.norm(position, axis=1, keepdims=True)
        diffracted = position[length[:, 0] > 0.0] / length[length[:, 0] > 0.0]
        for direction in incident:
            longest = max(longest, np.linalg.norm(diffracted - direction, axis=1).max(initial=0.0))
    return float(wavelength / max(longest, 1e-6) * 1e10)
