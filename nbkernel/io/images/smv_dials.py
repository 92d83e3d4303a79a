"""SMV headers that DIALS understands correctly.

nanoBragg.c's own headers contain BEAMLINE=fake, by which DIALS takes them for those of another simulator: it finds a beam
centre and a pedestal that are not the run's (docs/files/formats.md). Without it, dxtbx's FormatSMVADSC reads the file: a
flat detector head on, fast to the right, slow down as seen from the sample, spindle along fast; the centre is BEAM_CENTER_Y
along fast and BEAM_CENTER_X along slow from the first pixel's corner, the offset IMAGE_PEDESTAL, the counts per photon
GAIN. TIME is required, and DATE keeps away related formats that apply a negative oscillation twice.
"""

import numpy as np

from nbkernel.geometry.direct_beam import direct_beam
from nbkernel.kernels.physics.constants import RTD

from .smv_nanobragg import BYTE_ORDER

BLOCK = 512
HEAD_ON = 1e-6  # cosine between the beam and an axis of the detector
# dxtbx's FormatSMVADSCDBG swaps the sides of images of this size, a PILATUS 6M's
SWAPPED = (2463, 2527)


def dials_header(detector, wavelength, phi_start, osc, adc, gain):
    """Header bytes, whole blocks of 512, for a Detector, a wavelength (m), the spindle's start and range (radians), the
    offset (counts) and the counts per photon."""
    fast, slow = beam_center(detector)
    numbers = {
        "SIZE1": detector.fpixels, "SIZE2": detector.spixels, "PIXEL_SIZE": detector.pixel_size * 1000.0,
        "DISTANCE": detector.distance * 1000.0, "WAVELENGTH": wavelength * 1e10,
        "BEAM_CENTER_X": slow, "BEAM_CENTER_Y": fast, "DENZO_X_BEAM": slow, "DENZO_Y_BEAM": fast,
        "CLOSE_DISTANCE": detector.close_distance * 1000.0, "TWOTHETA": detector.twotheta * RTD, "PHI": phi_start * RTD,
        "OSC_START": phi_start * RTD, "OSC_RANGE": osc * RTD, "TIME": 1, "IMAGE_PEDESTAL": float(adc), "GAIN": float(gain),
    }  # fmt: skip
    lines = [
        "DIM=2;", f"BYTE_ORDER={BYTE_ORDER};", "TYPE=unsigned_short;",
        *(f"{name}={value:.12g};" for name, value in numbers.items()),
        "DATE=Thu Jan 01 00:00:00 1970;", "BEAMLINE=nbkernel;", "}", "\f",
    ]  # fmt: skip
    text = "\n".join(lines)
    length = -(-(len("{\nHEADER_BYTES=12345;\n") + len(text)) // BLOCK) * BLOCK
    return f"{{\nHEADER_BYTES={length:5d};\n{text}".encode().ljust(length)


def beam_center(detector):
    """(fast, slow) of the direct beam, mm from the first pixel's corner; if it misses the plane, as the flags state it."""
    center = direct_beam(detector)
    pixel = detector.pixel_size * 1000.0
    return (detector.Fbeam * 1000.0, detector.Sbeam * 1000.0) if center is None else tuple(pixel * value for value in center)


def unsaid_lines(detector, osc):
    """Lines about what such a header cannot say of a Detector and a range of the spindle (radians)."""
    fdet, sdet, beam, spindle = (
        np.array(vector, np.float64)
        for vector in (detector.fdet_vector, detector.sdet_vector, detector.beam_vector, detector.spindle_vector)
    )
    beam, spindle = (vector / (np.linalg.norm(vector) or 1.0) for vector in (beam, spindle))
    if max(abs(fdet @ beam), abs(sdet @ beam)) > HEAD_ON:
        yield "the detector is tilted or swung, but DIALS will take it head on: a header of SMV has no words for it"
    if detector.curved:
        yield "the detector is curved, but DIALS will take it as flat"
    if np.cross(fdet, sdet) @ beam < 0.0:
        yield "fast x slow points against the beam, so DIALS will see the image mirrored"
    if osc != 0.0 and not fdet @ spindle > 1.0 - HEAD_ON:
        yield "the spindle is not along fast, where DIALS will take it to be"
    if (detector.fpixels, detector.spixels) == SWAPPED:
        yield f"DIALS swaps the sides of SMV images of {SWAPPED[0]} x {SWAPPED[1]} pixels"
