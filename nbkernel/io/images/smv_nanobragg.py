"""The header that nanoBragg.c writes into SMV images."""

import sys

from nbkernel.io.files.text import c_format
from nbkernel.kernels.physics.constants import RTD

HEADER_BYTES = 512
BYTE_ORDER = f"{sys.byteorder}_endian"


def smv_header(detector, wavelength, phi_start, osc, noisy=False):
    """Header bytes for a Detector, a wavelength (m), the spindle's start and range (radians). noisy: for a noise image,
    where nanoBragg.c adds 0 to DENZO's centre, so that -0 becomes 0.

    Padded to 512 bytes; a longer text moves the pixels back, as in nanoBragg.c's files.
    """
    d, pixel = detector, detector.pixel_size
    denzo = [(center + 0.0 if noisy else center) * 1000.0 for center in (d.Sbeam, d.Fbeam)]
    lines = [
        f"{{\nHEADER_BYTES={HEADER_BYTES};\nDIM=2;\nBYTE_ORDER={BYTE_ORDER};\nTYPE=unsigned_short;\n",
        c_format(
            "SIZE1=%d;\nSIZE2=%d;\nPIXEL_SIZE=%g;\nDISTANCE=%g;\n",
            d.fpixels, d.spixels, pixel * 1000.0, d.distance * 1000.0,
        ),
        c_format("WAVELENGTH=%g;\n", wavelength * 1e10),
        c_format("BEAM_CENTER_X=%g;\nBEAM_CENTER_Y=%g;\n", d.Xbeam * 1000.0, d.Ybeam * 1000),
        c_format("ADXV_CENTER_X=%g;\nADXV_CENTER_Y=%g;\n", d.Fbeam * 1000.0, (d.detsize_s - d.Sbeam) * 1000),
        c_format(
            "MOSFLM_CENTER_X=%g;\nMOSFLM_CENTER_Y=%g;\n",
            (d.Sbeam - 0.5 * pixel) * 1000.0, (d.Fbeam - 0.5 * pixel) * 1000,
        ),
        c_format("DENZO_X_BEAM=%g;\nDENZO_Y_BEAM=%g;\n", *denzo),
        # no semicolon here, as in the program
        c_format("DIALS_ORIGIN=%g,%g,%g\n", *d.dials_origin),
        c_format("XDS_ORGX=%g;\nXDS_ORGY=%g;\n", d.ORGX, d.ORGY),
        c_format("CLOSE_DISTANCE=%g;\n", d.close_distance * 1000.0),
        c_format("PHI=%g;\nOSC_START=%g;\nOSC_RANGE=%g;\n", phi_start * RTD, phi_start * RTD, osc * RTD),
        c_format("TWOTHETA=%g;\n", d.twotheta * RTD),
        "DETECTOR_SN=000;\nBEAMLINE=fake;\n}\f",
    ]  # fmt: skip
    return "".join(lines).encode().ljust(HEADER_BYTES)
