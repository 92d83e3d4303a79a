"""Two traces of a pixel, quantity by quantity: where they part first, and what that quantity is computed from."""

import functools
import json
import math
import re
from collections import Counter
from dataclasses import dataclass
from typing import NamedTuple

from .errors import InputError
from .factors import name_factor
from .quantity import Quantity

PREFIX = re.compile(r"\s*TRACE(?:_\w+)?(?::\s*|\s+)(?=\S)")
# loops of a pixel, outermost first
LOOPS = ("thick_tic", "subS", "subF", "source", "phi_tic", "mos_tic")
# the first quantity after all loops
SUM = "I_before_scaling"
# how other programs spell a name
ALIASES = {
    "fdet_vec": "fdet_vector",
    "sdet_vec": "sdet_vector",
    "odet_vec": "odet_vector",
    "beam_vec": "beam_vector",
    "polar_vec": "polar_vector",
    "spindle_axis": "spindle_vector",
    "pix0_vector": "pix0_vector_meters",
    "pixel_pos": "pixel_pos_meters",
    "R_distance": "R_distance_meters",
    "airpath": "R_distance_meters",
    "omega_pixel": "omega_pixel_sr",
    "close_distance": "close_distance_meters",
    "obliquity": "obliquity_factor",
    "diffracted": "diffracted_vec",
    "incident": "incident_vec",
    "lambda": "lambda_meters",
    "scattering": "scattering_vec",
    # its values are 1/m all the same
    "scattering_vec_A_inv": "scattering_vec",
    "rot_a_star_A_inv": "rot_a_star",
    "rot_b_star_A_inv": "rot_b_star",
    "rot_c_star_A_inv": "rot_c_star",
    "fluence": "fluence_photons_per_m2",
    "polarization": "kahn_factor",
    "I_term": "I_before_scaling",
    "final_intensity": "I_pixel_final",
}
SAME_RATIO = 1e-9
LONGEST_REASON = 100  # letters
# indices and switches: their ratio means nothing
WHOLE_NUMBERS = {
    "cell_from_phi_tic", "hkl_rounded", "beyond_dmin", "interpolated",
    "oversample_thick", "oversample_polar", "oversample_omega",
}  # fmt: skip
ROTATED = tuple(f"rot_{axis}_angstroms" for axis in "abc")
REAL = "the unrotated cell, phi about the spindle, mosaic rotation"
# quantity: the quantities it is computed from, as traced; then what a trace does not show
INPUTS = {
    "fdet_vector": ((), "detector orientation flags"),
    "sdet_vector": ((), "detector orientation flags"),
    "odet_vector": (("fdet_vector", "sdet_vector"), "detector orientation flags"),
    "beam_vector": ((), "convention or -beam_vector"),
    "polar_vector": ((), "convention or -polar_vector"),
    "spindle_vector": ((), "convention or -spindle_axis"),
    "pix0_vector_meters": (
        ("fdet_vector", "sdet_vector", "odet_vector", "beam_vector"),
        "beam centre, distance, pivot and detector rotations",
    ),
    "I_bg": (("fluence_photons_per_m2", "r_e_sqr"), "water size"),
    "pixel_pos_meters": (
        ("pix0_vector_meters", "fdet_vector", "sdet_vector", "odet_vector"),
        "pixel indices, pixel size, oversample and layer depth",
    ),
    "R_distance_meters": (("pixel_pos_meters",), ""),
    "close_distance_meters": (("pix0_vector_meters", "odet_vector"), "distance and pivot"),
    "obliquity_factor": (("close_distance_meters", "R_distance_meters"), ""),
    "omega_pixel_sr": (("R_distance_meters", "close_distance_meters", "obliquity_factor"), "pixel size, -point_pixel"),
    "diffracted_vec": (("pixel_pos_meters", "R_distance_meters"), ""),
    "parallax": (("diffracted_vec", "odet_vector"), ""),
    "incident_vec": (("beam_vector",), "source position (divergence)"),
    "lambda_meters": ((), "wavelength and dispersion of the source"),
    "lambda_angstroms": (("lambda_meters",), "wavelength and dispersion of the source"),
    "source_weight": ((), "source file"),
    "scattering_vec": (("diffracted_vec", "incident_vec", "lambda_meters"), ""),
    "beyond_dmin": (("scattering_vec",), "-dmin"),
    "cell_from_phi_tic": ((), "phi of the step: a step at phi = 0 may keep another step's cell (quirk phi0)"),
    **{name: (("cell_from_phi_tic", "spindle_vector"), REAL) for name in ROTATED},
    **{f"rot_{axis}_star": (ROTATED, REAL) for axis in "abc"},
    "hkl_frac": ((*ROTATED, "scattering_vec"), ""),
    "h_frac": (("rot_a_angstroms", "scattering_vec"), ""),
    "k_frac": (("rot_b_angstroms", "scattering_vec"), ""),
    "l_frac": (("rot_c_angstroms", "scattering_vec"), ""),
    "hkl_rounded": (("hkl_frac",), ""),
    **{f"F_latt_{axis}": (("hkl_frac",), f"N{axis}, crystal shape") for axis in "abc"},
    "F_latt": (("F_latt_a", "F_latt_b", "F_latt_c", "hkl_frac", "hkl_rounded"), "Na Nb Nc, crystal shape and fudge"),
    "interpolated": (("hkl_frac",), "range of the structure factor table"),
    "F_cell": (("hkl_rounded", "hkl_frac", "interpolated"), "structure factors: hkl file, dump file, default_F"),
    "I_sum": (("F_cell", "F_latt", "source_weight", "I_bg"), "the sum before this step"),
    "I_before_scaling": (("F_cell", "F_latt", "I_sum", "I_bg", "source_weight"), "all steps of the pixel"),
    "r_e_meters": ((), "a constant"),
    "r_e_sqr": ((), "a constant"),
    "fluence_photons_per_m2": ((), "flux, exposure and beam size, or -fluence"),
    "steps": ((), "sources x mosaic domains x phi steps x oversample^2"),
    "oversample_thick": ((), "flag"),
    "oversample_polar": ((), "flag"),
    "oversample_omega": ((), "flag"),
    "capture_fraction": (("parallax", "diffracted_vec", "odet_vector"), "sensor thickness, absorption, layer"),
    "kahn_factor": ((), "-polar"),
    "cos_2theta": (("incident_vec", "diffracted_vec"), ""),
    "polar": (("kahn_factor", "incident_vec", "diffracted_vec", "polar_vector", "cos_2theta"), "-nopolar"),
    "I_pixel_final": (
        (
            "I_before_scaling",
            "steps",
            "r_e_sqr",
            "fluence_photons_per_m2",
            "polar",
            "omega_pixel_sr",
            "capture_fraction",
            "oversample_thick",
            "oversample_polar",
            "oversample_omega",
        ),
        "",
    ),
    "floatimage_accumulated": (("I_pixel_final",), "earlier contributions"),
}


