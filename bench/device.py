"""python -m bench.device [--device cuda:N] [--golden FOLDER] [--seconds 600] [--json FILE] [PART ...]

What only a CUDA device can tell, within the given time and in this order:

  compile     machine code of all kernels for the device, by as many processes as there are cores, into the kernel cache
  golden      all golden cases in double and mixed, compared with nanoBragg.c's float images
  sanitizers  memcheck and racecheck of small images, a background and noise, if compute-sanitizer is installed
  start       whole processes that render one pixel, warm and cold, on the device and on the CPU
  workloads   those of `python -m bench`: kernels, copies, rendering and whole processes, in seconds

A part that has no time left says how much of it is left out. The exit status is 1 if a case is not within its promise or a
sanitizer finds an error.
"""

import argparse
import json
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from concurrent.futures import ProcessPoolExecutor
from functools import partial
from multiprocessing import get_context
from pathlib import Path

import h5py

from nbkernel.engine.cuda import driver
from nbkernel.engine.devices import choose_device, parse_device, survey
from nbkernel.engine.render import render

from .cases import CASES, NEAR, make_inputs
from .cuda_code import arguments_of, kernels
from .golden import figures, lines
from .parity import image_verdict, prepared_run
from .timing import ONE_PIXEL, run

PRECISIONS = ("double", "mixed")
SIMULATE = [sys.executable, "-m", "nbkernel", "simulate"]
REPEAT = 5
SMALL = {
    "square": "-default_F 100 -N 5",
    "round": "-default_F 100 -N 5 -round_xtal -mosaic 1 -mosaic_dom 200",
    "table": "-hkl {table} -N 3 -phisteps 3 -osc 1",
    "interpolated": "-hkl {table} -N 1 -interpolate",
    "background": "-default_F 100 -N 5 -dispersion 1 -dispsteps 3 --background {stol}",
}
SMALL_SIZE = "-detpixels_f 200 -detpixels_s 40 -pixel 1 -noprogress"
FAILED = 99  # exit status of a sanitizer that has found an error


class Clock:
    """The time that is left."""

    def __init__(self, seconds):
        self.end = time.monotonic() + seconds

    def left(self):
        return self.end - time.monotonic()

    def while_left(self, things, what, say):
        """Yields `things` until the time is over, then tells how many are left out."""
        things = list(things)
        for number, thing in enumerate(things):
            if self.left() <= 0.0:
                say(f"  left out for lack of time: {len(things) - number} of {len(things)} {what}")
                return
            yield thing


class TimedDriver(driver.Driver):
    """Waits after each launch and each copy. `seconds` of kernels and of copies."""

    def __init__(self, library):
        self.seconds = {"kernel": 0.0, "copy": 0.0}
        super().__init__(library)

    def call(self, name, *arguments):
        kind = "kernel" if name == "cuLaunchKernel" else "copy" if name.startswith("cuMemcpy") else None
        started = time.perf_counter()
        super().call(name, *arguments)
        if kind is not None:
            super().call("cuCtxSynchronize")
            self.seconds[kind] += time.perf_counter() - started


def timed_parts(prepared, precision, number):
    """{"kernel", "copy"}: seconds that rendering on a device takes without overlaps."""
    timed = TimedDriver(driver.load_driver())
    kept, driver.OPENED[number] = driver.opened_device(number), driver.Device(timed, number)
    try:
        render(prepared, precision, devices=(number,))  # loads the kernels
        timed.seconds.update(kernel=0.0, copy=0.0)
        render(prepared, precision, devices=(number,))
    finally:
        driver.OPENED[number] = kept
    return dict(timed.seconds)


def compile_kernel(capability, name):
    """Makes sure that a kernel's machine code is in the cache."""
    from nbkernel.kernels.cuda.arguments import pack
    from nbkernel.kernels.cuda.machine_code import machine_code

    arguments = arguments_of(kernels()[name])
    machine_code(kernels()[name], arguments, pack(arguments)[1], capability)


