"""nanoBragg.c's single-dash flags: one table of spellings, match rules, values, units and the settings that they change.

The program looks for each spelling as a substring of the argument, in the order of this table; some spellings must be the
complete argument. One argument can match several flags. A few matches end the search.
"""

from typing import NamedTuple


class Flag(NamedTuple):
    """A single-dash flag: a row of the table."""

    spellings: tuple  # alternative names
    kind: str  # float, int, or a key of READERS in nbkernel.experiment.arguments
    value_count: int
    sets: tuple  # names of settings that get the value(s)
    also: dict  # further settings
    group: str
    unit: str
    default: str
    help: str
    exact: bool  # the spelling must be the complete argument
    ends: bool  # no later flag is tried on this argument
    quirk: str  # name of the fix with which only an exact spelling matches


BEAM, CRYSTAL, FACTORS, SPINDLE, DETECTOR, GEOMETRY, SENSOR, SAMPLING, OUTPUT, OTHER = GROUPS = (
    "Beam",
    "Crystal",
    "Structure factors",
    "Spindle",
    "Detector size and position",
    "Detector orientation and conventions",
    "Sensor and pixels",
    "Sampling",
    "Output",
    "Accepted for old scripts",
)


def flag(spellings, kind, sets, group, help, unit="", default="", count=None, also=None, exact=False, ends=False, quirk=""):
    spellings = tuple(spellings.split())
    sets = tuple(sets.split())
    if count is None:
        count = {"none": 0}.get(kind, 1)
    return Flag(spellings, kind, count, sets, also or {}, group, unit, default, help, exact, ends, quirk)


BEAM_PIVOT, SAMPLE_PIVOT = {"pivot": "beam"}, {"pivot": "sample"}
CUSTOM = {"convention": "custom"}

