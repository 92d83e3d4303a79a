"""python -m bench.cpu_code [--processor NAME[,NAME...]] [--json FILE]

How many instructions a step of a pixel takes in the loops of `double` and `mixed`, on processors that need not be present.

Counted are the instructions of each innermost loop's vectorised form, divided by the pixels that it does at a time. The
functions are those of the kernels, compiled by the same way for the processor that LLVM knows by this name, but each loop by
itself: within a kernel some have to share registers with what surrounds them.
"""

import argparse
import json
import os
import re
import subprocess
import sys
from typing import NamedTuple

import numpy as np
from llvmlite import binding

from nbkernel.kernels.fast import along_row, as_program
from nbkernel.kernels.fast.lattice_factor import gauss_squared, round_squared, square_squared
from nbkernel.kernels.fast.phases import (
    OFFSET_WORK,
    PHASE_WORK,
    POSITION,
    add_squares_of_offsets,
    add_squares_of_phases,
    add_table_squares_of_offsets,
    add_table_squares_of_phases,
    build_add_offsets,
    build_add_phases,
)
from nbkernel.kernels.fast.steps import build_add_steps, build_add_table_steps
from nbkernel.kernels.plan import SquaredTable
from nbkernel.kernels.response.poisson_rows import WORK as POISSON_WORK
from nbkernel.kernels.response.poisson_rows import begin, search

AVX2 = "+avx,+avx2,+bmi,+bmi2,+f16c,+fma,+lzcnt,+movbe,+popcnt,+sse4.2"
AVX512 = f"{AVX2},+avx512bw,+avx512cd,+avx512dq,+avx512f,+avx512vl"
AARCH64 = "aarch64-unknown-linux-gnu"


class Processor(NamedTuple):
    """What LLVM has to know besides a processor's name."""

    features: str  # empty for aarch64, whose names imply them
    register_bits: int


# by LLVM's names
PROCESSORS = {
    "haswell": Processor(AVX2, 256),
    "znver1": Processor(AVX2, 256),
    "znver3": Processor(AVX2, 256),
    "skylake-avx512": Processor(AVX512, 512),
    "znver5": Processor(AVX512, 512),
    "neoverse-n1": Processor("", 128),
    "apple-m1": Processor("", 128),
}

PIXELS = 64
CELL = ((1.0, 2.0, 3.0), (4.0, 5.0, 6.0), (7.0, 8.0, 9.0))
N = (36.0, 47.0, 29.0)
ROUND = (36.0, 47.0, 29.0, 1e4)
GAUSS = (1.0, 2.0, 3.0, 4.0, 5.0, 6.0, 7.0)


def rows(number, dtype=np.float64):
    return [np.ones(PIXELS, dtype) for _ in range(number)]


def table():
    F_squared = np.ones(27)
    return SquaredTable(
        F_squared, -1.0, -1.0, -1.0, 2.0, 2.0, 2.0, 9.0, 3.0, np.inf, F_squared.astype(np.float32), 1.0, np.ones(1)
    )


def loop_along_row(add, crystal):
    def loop(I, nearest, weight, Fdet, inverse_airpath, cell, crystal):
        add(I, nearest, weight, (Fdet, inverse_airpath), cell, crystal)

    return loop, [*rows(5), CELL, crystal]


def loop_as_program(add, crystal):
    def loop(I, nearest, weight, sx, sy, sz, cell, crystal):
        add(I, nearest, weight, (sx, sy, sz), cell, crystal)

    return loop, [*rows(6), CELL, crystal]


def loop_with_table(add, crystal):
    def loop(I, nearest, weight, Fdet, inverse_airpath, cell, crystal, table, steps, positions):
        add(I, nearest, weight, (Fdet, inverse_airpath), cell, crystal, table, steps, positions)

    return loop, [*rows(5), CELL, crystal, table(), *rows(1), *rows(1, np.int32)]


def built_from(function, name):
    """The function of this name that `function` was built from."""
    parts = [cell.cell_contents for cell in function.__closure__]
    return next(part for part in parts if getattr(part, "__name__", "") == name)


def phases():
    fill = built_from(build_add_phases(along_row), "fill_phases")

    def loop(Fdet, inverse_airpath, cell, phases):
        fill((Fdet, inverse_airpath), cell, phases)

    return loop, [*rows(2), CELL, np.ones((PHASE_WORK, PIXELS), np.int32)]


def phases_and_positions():
    fill = built_from(build_add_phases(along_row), "fill_phases_and_positions")

    def loop(Fdet, inverse_airpath, cell, table, phases):
        fill((Fdet, inverse_airpath), cell, table, phases)

    return loop, [*rows(2), CELL, table(), np.ones((PHASE_WORK, PIXELS), np.int32)]


def offsets():
    fill = built_from(build_add_offsets(along_row), "fill_offsets")

    def loop(Fdet, inverse_airpath, line, N, offsets):
        fill((Fdet, inverse_airpath), line, N, offsets[0], offsets[3])

    return loop, [*rows(2), CELL[0], N[0], np.ones((OFFSET_WORK, PIXELS), np.float32)]


