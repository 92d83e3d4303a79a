"""Which column of an MTZ or mmCIF file holds the amplitudes |F|. Types are MTZ's letters."""

import re

from nbkernel.errors import InputError

AMPLITUDE, HALF_OF_PAIR = "F", "G"  # G: F(+) or F(-)
INTENSITIES = ("J", "K")
# types that may contain amplitudes all the same, if the user names the column
OTHER_NUMBERS = {
    "D": "anomalous differences",
    "E": "normalised amplitudes",
    "I": "whole numbers",
    "R": "numbers of any kind",
    "W": "weights",
    "": "numbers of an unknown kind",
}
TYPE_NAMES = {
    "A": "phase probabilities",
    "B": "batch numbers",
    "H": "indices",
    "L": "standard deviations",
    "M": "standard deviations",
    "P": "phases",
    "Q": "standard deviations",
    "Y": "M/ISYM",
}
# names in lower case, letters and digits only, in order of preference
CALCULATED = (
    "fmodel", "fcall", "fcallls", "fc", "fcalc", "pdbxfcalcwithsolvent", "fcalcau",
)  # fmt: skip
OBSERVED = ("fobsfiltered", "fobs", "fp", "f", "fmeasau", "fmeas", "fmean")
MAP_COEFFICIENTS = re.compile("fwt|fofc")
MATES = (("+", "-"), ("plus", "minus"), ("PLUS", "MINUS"))
ADVICE = (
    "no square root makes an amplitude of a weak or negative one; take a column of amplitudes, convert by French and "
    "Wilson's method (ctruncate, phenix.french_wilson), or calculate them from a model (nbkernel structure-factors)"
)


def choose_columns(path, types, wanted):
    """Labels of the amplitudes: one, or two for F(+) and F(-).

    types: {label: type} of a file in its order; wanted: label, or two with a comma, None for the usual ones: calculated
    amplitudes, else observed ones, else a pair F(+) and F(-), else any other except map coefficients. Raises
    InputError if there are no such columns.
    """
    choices = candidates(types)
    if wanted is not None:
        return wanted_columns(path, types, wanted, choices)
    usual = [labels for labels in choices if not MAP_COEFFICIENTS.search(plain_name(labels))]
    if usual:
        return min(usual, key=preference)
    intensities = [label for label, kind in types.items() if kind in INTENSITIES]
    if intensities and not choices:
        raise InputError(f"-hkl {path}: has intensities ({', '.join(intensities)}) and no amplitudes; {ADVICE}")
    if choices:
        labels = ", ".join(",".join(labels) for labels in choices)
        raise InputError(f"-hkl {path}: has amplitudes only for maps ({labels}); if these are meant, choose with --column")
    raise InputError(f"-hkl {path}: has no column of amplitudes; {listing(types, choices)}")


def wanted_columns(path, types, wanted, choices):
    labels = tuple(label.strip().removeprefix("_refln.") for label in wanted.split(","))
    if len(labels) > 2 or not all(labels):
        raise InputError(f"--column: needs one label, or two as in 'F(+),F(-)', not {wanted!r}")
    for label in labels:
        if label not in types:
            raise InputError(f"--column: {path} has no column {label}; {listing(types, choices)}")
        if types[label] in INTENSITIES:
            raise InputError(f"--column: {label} of {path} holds intensities; {ADVICE}")
        if types[label] in TYPE_NAMES:
            kind = TYPE_NAMES[types[label]]
            raise InputError(f"--column: {label} of {path} holds {kind}, not amplitudes; {listing(types, choices)}")
    return labels


def type_remarks(path, types, columns):
    """A line for each column whose type is not that of amplitudes."""
    for label in columns:
        if types[label] not in (AMPLITUDE, HALF_OF_PAIR):
            kind = OTHER_NUMBERS.get(types[label], f"numbers of type {types[label]}")
            yield f"--column: {label} of {path} holds {kind}; they are taken as amplitudes in electrons"


def listing(types, choices):
    if choices:
        return f"amplitudes are {', '.join(','.join(labels) for labels in choices)}"
    return f"columns are {', '.join(types)}"


def candidates(types):
    """Labels of all amplitudes, in the file's order: each alone, or with its Friedel mate's."""
    found: list[tuple[str, ...]] = []
    for label, kind in types.items():
        if kind == AMPLITUDE:
            found.append((label,))
        elif kind == HALF_OF_PAIR and (mate := mate_label(label, types)):
            found.append((label, mate))
    return found


def mate_label(label, types):
    """The F(-) column that belongs to an F(+) column, None if there is none."""
    others = (label.replace(plus, minus) for plus, minus in MATES if plus in label)
    return next((other for other in others if types.get(other) == HALF_OF_PAIR), None)


def preference(labels):
    name = plain_name(labels)
    if name in CALCULATED:
        return 0, CALCULATED.index(name), len(labels)
    if len(labels) == 2:
        return 2, 0, 2
    return (1, OBSERVED.index(name), 1) if name in OBSERVED else (3, 0, 1)


def plain_name(labels):
    """'fmodel' for F-model, F_model, F-model(+) and so on."""
    return re.sub("[^a-z0-9]|plus$", "", labels[0].lower())
