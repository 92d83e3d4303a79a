"""nonBragg.c's flags, and what they set. As in nanoBragg.c, each spelling is looked for within an argument."""

import math
from dataclasses import dataclass

from nbkernel.errors import InputError
from nbkernel.experiment.arguments import parse_flags
from nbkernel.experiment.flags import BEAM, BEAM_PIVOT, DETECTOR, GEOMETRY, OUTPUT, SAMPLE_PIVOT, SAMPLING, SPINDLE, flag
from nbkernel.support.validation import convert_fields, with_unit

MATERIAL = "Material"
GROUPS = (MATERIAL, BEAM, DETECTOR, GEOMETRY, SAMPLING, OUTPUT, SPINDLE)
# of the first column of a stol table to 1/m
STOL, FOUR_STOL, Q = 1e10, 1e10 / 4, 1e10 / math.pi / 4

FLAGS = (
    flag("-samplesize -sample_size", "float", "sample_x sample_y sample_z", MATERIAL, "edge of the sample", "mm", "0.1"),
    flag("-sample_thick -sample_x -thick", "float", "sample_x", MATERIAL, "sample along the beam", "mm", "0.1"),
    flag("-sample_width -sample_y -width", "float", "sample_y", MATERIAL, "sample across, cut to -beamsize", "mm", "0.1"),
    flag("-sample_heigh -sample_z -heigh", "float", "sample_z", MATERIAL, "sample across, cut to -beamsize", "mm", "0.1"),
    flag("-density -sample_den", "float", "density", MATERIAL, "density", "g/cm3", "1"),
    flag("-molecules -sample_molecules", "float", "molecules", MATERIAL, "number of molecules", default="by the density"),
    flag("-MW", "float", "molecular_weight", MATERIAL, "molecular weight", "g/mol", "18", exact=True),
    flag("-molecular", "float", "molecular_weight", MATERIAL, "the same as -MW", "g/mol", "18"),
    flag("-Xbeam", "float", "Xbeam", DETECTOR, "direct beam, fast", "mm", "centre", also=BEAM_PIVOT),
    flag("-Ybeam", "float", "Ybeam", DETECTOR, "direct beam, slow", "mm", "centre", also=BEAM_PIVOT),
    flag("-Xclose", "float", "Xclose", DETECTOR, "nearest point, fast", "mm", "centre", also=SAMPLE_PIVOT),
    flag("-Yclose", "float", "Yclose", DETECTOR, "nearest point, slow", "mm", "centre", also=SAMPLE_PIVOT),
    flag("-ORGX", "float", "ORGX", DETECTOR, "nearest point, fast", "pixels", "centre", also=SAMPLE_PIVOT),
    flag("-ORGY", "float", "ORGY", DETECTOR, "nearest point, slow", "pixels", "centre", also=SAMPLE_PIVOT),
    flag("-pivot", "pivot", "pivot", GEOMETRY, "beam or sample: what rotations keep", default="beam"),
    flag("-fdet_vector", "float", "fdet_vector", GEOMETRY, "direction of fast", default="0 0 1", count=3),
    flag("-sdet_vector", "float", "sdet_vector", GEOMETRY, "direction of slow", default="0 -1 0", count=3),
    flag("-odet_vector", "float", "", GEOMETRY, "has no effect: the normal is fast x slow", count=3),
    flag("-beam_vector", "float", "beam_vector", GEOMETRY, "direction of the beam", default="1 0 0", count=3),
    flag("-polar_vector", "float", "polar_vector", GEOMETRY, "direction of the electric field", default="0 0 1", count=3),
    flag("-spindle_axis", "float", "", GEOMETRY, "has no effect", count=3),
    flag("-twotheta_axis", "float", "twotheta_axis", GEOMETRY, "axis of -twotheta", default="0 1 0", count=3),
    flag("-pix0_vector", "float", "", GEOMETRY, "has no effect", count=3),
    flag("-distance", "float", "distance", DETECTOR, "sample to detector along the beam", "mm", "100", also=BEAM_PIVOT),
    flag(
        "-close_distance", "float", "close_distance", DETECTOR, "sample to detector along its normal", "mm", "by -distance",
        also=SAMPLE_PIVOT,
    ),
    flag("-source_distance", "float", "", BEAM, "has no effect: only directions count", "mm"),
    flag("-twotheta", "float", "twotheta", GEOMETRY, "swing of the detector", "deg", "0", also=SAMPLE_PIVOT),
    flag("-detector_rotx", "float", "detector_rotx", GEOMETRY, "rotation of the detector about x", "deg", "0"),
    flag("-detector_roty", "float", "detector_roty", GEOMETRY, "rotation of the detector about y", "deg", "0"),
    flag("-detector_rotz", "float", "detector_rotz", GEOMETRY, "rotation of the detector about z", "deg", "0"),
    flag("-detsize", "float", "detsize_f detsize_s", DETECTOR, "edge of the detector", "mm", "102.4", exact=True),
    flag("-detsize_x", "float", "detsize_f", DETECTOR, "width of the detector (fast)", "mm", "102.4"),
    flag("-detsize_y", "float", "detsize_s", DETECTOR, "height of the detector (slow)", "mm", "102.4"),
    flag("-detpixels", "int", "detpixels_f detpixels_s", DETECTOR, "pixels along each edge", exact=True),
    flag("-detpixels_f -detpixels_x", "int", "detpixels_f", DETECTOR, "pixels along fast", default="by -detsize"),
    flag("-detpixels_s -detpixels_y", "int", "detpixels_s", DETECTOR, "pixels along slow", default="by -detsize"),
    flag(
        "-curved_det", "curved", "", DETECTOR, "spherical detector of radius -distance (not as the last argument)",
        also={"curved_detector": True},
    ),
    flag("-pixel", "float", "pixel", DETECTOR, "edge of a pixel", "mm", "0.1"),
    flag("-point_pixel", "none", "", DETECTOR, "solid angle 1/r^2, without area and obliquity", also={"point_pixel": True}),
    flag("-Fmap", "none", "", OUTPUT, "the structure factor in place of photons", also={"plot_F": True}),
    flag("-polar", "float", "polarization", BEAM, "Kahn's factor", default="0", exact=True, also={"nopolar": False}),
    flag("-nopolar", "none", "", BEAM, "no polarisation factor", also={"nopolar": True}),
    flag("-oversample", "int", "oversample", SAMPLING, "sub-pixels along each edge of a pixel", default="1"),
    flag("-roi", "int", "roi", SAMPLING, "only fast first, last, slow first, last", "pixels", "all", count=4),
    flag("-lambda -wave", "float", "wavelength", BEAM, "wavelength", "A", "1"),
    flag("-energy", "energy", "wavelength", BEAM, "photon energy instead of the wavelength", "eV"),
    flag("-fluence", "float", "fluence", BEAM, "photons per unit area", "1/m2", "1.25932e29"),
    flag("-flux", "float", "flux", BEAM, "photons per second; with -exposure and -beamsize, the fluence", "1/s", "0"),
    flag("-exposure", "float", "exposure", BEAM, "time of the exposure", "s", "1"),
    flag("-beamsize", "float", "beamsize", BEAM, "edge of the beam", "mm", "0.1"),
    flag("-dispersion", "float", "dispersion", BEAM, "full spread of the wavelength", "%", "0"),
    flag("-dispsteps", "int", "dispsteps", BEAM, "number of wavelengths in -dispersion", default="2 with a spread"),
    flag("-divergence", "float", "hdivrange vdivrange", BEAM, "full divergence, both directions", "mrad", "0"),
    flag("-hdivrange", "float", "hdivrange", BEAM, "divergence along the electric field", "mrad", "0"),
    flag("-vdivrange", "float", "vdivrange", BEAM, "divergence across it", "mrad", "0"),
    flag("-hdivstep", "float", "hdivstep", BEAM, "step of -hdivrange", "mrad", exact=True),
    flag("-hdivsteps", "int", "hdivsteps", BEAM, "number of steps of -hdivrange", default="2 with a range"),
    flag("-vdivstep", "float", "vdivstep", BEAM, "step of -vdivrange", "mrad", exact=True),
    flag("-vdivsteps", "int", "vdivsteps", BEAM, "number of steps of -vdivrange", default="2 with a range"),
    flag("-divsteps", "int", "hdivsteps vdivsteps", BEAM, "number of steps, both directions"),
    flag("-round_div", "none", "", BEAM, "clip the divergence to an ellipse", default="yes", also={"round_div": True}),
    flag("-square_div", "none", "", BEAM, "keep the corners of the divergence", also={"round_div": False}),
    flag("-adc", "float", "adc", OUTPUT, "offset of the integer images", "counts", "40"),
    flag("-gain", "float", "", OUTPUT, "has no effect without -img"),
    flag("-phi", "float", "phi", SPINDLE, "start of the rotation, only for the headers", "deg", "0", exact=True),
    flag("-osc", "float", "osc", SPINDLE, "range of the rotation, only for the headers", "deg", "0"),
    flag("-phistep", "float", "phistep", SPINDLE, "step of the rotation, only for the headers", "deg", exact=True),
    flag("-phisteps", "int", "phisteps", SPINDLE, "number of steps, only for the headers"),
    flag("-img", "text", "img", OUTPUT, "is refused: no stol table is made from an image", "file"),
    flag("-ignore", "int", "", OUTPUT, "has no effect without -img"),
    flag("-stolout", "text", "", OUTPUT, "has no effect without -img", "file"),
    flag("-stol", "text", "stol", MATERIAL, "sin(theta)/lambda (1/A) and F", "file", exact=True, also={"scale": STOL}),
    flag("-4stol", "text", "stol", MATERIAL, "4 sin(theta)/lambda and F", "file", exact=True, also={"scale": FOUR_STOL}),
    flag("-Q", "text", "stol", MATERIAL, "4 pi sin(theta)/lambda and F", "file", exact=True, also={"scale": Q}),
    flag("-sourcefile", "text", "sourcefile", BEAM, "sources: x y z weight wavelength (m)", "file"),
    flag("-floatfile -floatimage", "text", "floatfile", OUTPUT, "photons, float32", "file", "floatimage.bin"),
    flag("-intfile -intimage", "text", "intfile", OUTPUT, "scaled image, SMV", "file", "intimage.img"),
    flag("-pgmfile -pgmimage", "text", "pgmfile", OUTPUT, "8-bit grey image", "file", "image.pgm"),
    flag("-noisefile -noiseimage", "text", "noisefile", OUTPUT, "SMV with noise", "file", "noiseimage.img",
         also={"noise": True}),
    flag("-nonoise", "none", "", OUTPUT, "no noise image", also={"noise": False}),
    flag("-nopgm -noreject -coherent -printout -noprogress -progress", "none", "", OUTPUT, "has no effect"),
    flag("-scale", "float", "intfile_scale", OUTPUT, "factor of -intfile", default="55000 for the largest"),
    flag("-pgmscale", "float", "pgm_scale", OUTPUT, "factor of -pgmfile", default="by the spread"),
    flag("-printout_pixel", "int", "", OUTPUT, "has no effect", count=2),
    flag("-seed", "int", "seed", OUTPUT, "seed of the noise", default="random, printed"),
)  # fmt: skip


