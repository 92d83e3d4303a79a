"""nbkernel's own double-dash options: one table for all sub-commands, which `parsing` reads, `-h` shows and
docs/reference/flags.md lists."""

from typing import NamedTuple

from nbkernel.engine.options import DEFAULT_PRECISION, PARALLEL, PRECISIONS, Engine
from nbkernel.experiment.arguments import number
from nbkernel.experiment.outputs import DEFAULT_NOISE_RNG, DEFAULT_SMV_STYLE, NOISE_RNGS, SMV_STYLES, Outputs
from nbkernel.io.export.programs import PROGRAMS
from nbkernel.io.picture.settings import PERCENTILES, SCALES, PictureSettings
from nbkernel.support.validation import unit_of

from . import readers
from .readers import build_tuple_reader


class Option(NamedTuple):
    """A double-dash option of some sub-commands: a row of the table."""

    name: str
    commands: tuple  # sub-commands that accept it
    values: str  # names of the values, empty for a switch
    read: object  # function of the option's name and the text of each value: see `readers`
    sets: str  # Class.field that gets the value; empty if the sub-command looks up the option by name
    unit: str  # of an option that sets no field: a field has its own, see `unit_of_option`
    default: str
    needs: str  # the option, with its values, that this one requires in sub-commands that have both
    help: str
    repeats: bool  # may be given several times; then the value is a tuple of all


def option(name, commands, values, help, read=None, *, sets="", unit="", default="", needs="", repeats=False):
    """A row of the table. values: names of the values, or a tuple of the words to choose from."""
    if not isinstance(values, str):
        read, values = readers.build_choice_reader(*values), "|".join(values)
    if read is None:
        read = readers.any_text if values else readers.switch
    return Option(name, tuple(commands.split()), values, read, sets, unit, default, needs, help, repeats)


def preview_option(name, values, help, **more):
    """An option for the appearance of the picture; in `simulate`, that of --preview."""
    return option(name, "simulate show", values, help, needs="--preview FILE.png", **more)