FLAGS = (
    flag("-Na", "int", "Na", CRYSTAL, "unit cells along a", default="1", ends=True),
    flag("-Nb", "int", "Nb", CRYSTAL, "unit cells along b", default="1", ends=True),
    flag("-Nc", "int", "Nc", CRYSTAL, "unit cells along c", default="1", ends=True),
    flag("-N", "int", "Na Nb Nc", CRYSTAL, "unit cells along a, b and c", default="1", exact=True, ends=True),
    flag("-cell", "cell", "cell", CRYSTAL, "unit cell: a b c alpha beta gamma", "A, deg", "angles 90", count=6),
    flag("-misset", "misset", "misset", CRYSTAL, "rotations about x y z, or the word random", "deg", "none", count=3),
    flag(
        "-samplesize -sample_size",
        "float",
        "sample_x sample_y sample_z",
        CRYSTAL,
        "edge of the crystal; sets Na Nb Nc",
        "mm",
    ),
    flag("-sample_thick -sample_x", "float", "sample_x", CRYSTAL, "crystal along a", "mm"),
    flag("-sample_width -sample_y -width", "float", "sample_y", CRYSTAL, "crystal along b", "mm"),
    flag("-sample_heigh -sample_z -heigh", "float", "sample_z", CRYSTAL, "crystal along c", "mm"),
    flag("-xtalsize -xtal_size", "float", "sample_x sample_y sample_z", CRYSTAL, "the same as -samplesize", "mm"),
    flag("-xtal_thick -xtal_x", "float", "sample_x", CRYSTAL, "the same as -sample_thick", "mm"),
    flag("-xtal_width -xtal_y -width", "float", "sample_y", CRYSTAL, "the same as -sample_width", "mm"),
    flag("-xtal_heigh -xtal_z -heigh", "float", "sample_z", CRYSTAL, "the same as -sample_heigh", "mm"),
    flag("-density -sample_den", "float", "", OTHER, "has no effect", "g/cm3"),
    flag("-MW", "float", "", OTHER, "has no effect", "g/mol", exact=True),
    flag("-molec", "float", "", OTHER, "has no effect", "g/mol"),
    flag("-Xbeam", "float", "Xbeam", DETECTOR, "direct beam along the convention's X", "mm", "centre", also=BEAM_PIVOT),
    flag("-Ybeam", "float", "Ybeam", DETECTOR, "direct beam along the convention's Y", "mm", "centre", also=BEAM_PIVOT),
    flag(
        "-Xclose",
        "float",
        "Xclose",
        DETECTOR,
        "nearest point along fast; custom vectors only",
        "mm",
        "centre",
        also=SAMPLE_PIVOT,
    ),
    flag(
        "-Yclose",
        "float",
        "Yclose",
        DETECTOR,
        "nearest point along slow; custom vectors only",
        "mm",
        "centre",
        also=SAMPLE_PIVOT,
    ),
    flag("-ORGX", "float", "ORGX", DETECTOR, "XDS origin, fast", "pixels", "centre", also=SAMPLE_PIVOT),
    flag("-ORGY", "float", "ORGY", DETECTOR, "XDS origin, slow", "pixels", "centre", also=SAMPLE_PIVOT),
    flag(
        "-pivot",
        "pivot",
        "pivot",
        GEOMETRY,
        "sample or beam: the fixed point of rotations; custom vectors only",
        default="beam",
    ),
    flag(
        "-mosflm", "none", "", GEOMETRY, "MOSFLM's convention", default="yes", also={"convention": "mosflm", "pivot": "beam"}
    ),
    flag("-xds", "none", "", GEOMETRY, "XDS' convention", also={"convention": "xds", "pivot": "sample"}),
    flag("-adxv", "none", "", GEOMETRY, "ADXV's convention", also={"convention": "adxv", "pivot": "beam"}),
    flag("-denzo", "none", "", GEOMETRY, "DENZO's convention", also={"convention": "denzo", "pivot": "beam"}),
    flag("-dials", "none", "", GEOMETRY, "DIALS' convention", also={"convention": "dials", "pivot": "beam"}),
    flag(
        "-fdet_vector", "float", "fdet_vector", GEOMETRY, "direction of the fast axis", default="0 0 1", count=3, also=CUSTOM
    ),
    flag(
        "-sdet_vector",
        "float",
        "sdet_vector",
        GEOMETRY,
        "direction of the slow axis",
        default="0 -1 0",
        count=3,
        also=CUSTOM,
    ),
    flag(
        "-odet_vector",
        "float",
        "odet_vector",
        GEOMETRY,
        "normal of the detector (--fix vectors)",
        default="1 0 0",
        count=3,
        also=CUSTOM,
    ),
    flag("-beam_vector", "float", "beam_vector", GEOMETRY, "direction of the beam", default="1 0 0", count=3, also=CUSTOM),
    flag(
        "-polar_vector",
        "float",
        "polar_vector",
        GEOMETRY,
        "direction of the beam's electric field",
        default="0 0 1",
        count=3,
        also=CUSTOM,
    ),
    flag("-spindle_axis", "float", "spindle_axis", GEOMETRY, "axis of phi", default="0 0 1", count=3, also=CUSTOM),
    flag(
        "-twotheta_axis",
        "float",
        "twotheta_axis",
        GEOMETRY,
        "axis of -twotheta (--fix vectors)",
        default="0 1 0",
        count=3,
        also=CUSTOM,
    ),
    flag(
        "-pix0_vector",
        "pix0",
        "pix0_vector",
        GEOMETRY,
        "corner of the first pixel; -pix0_vector_mm in mm (--fix vectors)",
        "m",
        "from the beam",
        count=3,
        also=CUSTOM,
    ),
    flag("-distance", "float", "distance", DETECTOR, "sample to detector along the beam", "mm", "100", also=BEAM_PIVOT),
    flag(
        "-close_distance",
        "float",
        "close_distance",
        DETECTOR,
        "sample to detector along its normal",
        "mm",
        also=SAMPLE_PIVOT,
    ),
    flag(
        "-detector_abs",
        "absorption",
        "detector_abs",
        SENSOR,
        "attenuation depth of the sensor; inf for none",
        "um",
        "the thickness",
    ),
    flag("-detector_thick", "float", "detector_thick", SENSOR, "thickness of the sensor", "um", "0", exact=True),
    flag(
        "-detector_thicksteps",
        "int",
        "detector_thicksteps",
        SENSOR,
        "layers of the sensor",
        default="2, 1 without thickness",
    ),
    flag("-thicksteps", "int", "detector_thicksteps", SENSOR, "the same as -detector_thicksteps"),
    flag(
        "-twotheta", "float", "twotheta", GEOMETRY, "swing of the detector", "deg", "0", also=SAMPLE_PIVOT, quirk="vectors"
    ),
    flag("-detector_rotx", "float", "detector_rotx", GEOMETRY, "rotation of the detector about x", "deg", "0"),
    flag("-detector_roty", "float", "detector_roty", GEOMETRY, "rotation of the detector about y", "deg", "0"),
    flag("-detector_rotz", "float", "detector_rotz", GEOMETRY, "rotation of the detector about z", "deg", "0"),
    flag("-detsize", "float", "detsize_f detsize_s", DETECTOR, "edge of the detector", "mm", "102.4", exact=True),
    flag("-detsize_f", "float", "detsize_f", DETECTOR, "width of the detector (fast)", "mm", "102.4"),
    flag("-detsize_s", "float", "detsize_s", DETECTOR, "height of the detector (slow)", "mm", "102.4"),
    flag("-detpixels", "int", "detpixels_f detpixels_s", DETECTOR, "pixels along each edge; overrides -detsize", exact=True),
    flag("-detpixels_f -detpixels_x", "int", "detpixels_f", DETECTOR, "pixels along fast"),
    flag("-detpixels_s -detpixels_y", "int", "detpixels_s", DETECTOR, "pixels along slow"),
    flag(
        "-curved_det",
        "curved",
        "",
        SENSOR,
        "spherical detector of radius -distance (not as the last argument)",
        also={"curved_detector": True},
    ),
    flag("-pixel", "float", "pixel", DETECTOR, "edge of a pixel", "mm", "0.1"),
    flag("-point_pixel", "none", "", SENSOR, "solid angle 1/r^2, without area and obliquity", also={"point_pixel": True}),
    flag(
        "-polar",
        "float",
        "polarization",
        BEAM,
        "Kahn's polarisation factor, -1 to 1",
        default="0",
        exact=True,
        also={"nopolar": False},
    ),
    flag("-nopolar", "none", "", BEAM, "no polarisation factor", also={"nopolar": True}),
    flag(
        "-oversample_thick",
        "none",
        "",
        SAMPLING,
        "recompute the capture fraction for each sub-pixel",
        also={"oversample_thick": True},
        ends=True,
    ),
    flag(
        "-oversample_polar",
        "none",
        "",
        SAMPLING,
        "recompute the polarisation for each sub-pixel",
        also={"oversample_polar": True},
        ends=True,
    ),
    flag(
        "-oversample_omega",
        "none",
        "",
        SAMPLING,
        "recompute the solid angle for each sub-pixel",
        also={"oversample_omega": True},
        ends=True,
    ),
    flag("-oversample", "int", "oversample", SAMPLING, "sub-pixels along each edge of a pixel", default="by crystal size"),
    flag("-roi", "int", "roi", SAMPLING, "render only fast first, last, slow first, last", "pixels", "all", count=4),
    flag("-lambda -wave", "float", "wavelength", BEAM, "wavelength", "A", "1"),
    flag("-energy", "energy", "wavelength", BEAM, "photon energy instead of the wavelength", "eV"),
    flag("-fluence", "float", "fluence", BEAM, "photons per unit area", "1/m2", "1.25932e29"),
    flag("-flux", "float", "flux", BEAM, "photons per unit time; gives the fluence with -exposure and -beamsize", "1/s"),
    flag("-exposure", "float", "exposure", BEAM, "exposure time", "s", "1"),
    flag("-beamsize", "float", "beamsize", BEAM, "edge of the beam; limits width and height of the crystal", "mm", "0.1"),
    flag("-mosaic", "float", "mosaic_spread", CRYSTAL, "mosaic spread", "deg", "0", exact=True),
    flag("-mosaici -mosaic_spr", "float", "mosaic_spread", CRYSTAL, "the same as -mosaic", "deg", "0"),
    flag("-mosaic_dom", "int", "mosaic_domains", CRYSTAL, "number of mosaic domains", default="10 with a spread"),
    flag("-dispersion", "float", "dispersion", BEAM, "full spread of the wavelength", "%", "0"),
    flag("-dispsteps", "int", "dispsteps", BEAM, "number of wavelengths in -dispersion", default="2 with a spread"),
    flag("-divergence", "float", "hdivrange vdivrange", BEAM, "full divergence, both directions", "mrad", "0"),
    flag("-hdivrange", "float", "hdivrange", BEAM, "divergence along the electric field", "mrad", "0"),
    flag("-vdivrange", "float", "vdivrange", BEAM, "divergence perpendicular to the electric field", "mrad", "0"),
    flag("-hdivstep", "float", "hdivstep", BEAM, "step of -hdivrange", "mrad", exact=True),
    flag("-hdivsteps", "int", "hdivsteps", BEAM, "number of steps of -hdivrange", default="2 with a range"),
    flag("-vdivstep", "float", "vdivstep", BEAM, "step of -vdivrange", "mrad", exact=True),
    flag("-vdivsteps", "int", "vdivsteps", BEAM, "number of steps of -vdivrange", default="2 with a range"),
    flag("-divsteps", "int", "hdivsteps vdivsteps", BEAM, "number of steps, both directions"),
    flag("-round_div", "none", "", BEAM, "clip the divergence to an ellipse", default="yes", also={"round_div": True}),
    flag("-square_div", "none", "", BEAM, "keep the corners of the divergence", also={"round_div": False}),
    flag("-adc", "float", "adc", OUTPUT, "offset of the integer images", "counts", "40"),
    flag("-phi", "float", "phi", SPINDLE, "start of the rotation", "deg", "0", exact=True),
    flag("-osc", "float", "osc", SPINDLE, "range of the rotation", "deg", "0"),
    flag("-phistep", "float", "phistep", SPINDLE, "step of the rotation", "deg", exact=True),
    flag("-phisteps", "int", "phisteps", SPINDLE, "number of steps", default="2 with a range"),
    flag("-dmin", "float", "dmin", SAMPLING, "skip pixels beyond this resolution", "A", "0"),
    flag("-mat", "text", "mat", CRYSTAL, "orientation: MOSFLM's matrix, XPARM.XDS, or a DIALS .expt with a crystal", "file"),
    flag(
        "-hkl", "text", "hkl", FACTORS, "table of h k l F (text, .npy), all of P1 with mates and F000; or MTZ, mmCIF", "file"
    ),
    flag("-default_F", "float", "default_F", FACTORS, "F of all reflections not in the table", "e", "0"),
    flag("-dump", "text", "dump", FACTORS, "binary copy of the table: written with -hkl, read without", "file", "Fdump.bin"),
    flag("-img", "text", "img", DETECTOR, "SMV image whose header gives the geometry", "file"),
    flag("-mask", "text", "mask", SAMPLING, "SMV image; pixels at 0 are skipped; its header is used, too", "file"),
    flag("-stolout", "text", "", OTHER, "has no effect", "file"),
    flag("-stol", "text", "stol", OTHER, "is read, but has no effect", "file", exact=True),
    flag("-4stol", "text", "stol", OTHER, "is read, but has no effect", "file", exact=True),
    flag("-Q", "text", "stol", OTHER, "is read, but has no effect", "file", exact=True),
    flag("-sourcefile", "text", "sourcefile", BEAM, "sources: x y z weight wavelength (m); weights: --fix weights", "file"),
    flag("-floatfile -floatimage", "text", "floatfile", OUTPUT, "photons, float32", "file", "floatimage.bin"),
    flag("-intfile -intimage", "text", "intfile", OUTPUT, "scaled, SMV, without noise", "file", "intimage.img"),
    flag(
        "-pgmfile -pgmimage", "text", "pgmfile", OUTPUT, "scaled, 8-bit grey", "file", "image.pgm", also={"write_pgm": True}
    ),
    flag(
        "-noisefile -noiseimage",
        "text",
        "noisefile",
        OUTPUT,
        "photons with Poisson noise, SMV",
        "file",
        "noiseimage.img",
        also={"calculate_noise": True},
    ),
    flag("-nonoise", "none", "", OUTPUT, "no noise image", also={"calculate_noise": False}),
    flag("-nopgm", "none", "", OUTPUT, "no PGM image", also={"write_pgm": False}),
    flag("-scale", "float", "scale", OUTPUT, "scale of the SMV image", default="55000/max"),
    flag("-pgmscale", "float", "pgmscale", OUTPUT, "scale of the PGM image", default="50/rmsd", also={"write_pgm": True}),
    flag("-coherent", "none", "", OTHER, "has no effect"),
    flag(
        "-printout",
        "none",
        "",
        OUTPUT,
        "print the values from which each pixel is computed, instead of progress lines",
        also={"printout": True},
    ),
    flag("-noprogress", "none", "", OUTPUT, "no progress bar or lines", also={"progress": False}),
    flag(
        "-progress", "none", "", OUTPUT, "progress: a bar on a terminal, else lines", default="yes", also={"progress": True}
    ),
    flag(
        "-interpolate",
        "none",
        "",
        FACTORS,
        "tricubic interpolation between table entries",
        default="if any N <= 2",
        also={"interpolate": True},
    ),
    flag("-nointerpolate", "none", "", FACTORS, "nearest table entry", also={"interpolate": False}),
    flag("-round_xtal", "none", "", CRYSTAL, "ellipsoid", also={"xtal_shape": "round"}),
    flag("-square_xtal", "none", "", CRYSTAL, "parallelepiped", default="yes", also={"xtal_shape": "square"}),
    flag("-gauss_xtal", "none", "", CRYSTAL, "Gaussian spots", also={"xtal_shape": "gauss"}),
    flag(
        "-binary_spots -tophat_spots",
        "none",
        "",
        CRYSTAL,
        "spots cut off at their full width",
        also={"xtal_shape": "tophat"},
    ),
    flag(
        "-fudge", "float", "fudge", CRYSTAL, "factor on the squared width of round, Gaussian and tophat spots", default="1"
    ),
    flag("-printout_pixel", "int", "printout_pixel", OUTPUT, "-printout for this pixel (fast slow) only", "pixels", count=2),
    flag(
        "-trace_pixel",
        "int",
        "trace_pixel",
        OUTPUT,
        "print every intermediate value of this pixel (slow fast!); not in nanoBragg.c",
        "pixels",
        count=2,
        exact=True,
    ),
    flag("-seed", "int", "seed", OUTPUT, "seed of the noise", default="random, printed"),
    flag("-mosaic_seed", "int", "mosaic_seed", CRYSTAL, "seed of the mosaic domains", default="12345678"),
    flag(
        "-misset_seed", "int", "misset_seed", CRYSTAL, "seed of -misset random; must precede it", default="random, printed"
    ),
    flag("-water", "float", "water", SAMPLING, "edge of a cube of water around the crystal", "um", "0"),
)


