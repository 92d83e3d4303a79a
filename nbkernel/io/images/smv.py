"""SMV images: a header, see `smv_header`, then pixels.

What a header states about the experiment is found as in nanoBragg.c: by substring, and the last occurrence counts.
"""

import math
from typing import NamedTuple

import numpy as np

from nbkernel.io.files.opening import read_bytes

from .image import Image
from .smv_header import NUMBER, SMVHeader, parse_header, shown

# keyword: the Experiment's field
FIELDS = {
    "PIXEL_SIZE": "pixel", "DISTANCE": "distance", "CLOSE_DISTANCE": "close_distance", "WAVELENGTH": "wavelength",
    "BEAM_CENTER_X": "Xbeam", "BEAM_CENTER_Y": "Ybeam", "ORGX": "ORGX", "ORGY": "ORGY", "PHI": "phi", "OSC_RANGE": "osc",
}  # fmt: skip
# in nanoBragg.c's own headers: what it finds instead of a keyword
ALSO = {"DISTANCE": ("CLOSE_DISTANCE",), "ORGX": ("XDS_ORGX",), "ORGY": ("XDS_ORGY",)}


class SMVImage(NamedTuple):
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
    pedestal = first_number(smv.header.keywords.get("IMAGE_PEDESTAL", "")) if whole else None
    return Image(path, "SMV", pixels.astype(np.float32), whole, center, path, stated, saturated, pedestal=pedestal)


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