def compile_part(options, clock, say):
    started = time.monotonic()
    with ProcessPoolExecutor(os.cpu_count(), get_context("spawn")) as pool:
        names = list(kernels())
        list(pool.map(partial(compile_kernel, options.capability), names))
    seconds = time.monotonic() - started
    say(f"  {len(names)} kernels in {seconds:.0f} s")
    return {"kernels": len(names), "seconds": seconds}


def golden_part(options, clock, say):
    cases = json.loads((options.golden / "cases.json").read_text())["cases"]
    found = {precision: {} for precision in PRECISIONS}
    with h5py.File(options.golden / "golden.h5") as golden:
        for case in clock.while_left(cases, "cases", say):
            prepared = prepared_run([argument.replace("{in}", str(options.golden / "inputs")) for argument in case["args"]])
            expected = golden[case["id"]]["float.bin"][...]
            for precision, of_cases in found.items():
                of_cases[case["id"]] = figures(precision, prepared, expected, (options.number,))
    for precision, of_cases in found.items():
        for line in lines(precision, of_cases) if of_cases else ():
            say(f"  {line}")
        for name, row in of_cases.items():
            if not row["within"]:
                options.wrong.append(f"{precision} of golden case {name} is not within its promise")
    return found


def sanitizer():
    """The path of compute-sanitizer, None if it is not installed."""
    try:
        from cuda import pathfinder

        return pathfinder.find_nvidia_binary_utility("compute-sanitizer")
    except ImportError:
        return shutil.which("compute-sanitizer")


def sanitizers_part(options, clock, say):
    program, found = sanitizer(), {}
    if program is None:
        say("  left out: compute-sanitizer is not installed (it comes with the CUDA toolkit)")
        return found
    inputs = make_inputs(options.base, None)
    runs = [(tool, name, precision) for tool in ("memcheck", "racecheck") for name in SMALL for precision in PRECISIONS]
    for tool, name, precision in clock.while_left(runs, "runs", say):
        flags = f"{NEAR} {SMALL[name]} {SMALL_SIZE}".format(**inputs).split()
        own = ["--device", f"cuda:{options.number}", "--precision", precision, "--noise-rng", "philox"]
        command = [program, "--tool", tool, "--error-exitcode", str(FAILED), *SIMULATE, *flags, *own]
        try:
            done = subprocess.run(
                command, check=False, cwd=options.base, capture_output=True, text=True, timeout=max(clock.left(), 1.0)
            )
        except subprocess.TimeoutExpired:
            say(f"  {tool} {name} {precision}: not finished in time")
            continue
        found[f"{tool} {name} {precision}"] = done.returncode
        say(f"  {tool} {name} {precision}: {'no errors' if done.returncode == 0 else done.stdout[-2000:]}")
        if done.returncode != 0:
            options.wrong.append(f"{tool} of {name} in {precision}: status {done.returncode}")
    return found


def start_part(options, clock, say):
    """Seconds of whole processes for one pixel: warm, with the kernels in the cache, and cold, without CUDA's."""
    from nbkernel.kernels.compile.object_cache import CACHE

    flags = [*f"{NEAR} -default_F 100 -N 5 -detpixels 512 -pixel 0.4 -nonoise -nopgm -noprogress".split(), *ONE_PIXEL]
    on_cpu, on_device = ([*SIMULATE, *flags, "--device", where] for where in ("cpu", f"cuda:{options.number}"))
    found = {"cpu": [], "device, warm": [], "device, cold": []}
    for command in (on_cpu, on_device):
        run(command, options.base)
    for _ in clock.while_left(range(REPEAT), "repetitions", say):
        found["cpu"].append(run(on_cpu, options.base)[0].seconds)
        found["device, warm"].append(run(on_device, options.base)[0].seconds)
    if CACHE.folder is not None and clock.left() > 0.0:
        # the CPU's kernels, without the device's
        other = Path(options.base, "cache", "nbkernel")
        other.mkdir(mode=0o700, parents=True)
        for path in Path(CACHE.folder).glob("*.o"):
            shutil.copy2(path, other)
        found["device, cold"].append(run(["env", f"NUMBA_CACHE_DIR={other.parent}", *on_device], options.base)[0].seconds)
    medians = {name: statistics.median(seconds) for name, seconds in found.items() if seconds}
    for name, seconds in medians.items():
        say(f"  {name:<13} {seconds:.2f} s")
    return medians


