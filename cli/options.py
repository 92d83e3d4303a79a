"""Our own double-dash options of `simulate`."""

from typing import NamedTuple


class Option(NamedTuple):
    name: str
    value: str  # name of the value, empty for a switch
    help: str


OPTIONS = (
    Option("--precision", "exact", "exact: nanoBragg.c's files, byte for byte"),
    Option("--device", "auto|cpu", "where to compute"),
    Option("--threads", "N", "threads [default all cores]"),
    Option("--tile", "SLOWxFAST", "pixels rendered at a time [default by work]; never changes the image"),
    Option("--fix", "NAME[,NAME]|all", "correct quirks of nanoBragg.c (listed below)"),
    Option("--preview", "FILE.png", "picture of the image, logarithmic scale"),
    Option("--help", "", "this text; also -h"),
)


def help_text():
    return "\n".join(f"  {option.name + ' ' + option.value:<38} {option.help}" for option in OPTIONS)
