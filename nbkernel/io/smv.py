"""SMV images: a header of KEYWORD=value; in braces, then uint16 pixels.

Header keywords are found as nanoBragg.c finds them: by substring, the last occurrence counts.
"""

import math
import re
from dataclasses import dataclass

import numpy as np

from nbkernel.errors import InputError
from nbkernel.kernels.constants import RTD

from .opening import read_bytes
from .text import c_format

HEADER_BYTES = 512
BYTE_ORDER = "little_endian" if np.little_endian else "big_endian"
NUMBER = re.compile(r"\s*[-+]?(\d+\.?\d*([eE][-+]?\d+)?|\.\d+([eE][-+]?\d+)?|inf|nan)", re.IGNORECASE)


@dataclass(frozen=True)
class SMVImage:
    """width, height in pixels; header text; pixels (height * width,) uint16 in file order and native byte order."""

    width: int
    height: int
    header: str
    pixels: np.ndarray

    def value_of(self, keyword):
        """Number behind the last occurrence of `keyword`, None where there is none."""
        return value_of(self.header, keyword)


def value_of(header, keyword):
    position = header.rfind(keyword)
    if position < 0:
        return None
    equals = header.find("=", position + len(keyword))
    if equals < 0:
        return 0.0
    match = NUMBER.match(header, equals + 1)
    return float(match.group()) if match else 0.0


def read_smv(flag, path):
    """SMVImage of a file. Raises InputError where it is no SMV image or has fewer pixels than it says."""
    content = read_bytes(flag, path)
    if not content.startswith(b"{\nHEADER_BYT"):
        raise InputError(f"{flag}: {path} is not an SMV image (its header must begin with HEADER_BYTES)")
    header = header_text(content[:HEADER_BYTES])
    header_bytes = int(value_of(header, "HEADER_BYTES") or 0)
    if not 0 < header_bytes <= len(content):
        raise InputError(f"{flag}: {path} is truncated: its header of {header_bytes} bytes is not whole")
    header = header_text(content[:header_bytes])
    width, height = (finite_int(value_of(header, keyword)) for keyword in ("SIZE1", "SIZE2"))
    if width == 0:
        width = height = finite_int(value_of(header, "DETECTOR_DIMENSIONS"))
    if width <= 0 or height <= 0:
        raise InputError(f"{flag}: {path} gives no size; its header needs SIZE1 and SIZE2 greater than 0")
    needed = header_bytes + 2 * width * height
    if len(content) < needed:
        raise InputError(f"{flag}: {path} is truncated: {len(content)} bytes, {width} x {height} pixels need {needed}")
    pixels = np.frombuffer(content, np.uint16, width * height, offset=header_bytes // 2 * 2)
    return SMVImage(width, height, header, pixels)


def header_text(raw):
    return raw.split(b"\0", 1)[0].decode("latin-1")


def finite_int(value):
    return int(value) if value is not None and math.isfinite(value) else 0


def experiment_fields(image, is_mask):
    """What a header says of the experiment, as Experiment's fields. A mask's beam centre counts from the far edge."""
    fields = {"detpixels_f": image.width, "detpixels_s": image.height}
    for keyword, field in (
        ("PIXEL_SIZE", "pixel"),
        ("DISTANCE", "distance"),
        ("CLOSE_DISTANCE", "close_distance"),
        ("WAVELENGTH", "wavelength"),
        ("BEAM_CENTER_X", "Xbeam"),
        ("BEAM_CENTER_Y", "Ybeam"),
        ("ORGX", "ORGX"),
        ("ORGY", "ORGY"),
        ("PHI", "phi"),
        ("OSC_RANGE", "osc"),
    ):
        value = image.value_of(keyword)
        if value is not None and not math.isnan(value):
            fields[field] = value
    if is_mask and "Ybeam" in fields:
        detsize_s = fields.get("pixel", 0.1) / 1000.0 * image.height
        fields["Ybeam_from_far_edge"] = (detsize_s, fields.pop("Ybeam"))
    return fields


def smv_header(detector, wavelength, phi0, osc):
    """Header bytes for a Detector, a wavelength (m), the spindle's start and range (radians).

    Padded up to 512 bytes; a longer text pushes the pixels back, as in nanoBragg.c's files.
    """
    d, pixel = detector, detector.pixel_size
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
        c_format("DENZO_X_BEAM=%g;\nDENZO_Y_BEAM=%g;\n", d.Sbeam * 1000.0, d.Fbeam * 1000),
        # no semicolon here: part of byte identity
        c_format("DIALS_ORIGIN=%g,%g,%g\n", *d.dials_origin),
        c_format("XDS_ORGX=%g;\nXDS_ORGY=%g;\n", d.ORGX, d.ORGY),
        c_format("CLOSE_DISTANCE=%g;\n", d.close_distance * 1000.0),
        c_format("PHI=%g;\nOSC_START=%g;\nOSC_RANGE=%g;\n", phi0 * RTD, phi0 * RTD, osc * RTD),
        c_format("TWOTHETA=%g;\n", d.twotheta * RTD),
        "DETECTOR_SN=000;\nBEAMLINE=fake;\n}\f",
    ]  # fmt: skip
    return "".join(lines).encode().ljust(HEADER_BYTES)
