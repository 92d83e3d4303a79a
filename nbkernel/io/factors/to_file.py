"""`nbkernel structure-factors`: from a model or a table of another program to a file that -hkl takes."""

from nbkernel.errors import InputError
from nbkernel.io.files.opening import read_bytes
from nbkernel.io.files.output_files import OutputFiles

from .model import import_gemmi_for, is_model, model_factors
from .tables import table_factors
from .unique import ending, file_bytes

ENDINGS = (".mtz", ".hkl", ".npy")
# by argument
OPTIONS = {
    "d_min": "--dmin", "k_sol": "--ksol or --no-solvent", "B_sol": "--bsol", "column": "--column",
    "intensities": "--intensities", "cell": "--cell", "group": "--space-group",
}  # fmt: skip


def factors_to_file(path, output, of_model, of_table, scale=1.0, B=0.0):
    """Writes the structure factors of the model or table in a file; returns them as Unique.

    output: name ending in .mtz (unique reflections), .hkl or .npy (all of P1); of_model, of_table: {argument of
    `model_factors`, `table_factors`: value}; amplitudes are multiplied by scale * exp(-B / (4 d^2)), B in Angstrom^2.
    Raises InputError for unusable input.
    """
    if ending(output) not in ENDINGS:
        raise InputError(f"--output: needs a name that ends in {', '.join(ENDINGS)}, not {output}")
    with OutputFiles([path]) as files:
        files.open("--output", output)
        content = read_bytes("structure-factors", path)
        gemmi = import_gemmi_for(path)
        if is_model(content) or (of_model and not of_table):
            if of_table:
                raise InputError(f"{path}: is a model; {', '.join(OPTIONS[name] for name in of_table)} are for tables")
            if "d_min" not in of_model:
                raise InputError("--dmin: is needed for a model, a resolution in Angstrom")
            found = model_factors(path, content, **of_model)
        else:
            if of_model:
                raise InputError(f"{path}: is a table; {', '.join(OPTIONS[name] for name in of_model)} are for models")
            found = table_factors(gemmi, path, content, **of_table)
        files.write("--output", file_bytes(found.changed(scale, B), output))
        files.commit()
    return found
