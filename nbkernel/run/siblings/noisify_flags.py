"""noisify.c's flags, and what they set. As in nanoBragg.c, each spelling is looked for within an argument."""

from dataclasses import dataclass

from nbkernel.errors import InputError
from nbkernel.experiment.arguments import parse_flags
from nbkernel.experiment.flags import BEAM, DETECTOR, OUTPUT, SPINDLE, flag
from nbkernel.support.validation import convert_fields, with_unit

NOISE, SPREAD = "Noise and counts", "Point spread"
GROUPS = (NOISE, SPREAD, OUTPUT, DETECTOR, BEAM, SPINDLE)
HEADER = "; only for the headers of the images"

FLAGS = (
    flag("-lambda", "float", "wavelength", BEAM, f"wavelength{HEADER}", "A", "1"),
    flag("-Xbeam", "float", "Xbeam", DETECTOR, f"direct beam{HEADER}", "mm", "centre"),
    flag("-Ybeam", "float", "Ybeam", DETECTOR, f"direct beam{HEADER}", "mm", "centre"),
    flag("-distance", "float", "distance", DETECTOR, f"sample to detector{HEADER}", "mm", "100"),
    flag("-detsize", "float", "", DETECTOR, "has no effect: the pixels of the float file decide", "mm"),
    flag("-detpixels", "int", "detpixels_f detpixels_s", DETECTOR, "pixels along each edge", exact=True),
    flag("-detpixels_x", "int", "detpixels_f", DETECTOR, "pixels along fast", default="by the float file"),
    flag("-detpixels_y", "int", "detpixels_s", DETECTOR, "pixels along slow", default="by the float file"),
    flag("-pixel", "float", "pixel", DETECTOR, "edge of a pixel", "mm", "0.1"),
    flag("-psf", "psf", "psf", SPREAD, "gauss or fiber: the form of the point spread", default="none", exact=True),
    flag("-psf_rad", "truncated", "psf_radius", SPREAD, "radius of the point spread; 0: automatic", "pixels", "0"),
    flag("-psf_si -psf_fw -psf_wi", "float", "psf_fwhm", SPREAD, "its full width at half maximum", "um", "46"),
    flag("-fluence", "float", "fluence", BEAM, "photons per unit area, a factor on the float file", "1/m2", "1.25932e29"),
    flag("-floatfile -floatimage -bin", "text", "floatfile", OUTPUT, "what is read: photons, float32, SMV or HDF5", "file"),
    flag("-header", "text", "header", OUTPUT, "SMV image whose header is taken over", "file"),
    flag("-pgmfile -pgmimage", "text", "pgmfile", OUTPUT, "the noiseless image, 8-bit grey", "file", "image.pgm"),
    flag("-intfile -intimage", "text", "intfile", OUTPUT, "the noiseless image, SMV", "file", "intimage.img"),
    flag("-bits", "int", "bits", OUTPUT, "16 or 32: of a pixel of the SMV images", default="16"),
    flag("-noisefile -noiseimage", "text", "noisefile", OUTPUT, "the image with noise, SMV", "file", "noiseimage.img"),
    flag("-nonoise", "none", "", OUTPUT, "no noise image; point spread is in the noiseless one", also={"noise": False}),
    flag("-nopgm", "none", "", OUTPUT, "no PGM image", also={"pgm": False}),
    flag("-readout -readnoi", "float", "readout_noise", NOISE, "standard deviation of the read-out noise", "counts", "0"),
    flag("-flicker", "float", "flicker", NOISE, "relative standard deviation of the beam, pixel by pixel", default="0"),
    flag("-calibration", "float", "calibration", NOISE, "relative standard deviation of pixels' gains", default="0.03"),
    flag("-scale", "float", "scale", NOISE, "factor on the float file", default="1"),
    flag("-seed", "int", "seed", NOISE, "seed of all but the calibration", default="random, printed"),
    flag("-calib_seed", "int", "calib_seed", NOISE, "seed of the calibration", default="-123456789"),
    flag("-badpix_seed -hotpix_seed", "int", "", NOISE, "has no effect"),
    flag("-adc", "float", "adc", NOISE, "offset of all images", "counts", "40"),
    flag("-gain", "float", "gain", NOISE, "counts of a photon", "counts", "1"),
    flag("-phi", "float", "phi", SPINDLE, f"start of the rotation{HEADER}", "deg", "0"),
    flag("-osc", "float", "osc", SPINDLE, f"range of the rotation{HEADER}", "deg", "1"),
)  # fmt: skip
FILE_FLAGS = tuple(spelling for entry in FLAGS if entry.kind == "text" for spelling in entry.spellings)
# an argument with this name in it needs no flag
NAMED_ALONE = "floatimage.bin"


