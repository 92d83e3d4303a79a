"""Notes on the quantity in which two traces first diverge: what it is computed from, and what its values suggest."""

import math

from nbkernel.diagnose.known_factors import name_factor

from .inputs import INPUTS, ROTATED

SAME_RATIO = 1e-9
# indices and switches: their ratio is meaningless
WHOLE_NUMBERS = {
    "cell_from_phi_tic", "hkl_rounded", "beyond_dmin", "interpolated",
    "oversample_thick", "oversample_polar", "oversample_omega",
}  # fmt: skip


def explain(first, rows, quantities_a, quantities_b, tolerance):
    """Lines on what the first divergent Row is computed from, and what its values suggest."""
    names, rest = INPUTS.get(first.name, ((), ""))
    inputs = {name: near(rows, name, first.at) for name in names}
    traced = [name for name, found in inputs.items() if found]
    missing = [name for name, found in inputs.items() if not found]
    different = [name for name in traced if any(row.difference > tolerance for row in inputs[name])]
    notes = []
    if first.name not in INPUTS:
        notes.append("nbkernel does not know what it is computed from")
    if traced:
        notes.append(
            f"computed from {', '.join(traced)}: "
            + (f"of these {', '.join(different)} differ" if different else "equal in both")
        )
    if missing:
        notes.append(f"computed from {', '.join(missing)}: not in both traces")
    if rest:
        notes.append(f"also computed from, but not traced: {rest}")
    if traced and not missing and not different and not rest:
        notes.append("so the formula itself differs")
    return notes + ratio_notes(first, inputs) + repetition_notes(first, quantities_a, quantities_b)


def near(rows, name, at):
    """Rows of `name` in the block `at`, in blocks inside it, or in blocks around it."""
    return [row for row in rows if row.name == name and touches(row.at, at)]


def touches(at, other):
    """False if the two blocks have different indices in the same loop."""
    other = dict(other)
    return all(other.get(loop, index) == index for loop, index in at)


def ratio_notes(first, inputs):
    """Whether B/A is the value of an input or another known factor."""
    factor = common_ratio(first.a, first.b)
    if factor is None or abs(factor - 1.0) < SAME_RATIO or first.name in WHOLE_NUMBERS:
        return []
    notes = [f"B is {factor:.12g} times A"]
    for name, found in inputs.items():
        values = {row.a for row in found}
        if len(values) == 1:
            notes += input_as_ratio(name, values.pop(), factor)
    return notes if len(notes) > 1 else notes + [f"this may be {reason}" for reason in name_factor(factor, SAME_RATIO)]


def input_as_ratio(name, value, factor):
    """A line if `factor` is an input's value (a tuple of one number), or its inverse."""
    if len(value) != 1 or value[0] in (0.0, 1.0):
        return []
    for power, larger, smaller in ((value[0], "B", "A"), (1.0 / value[0], "A", "B")):
        if math.isclose(factor, power, rel_tol=SAME_RATIO):
            which = f"{name} ({value[0]:.9g})" if larger == "B" else f"1/{name} (1/{value[0]:.9g})"
            if name == "steps":
                return [f"this is {which}: {larger} is not divided by steps, or {smaller} is divided twice"]
            return [f"this is {which}: {larger} is multiplied by it once more than {smaller}"]
    return []


def common_ratio(a, b):
    """The one number by which `a` must be multiplied to give `b`; None if there is none."""
    if len(a) != len(b) or not all(map(math.isfinite, (*a, *b))):
        return None
    largest = max(range(len(a)), key=lambda i: abs(a[i]))
    if a[largest] == 0.0 or b[largest] == 0.0:
        return None
    factor = b[largest] / a[largest]
    length = math.hypot(*b)
    return factor if all(abs(y - factor * x) <= SAME_RATIO * length for x, y in zip(a, b, strict=True)) else None


def repetition_notes(first, quantities_a, quantities_b):
    """Whether a rotated quantity has the value of another phi step of the same trace, as at a stale phi step."""
    phi_tic = dict(first.at).get("phi_tic")
    if phi_tic is None or first.name not in (*ROTATED, "hkl_frac", "k_frac", "cell_from_phi_tic"):
        return []
    if first.name == "cell_from_phi_tic":
        steps = "; ".join(f"{label} uses the cell of step {v[0]:g}" for label, v in (("A", first.a), ("B", first.b)))
        return [f"at phi_tic {phi_tic} {steps} (-1: the unrotated cell); with --fix phi0 it is the unrotated cell"]
    repeated = []
    for label, quantities, values in (("A", quantities_a, first.a), ("B", quantities_b, first.b)):
        others = [
            dict(quantity.at).get("phi_tic")
            for quantity in quantities
            if quantity.name == first.name and quantity.values == values and same_but_phi(quantity.at, first.at)
        ]
        repeated += [(label, other) for other in others if other not in (None, phi_tic)][:1]
    # if both repeat a step, the experiment itself does
    if len(repeated) != 1:
        return []
    label, other = repeated[0]
    return [f"in {label} phi_tic {phi_tic} and {other} have the same value: a stale phi step (quirk phi0; see --fix phi0)"]


def same_but_phi(at, other):
    return [pair for pair in at if pair[0] != "phi_tic"] == [pair for pair in other if pair[0] != "phi_tic"]
