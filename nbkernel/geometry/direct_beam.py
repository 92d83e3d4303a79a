"""Where the direct beam meets a detector."""

import numpy as np


def direct_beam(detector):
    """(fast, slow) in pixels, from the corner of the first pixel, where the beam meets the detector; None if it misses."""
    fdet, sdet, beam, pix0 = vectors(detector)
    try:
        if detector.curved:
            F, S = np.linalg.solve(np.stack((fdet, sdet), axis=1)[1:], -pix0[1:])
        else:
            F, S, path = np.linalg.solve(np.stack((fdet, sdet, -beam), axis=1), -pix0)
            if path <= 0.0:
                return None
    except np.linalg.LinAlgError:
        return None
    return float(F) / detector.pixel_size, float(S) / detector.pixel_size


def vectors(detector):
    return (
        np.array(vector, np.float64)
        for vector in (detector.fdet_vector, detector.sdet_vector, detector.beam_vector, detector.pix0_vector)
    )