class Row(NamedTuple):
    """A quantity of A beside B's. difference: relative to the length of A's values; inf where their numbers differ."""

    name: str
    at: tuple
    a: tuple
    b: tuple
    difference: float

    @property
    def where(self):
        return " ".join(f"{loop} {index}" for loop, index in self.at)


def read_trace(path, text):
    """Quantities of a trace log in file order. Where any line has a TRACE prefix, only such lines count.

    Raises InputError where there are none.
    """
    if text.lstrip().startswith("{"):
        quantities = read_json(path, text)
    else:
        lines = text.splitlines()
        prefixed = "TRACE" in text and [line[match.end() :] for line in lines if (match := PREFIX.match(line))]
        quantities = read_lines(prefixed or lines)
    if not quantities:
        raise InputError(f"compare-traces: {path} holds no trace; need lines of a name and numbers, or TRACE_C: lines")
    return quantities


def read_json(path, text):
    """Quantities of `nbkernel trace --json`."""
    try:
        return [json_quantity(entry) for entry in json.loads(text)["quantities"]]
    except (ValueError, KeyError, TypeError, OverflowError, RecursionError) as error:
        why = f"has no {error}" if isinstance(error, KeyError) else str(error)
        raise InputError(f"compare-traces: {path} is not the JSON of nbkernel trace: {why[:LONGEST_REASON]}") from None