@dataclass(frozen=True)
class Background:
    """One run of nonBragg.c, with its units. None: by other values or the default."""

    fix = frozenset()  # nonBragg.c's own sources

    stol: str | None = None
    scale: float = STOL
    img: str | None = None
    sample_x: float = with_unit(0.1, "mm")
    sample_y: float = with_unit(0.1, "mm")
    sample_z: float = with_unit(0.1, "mm")
    density: float = with_unit(1.0, "g/cm^3")
    molecules: float = 0.0
    molecular_weight: float = with_unit(18.0, "g/mol")
    wavelength: float = with_unit(1.0, "Angstrom")
    fluence: float = with_unit(125932015286227086360700780544.0, "1/m2")
    flux: float = with_unit(0.0, "1/s")
    exposure: float = with_unit(1.0, "s")
    beamsize: float = with_unit(0.1, "mm")
    polarization: float = 0.0
    nopolar: bool = False
    dispersion: float = with_unit(0.0, "percent")
    dispsteps: int | None = None
    hdivrange: float | None = with_unit(None, "mrad")
    hdivstep: float | None = with_unit(None, "mrad")
    hdivsteps: int | None = None
    vdivrange: float | None = with_unit(None, "mrad")
    vdivstep: float | None = with_unit(None, "mrad")
    vdivsteps: int | None = None
    round_div: bool = True
    sourcefile: str | None = None
    detsize_f: float = with_unit(102.4, "mm")
    detsize_s: float = with_unit(102.4, "mm")
    detpixels_f: int | None = None
    detpixels_s: int | None = None
    pixel: float = with_unit(0.1, "mm")
    distance: float = with_unit(100.0, "mm")
    close_distance: float | None = with_unit(None, "mm")
    Xbeam: float | None = with_unit(None, "mm")
    Ybeam: float | None = with_unit(None, "mm")
    Xclose: float | None = with_unit(None, "mm")
    Yclose: float | None = with_unit(None, "mm")
    ORGX: float | None = with_unit(None, "pixels")
    ORGY: float | None = with_unit(None, "pixels")
    pivot: str = "beam"
    fdet_vector: tuple[float, float, float] = (0.0, 0.0, 1.0)
    sdet_vector: tuple[float, float, float] = (0.0, -1.0, 0.0)
    beam_vector: tuple[float, float, float] = (1.0, 0.0, 0.0)
    polar_vector: tuple[float, float, float] = (0.0, 0.0, 1.0)
    twotheta_axis: tuple[float, float, float] = (0.0, 1.0, 0.0)
    twotheta: float = with_unit(0.0, "degrees")
    detector_rotx: float = with_unit(0.0, "degrees")
    detector_roty: float = with_unit(0.0, "degrees")
    detector_rotz: float = with_unit(0.0, "degrees")
    curved_detector: bool = False
    point_pixel: bool = False
    oversample: int = 1
    roi: tuple[int, int, int, int] = (-1, -1, -1, -1)
    plot_F: bool = False
    phi: float = with_unit(0.0, "degrees")
    osc: float | None = with_unit(None, "degrees")
    phistep: float | None = with_unit(None, "degrees")
    phisteps: int | None = None
    adc: float = with_unit(40.0, "counts")
    intfile_scale: float = 0.0
    pgm_scale: float = 0.0
    floatfile: str = "floatimage.bin"
    intfile: str = "intimage.img"
    pgmfile: str = "image.pgm"
    noisefile: str = "noiseimage.img"
    noise: bool = True
    seed: int | None = None

    def __post_init__(self):
        convert_fields(self)
        if self.img is not None:
            raise InputError("-img: no stol table is made from an image here; leave it out")
        if self.stol is None:
            raise InputError("background: needs -stol FILE, the material's structure factor; see nbkernel background -h")
        for name, flag_name in (
            ("pixel", "-pixel"), ("wavelength", "-lambda"), ("molecular_weight", "-MW"), ("sample_x", "-sample_x"),
            ("sample_y", "-sample_y"), ("sample_z", "-sample_z"),
        ):  # fmt: skip
            if not getattr(self, name) > 0.0:
                raise InputError(f"{flag_name}: needs a number greater than 0, not {getattr(self, name):g}")
        for name in ("density", "molecules", "fluence", "flux"):
            if not getattr(self, name) >= 0.0:
                raise InputError(f"-{name}: needs a number of at least 0, not {getattr(self, name):g}")
        for name, flag_name in (("detpixels_f", "-detpixels_x"), ("detpixels_s", "-detpixels_y")):
            if getattr(self, name) is not None and getattr(self, name) < 0:
                raise InputError(f"{flag_name}: needs a number of pixels, not {getattr(self, name)}")


def parse_background(argv):
    """(Background, warnings) of nonBragg.c's flags. Raises InputError for a missing or unusable value."""
    parsed = parse_flags(argv, table=FLAGS)
    return Background(**parsed.settings), parsed.warnings
