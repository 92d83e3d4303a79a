"""Reading trace logs of a pixel: nbkernel's own, and those of other programs that print names and numbers."""

import functools
import json
import math
import re

from nbkernel.errors import InputError

from .quantity import Quantity

PREFIX = re.compile(r"\s*TRACE(?:_\w+)?(?::\s*|\s+)(?=\S)")
# loops of a pixel, outermost first
LOOPS = ("thick_tic", "subS", "subF", "source", "phi_tic", "mos_tic")
# the first quantity after all loops
SUM = "I_before_scaling"
# other programs' names
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
    # in 1/m in spite of its name
    "scattering_vec_A_inv": "scattering_vec",
    "rot_a_star_A_inv": "rot_a_star",
    "rot_b_star_A_inv": "rot_b_star",
    "rot_c_star_A_inv": "rot_c_star",
    "fluence": "fluence_photons_per_m2",
    "polarization": "kahn_factor",
    "I_term": "I_before_scaling",
    "final_intensity": "I_pixel_final",
}
LONGEST_REASON = 100  # characters


def read_trace(path, text):
    """Quantities of a trace log in file order. If any line has a TRACE prefix, the others are ignored.

    Raises InputError if there are no quantities.
    """
    if text.lstrip().startswith("{"):
        quantities = read_json(path, text)
    else:
        lines = text.splitlines()
        prefixed = "TRACE" in text and [line[match.end() :] for line in lines if (match := PREFIX.match(line))]
        quantities = read_lines(prefixed or lines)
    if not quantities:
        raise InputError(f"compare-traces: {path} contains no trace; need lines of a name and numbers, or TRACE_C: lines")
    return quantities


def read_json(path, text):
    """Quantities of `nbkernel trace --json`."""
    try:
        return [json_quantity(entry) for entry in json.loads(text)["quantities"]]
    except (ValueError, KeyError, TypeError, OverflowError, RecursionError) as error:
        why = f"has no {error}" if isinstance(error, KeyError) else str(error)
        raise InputError(f"compare-traces: {path} is not the JSON of nbkernel trace: {why[:LONGEST_REASON]}") from None


def json_quantity(entry):
    """The Quantity of a JSON object. Raises KeyError, TypeError, ValueError or OverflowError if it is not one."""
    name, values = entry["name"], entry["values"]
    if not (isinstance(name, str) and is_name(name) and isinstance(values, list) and values):
        raise TypeError("each quantity needs a name and a list of values")
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
    """(name, values) pairs in a line: one in `name values`, any number in `name=value ...`, none in other lines."""
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
    """The words as numbers, without a unit in brackets at the end; empty if any other word is not a number."""
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
    """The block after a line `loop index`: loops inside this one start again."""
    depth = LOOPS.index(loop)
    return (*(pair for pair in at if LOOPS.index(pair[0]) < depth), (loop, int(index) if math.isfinite(index) else -1))