def json_quantity(entry):
    """The Quantity of a JSON object. Raises KeyError, TypeError, ValueError or OverflowError for one of another kind."""
    name, values = entry["name"], entry["values"]
    if not (isinstance(name, str) and is_name(name) and isinstance(values, list) and values):
        raise TypeError("each quantity needs a name, and values in a list")
    at = tuple((loop, int(entry[loop])) for loop in LOOPS if loop in entry)
    return Quantity(ALIASES.get(name, name), tuple(map(float, values)), at)


def read_lines(lines):
    quantities, at = [], ()
    for line in lines:
        for name, values in line_entries(line):
            if name in LOOPS and len(values) == 1:
                at = enter_block(at, name, values[0])
                continue
            name = ALIASES.get(name, name)
            if name == SUM:
                at = ()
            quantities.append(Quantity(name, values, at))
    return quantities


def line_entries(line):
    """(name, values) of a line: one of `name values`, any number of name=value, none of other lines."""
    words = line.split()
    if "=" in line and all("=" in word for word in words):
        pairs = [(name, [text]) for name, text in (word.split("=", 1) for word in words)]
    elif len(words) > 1:
        pairs = [(words[0], words[1:])]
    else:
        return
    for name, parts in pairs:
        values = numbers(parts)
        if values and is_name(name):
            yield name, values


@functools.lru_cache(10_000)
def is_name(text):
    return re.fullmatch(r"[A-Za-z_]\w*", text) is not None


def numbers(words):
    """Numbers of a text's words, a unit in brackets at its end aside; empty where anything else stands in it."""
    try:
        return tuple(map(float, words))
    except ValueError:
        pass
    words = re.sub(r"\s*[\[(][^\])]*[\])]\s*$", "", " ".join(words)).replace(",", " ").split()
    try:
        return tuple(map(float, words))
    except ValueError:
        return ()


def enter_block(at, loop, index):
    """The block after a line of `loop`: what lies inside it begins anew."""
    depth = LOOPS.index(loop)
    return (*(pair for pair in at if LOOPS.index(pair[0]) < depth), (loop, int(index) if math.isfinite(index) else -1))


def align(quantities_a, quantities_b):
    """(pairs, only_a, only_b): quantities that belong together, in A's order.

    A name that stands once in each belongs together; else by its block and occurrence in it; where one trace has no
    blocks, by occurrence.
    """
    counts = [Counter(quantity.name for quantity in quantities) for quantities in (quantities_a, quantities_b)]
    blocks = all(any(quantity.at for quantity in quantities) for quantities in (quantities_a, quantities_b))
    single = {name for name, count in counts[0].items() if count == counts[1][name] == 1}
    keyed_a, keyed_b = (keyed(quantities, single, blocks) for quantities in (quantities_a, quantities_b))
    pairs = [(quantity, keyed_b[key]) for key, quantity in keyed_a.items() if key in keyed_b]
    only_a = [quantity for key, quantity in keyed_a.items() if key not in keyed_b]
    only_b = [quantity for key, quantity in keyed_b.items() if key not in keyed_a]
    return pairs, only_a, only_b


def keyed(quantities, single, blocks):
    result, seen = {}, {}
    for quantity in quantities:
        place = (quantity.name, quantity.at if blocks and quantity.name not in single else ())
        seen[place] = seen.get(place, -1) + 1
        result[(*place, seen[place])] = quantity
    return result


