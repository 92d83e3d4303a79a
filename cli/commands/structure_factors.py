"""`nbkernel structure-factors`: from a model of a crystal, or another program's table, to a file that -hkl takes."""

from nbkernel.errors import InputError

from ..arguments.options import options_of, options_text
from ..arguments.parsing import file_names, parse
from ..terminal import say, warn


def help_text():
    return (
        "usage: nbkernel structure-factors MODEL --dmin D --output FILE [options]\n"
        "       nbkernel structure-factors TABLE --output FILE [options]\n\n"
        "Calculates the structure factors of a model, PDB or mmCIF, with a flat bulk solvent and F000, in electrons:\n"
        "FILE.mtz (unique reflections, with cell and symmetry), FILE.hkl or FILE.npy (all of P1), for -hkl. Or\n"
        "converts a table: CrystFEL's or SHELX's .hkl, .fcf, XDS_ASCII.HKL, or text (docs/files/models.md).\n\n"
        f"Options:\n{options_text(options_of('structure-factors'))}"
    )


def run(argv):
    """Runs the sub-command with its arguments; returns the exit status. Raises InputError for unusable input."""
    chosen, rest = parse("structure-factors", argv)
    (path,) = file_names("structure-factors", rest, ["MODEL or TABLE"])
    if "--output" not in chosen:
        raise InputError("--output: is needed, FILE.mtz, FILE.hkl or FILE.npy; see nbkernel structure-factors -h")
    if "--no-solvent" in chosen and {"--ksol", "--bsol"} & set(chosen):
        raise InputError("--no-solvent: contradicts --ksol and --bsol; leave them out")
    of_model = fields(chosen, {"--dmin": "d_min", "--ksol": "k_sol", "--bsol": "B_sol"})
    of_table = fields(
        chosen, {"--column": "column", "--intensities": "intensities", "--cell": "cell", "--space-group": "group"}
    )
    if "--no-solvent" in chosen:
        of_model["k_sol"] = 0.0

    # imports numpy, which can wait until the arguments have been checked
    from nbkernel.io.factors.to_file import factors_to_file

    found = factors_to_file(path, chosen["--output"], of_model, of_table, **fields(chosen, {"--scale": "scale", "--B": "B"}))
    for line in found.remarks:
        warn(line)
    for line in (*found.report, chosen["--output"]):
        say(line)
    return 0


def fields(chosen, names):
    """{argument: value} of the options that were given; names: {option: argument}."""
    return {argument: chosen[option] for option, argument in names.items() if option in chosen}