def matches(flag, argument):
    """Whether nanoBragg.c interprets `argument` as this flag."""
    if flag.exact:
        return argument in flag.spellings
    return any(spelling in argument for spelling in flag.spellings)


def matched_flags(argument, fixes=frozenset(), table=FLAGS):
    """Flags of a table that the program finds in an argument, in its order, up to the first that ends the search."""
    found = []
    for candidate in table:
        if not matches(candidate, argument):
            continue
        if candidate.quirk in fixes and argument not in candidate.spellings:
            continue
        found.append(candidate)
        if candidate.ends:
            break
    return found


def best_match(argument, found):
    """The flag that the user meant: the one with the longest spelling in the argument."""
    return max(found, key=lambda candidate: max(len(s) for s in candidate.spellings if s in argument))


def flag_name(field):
    """A field of Experiment with the flag that sets only this field, for messages."""
    flag = next((flag for flag in FLAGS if flag.sets == (field,)), None)
    return field if flag is None else f"{field} ({flag.spellings[0]})"


def help_text(groups=GROUPS, table=FLAGS):
    """Help on all flags of some groups of a table, with units and defaults."""
    lines = []
    for group in groups:
        lines.append(f"\n{group}:")
        for entry in table:
            if entry.group != group:
                continue
            values = {"none": "", "curved": ""}.get(entry.kind, f" {VALUE_NAMES.get(entry.kind, 'x')}")
            if entry.value_count > 1:
                values = f" {VALUE_NAMES.get(entry.kind, ' '.join(['x'] * entry.value_count))}"
            name = ", ".join(entry.spellings) + values
            notes = "; ".join(
                note for note in (entry.unit and f"in {entry.unit}", entry.default and f"default {entry.default}") if note
            )
            text = entry.help + (f" [{notes}]" if notes else "")
            lines.append(f"  {name:<38} {text}")
    return "\n".join(lines)


VALUE_NAMES = {"text": "FILE", "cell": "a b c al be ga", "misset": "x y z", "pivot": "sample|beam", "psf": "gauss|fiber"}