def relative_difference(a, b):
    """Largest difference of a component over the length of `a` (of `b` where that is 0); inf for another number of
    components, or where one is nan or infinite alone."""
    if a == b:
        return 0.0
    if len(a) != len(b):
        return math.inf
    if any(not same_kind(x, y) for x, y in zip(a, b, strict=True)):
        return math.inf
    finite = [(x, y) for x, y in zip(a, b, strict=True) if math.isfinite(x)]
    largest = max((abs(x - y) for x, y in finite), default=0.0)
    length = math.hypot(*(x for x, _ in finite)) or math.hypot(*(y for _, y in finite))
    if math.isinf(length) or math.isinf(largest):
        return relative_difference(*(tuple(x / 1024.0 for x in values) for values in (a, b)))
    return largest / length if largest else 0.0


def same_kind(x, y):
    if math.isfinite(x) and math.isfinite(y):
        return True
    return x == y or (math.isnan(x) and math.isnan(y))


@dataclass(frozen=True)
class Comparison:
    """rows in A's order; first: the Row where the traces part, None where they do not; notes: lines about it."""

    rows: list
    only_a: list
    only_b: list
    first: Row | None
    notes: list


def compare_traces(quantities_a, quantities_b, tolerance):
    """Comparison of two traces. Raises InputError where they have no quantity in common."""
    pairs, only_a, only_b = align(quantities_a, quantities_b)
    if not pairs:
        raise InputError("compare-traces: the two traces have no quantity in common")
    rows = [Row(x.name, x.at or y.at, x.values, y.values, relative_difference(x.values, y.values)) for x, y in pairs]
    first = first_divergence(rows, tolerance)
    notes = [] if first is None else explain(first, rows, quantities_a, quantities_b, tolerance)
    return Comparison(rows, only_a, only_b, first, notes)


def first_divergence(rows, tolerance):
    """The first divergent Row none of whose inputs, direct or not, diverges; so the order in which a program prints
    its numbers does not matter."""
    divergent = [row for row in rows if row.difference > tolerance]
    places = Places(divergent)
    for row in divergent:
        if not any(places.touch(name, row.at) for name in all_inputs(row.name)):
            return row
    return divergent[0] if divergent else None


class Places:
    """The blocks of rows, by name: whether any of them touches a block is found without looking at each."""

    def __init__(self, rows):
        self.blocks = {}  # name: loops: blocks, as tuples of the loops' indices
        for row in rows:
            loops, turns = apart(row.at)
            self.blocks.setdefault(row.name, {}).setdefault(loops, set()).add(turns)
        self.parts = {}  # the blocks of a name and its loops, cut to some of them

    def touch(self, name, at):
        """Whether a row of that name is in the block `at`, inside it or around it, see `touches`."""
        turns = dict(at)
        for loops in self.blocks.get(name, ()):
            common = tuple(loop for loop in loops if loop in turns)
            if tuple(turns[loop] for loop in common) in self.cut(name, loops, common):
                return True
        return False

    def cut(self, name, loops, common):
        key = name, loops, common
        if key not in self.parts:
            kept = [loops.index(loop) for loop in common]
            self.parts[key] = {tuple(turns[i] for i in kept) for turns in self.blocks[name][loops]}
        return self.parts[key]


def apart(at):
    """The loops of a block, and its turn of each."""
    return tuple(loop for loop, _ in at), tuple(index for _, index in at)


@functools.cache
def all_inputs(name):
    """Names of everything `name` is computed from, itself aside."""
    found, waiting = set(), [name]
    while waiting:
        new = set(INPUTS.get(waiting.pop(), ((), ""))[0]) - found
        found |= new
        waiting += new
    return found - {name}


def touches(at, other):
    """False where two blocks are different turns of the same loop."""
    turns = dict(other)
    return all(turns.get(loop, index) == index for loop, index in at)


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
        notes.append(f"computed from {', '.join(traced)}: {'they differ in ' + ', '.join(apart) if apart else 'equal in both'}")
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