def positions():
    fill = built_from(build_add_offsets(along_row), "fill_positions")

    def loop(Fdet, inverse_airpath, cell, table, positions):
        fill((Fdet, inverse_airpath), cell, table, positions)

    return loop, [*rows(2), CELL, table(), *rows(1, np.int32)]


def squares_of_phases():
    def loop(sums, nearest, phases, N):
        add_squares_of_phases(sums, nearest, (phases, (np.int32(N[0]), np.int32(N[1]), np.int32(N[2]))))

    return loop, [*rows(2, np.float32), np.ones((PHASE_WORK, PIXELS), np.int32), N]


def table_squares_of_phases():
    def loop(sums, nearest, phases, F_squared, N):
        add_table_squares_of_phases(
            sums, nearest, (phases, (np.int32(N[0]), np.int32(N[1]), np.int32(N[2]))), phases[POSITION], F_squared
        )

    return loop, [*rows(2, np.float32), np.ones((PHASE_WORK, PIXELS), np.int32), np.ones(27, np.float32), N]


def squares_of_offsets():
    def loop(sums, nearest, offsets):
        add_squares_of_offsets(sums, nearest, offsets)

    return loop, [*rows(2, np.float32), np.ones((OFFSET_WORK, PIXELS), np.float32)]


def table_squares_of_offsets():
    def loop(sums, nearest, offsets, positions, F_squared):
        add_table_squares_of_offsets(sums, nearest, offsets, positions, F_squared)

    return loop, [
        *rows(2, np.float32), np.ones((OFFSET_WORK, PIXELS), np.float32), *rows(1, np.int32), np.ones(27, np.float32),
    ]  # fmt: skip


def poisson_beginning():
    def loop(means, work):
        begin(means, 0, 0, (1, 0), work)

    return loop, [*rows(1, np.float32), np.ones((POISSON_WORK, PIXELS))]


def poisson_search():
    def loop(means, inverse, work):
        return search(means.shape[0], inverse, work)

    return loop, [*rows(1, np.float32), 0.5, np.ones((POISSON_WORK, PIXELS))]


# name: (function and arguments, bits of the numbers)
LOOPS = {
    "square": (lambda: loop_along_row(build_add_steps(along_row.miller_indices, square_squared, True), N), 64),
    "round": (lambda: loop_along_row(build_add_steps(along_row.miller_indices, round_squared, False), ROUND), 64),
    "gauss": (lambda: loop_along_row(build_add_steps(along_row.miller_indices, gauss_squared, False), GAUSS), 64),
    "gauss, program's indices": (
        lambda: loop_as_program(build_add_steps(as_program.miller_indices, gauss_squared, False), GAUSS),
        64,
    ),
    "square, table": (
        lambda: loop_with_table(build_add_table_steps(along_row.miller_indices, square_squared, True, True), N),
        64,
    ),
    "round, table": (
        lambda: loop_with_table(build_add_table_steps(along_row.miller_indices, round_squared, False, True), ROUND),
        64,
    ),
    "gauss, table": (
        lambda: loop_with_table(build_add_table_steps(along_row.miller_indices, gauss_squared, False, False), GAUSS),
        64,
    ),
    "phases": (phases, 64),
    "phases and positions": (phases_and_positions, 64),
    "offsets": (offsets, 64),
    "positions": (positions, 64),
    "squares of phases": (squares_of_phases, 32),
    "squares of phases, table": (table_squares_of_phases, 32),
    "squares of offsets": (squares_of_offsets, 32),
    "squares of offsets, table": (table_squares_of_offsets, 32),
    "Poisson deviates, beginning": (poisson_beginning, 64),
    "Poisson deviates, search": (poisson_search, 64),
}
# what a step of each kind consists of
STEPS = {
    "double": ("square",),
    "double, table": ("square, table",),
    "double, round": ("round",),
    "double, round, table": ("round, table",),
    "double, gauss": ("gauss",),
    "double, gauss, table": ("gauss, table",),
    "double, gauss, program's indices": ("gauss, program's indices",),
    "mixed": ("phases", "squares of phases"),
    "mixed, table": ("phases and positions", "squares of phases, table"),
    "mixed, few steps": (*3 * ("offsets",), "squares of offsets"),
    "mixed, few steps, table": (*3 * ("offsets",), "positions", "squares of offsets, table"),
}


def lanes(llvm, bits):
    """The largest count of numbers per fused operation in LLVM's code."""
    kind = {64: "f64", 32: "f32"}[bits]
    return max((int(n) for n in re.findall(rf"llvm\.fma\.v(\d+){kind}", llvm)), default=1)


def marked(llvm):
    """LLVM's code with a mark, in each vectorised loop, that says how many pixels it does at a time."""
    found = []
    for block in re.split(r"\n(?=\S+:)", llvm):
        label = re.match(r'"?vector\.body', block)
        step = label and re.search(r"%index\.next\S* = add .*, (\d+)\n", block)
        if step:
            body = block.split("\n")
            last_phi = max(i for i, line in enumerate(body) if re.search(r"= phi ", line))
            body.insert(last_phi + 1, f"  call void @llvm.pseudoprobe(i64 1, i64 {step[1]}, i32 0, i64 -1)")
            block = "\n".join(body)
        found.append(block)
    declaration = "declare void @llvm.pseudoprobe(i64, i64, i32, i64)"
    return "\n".join([*found, declaration, "!llvm.pseudo_probe_desc = !{!999999}", '!999999 = !{i64 1, i64 1, !"loop"}'])