@dataclass(frozen=True)
class Noisify:
    """One run of noisify.c, with its units. None: by the float file, the header or the default."""

    floatfile: str | None = None
    header: str | None = None
    intfile: str = "intimage.img"
    pgmfile: str = "image.pgm"
    noisefile: str = "noiseimage.img"
    pgm: bool = True
    noise: bool = True
    bits: int = 16
    detpixels_f: int | None = None
    detpixels_s: int | None = None
    pixel: float | None = with_unit(None, "mm")
    distance: float | None = with_unit(None, "mm")
    Xbeam: float | None = with_unit(None, "mm")
    Ybeam: float | None = with_unit(None, "mm")
    wavelength: float | None = with_unit(None, "Angstrom")
    phi: float = with_unit(0.0, "degrees")
    osc: float = with_unit(1.0, "degrees")
    psf: str | None = None  # gauss or fiber
    psf_fwhm: float = with_unit(46.0, "micrometres")
    psf_radius: int = with_unit(0, "pixels")  # 0: automatic
    fluence: float = with_unit(125932015286227086360700780544.0, "1/m2")
    scale: float = 1.0
    flicker: float = 0.0
    calibration: float = 0.03
    readout_noise: float = with_unit(0.0, "counts")
    gain: float = with_unit(1.0, "counts")
    adc: float = with_unit(40.0, "counts")
    seed: int | None = None
    calib_seed: int = -123456789

    def __post_init__(self):
        convert_fields(self)
        if self.floatfile is None:
            raise InputError("noisify: needs -floatfile FILE, the image that gets noise; see nbkernel noisify -h")
        if self.bits not in (16, 32):
            raise InputError(f"-bits: needs 16 or 32, not {self.bits}")
        for name, flag_name in (("detpixels_f", "-detpixels_x"), ("detpixels_s", "-detpixels_y")):
            if getattr(self, name) is not None and getattr(self, name) < 0:
                raise InputError(f"{flag_name}: needs a number of pixels, not {getattr(self, name)}")
        if self.pixel is not None and not self.pixel > 0.0:
            raise InputError(f"-pixel: needs an edge in mm greater than 0, not {self.pixel:g}")
        if self.gain == 0.0:
            raise InputError("-gain: is 0, with which no photon is seen; need the counts of a photon")
        for name, flag_name in (
            ("psf_fwhm", "-psf_fwhm"), ("psf_radius", "-psf_radius"), ("flicker", "-flicker"),
            ("calibration", "-calibration"), ("readout_noise", "-readout_noise"),
        ):  # fmt: skip
            if getattr(self, name) < 0:
                raise InputError(f"{flag_name}: needs a number of at least 0, not {getattr(self, name):g}")


def parse_noisify(argv):
    """(Noisify, warnings) of noisify.c's flags. Raises InputError for a missing or unusable value."""
    words = []
    for position, word in enumerate(argv):
        belongs = position > 0 and any(spelling in argv[position - 1] for spelling in FILE_FLAGS)
        words += ["-floatfile", word] if NAMED_ALONE in word and not belongs else [word]
    parsed = parse_flags(words, table=FLAGS)
    return Noisify(**parsed.settings), parsed.warnings
