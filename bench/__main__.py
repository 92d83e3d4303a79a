"""python -m bench [--c-binary PATH] [--c-best PATH] [--c-binary-omp PATH] [--data FOLDER] [--repeat N] [--json FILE]
                [--png FILE] [CASE ...]

Runs each case in every precision, on the CPU (on nbkernel's own threads, and on those of numba's prange) and on the first
CUDA device if there is one, and, if given, with the C program, all in turn. An image that breaks its precision's promise
gets no speed. Without the C program the reference is --precision exact, and there are no ratios.

Columns: ns per step (computing time of all threads divided by steps); computing time, without starting, reading and writing;
complete process; peak memory; ratios of computing and of complete processes to the C program's. Medians, with the spread
(largest minus smallest), and the share of the time that other programs or, for a virtual machine, its host took: figures
with more than a few per cent are not worth keeping.

The instructions of a step, which depend on no other program, are counted by `python -m bench.cpu_code`.
"""

import argparse
import multiprocessing
import statistics
import tempfile
from pathlib import Path

from nbkernel.engine.devices import survey
from nbkernel.engine.options import PARALLEL, PRECISIONS
from nbkernel.engine.threads import thread_count

from .cases import CASES, make_inputs
from .parity import parity, step_count
from .report import machine, table_lines, title, write_json, write_picture
from .timing import Nanobragg, Nbkernel, run


def programs(options):
    """{name: program}, the reference first."""
    found = {}
    if options.c_binary:
        found["C"] = Nanobragg(options.c_binary)
    if options.c_best:
        found["C best"] = Nanobragg(options.c_best)
    if options.c_binary_omp:
        found["C OpenMP"] = Nanobragg(options.c_binary_omp)
    cores = thread_count(None)
    for precision in options.precision.split(","):
        for threads in sorted({1, cores}):
            for parallel in options.parallel.split(","):
                by = "" if parallel == "threads" else f"{parallel}, "
                name = f"{precision}, {by}{threads} thread{'s' * (threads > 1)}"
                found[name] = Nbkernel(precision, threads, parallel=parallel)
        if precision != "exact":
            for device in cuda_devices():
                found[f"{precision}, {device}"] = Nbkernel(precision, cores, device)
    return found


def cuda_devices():
    """The first CUDA device, if one can be used."""
    there = survey()
    return [] if there.missing else [f"cuda:{there.devices[0].number}"]


def measure(case, flags, contestants, repeat, base):
    """The result of one case, as in the report."""
    steps = apart(step_count, flags)
    folders = {name: Path(base, name.replace(" ", "_").replace(",", "")) for name in contestants}
    times = {name: [] for name in contestants}
    kept = {}
    reference = next(iter(contestants))
    for name, program in contestants.items():  # not counted: compilation, file cache
        folders[name].mkdir(exist_ok=True)
        run([*program.command, *flags], folders[name])
        precision = name.split(",")[0] if isinstance(program, Nbkernel) else "exact"
        kept[name] = apart(parity, flags, precision, folders[name], folders[reference])
        # with OpenMP or fast arithmetic the program itself may diverge from its images
        kept[name]["kept"] |= not isinstance(program, Nbkernel)
    for _ in range(repeat):
        for name, program in contestants.items():
            if kept[name]["kept"]:
                times[name].append(program.times(flags, folders[name]))
    rows = {name: row(times[name], steps) | {"parity": kept[name], "command": contestants[name].command} for name in times}
    return {
        "case": case.name, "about": case.about, "scaled": case.scaled, "flags": flags, "steps": steps, "programs": rows,
    }  # fmt: skip


def apart(function, *arguments):
    """function(*arguments) in a process of its own: a program's peak memory includes that of the process that starts it."""
    with multiprocessing.get_context("spawn").Pool(1) as pool:
        return pool.apply(function, arguments)


def row(times, steps):
    """Medians and spreads of (whole, computing, peak) of several runs, whole and computing as Durations."""
    if not times:
        return {}
    whole, compute, peak = zip(*times, strict=True)
    found = {"peak_mb": max(peak)}
    for name, durations in (("whole", whole), ("compute", compute)):
        seconds = [duration.seconds for duration in durations]
        found[name] = statistics.median(seconds)
        found[f"{name}_spread"] = max(seconds) - min(seconds)
        found[f"{name}_lost"] = statistics.median(duration.lost for duration in durations)
    return found | {"ns_per_step": found["compute"] / steps * 1e9}


def main():
    parser = argparse.ArgumentParser(
        prog="python -m bench", description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("--c-binary", help="nanoBragg.c built for one thread: the reference")
    parser.add_argument("--c-best", help="nanoBragg.c built for one thread of this processor, as fast as the compiler can")
    parser.add_argument("--c-binary-omp", help="nanoBragg.c built with OpenMP")
    parser.add_argument("--data", help="folder of the real case, with A.mat and scaled.hkl")
    parser.add_argument("--precision", default=",".join(PRECISIONS), help="which to run, with commas")
    parser.add_argument("--parallel", default=",".join(PARALLEL), help="whose threads, with commas")
    parser.add_argument("--repeat", type=int, default=3, help="runs of each program, in turn")
    parser.add_argument("--full", action="store_true", help="the workloads in their full size")
    parser.add_argument("--json", help="report file")
    parser.add_argument("--png", help="picture of the ratios (needs matplotlib)")
    parser.add_argument("cases", nargs="*", default=list(CASES), metavar="CASE", help=", ".join(CASES))
    options = parser.parse_args()
    for name in options.cases:
        if name not in CASES:
            parser.error(f"there is no case {name}; there are {', '.join(CASES)}")
    for precision in options.precision.split(","):
        if precision not in PRECISIONS:
            parser.error(f"there is no precision {precision}; there are {', '.join(PRECISIONS)}")
    for parallel in options.parallel.split(","):
        if parallel not in PARALLEL:
            parser.error(f"there is no --parallel {parallel}; there are {', '.join(PARALLEL)}")
    about, results = machine(), []
    print(title(about), flush=True)
    contestants = programs(options)
    with tempfile.TemporaryDirectory() as base:
        inputs = make_inputs(base, options.data)
        for name in options.cases:
            case = CASES[name]
            if missing := case.needs(inputs):
                print(f"{name}: left out, {missing}", flush=True)
                continue
            result = measure(case, case.command(inputs, options.full), contestants, options.repeat, base)
            result["scaled"] = "" if options.full else case.scaled
            results.append(result)
            print("\n".join(table_lines(result)), flush=True)
    if options.json:
        write_json(options.json, about, results)
    if options.png:
        if options.c_binary:
            write_picture(options.png, about, results)
        else:
            print("bench: --png shows ratios to the C program; give --c-binary")


if __name__ == "__main__":
    main()
