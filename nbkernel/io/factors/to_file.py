"""`nbkernel structure-factors`: from a model to a file that -hkl takes."""

import math

from nbkernel.errors import InputError
from nbkernel.io.files.opening import read_bytes
from nbkernel.io.files.output_files import OutputFiles

from .model import BSOL, KSOL, model_factors
from .unique import ending, file_bytes

ENDINGS = (".mtz", ".hkl", ".npy")


def factors_to_file(path, output, d_min, k_sol=KSOL, B_sol=BSOL, scale=1.0, B=0.0):
    """Writes the structure factors of the model in a file; returns them as Unique.

    output: name ending in .mtz (unique reflections), .hkl or .npy (all of P1); d_min: Angstrom; k_sol, B_sol: see
    `model_factors`; amplitudes are multiplied by scale * exp(-B / (4 d^2)), B in Angstrom^2. Raises InputError for unusable
    input.
    """
    if ending(output) not in ENDINGS:
        raise InputError(f"--output: needs a name that ends in {', '.join(ENDINGS)}, not {output}")
    if not (math.isfinite(d_min) and d_min > 0.0):
        raise InputError(f"--dmin: needs a spacing in Angstrom greater than 0, not {d_min:g}")
    with OutputFiles([path]) as files:
        files.open("--output", output)
        found = model_factors(path, read_bytes("structure-factors", path), d_min, k_sol, B_sol)
        found = found.changed(scale, B)
        files.write("--output", file_bytes(found, output))
        files.commit()
    return found
