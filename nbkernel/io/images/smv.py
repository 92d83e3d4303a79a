"""SMV images: a header, see `smv_header`, then pixels.

What a header states about the experiment is found as in nanoBragg.c: by substring, and the last occurrence counts.
"""

import math
from dataclasses import dataclass

import numpy as np

from nbkernel.io.files.opening import read_bytes
from nbkernel.io.files.text import c_format
from nbkernel.kernels.physics.constants import RTD

from .image import Image
from .smv_header import NUMBER, SMVHeader, parse_header, shown

HEADER_BYTES = 512
# keyword: the Experiment's field
FIELDS = {
    "PIXEL_SIZE": "pixel", "DISTANCE": "distance", "CLOSE_DISTANCE": "close_distance", "WAVELENGTH": "wavelength",
    "BEAM_CENTER_X": "Xbeam", "BEAM_CENTER_Y": "Ybeam", "ORGX": "ORGX", "ORGY": "ORGY", "PHI": "phi", "OSC_RANGE": "osc",
}  # fmt: skip
# in nanoBragg.c's own headers: what it finds instead of a keyword
ALSO = {"DISTANCE": ("CLOSE_DISTANCE",), "ORGX": ("XDS_ORGX",), "ORGY": ("XDS_ORGY",)}
BYTE_ORDER = "little_endian" if np.little_endian else "big_endian"


@dataclass(frozen=True)
class SMVImage:
    """pixels: (height * width,) in file order and native byte order; program_pixels: the uint16 that
    nanoBragg.c takes for them, which begin elsewhere; None if they are the same."""

    header: SMVHeader
    pixels: np.ndarray
    program_pixels: np.ndarray | None

    @property
    def width(self):
        return self.header.width

    @property
    def height(self):
        return self.header.height

    def is_misread(self):
        """Whether nanoBragg.c finds zeros in other places."""
        return self.program_pixels is not None and bool(((self.program_pixels == 0) != (self.pixels == 0)).any())

    def experiment_fields(self, is_mask=False):
        return experiment_fields(self.header.text, (self.height, self.width), is_mask)


def value_of(text, keyword):
    """Number after the last occurrence of `keyword` in a header's text, None if there is none."""
    position = text.rfind(keyword)
    if position < 0:
        return None
    equals = text.find("=", position + len(keyword))
    if equals < 0:
        return 0.0
    return first_number(text, equals + 1)


def first_number(text, start=0):
    """The number at a position of a text; 0 if there is none, as in C's atof."""
    match = NUMBER.match(text, start)
    return float(match.group()) if match else 0.0


def read_smv(flag, path):
    """The SMVImage in a file. Raises InputError if it is not an SMV image, or cannot be read, see `parse_header`."""
    content = read_bytes(flag, path)
    header = parse_header(flag, path, content)
    count, kind = header.width * header.height, header.kind
    pixels = np.frombuffer(content, kind, count, offset=header.start)
    pixels = uncompressed(pixels.astype(kind.newbyteorder("="), copy=False), header.ratio)
    # the program counts 16-bit words from the file's first byte
    first = header.stated // 2 * 2
    if first == header.start or kind.itemsize != 2:
        return SMVImage(header, pixels, None)
    return SMVImage(header, pixels, np.frombuffer(content, np.uint16, count, offset=first))


def read_smv_image(command, path):
    """The Image in an SMV file. Raises InputError, starting with `command`, for a file that cannot be read."""
    smv = read_smv(command, path)
    pixels = smv.pixels.reshape(smv.height, smv.width)
    whole = pixels.dtype.kind in "iu"
    saturated = float(np.iinfo(pixels.dtype).max) if whole else math.inf
    center, stated = beam_center_of_header(smv.header.text), smv.experiment_fields()
    return Image(path, "SMV", pixels.astype(np.float32), whole, center, path, stated, saturated)


def beam_center_of_header(text):
    """(fast, slow) of the direct beam in pixels from a header's text: DENZO_Y_BEAM and DENZO_X_BEAM, else BEAM_CENTER_Y and
    _X in MOSFLM's convention; None if these or the pixel size are missing."""
    pixel = value_of(text, "PIXEL_SIZE")
    if not pixel or not math.isfinite(pixel):
        return None
    for fast, slow, offset in (("DENZO_Y_BEAM", "DENZO_X_BEAM", 0.0), ("BEAM_CENTER_Y", "BEAM_CENTER_X", 0.5)):
        center = tuple(value_of(text, keyword) for keyword in (fast, slow))
        if all(value is not None and math.isfinite(value) for value in center):
            return tuple(value / pixel + offset for value in center)
    return None


def uncompressed(pixels, ratio):
    """R-AXIS's 16-bit pixels: if the highest bit is set, the others count `ratio` times."""
    if ratio == 1 or pixels.itemsize != 2:
        return pixels
    low = (pixels.view(np.uint16) & 0x7FFF).astype(np.int32)
    return np.where(pixels.view(np.int16) < 0, ratio * low, low)


def experiment_fields(text, shape, is_mask=False):
    """What a header's text states about the experiment, as Experiment's fields; shape: (slow, fast). A mask's beam centre
    counts from the far edge."""
    fields = {"detpixels_f": shape[1], "detpixels_s": shape[0]}
    for keyword, field in FIELDS.items():
        value = value_of(text, keyword)
        if value is not None and not math.isnan(value):
            fields[field] = value
    if is_mask and "Ybeam" in fields:
        detsize_s = fields.get("pixel", 0.1) / 1000.0 * shape[0]
        fields["Ybeam_from_far_edge"] = (detsize_s, fields.pop("Ybeam"))
    return fields


def stray_lines(flag, path, header, wanted):
    """Lines about those of the wanted Experiment's fields that nanoBragg.c finds within another keyword of a header's
    text."""
    for keyword, field in FIELDS.items():
        found = value_of(header.text, keyword)
        own = [header.keywords[name] for name in (keyword, *ALSO.get(keyword, ())) if name in header.keywords]
        if field not in wanted or found is None or math.isnan(found) or any(first_number(text) == found for text in own):
            continue
        stated = f"that keyword itself says {shown(own[0])}" if own else "there is no such keyword by itself"
        yield (
            f"{flag} {path}: {keyword} is taken as {found:g}, from where its letters stand last in the header, as "
            f"nanoBragg.c takes it; {stated}; a flag of yours wins over it"
        )


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