# in the order of the help
OPTIONS = (
    option(
        "--precision",
        "simulate trace series",
        tuple(PRECISIONS),
        "how close to nanoBragg.c (below)",
        sets="Engine.precision",
        default=DEFAULT_PRECISION,
    ),
    option("--precision", "noisify", ("exact",), "noisify.c's files, byte for byte", default="exact"),
    option("--precision", "background", ("exact",), "nonBragg.c's files, byte for byte", default="exact"),
    option("--noise-rng", "background", ("ran1",), "nonBragg.c's noise", default="ran1"),
    option(
        "--device",
        "simulate trace series",
        "auto|cpu|cuda[:N[,N...]]",
        "where to compute; auto uses a CUDA device if there is one, and the CPU if that is done before it has started",
        readers.device,
        default="auto",
    ),
    option(
        "--threads",
        "simulate trace series noisify background",
        "N",
        "largest number of threads",
        readers.positive_integer,
        sets="Engine.threads",
        default="all cores",
    ),
    option(
        "--parallel",
        "simulate",
        tuple(PARALLEL),
        "the CPU's threads: nbkernel's, or those of numba's prange; never changes the image",
        sets="Engine.parallel",
        default="threads; prange if no kernel can be cached",
    ),
    option(
        "--tile",
        "simulate",
        "SLOWxFAST",
        "size of the tiles rendered at a time; never changes the image",
        readers.tile_shape,
        sets="Engine.tile_shape",
        default="by work",
    ),
    option(
        "--fix",
        "simulate trace",
        "NAME[,NAME]|all",
        "correct quirks of nanoBragg.c (listed below)",
        readers.fixes,
        sets="Experiment.fix",
    ),
    option(
        "--fix",
        "show",
        "NAME[,NAME]|all",
        "as in simulate; only `vectors` has an effect here",
        readers.fixes,
        sets="Experiment.fix",
    ),
    option(
        "--config",
        "simulate trace",
        "FILE",
        "the experiment: a TOML file or a file that --hdf5 wrote; flags and options override it",
        sets="Outputs.config_read",
    ),
    option(
        "--save-config",
        "simulate",
        "FILE.toml",
        "write the experiment as rendered, including values from headers and files",
        sets="Outputs.config",
    ),
    option(
        "--panels",
        "simulate trace",
        "FILE",
        "the detector's panels: dxtbx JSON (.expt), NXmx HDF5, CrystFEL's .geom or XDS.INP",
        sets="Experiment.panels",
    ),
    option(
        "--background",
        "simulate trace",
        "FILE[,NAME=VALUE...]",
        "add what a material scatters: table of sin(theta)/lambda and F; thickness (mm), volume (mm3), density (g/cm3), "
        "MW (g/mol), variable (stol, 4stol, Q); may be repeated",
        readers.material,
        sets="Experiment.background",
        default="none; thickness=0.1,density=1,MW=18,variable=stol",
        repeats=True,
    ),
    option(
        "--hdf5",
        "simulate noisify background",
        "FILE.h5",
        "write photons, noisy counts, geometry, beam and provenance as NeXus NXmx",
        sets="Outputs.hdf5",
    ),
    option(
        "--labels",
        "simulate",
        "FILE.h5",
        "write each pixel's mean wavelength, strongest h k l and share of Bragg photons",
        sets="Outputs.labels",
    ),
    option(
        "--column",
        "simulate trace",
        "LABEL[,LABEL]",
        "amplitudes in an MTZ or mmCIF file; F(+),F(-) for a pair; BLOCK:LABEL for an mmCIF block",
        sets="Experiment.column",
        default="F-model, FC, F ...",
    ),
    option(
        "--hkl-per-energy",
        "simulate",
        "FILE[,FILE...]",
        "structure factors of each wavelength of the spectrum, the dispersion or the sources, instead of -hkl",
        readers.paths,
        sets="Experiment.hkl_per_energy",
    ),
    option(
        "--anomalous",
        "simulate",
        "ELEMENT[,ELEMENT...]",
        "elements of a model whose f' and f'' at each wavelength count",
        readers.elements,
        sets="Experiment.anomalous",
    ),
    option(
        "--model-dmin",
        "simulate trace",
        "D",
        "smallest spacing to which the structure factors of a model are calculated; -dmin leaves out pixels' photons",
        readers.positive,
        sets="Experiment.model_dmin",
        default="what the pixels record",
    ),
    option(
        "--ksol",
        "simulate trace",
        "K",
        "density of a model's flat bulk solvent, 0 for none",
        readers.not_negative,
        sets="Experiment.ksol",
        default="0.35",
    ),
    option(
        "--bsol",
        "simulate trace",
        "B",
        "B of a model's solvent",
        readers.not_negative,
        sets="Experiment.bsol",
        default="46",
    ),
    option(
        "--B",
        "simulate trace",
        "B",
        "B factor of the whole crystal: multiply F_cell^2 by exp(-2 B (sin(theta)/lambda)^2)",
        number,
        sets="Experiment.B",
        default="0",
    ),
    option(
        "--spot-scale",
        "simulate trace",
        "X",
        "multiply F_cell^2",
        readers.positive,
        sets="Experiment.spot_scale",
        default="1",
    ),
    option(
        "--spectrum",
        "simulate trace",
        "FILE",
        "wavelengths and weights instead of a dispersion: text with energy (eV) or wavelength (Angstrom) and weight; NXmx",
        sets="Experiment.spectrum",
    ),
    option(
        "--mosaic-blocks",
        "simulate trace",
        "FILE",
        "rotation matrices of the mosaic domains: text with nine numbers a line, or .npy",
        sets="Experiment.mosaic_blocks",
    ),
    option(
        "--mosaic-sigma",
        "simulate trace",
        "S[,S,S]",
        "standard deviation of the mosaic domains' rotations, of all or about a, b and c",
        readers.one_or_three,
        sets="Experiment.mosaic_sigma",
    ),
    option(
        "--cell-spread",
        "simulate trace",
        "A,B,C[,AL,BE,GA]",
        "standard deviations of the mosaic domains' cells: edges in percent, angles in degrees",
        readers.numbers,
        sets="Experiment.cell_spread",
    ),
    option(
        "--lattices",
        "simulate trace",
        "FILE.toml",
        "several crystals, parts of one, or twin domains: TOML with [[lattices]] tables",
        readers.lattices,
        sets="Experiment.lattices",
    ),
    option(
        "--xtal-shape",
        "simulate trace",
        ("square", "round", "gauss", "tophat", "gauss_star"),
        "shape of the crystal or its spots; gauss_star: spots that are round in reciprocal space, as in diffBragg",
        sets="Experiment.xtal_shape",
        default="square",
    ),
    option(
        "--spot-metric",
        "simulate trace",
        ("reciprocal", "hkl"),
        "what measures the width of Gaussian and tophat spots; hkl: Na, Nb, Nc along each axis, as in simtbx",
        sets="Experiment.spot_metric",
        default="reciprocal",
    ),
    *(
        option(
            f"--N{axis}",
            "simulate trace",
            "X",
            f"unit cells along {axis}, which need not be whole unless the crystal is square",
            number,
            sets=f"Experiment.N{axis}",
            default="1",
        )
        for axis in "abc"
    ),
    option(
        "--noise-rng",
        "simulate",
        tuple(NOISE_RNGS),
        "random numbers of the noise (below)",
        sets="Outputs.noise_rng",
        default=DEFAULT_NOISE_RNG,
    ),
    option(
        "--noise-rng",
        "noisify",
        tuple(NOISE_RNGS),
        "ran1: noisify.c's noise; philox: that of nbkernel.detect, without noisify.c's quirks",
        default="ran1",
    ),
    option(
        "--smv",
        "simulate trace",
        tuple(SMV_STYLES),
        "header of the SMV images (below)",
        sets="Outputs.smv",
        default=DEFAULT_SMV_STYLE,
    ),
    option("--pixel", "trace", "FAST SLOW", "the pixel to trace, counted from 0", build_tuple_reader(readers.integer)),
    option("--panel", "trace", "N", "its panel, counted from 0, if there are several", readers.integer, default="0"),
    option("--lattice", "trace", "N", "its lattice, counted from 0, if there are several", readers.integer, default="0"),
    option("--all-steps", "trace", "", "every layer, sub-pixel and source instead of the first"),
    option("--json", "trace", "", "print one JSON object, values with all digits"),
    option("--output", "show", "FILE.png", "the picture", default="FILE.png"),
    option("--output", "series", "FOLDER", "where the files go; those of the same series that are there are kept"),
    option("--to", "export", PROGRAMS, "the program that will process the images"),
    option("--output", "export", "FOLDER", "where the files go", default="beside FILE.h5"),
    option("--dmin", "structure-factors", "D", "smallest spacing", readers.positive, unit="Angstrom"),
    option("--output", "structure-factors", "FILE", "the structure factors: .mtz, or all of P1: .hkl, .npy"),
    option(
        "--ksol",
        "structure-factors",
        "K",
        "density of the flat bulk solvent",
        readers.not_negative,
        unit="electrons/Angstrom^3",
        default="0.35",
    ),
    option("--bsol", "structure-factors", "B", "B of the solvent", readers.not_negative, unit="Angstrom^2", default="46"),
    option("--no-solvent", "structure-factors", "", "leave a vacuum between the molecules"),
    option(
        "--column",
        "structure-factors",
        "NAME|N",
        "column of a table: its name or number",
        default="I, F_calc, 4",
    ),
    option("--intensities", "structure-factors", "", "the column holds intensities: take the square root of their means"),
    option(
        "--cell",
        "structure-factors",
        "A B C ALPHA BETA GAMMA",
        "unit cell of a table",
        build_tuple_reader(number),
        unit="Angstrom, degrees",
        default="the file's",
    ),
    option("--space-group", "structure-factors", "NAME", "space group of a table, as 'P 21 21 21'", default="the file's"),
    option("--scale", "structure-factors", "X", "multiply the amplitudes", readers.positive, default="1"),
    option("--B", "structure-factors", "B", "further B factor of the whole crystal", number, unit="Angstrom^2", default="0"),
    option("--shard", "series", "I/N|slurm", "make the I-th of N shares of the data files", readers.shard, default="all"),
    option("--images", "series", "A[:B]", "make these images alone, from A up to B - 1, counted from 0", default="all"),
    option("--resume", "series", "", "go on with the series in the folder, which must be there", default="if it is there"),
    option(
        "--dask",
        "series",
        "ADDRESS|FILE|local",
        "let a Dask cluster make the files: the address or file of its scheduler, or workers on this machine",
    ),
    option("--dry-run", "series", "", "print what is drawn for each image as CSV, and make nothing"),
    option(
        "--tolerance",
        "compare",
        ("exact", "double", "mixed"),
        "what counts as equal",
        default="exact",
    ),
    option("--N", "compare", "N", "unit cells along the longest axis, for mixed", readers.not_negative, default="36"),
    option(
        "--roi",
        "compare",
        "F0 F1 S0 S1",
        "compare this region only, ends included",
        build_tuple_reader(readers.integer),
        unit="pixels",
    ),
    option(
        "--frame",
        "show compare",
        "N",
        "number of the image, from 0, in an HDF5 file of several",
        readers.integer,
        default="0",
    ),
    option(
        "--shape",
        "show",
        "SLOW FAST",
        "shape of a float file without an SMV image beside it; or use -detpixels",
        build_tuple_reader(readers.positive_integer),
        unit="pixels",
    ),
    option(
        "--shape",
        "compare",
        "SLOW FAST",
        "shape of a float file without an SMV image beside it",
        build_tuple_reader(readers.positive_integer),
        unit="pixels",
    ),
    option(
        "--tolerance",
        "compare-traces",
        "X",
        "relative difference that counts as equal",
        readers.not_negative,
        default="1e-12",
    ),
    option("--json", "compare compare-traces", "", "print JSON"),
    option("--png", "compare", "FILE", "plot the images, their ratio, histogram and radial profile"),
    option("--preview", "simulate", "FILE.png", "write a picture of the image", sets="Outputs.preview"),
    preview_option("--preview-scale", SCALES, "grey scale of the picture", sets="PictureSettings.scale", default=SCALES[0]),
    preview_option(
        "--preview-range",
        "LOW HIGH",
        "percentiles of the values above 0 shown as white and black",
        read=readers.percentiles,
        sets="PictureSettings.percentiles",
        default="{:g} {:g}".format(*PERCENTILES),
    ),
    preview_option(
        "--preview-roi",
        "F0 F1 S0 S1",
        "show this region only, ends included",
        read=build_tuple_reader(readers.integer),
        sets="PictureSettings.roi",
        default="all",
    ),
    preview_option(
        "--preview-zoom",
        "N|1/N",
        "enlarge pixels N times, or show the largest of N x N as one",
        read=readers.zoom,
        sets="PictureSettings.zoom",
        default="to fit",
    ),
    preview_option(
        "--preview-rings",
        "auto|D[,D]",
        "draw resolution rings at these d-spacings",
        read=readers.rings,
        sets="PictureSettings.rings",
    ),
    preview_option("--preview-beam", "", "mark the direct beam with a cross", sets="PictureSettings.beam"),
    option(
        "--help",
        "simulate series noisify background structure-factors export trace show compare compare-traces info",
        "",
        "this text; also -h",
    ),
)


def options_of(command):
    return tuple(option for option in OPTIONS if command in option.commands)


def owning_class(name):
    """The class of that name; options set its fields."""
    if name == "Experiment":
        # needs more imports than the others
        from nbkernel.experiment.experiment import Experiment

        return Experiment
    return {"Engine": Engine, "Outputs": Outputs, "PictureSettings": PictureSettings}[name]


def unit_of_option(option):
    """The unit of an option's values, empty if they have none."""
    if not option.sets:
        return option.unit
    name, field = option.sets.split(".")
    return unit_of(owning_class(name), field)


def options_text(options):
    """The options' lines of `-h`."""
    lines = []
    for row in options:
        unit = unit_of_option(row)
        notes = [
            unit and f"in {unit}",
            row.default and f"default {row.default}",
        ]
        note = "; ".join(filter(None, notes))
        shown = f"{row.name} {row.values}"
        lines.append(f"  {shown:<38} {row.help}{f' [{note}]' if note else ''}")
    return "\n".join(lines)
