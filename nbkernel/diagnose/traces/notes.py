"""The quantity in which two traces part: what it is computed from, and what its values give away."""

import math

from nbkernel.diagnose.known_factors import name_factor

from .inputs import INPUTS, ROTATED

SAME_RATIO = 1e-9
# indices and switches: their ratio means nothing
WHOLE_NUMBERS = {
    "cell_from_phi_tic", "hkl_rounded", "beyond_dmin", "interpolated",
    "oversample_thick", "oversample_polar", "oversample_omega",
}  # fmt: skip


def explain(first, rows, quantities_a, quantities_b, tolerance):
    """Lines on what the first divergent Row is computed from, and what its values give away."""
    names, rest = INPUTS.get(first.name, ((), ""))
    inputs = {name: near(rows, name, first.at) for name in names}
    traced = [name for name, found in inputs.items() if found]
    missing = [name for name, found in inputs.items() if not found]
    apart = [name for name in traced if any(row.difference > tolerance for row in inputs[name])]
    notes = []
    if first.name not in INPUTS:
        notes.append("nothing is known of what it is computed from")
    if traced:
        notes.append(
            f"computed from {', '.join(traced)}: {'they differ in ' + ', '.join(apart) if apart else 'equal in both'}"
        )
    if missing:
        notes.append(f"computed from {', '.join(missing)}: not in both traces")
    if rest:
        notes.append(f"computed from what is not traced: {rest}")
    if traced and not missing and not apart and not rest:
        notes.append("so the formula itself differs")
    return notes + ratio_notes(first, inputs) + repetition_notes(first, quantities_a, quantities_b)


def near(rows, name, at):
    """Rows of `name` in the block `at`, inside it or around it."""
    return [row for row in rows if row.name == name and touches(row.at, at)]


def touches(at, other):
    """False where two blocks are different turns of the same loop."""
    turns = dict(other)
    return all(turns.get(loop, index) == index for loop, index in at)


def ratio_notes(first, inputs):
    """Whether B/A is an input's value or a factor with a name."""
    factor = common_ratio(first.a, first.b)
    if factor is None or abs(factor - 1.0) < SAME_RATIO or first.name in WHOLE_NUMBERS:
        return []
    notes = [f"B is {factor:.12g} times A"]
    for name, found in inputs.items():
        values = {row.a for row in found}
        if len(values) == 1:
            notes += input_as_ratio(name, values.pop(), factor)
    return notes if len(notes) > 1 else notes + [f"that may be {word}" for word in name_factor(factor, SAME_RATIO)]


def input_as_ratio(name, value, factor):
    """A line where `factor` is the value (a tuple) of an input, or its inverse."""
    if len(value) != 1 or value[0] in (0.0, 1.0):
        return []
    for power, times, over in ((value[0], "B", "A"), (1.0 / value[0], "A", "B")):
        if math.isclose(factor, power, rel_tol=SAME_RATIO):
            which = f"{name} ({value[0]:.9g})" if times == "B" else f"1/{name} (1/{value[0]:.9g})"
            if name == "steps":
                return [f"that is {which}: {times} lacks the division by steps, or {over} divides twice"]
            return [f"that is {which}: {times} has it once more than {over}"]
    return []


def common_ratio(a, b):
    """The one number that turns `a` into `b`; None where there is none."""
    if len(a) != len(b) or not all(map(math.isfinite, (*a, *b))):
        return None
    largest = max(range(len(a)), key=lambda i: abs(a[i]))
    if a[largest] == 0.0 or b[largest] == 0.0:
        return None
    factor = b[largest] / a[largest]
    length = math.hypot(*b)
    return factor if all(abs(y - factor * x) <= SAME_RATIO * length for x, y in zip(a, b, strict=True)) else None


def repetition_notes(first, quantities_a, quantities_b):
    """Whether a rotated quantity at one phi step is that of another step of its trace, as a stale phi step's is."""
    turn = dict(first.at).get("phi_tic")
    if turn is None or first.name not in (*ROTATED, "hkl_frac", "k_frac", "cell_from_phi_tic"):
        return []
    if first.name == "cell_from_phi_tic":
        steps = "; ".join(f"{label} uses the cell of step {v[0]:g}" for label, v in (("A", first.a), ("B", first.b)))
        return [f"at phi_tic {turn} {steps} (-1: the unrotated cell); --fix phi0 makes it the unrotated one"]
    repeated = []
    for label, quantities, values in (("A", quantities_a, first.a), ("B", quantities_b, first.b)):
        others = [
            dict(quantity.at).get("phi_tic")
            for quantity in quantities
            if quantity.name == first.name and quantity.values == values and same_but_phi(quantity.at, first.at)
        ]
        repeated += [(label, other) for other in others if other not in (None, turn)][:1]
    # where both repeat a step, it is the experiment's own
    if len(repeated) != 1:
        return []
    label, other = repeated[0]
    return [f"in {label} it is the same at phi_tic {turn} and {other}: a stale phi step (quirk phi0; see --fix phi0)"]


def same_but_phi(at, other):
    return [pair for pair in at if pair[0] != "phi_tic"] == [pair for pair in other if pair[0] != "phi_tic"]
