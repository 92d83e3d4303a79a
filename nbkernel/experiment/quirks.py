"""Surprising behaviour of nanoBragg.c: names and descriptions of the quirks and of their fixes."""

from nbkernel.errors import InputError

# name: (what the program does, what the fix does)
QUIRKS = {
    "phi0": (
        "a step at phi = 0 uses the orientation of the step before it",
        "phi = 0 means the unrotated crystal",
    ),
    "oversample": (
        "-oversample_thick, _polar and _omega multiply the running sum after every step",
        "each step's term is weighted by its own factor",
    ),
    "thickness": (
        "all sensor layers are scaled by the last one's capture fraction, and N layers are thick/(N-1) deep",
        "each layer has its own capture fraction, N layers are thick/N deep, without absorption all is captured",
    ),
    "interpolation": (
        "the first index outside the table switches interpolation off for the rest of the run",
        "only that step falls back to the nearest neighbour",
    ),
    "cell": (
        "a triclinic -cell is rendered with angles that differ from those given, by tenths of a degree if far from 90",
        "it has the angles given",
    ),
    "misset": (
        "-misset random does not draw orientations uniformly",
        "the orientation is uniform over all rotations",
    ),
    "weights": (
        "the weights in the source file are ignored",
        "each source has its weight",
    ),
    "water": (
        "the water background is scaled by r_e^2 fluence twice and divided by the steps",
        "it is scaled once",
    ),
    "vectors": (
        "-odet_vector, -twotheta_axis and -pix0_vector are not used as given",
        "they are normalised and used",
    ),
    "dmin": (
        "pixels beyond -dmin lose their water background",
        "they keep it",
    ),
    "mask": (
        "the pixels of a mask whose header is longer than it states are read from within the header",
        "they are read from where they start",
    ),
    "phi_steps": (
        "the phi steps are at the beginning of their intervals of -osc",
        "they are in the middle",
    ),
    "divergence": (
        "the sources of this divergence are not centred on the beam",
        "they are, with the same step",
    ),
    "behind": (
        "a detector that the sample sees from behind gets negative photons",
        "its solid angle is positive",
    ),
    "adc": (
        "counts below 0 in the noise image, from a negative -adc, wrap around (65536 is added)",
        "they are 0",
    ),
}


def parse_fixes(option, text):
    """Set of fix names from 'name[,name...]' or 'all'. Raises InputError, beginning with `option`, for an unknown name."""
    names = {name.strip() for name in text.split(",") if name.strip()}
    if not names:
        raise InputError(f"{option}: needs one or more of {', '.join(QUIRKS)}, or all")
    return fix_names(option, names)


def fix_names(option, names):
    """Set of fix names; `all` means every one. Raises InputError, beginning with `option`, for an unknown name."""
    if "all" in names:
        return frozenset(QUIRKS)
    for name in sorted(names):
        if name not in QUIRKS:
            raise InputError(f"{option}: there is no fix '{name}'; there are {', '.join(QUIRKS)}, and all")
    return frozenset(names)


def warning(name):
    """One line that states a quirk's effect on this run and how to correct it."""
    return f"as in nanoBragg.c, {QUIRKS[name][0]} (--fix {name}: {QUIRKS[name][1]})"
