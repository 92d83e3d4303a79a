"""Our own double-dash options of `simulate` and `trace`."""

from typing import NamedTuple

from nbkernel.engine import DEFAULT_PRECISION, PRECISIONS


class Option(NamedTuple):
    name: str
    value: str  # names of the values, empty for a switch
    help: str


OPTIONS = (
    Option("--precision", "|".join(PRECISIONS), f"how close to nanoBragg.c (below) [default {DEFAULT_PRECISION}]"),
    Option("--device", "auto|cpu", "where to compute"),
    Option("--threads", "N", "threads, at most and by default all cores"),
    Option("--tile", "SLOWxFAST", "pixels rendered at a time [default by work]; never changes the image"),
    Option("--fix", "NAME[,NAME]|all", "correct quirks of nanoBragg.c (listed below)"),
    Option("--column", "LABEL[,LABEL]", "amplitudes of an MTZ or mmCIF file; F(+),F(-) for a pair [default F-model, FC, F ...]"),
    Option("--preview", "FILE.png", "picture of the image, logarithmic scale"),
    Option("--help", "", "this text; also -h"),
)


TRACE_OPTIONS = (
    Option("--pixel", "FAST SLOW", "the pixel to trace, counted from 0"),
    Option("--all-steps", "", "every layer, sub-pixel and source instead of the first"),
    Option("--json", "", "one JSON object, values with all their digits"),
)


def help_text(shown=OPTIONS):
    return "\n".join(f"  {option.name + ' ' + option.value:<38} {option.help}" for option in shown)
