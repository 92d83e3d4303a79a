"""`nbkernel structure-factors`: from a model of a crystal to a file that -hkl takes."""

from nbkernel.errors import InputError

from ..arguments.options import options_of, options_text
from ..arguments.parsing import file_names, parse
from ..terminal import say, warn


def help_text():
    return (
        "usage: nbkernel structure-factors MODEL --dmin D --output FILE [options]\n\n"
        "Calculates the structure factors of a model, PDB or mmCIF, with a flat bulk solvent and F000, in electrons:\n"
        "FILE.mtz (unique reflections, with cell and symmetry), FILE.hkl or FILE.npy (all of P1), for -hkl.\n\n"
        f"Options:\n{options_text(options_of('structure-factors'))}"
    )


def run(argv):
    """Runs the sub-command with its arguments; returns the exit status. Raises InputError for unusable input."""
    chosen, rest = parse("structure-factors", argv)
    (path,) = file_names("structure-factors", rest, ["MODEL"])
    for name, example in (("--dmin", "a resolution in Angstrom"), ("--output", "FILE.mtz, FILE.hkl or FILE.npy")):
        if name not in chosen:
            raise InputError(f"{name}: is needed, {example}; see nbkernel structure-factors -h")
    if "--no-solvent" in chosen and {"--ksol", "--bsol"} & set(chosen):
        raise InputError("--no-solvent: contradicts --ksol and --bsol; leave them out")
    settings = {"--ksol": "k_sol", "--bsol": "B_sol", "--scale": "scale", "--B": "B"}
    given = {field: chosen[name] for name, field in settings.items() if name in chosen}
    if "--no-solvent" in chosen:
        given["k_sol"] = 0.0

    # imports numpy, which can wait until the arguments have been checked
    from nbkernel.io.factors.to_file import factors_to_file

    found = factors_to_file(path, chosen["--output"], chosen["--dmin"], **given)
    for line in found.remarks:
        warn(line)
    for line in (*found.report, chosen["--output"]):
        say(line)
    return 0
