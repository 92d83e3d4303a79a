"""Our own double-dash options of `simulate`, `trace` and `show`."""

from typing import NamedTuple

from nbkernel.engine.options import DEFAULT_PRECISION, PRECISIONS
from nbkernel.errors import InputError
from nbkernel.experiment.arguments import suggestion
from nbkernel.experiment.outputs import DEFAULT_NOISE_RNG, DEFAULT_SMV_STYLE, NOISE_RNGS, SMV_STYLES


class Option(NamedTuple):
    name: str
    value: str  # names of the values, empty for a switch
    help: str


# how a picture looks; nbkernel.cli.preview reads them
PREVIEW_OPTIONS = (
    Option("--preview-scale", "log|linear|sqrt", "grey scale of the picture [log]"),
    Option("--preview-range", "LOW HIGH", "percentiles of the values above 0 that are white and black [80 99.95]"),
    Option("--preview-roi", "F0 F1 S0 S1", "this region only, ends included"),
    Option("--preview-zoom", "N|1/N", "pixels enlarged N times, or one for the largest of N x N [to fit]"),
    Option("--preview-rings", "auto|D[,D]", "resolution rings at these spacings (Angstrom)"),
    Option("--preview-beam", "", "a cross at the direct beam"),
)

OPTIONS = (
    Option("--precision", "|".join(PRECISIONS), f"how close to nanoBragg.c (below) [default {DEFAULT_PRECISION}]"),
    Option("--device", "auto|cpu|cuda[:N[,N...]]", "where to compute; auto takes a CUDA device if there is one"),
    Option("--threads", "N", "threads, at most and by default all cores"),
    Option("--tile", "SLOWxFAST", "pixels rendered at a time [default by work]; never changes the image"),
    Option("--fix", "NAME[,NAME]|all", "correct quirks of nanoBragg.c (listed below)"),
    Option("--config", "FILE", "the experiment, a TOML file or one of --hdf5; flags and options win over it"),
    Option("--save-config", "FILE.toml", "the experiment as it was run, with what headers and files said"),
    Option("--panels", "FILE", "the detector's panels: dxtbx JSON (.expt) or NXmx HDF5"),
    Option("--hdf5", "FILE.h5", "photons, noisy counts, geometry, beam and how they were made, by NeXus NXmx"),
    Option(
        "--column",
        "LABEL[,LABEL]",
        "amplitudes of an MTZ or mmCIF file; F(+),F(-) for a pair; BLOCK:LABEL of an mmCIF block [default F-model, FC, F ...]",
    ),
    Option("--noise-rng", "|".join(NOISE_RNGS), f"random numbers of the noise (below) [default {DEFAULT_NOISE_RNG}]"),
    Option("--smv", "|".join(SMV_STYLES), f"header of the SMV images (below) [default {DEFAULT_SMV_STYLE}]"),
    Option("--preview", "FILE.png", "picture of the image"),
    *PREVIEW_OPTIONS,
    Option("--help", "", "this text; also -h"),
)


TRACE_OPTIONS = (
    Option("--pixel", "FAST SLOW", "the pixel to trace, counted from 0"),
    Option("--panel", "N", "the panel it is on, counted from 0, where there are several [0]"),
    Option("--all-steps", "", "every layer, sub-pixel and source instead of the first"),
    Option("--json", "", "one JSON object, values with all their digits"),
)

SHOW_OPTIONS = (
    Option("--output", "FILE.png", "the picture [FILE and .png]"),
    Option("--shape", "SLOW FAST", "of a float file without an SMV image beside it; or -detpixels"),
    Option("--fix", "NAME[,NAME]|all", "as in simulate; `vectors` counts here"),
    Option("--help", "", "this text; also -h"),
)


def help_text(shown=OPTIONS):
    return "\n".join(f"  {option.name + ' ' + option.value:<38} {option.help}" for option in shown)


def split_options(argv, options=OPTIONS):
    """Double-dash options as a dictionary, and the remaining arguments. An option with several values has a tuple.

    Raises InputError for an unknown option or a missing value.
    """
    known = {option.name: option for option in options}
    chosen, rest = {}, []
    position = 0
    while position < len(argv):
        argument = argv[position]
        position += 1
        if not argument.startswith("--"):
            rest.append(argument)
            continue
        name, equals, value = argument.partition("=")
        if name not in known:
            raise InputError(f"{name}: there is no such option{suggestion(name, known)}")
        values = [value] if equals else []
        wanted = known[name].value.split()
        if equals and not wanted:
            raise InputError(f"{name}: takes no value, got {value!r}")
        while len(values) < len(wanted):
            if position == len(argv) or argv[position].startswith("--"):
                raise InputError(f"{name}: needs {'a value' if len(wanted) == 1 else 'values'}, {known[name].value}")
            values.append(argv[position])
            position += 1
        chosen[name] = tuple(values) if len(wanted) > 1 else "".join(values)
    return chosen, rest
