"""`nbkernel compare-traces`: where two traces of a pixel diverge."""

import json

from nbkernel.diagnose.traces.compare_traces import compare_traces
from nbkernel.diagnose.traces.log import read_trace
from nbkernel.io.files.text import read_text
from nbkernel.support.garbage_collection import without_garbage_collection

from ..arguments.options import options_of, options_text
from ..arguments.parsing import file_names, parse
from ..terminal import as_json, say_all

DEFAULT_TOLERANCE = 1e-12


def help_text():
    return (
        "usage: nbkernel compare-traces A B [options]\n\n"
        "Compares two traces of one pixel: output of nbkernel trace, or any output with lines such as\n"
        "'TRACE_C: name values'. Names the first quantity that differs, and what it is computed from.\n"
        "A vector's difference is that of its worst component, relative to its length.\n\n"
        f"{options_text(options_of('compare-traces'))}\n\n"
        "Exit status: 0 no divergence, 1 a divergence, 2 bad input"
    )


def run(argv):
    """Runs the sub-command with its arguments; returns the exit status. Raises InputError for unusable input."""
    chosen, rest = parse("compare-traces", argv)
    paths = file_names("compare-traces", rest, ("A", "B"))
    with without_garbage_collection():
        return compare(paths, chosen)


def compare(paths, chosen):
    traces = [read_trace(path, read_text("compare-traces", path)) for path in paths]
    tolerance = chosen.get("--tolerance", DEFAULT_TOLERANCE)
    comparison = compare_traces(*traces, tolerance)
    if "--json" in chosen:
        print(json.dumps(as_json(as_dictionary(paths, comparison, tolerance)), indent=1))
    else:
        say_all(report(paths, comparison, tolerance))
    return 0 if comparison.first is None else 1


def as_dictionary(paths, comparison, tolerance):
    return {
        "a": paths[0],
        "b": paths[1],
        "tolerance": tolerance,
        "quantities": [row_dictionary(row) for row in comparison.rows],
        "only_a": names(comparison.only_a),
        "only_b": names(comparison.only_b),
        "first_divergence": None if comparison.first is None else row_dictionary(comparison.first),
        "notes": comparison.notes,
    }


def row_dictionary(row):
    return {"name": row.name, **dict(row.at), "a": row.a, "b": row.b, "difference": row.difference}


def names(quantities):
    """The quantities' names, each once, in order."""
    return list(dict.fromkeys(quantity.name for quantity in quantities))


def report(paths, comparison, tolerance):
    """The lines of the report."""
    lines = [f"A: {paths[0]}", f"B: {paths[1]}", ""]
    lines += table(comparison.rows, tolerance)
    lines.append("")
    for label, quantities in (("A", comparison.only_a), ("B", comparison.only_b)):
        if quantities:
            lines.append(f"only in {label}: {len(quantities)} values of {', '.join(names(quantities))}")
    if comparison.first is None:
        return [*lines, f"no divergence beyond {tolerance:g} in {len(comparison.rows)} quantities"]
    first = comparison.first
    lines.append(f"first divergence: {first.name}{f' ({first.where})' if first.at else ''}, relative {first.difference:.3g}")
    lines += [f"  A {values(first.a)}", f"  B {values(first.b)}"]
    return lines + [f"  {note}" for note in comparison.notes]


def table(rows, tolerance):
    """Name, difference and A's values of each quantity; below them B's if they differ by more than `tolerance`."""
    labels = [" ".join(filter(None, (row.name, row.where))) for row in rows]
    width = max(map(len, labels))
    yield f"{'quantity':<{width}}  {'difference':>10}    A, and B where it differs"
    for label, row in zip(labels, rows, strict=True):
        differs = row.difference > tolerance
        yield f"{label:<{width}}  {row.difference:>10.3g}  {'*' if differs else ' '} {values(row.a)}"
        if differs:
            yield f"{'':<{width}}  {'':>10}    {values(row.b)}"


def values(numbers):
    return " ".join([f"{number:.15g}" for number in numbers])