def pixels_at_a_time(assembly):
    """Those of each marked loop."""
    return [int(pixels) for pixels in re.findall(r"\.pseudoprobe\s+\d+ (\d+) ", assembly)]


def instructions_per_pixel(assembly):
    """The sum over all marked loops."""
    labels, jumps, marks, number = {}, [], [], 0
    for line in assembly.splitlines():
        line = re.split(r"\s+(?:#|//)", line.strip())[0]
        if label := re.match(r"([.\w]+):", line):
            labels[label[1]] = number
        elif pixels := pixels_at_a_time(line):
            marks.append((number, pixels[0]))
        elif re.match(r"[a-z]", line):
            number += 1
            if target := re.match(r"(?:j\w+|b\.?\w*|cbn?z .*,|tbn?z .*,)\s+([.\w]+)$", line):
                jumps.append((target[1], number))
    total = 0.0
    for place, pixels in marks:
        around = [stop - labels[to] for to, stop in jumps if to in labels and labels[to] <= place < stop]
        total += min(around) / pixels
    return total


def result_here(name, machine=None):
    """What becomes of a loop on the processor that numba compiles for: `lanes`, `pixels` at a time of each vectorised loop,
    `instructions` per pixel. machine: one of aarch64, see `aarch64_machine`."""
    from nbkernel.kernels.compile import jit

    make, bits = LOOPS[name]
    llvm = jit.optimised(*make())[1]
    if machine is None:
        machine = jit.target_machine()
    else:
        llvm = optimised_for(machine, llvm)
    assembly = machine.emit_assembly(binding.parse_assembly(marked(llvm)))
    return {
        "lanes": lanes(llvm, bits),
        "pixels": pixels_at_a_time(assembly),
        "instructions": instructions_per_pixel(assembly),
    }


def aarch64_machine(processor):
    binding.initialize_all_targets()
    binding.initialize_all_asmprinters()
    return binding.Target.from_triple(AARCH64).create_target_machine(cpu=processor, opt=3)


def optimised_for(machine, llvm):
    """Code that was made for x86-64, but not optimised, optimised for aarch64: code optimised for another processor may have
    branches that prevent vectorisation."""
    llvm = re.sub(r"target datalayout = .*", "", llvm)
    module = binding.parse_assembly(re.sub(r"target triple = .*", f'target triple = "{AARCH64}"', llvm))
    tuning = binding.create_pipeline_tuning_options(speed_level=3)
    tuning.loop_vectorization = True
    builder = binding.create_pass_builder(machine, tuning)
    builder.getModulePassManager().run(module, builder)
    return str(module)


def results_here(aarch64=None):
    """{loop: `result_here`}; aarch64: the name of such a processor."""
    machine = aarch64 and aarch64_machine(aarch64)
    return {name: result_here(name, machine) for name in LOOPS}


def results_for(processor):
    """`results_here` for one of PROCESSORS, from a process of its own: numba reads its settings when it starts."""
    features = PROCESSORS[processor].features
    if features:
        settings, argument = {"NUMBA_CPU_NAME": processor, "NUMBA_CPU_FEATURES": features}, None
    else:
        settings, argument = {"NUMBA_OPT": "0", "NUMBA_CPU_NAME": "haswell", "NUMBA_CPU_FEATURES": AVX2}, processor
    code = f"import json; from bench import cpu_code; print(json.dumps(cpu_code.results_here({argument!r})))"
    path = os.pathsep.join(filter(None, sys.path))
    environment = os.environ | {"PYTHONPATH": path} | settings
    return json.loads(subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, env=environment).stdout)


def per_step(results):
    """{kind of step: its instructions}."""
    return {kind: sum(results[name]["instructions"] for name in parts) for kind, parts in STEPS.items()}


def main():
    parser = argparse.ArgumentParser(
        prog="python -m bench.cpu_code", description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("--processor", default=",".join(PROCESSORS), help=", ".join(PROCESSORS))
    parser.add_argument("--json", help="report file")
    options = parser.parse_args()
    names = options.processor.split(",")
    for name in names:
        if name not in PROCESSORS:
            parser.error(f"there is no processor {name}; there are {', '.join(PROCESSORS)}")
    found = {name: results_for(name) for name in names}
    print(f"{'instructions per step':<34}" + "".join(f"{name:>16}" for name in names))
    counts = {name: per_step(results) for name, results in found.items()}
    for kind in STEPS:
        print(f"{kind:<34}" + "".join(f"{counts[name][kind]:16.1f}" for name in names))
    if options.json:
        report = {name: {"steps": counts[name], "loops": found[name]} for name in names}
        with open(options.json, "w") as file:
            json.dump(report, file, indent=1)


if __name__ == "__main__":
    main()