def workloads_part(options, clock, say):
    inputs, found = make_inputs(options.base, options.data), {}
    say(f"  {'':<18} {'kernels':>9} {'copies':>9} {'rendering':>9} {'process':>9}  ns per step")
    for case in clock.while_left(options.cases, "workloads", say):
        if missing := case.needs(inputs):
            say(f"  {case.name}: left out, {missing}")
            continue
        flags = case.command(inputs, True)
        prepared = prepared_run(flags)
        steps = int(prepared.wanted.sum()) * prepared.plan.steps * prepared.plan.detector_thicksteps
        expected = render(prepared, "double").image
        for precision in clock.while_left(PRECISIONS, f"precisions of {case.name}", say):
            image = render(prepared, precision, devices=(options.number,)).image
            if not image_verdict(prepared, precision, expected, image)[1]["within"]:
                say(f"  {case.name} {precision}: no speed, because its pixels are not within the promise")
                options.wrong.append(f"{precision} of {case.name} is not within its promise")
                continue
            started = time.perf_counter()
            render(prepared, precision, devices=(options.number,))
            row = {"rendering": time.perf_counter() - started, **timed_parts(prepared, precision, options.number)}
            own = ["--device", f"cuda:{options.number}", "--precision", precision]
            row["process"] = run([*SIMULATE, *flags, *own], options.base)[0].seconds
            row["ns_per_step"] = row["kernel"] / steps * 1e9
            found[f"{case.name} {precision}"] = row
            columns = " ".join(f"{row[name]:9.3f}" for name in ("kernel", "copy", "rendering", "process"))
            say(f"  {case.name + ' ' + precision:<18} {columns}  {row['ns_per_step']:.4f}")
    return found


PARTS = {
    "compile": compile_part,
    "golden": golden_part,
    "sanitizers": sanitizers_part,
    "start": start_part,
    "workloads": workloads_part,
}


def say(line):
    print(line, flush=True)


def main(argv=None):
    parser = argparse.ArgumentParser(
        prog="python -m bench.device", description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("--device", default="cuda", help="cuda or cuda:N")
    parser.add_argument("--golden", type=Path, default=Path("tests/golden"), help="with cases.json, golden.h5 and inputs")
    parser.add_argument("--data", help="folder of the real case, with A.mat and scaled.hkl")
    parser.add_argument("--seconds", type=float, default=600.0, help="of all parts together")
    parser.add_argument("--case", action="append", help=f"a workload: {', '.join(CASES)}; all if none is named")
    parser.add_argument("--json", type=Path, help="report file")
    parser.add_argument("parts", nargs="*", metavar="PART", help=", ".join(PARTS))
    options = parser.parse_args(argv)
    for name in options.parts:
        if name not in PARTS:
            parser.error(f"there is no part {name}; there are {', '.join(PARTS)}")
    for name in options.case or ():
        if name not in CASES:
            parser.error(f"there is no case {name}; there are {', '.join(CASES)}")
    options.cases = [CASES[name] for name in options.case or CASES]
    options.golden = options.golden.absolute()
    clock = Clock(options.seconds)
    (options.number,) = choose_device(*parse_device(options.device, "--device"), "double").devices
    (about,) = (device for device in survey().devices if device.number == options.number)
    options.capability, options.wrong, report = about.capability, [], {"device": about.line()}
    say(about.line())
    with tempfile.TemporaryDirectory() as base:
        options.base = base
        for name, part in PARTS.items():
            if name in (options.parts or PARTS):
                say(f"{name}:")
                report[name] = part(options, clock, say)
    for line in options.wrong:
        say(f"wrong: {line}")
    if options.json:
        options.json.write_text(json.dumps(report | {"wrong": options.wrong}, indent=1, default=float) + "\n")
    return 1 if options.wrong else 0


if __name__ == "__main__":
    sys.exit(main())
