"""python -m bench --c-binary PATH [--c-binary-omp PATH] [--repeat N] [--json FILE] [CASE ...]

Runs each case by nbkernel and by the C program in turn, whole processes, and prints medians and ratios. A case whose
files differ from the single-thread C program's gets no speed.
"""

import argparse
import json
import os
import platform
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from .cases import CASES

FILES = ("floatimage.bin", "intimage.img", "image.pgm", "noiseimage.img")


def timed(command, folder):
    """Wall seconds and peak memory (MB) of a command run in `folder`."""
    started = time.perf_counter()
    process = subprocess.Popen(command, cwd=folder, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    _, status, usage = os.wait4(process.pid, 0)
    if status != 0:
        raise SystemExit(f"bench: {' '.join(command[:2])} failed with status {os.waitstatus_to_exitcode(status)}")
    return time.perf_counter() - started, usage.ru_maxrss / 1024


def same_files(ours, theirs):
    names = [name for name in FILES if (theirs / name).exists()]
    return bool(names) and all((ours / name).read_bytes() == (theirs / name).read_bytes() for name in names)


def measure(name, flags, programs, repeat):
    """Median seconds, spread and peak memory of each program, and whether nbkernel's files are the C program's."""
    rows = {}
    with tempfile.TemporaryDirectory() as base:
        folders = {program: Path(base, program) for program in programs}
        for folder in folders.values():
            folder.mkdir()
        times = {program: [] for program in programs}
        memory = dict.fromkeys(programs, 0.0)
        for program in programs:  # not counted: compilation, file cache
            timed([*programs[program], *flags.split()], folders[program])
        same = same_files(folders["nbkernel"], folders["c"])
        for _ in range(repeat):
            for program, command in programs.items():
                seconds, peak = timed([*command, *flags.split()], folders[program])
                times[program].append(seconds)
                memory[program] = max(memory[program], peak)
    for program in programs:
        rows[program] = {
            "seconds": statistics.median(times[program]),
            "spread": max(times[program]) - min(times[program]),
            "peak_mb": round(memory[program]),
        }
    return {"case": name, "flags": flags, "same_files": same, "programs": rows}


def print_row(result):
    if not result["same_files"]:
        print(f"{result['case']:<12} files differ from the C program's: no speed")
        return
    ours = result["programs"]["nbkernel"]
    cells = [f"{result['case']:<12} nbkernel {ours['seconds']:7.2f} s +- {ours['spread']:.2f} {ours['peak_mb']:5d} MB"]
    for program, row in result["programs"].items():
        if program != "nbkernel":
            cells.append(f"{program} {row['seconds']:7.2f} s  ratio {row['seconds'] / ours['seconds']:5.2f}")
    print("   ".join(cells), flush=True)


def main():
    parser = argparse.ArgumentParser(prog="python -m bench", description=__doc__)
    parser.add_argument("--c-binary", required=True, help="nanoBragg.c built for one thread: the reference")
    parser.add_argument("--c-binary-omp", help="nanoBragg.c built with OpenMP")
    parser.add_argument("--repeat", type=int, default=3)
    parser.add_argument("--json", help="report file")
    parser.add_argument("cases", nargs="*", default=list(CASES))
    options = parser.parse_args()
    unknown = [name for name in options.cases if name not in CASES]
    if unknown:
        parser.error(f"there is no case {unknown[0]}; there are {', '.join(CASES)}")
    programs = {"nbkernel": [sys.executable, "-m", "nbkernel", "simulate"], "c": [os.path.abspath(options.c_binary)]}
    if options.c_binary_omp:
        programs["c-omp"] = [os.path.abspath(options.c_binary_omp)]
    print(f"{platform.processor() or platform.machine()}, {os.cpu_count()} cores, Python {platform.python_version()}; whole processes")
    results = []
    for name in options.cases:
        results.append(measure(name, CASES[name], programs, options.repeat))
        print_row(results[-1])
    if options.json:
        Path(options.json).write_text(json.dumps(results, indent=1))


if __name__ == "__main__":
    main()
