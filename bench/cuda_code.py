"""python -m bench.cuda_code [--arch NN[,NN...]] [--jobs N] [--json FILE] [KERNEL ...]

What the CUDA kernels are compiled to, without a GPU: registers, stack and spills (bytes) of each, the threads that an SM
can hold at a time by their registers, and the instructions of the innermost loop, per step.

Needs numba-cuda and nvidia-cuda-nvdisasm (the extra `cudatest`). The code is that of a run: the same functions, types and
options, for a device of the given compute capability (90: H100, H200).
Steps are counted from sm_75 on.

A step is the longest path once around the loop that calls nothing: of alternatives that are decided at run time the longest
is counted, the slow path of a division (subnormal numbers, overflow) is not. Floors are for an H200: the time of that class
of instructions alone which takes longest.
"""

import argparse
import itertools
import json
import re
import struct
import subprocess
import tempfile
from collections import Counter
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from pathlib import Path
from typing import NamedTuple

import numpy as np

from nbkernel.geometry.background import Material
from nbkernel.kernels.cuda.arguments import parameters
from nbkernel.support.garbage_collection import without_garbage_collection

ONE_MATERIAL = Material([[0.0, 1.0]])
RUN = "-cell 70 80 90 75 85 95 -misset 10 20 30 -lambda 1 -fluence 1e24 -distance 100 -N 5 -detpixels 64 -default_F 100"
# of an SM of compute capability 8.0 and 9.0
REGISTERS, REGISTERS_AT_A_TIME, MOST_THREADS, WARP = 65536, 8, 2048, 32
SMS, CLOCK = 132, 1.98  # H200: number, GHz
ISSUE = 128  # instructions of a thread per SM and clock
RATES = {"float64": 64, "conversion": 16}  # of these classes
OLDEST_READ = 75  # nvdisasm 13 reads no older ones
WITH_SIZE, PARAMETER = 4, 0x17  # of the attributes of a kernel in its ELF file: with a size, and a parameter's
LINE_NUMBERS = 9  # float64 that a step reads of its orientation from shared memory
CLASSES = {  # by the instruction's name up to its first dot
    "float64": r"D(?!EPBAR)\w+",
    "conversion": r"I2F|F2I|F2F|I2I|FRND|MUFU",
    "float32": r"F\w+|I2FP",
    "shared": r"LDS|STS|ATOMS",
    "global": r"LDG?|STG?|LDL|STL|LDC|ULDC|RED|ATOMG?",
    "control": r"BRA|BRX|JMP|CALL|RET|EXIT|BSSY|BSYNC|BREAK|BMOV|WARPSYNC|YIELD|NOP|BAR|DEPBAR|ENDCOLLECTIVE|COLLECTIVE",
    "integer, move": r"\w+",
}


class Code(NamedTuple):
    """A kernel's machine code."""

    registers: int
    stack: int
    spills: int  # bytes stored and loaded
    cubin: bytes


def missing():
    """What the check needs and is missing, as text; None if nothing is."""
    try:
        import numba_cuda  # noqa: F401
        from cuda.bindings import nvjitlink  # noqa: F401
        from numba import config
    except ImportError as error:
        return f"needs the extra cudatest: {error}"
    if config.ENABLE_CUDASIM:
        return "numba's CUDA simulator compiles nothing"
    return None if disassembler() else "needs nvdisasm (the extra cudatest)"


def disassembler():
    from cuda import pathfinder

    return pathfinder.find_nvidia_binary_utility("nvdisasm")


def kinds():
    """Kinds of kernels that runs may ask for."""
    from nbkernel.kernels.cuda.kinds import SHAPES, KernelKind
    from nbkernel.kernels.fast.build import StepKind
    from nbkernel.kernels.physics.constants import SQUARE, TOPHAT

    lookups = ((False, False), (True, False), (False, True))  # has_table, interpolate
    for running, own_operations, (has_table, interpolate) in itertools.product((False, True), (False, True), lookups):
        for xtal_shape in SHAPES:
            if xtal_shape == TOPHAT and not own_operations:
                continue  # see precision.needs_own_operations
            yield KernelKind(False, own_operations, StepKind(xtal_shape, has_table, interpolate, running, False, False))
        for in_offsets in (False, True):
            yield KernelKind(True, own_operations, StepKind(SQUARE, has_table, interpolate, running, False, in_offsets))
        if not has_table:
            yield KernelKind(False, own_operations, StepKind(SQUARE, False, interpolate, running, True, False))


def kernels():
    """{name: KernelKind, or the name of a kernel without one}."""
    from nbkernel.kernels.cuda.functions import SAME_FOR_ALL

    return {kind.name: kind for kind in kinds()} | {name: name for name in SAME_FOR_ALL}


def is_plain(key):
    return not isinstance(key, str) and not (
        key.own_operations or key.steps.interpolate or key.steps.running or key.steps.one_cell
    )


def arguments_of(key):
    """Arguments of a kernel with the types of a launch. key: as in `kernels`."""
    from nbkernel.engine.bounds.precision import choose_rounding_limit
    from nbkernel.engine.bounds.reach import find_reach
    from nbkernel.engine.cuda.panels import in_device_types
    from nbkernel.engine.squared_table import squared_table
    from nbkernel.engine.tiles import panel_tile
    from nbkernel.kernels.cuda.arguments import DeviceArray
    from nbkernel.kernels.cuda.launch import (
        ADD_BACKGROUND,
        COUNT_PHOTONS,
        DRAW_NOISE,
        MARK_UNRESOLVED,
        READ_OUT,
        SUM_NOISE,
        SUM_READ_OUT,
        Share,
    )
    from nbkernel.kernels.response.counts import NOISE_SUMS

    from .parity import prepared_run

    def array(shape, dtype=np.float64):
        return DeviceArray(0, shape, np.dtype(dtype))

    def on_device(value):
        fields = (array(field.shape, field.dtype) if isinstance(field, np.ndarray) else field for field in value)
        return type(value)(*fields)

    image, deviates = array((1, 1), np.float32), array((1, 1))
    prepared = prepared_run(RUN.split(), ONE_MATERIAL)
    whole = panel_tile(prepared.detector)
    plan, tile = (on_device(in_device_types(value)) for value in (prepared.plan, whole))
    rounding_limit = choose_rounding_limit(prepared.plan, False, False, whole)
    suspect, unresolved = array((1, 1), np.uint8), array((1,), np.int32)
    if key == MARK_UNRESOLVED:
        return plan, tile, rounding_limit, image, suspect, unresolved
    if key == ADD_BACKGROUND:
        return on_device(in_device_types(prepared.scatter)), tile, array((1, 1), np.bool_), image
    if key == DRAW_NOISE:
        return image, 1, 0.0, 0, 1, 0, (0, 0), deviates, array((1, 1), np.int32)
    if key == SUM_NOISE:
        return deviates, 1, 1, 0.0, array((1, NOISE_SUMS))
    counts, mask, has_map = array((1, 1), np.int32), array((1, 1), np.int32), (False, False, False)
    if key == COUNT_PHOTONS:
        return image, (0, 0), 1, 1.0, 0.0, (0, 0), 0, 1, 0, (0, 0), deviates
    if key == READ_OUT:
        return (
            deviates, 1, 0, image, array((1,), np.int64), array((1, 3)), deviates, deviates, mask, has_map, (0, 0), 0.0,
            1.0, 0, 1, 0, (0, 0), deviates, counts,
        )  # fmt: skip
    if key == SUM_READ_OUT:
        return deviates, counts, 1, 1, mask, has_map, (0, 0), 1.0, array((1, NOISE_SUMS))
    table, share = on_device(squared_table(prepared.plan, True)), Share(0, 1, 1, 0, 0)
    reach, wanted, parts = on_device(find_reach(prepared.plan, whole, False)), array((1, 1), np.bool_), array((1, 1))
    return plan, tile, table, reach, rounding_limit, array((1, 3)), share, False, wanted, image, suspect, unresolved, parts


class Assembly(NamedTuple):
    """numba's output for a kernel: the same for all devices, except for the bounds of a launch."""

    parts: list  # LLVM assembly
    options: dict  # of NVVM


def assembly_of(key, cc):
    from numba.cuda.cudadrv import nvvm

    from nbkernel.kernels.cuda.jit import compile_ptx

    found, compile_ir = [], nvvm.compile_ir

    def keep(parts, **nvvm_options):
        found.append(Assembly(list(parts), nvvm_options))
        return b""

    nvvm.compile_ir = keep
    try:
        compile_ptx(key, arguments_of(key), cc)
    finally:
        nvvm.compile_ir = compile_ir
    return found[0]


def ptx_of(key, assembly, cc):
    """PTX of a kernel for a compute capability."""
    from numba.cuda.cudadrv import nvvm

    from nbkernel.kernels.cuda.launch import blocks_of

    parts, options = assembly
    blocks = blocks_of(key, cc)
    if blocks is not None:
        bound = f'!"minctasm", i32 {blocks} '
        parts = [re.sub(r'!"minctasm", i32 \d+ ', bound, part) for part in parts]
    options = options | {"arch": "compute_{}{}".format(*cc)}
    return nvvm.compile_ir(parts, **options).decode().strip("\0")


def codes_of(key, archs):
    """{arch: Code} of a kernel for compute capabilities written as in sm_NN."""
    assembly = assembly_of(key, divmod(archs[0], 10))
    return {arch: code_of(ptx_of(key, assembly, divmod(arch, 10)), arch) for arch in archs}


def code_of(ptx, arch):
    from nbkernel.kernels.cuda.jit import linked

    cubin, report = linked(ptx, arch)
    frames = re.findall(r"(\d+) bytes stack frame, (\d+) bytes spill stores, (\d+) bytes spill loads", report)
    stack, stores, loads = (sum(map(int, column)) for column in zip(*frames, strict=True))
    registers = int(re.search(r"Used (\d+) registers", report)[1])
    return Code(registers, stack, stores + loads, cubin)


def parameters_of(cubin):
    """[(offset, bytes)] of the parameters that a kernel's machine code reads, in order: from the attributes
    (EIATTR_KPARAM_INFO) in the section .nv.info.KERNEL of its ELF file."""
    table, size, count, of_names = *struct.unpack_from("<Q", cubin, 0x28), *struct.unpack_from("<HHH", cubin, 0x3A)
    sections = [struct.unpack_from("<IIQQQQ", cubin, table + number * size) for number in range(count)]
    names, found = sections[of_names][4], {}
    for name, _, _, _, start, length in sections:
        if not cubin.startswith(b".nv.info.", names + name):
            continue
        place = start
        while place < start + length:
            form, attribute, value = struct.unpack_from("<BBH", cubin, place)
            place += 4
            if form == WITH_SIZE:
                if attribute == PARAMETER:
                    ordinal, offset, flags = struct.unpack_from("<4xHHI", cubin, place)
                    found[ordinal] = offset, flags >> 18
                place += value
    return [found[ordinal] for ordinal in sorted(found)]


def parameters_of_launch(arguments):
    """[(offset, bytes)] of the parameters that a launch passes."""
    letters, _, _ = parameters(arguments)
    sizes = [struct.calcsize(letter) for letter in letters]
    return [(struct.calcsize(f"@{letters[: number + 1]}") - size, size) for number, size in enumerate(sizes)]


def instructions_of(cubin):
    """[(name with its dots, labels before it, label it branches to or None, whether it is conditional)]."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "kernel.cubin")
        path.write_bytes(cubin)
        text = subprocess.run([disassembler(), "-c", path], capture_output=True, text=True, check=True).stdout
    found, labels = [], []
    for line in text.splitlines():
        if label := re.match(r"(\.L_x_\d+):", line):
            labels.append(label[1])
        elif there := re.match(r"\s+/\*[0-9a-f]+\*/\s+(@!?U?P\w+ )?([A-Z]\S*)(.*);", line):
            condition, name, rest = there.groups()
            target = re.search(r"`\((\.L_x_\d+)\)", rest) if re.match(r"BRA\b", name) else None
            conditional = condition is not None or re.search(r"\bU?P\w+,", rest) is not None
            found.append((name, labels, target and target[1], conditional))
            labels = []
    return found


def successors(instructions):
    """For each instruction, by its number, those that may follow it; a called routine does not count."""
    places = {label: i for i, (_, labels, _, _) in enumerate(instructions) for label in labels}
    for i, (name, _, target, conditional) in enumerate(instructions):
        short = name.split(".")[0]
        after = [places[target]] if target else []
        if conditional or short not in ("BRA", "EXIT", "RET", "BRX", "JMP"):
            after.append(i + 1)
        yield [] if short == "CALL" else [j for j in after if j < len(instructions)]


def step_loop(instructions):
    """The numbers of the instructions of the innermost loop that reads complete orientations."""
    best = None
    for i, (_, _labels, target, _) in enumerate(instructions):
        if target is None:
            continue
        first = next(j for j, there in enumerate(instructions) if target in there[1])
        if first <= i and shared_numbers(instructions, range(first, i + 1)) >= LINE_NUMBERS:
            if best is None or i - first < best[1] - best[0]:
                best = first, i
    return best


def spills_in_step(instructions):
    """The number of instructions of the step's loop that store or load spilled registers."""
    first, last = step_loop(instructions)
    return sum(instructions[i][0].startswith(("LDL", "STL")) for i in range(first, last + 1))


def shared_numbers(instructions, which):
    """float64 that these instructions read from shared memory."""
    return sum({"LDS.64": 1, "LDS.128": 2}.get(re.sub(r"\.(U|CONSTANT)\b", "", instructions[i][0]), 0) for i in which)


def step_of(instructions):
    """(Counter of the classes, their sum) of instructions per step."""
    first, last = step_loop(instructions)
    after = list(successors(instructions))
    ways = {}  # by instruction, the longest path to the loop's end; backwards, because jumps go forwards within it

    for i in range(last, first - 1, -1):
        onward = [ways[j] for j in after[i] if first < j <= last and j in ways]
        if i == last:
            ways[i] = (1, i, None)
        elif onward:
            longest = max(onward, key=lambda way: way[0])
            ways[i] = (longest[0] + 1, i, longest)
    passed, way = [], ways[first]
    while way is not None:
        passed.append(way[1])
        way = way[2]
    steps = shared_numbers(instructions, passed) / LINE_NUMBERS
    counts = Counter(class_of(instructions[i][0]) for i in passed)
    return {name: counts[name] / steps for name in CLASSES}, len(passed) / steps


def class_of(name):
    short = name.split(".")[0]
    return next(kind for kind, pattern in CLASSES.items() if re.fullmatch(pattern, short))


def floor_of(counts, total):
    """ns per step on an H200."""
    clocks = [total / ISSUE] + [counts[name] / rate for name, rate in RATES.items()]
    return max(clocks) / (SMS * CLOCK)


def threads_per_sm(registers, block):
    """Threads that an SM can hold at a time, in complete blocks."""
    rounded = -(-registers // REGISTERS_AT_A_TIME) * REGISTERS_AT_A_TIME
    return min(REGISTERS // (rounded * block), MOST_THREADS // block) * block


def results_of_kernel(key, archs):
    """{arch: a kernel's row of the table}; `step` only for plain kernels."""
    return {arch: row_of(key, code, arch) for arch, code in codes_of(key, archs).items()}


def row_of(key, code, arch):
    from nbkernel.kernels.cuda.launch import THREADS

    row = {"registers": code.registers, "stack": code.stack, "spills": code.spills}
    row["parameters agree"] = parameters_of(code.cubin) == parameters_of_launch(arguments_of(key))
    row["threads"] = threads_per_sm(code.registers, THREADS)
    if is_plain(key) and arch >= OLDEST_READ:
        instructions = instructions_of(code.cubin)
        counts, total = step_of(instructions)
        row["step"] = {"instructions": total, "spilled": spills_in_step(instructions)} | counts
        row["floor_ns"] = floor_of(counts, total)
    return row


def results_of_kernels(wanted):
    """{(name, arch): row} of kernels that share most of their parts. wanted: {name: archs}."""
    known, found = kernels(), {}
    for name, archs in wanted.items():
        with without_garbage_collection():  # an eighth of the time
            found |= {(name, arch): row for arch, row in results_of_kernel(known[name], archs).items()}
    return found


def results_of(wanted, jobs):
    """{(name, arch): row}. wanted: {name: archs}; jobs: processes that compile."""
    groups = {}
    for name, archs in wanted.items():
        groups.setdefault((name.startswith("mixed"), name.endswith("program")), {})[name] = archs
    largest_first = sorted(groups.values(), key=lambda group: -sum(map(len, group.values())))
    if jobs == 1:
        parts = map(results_of_kernels, largest_first)
        return {place: row for part in parts for place, row in part.items()}
    with ProcessPoolExecutor(jobs, get_context("spawn")) as pool:
        return {place: row for part in pool.map(results_of_kernels, largest_first) for place, row in part.items()}


def main():
    parser = argparse.ArgumentParser(
        prog="python -m bench.cuda_code", description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("--arch", default="90", help="compute capabilities as sm_NN has them: 70,80,90")
    parser.add_argument("--jobs", type=int, default=1, help="processes that compile")
    parser.add_argument("--json", help="report file")
    parser.add_argument("kernels", nargs="*", metavar="KERNEL", help="double_square, mixed_square_table, ...; all if none")
    options = parser.parse_args()
    if reason := missing():
        parser.error(reason)
    known = kernels()
    for name in options.kernels:
        if name not in known:
            parser.error(f"there is no kernel {name}; there are {', '.join(known)}")
    try:
        archs = [int(arch) for arch in options.arch.split(",")]
    except ValueError:
        parser.error(f"--arch: needs numbers such as 70,80,90, not {options.arch!r}")
    results = results_of(dict.fromkeys(options.kernels or known, archs), options.jobs)
    columns = ["instructions", *CLASSES]
    print(f"{'':<36} registers stack spills threads/SM  " + "  ".join(columns) + "  floor, ns/step")
    for (name, arch), row in results.items():
        line = f"sm_{arch} {name:<30} {row['registers']:9} {row['stack']:5} {row['spills']:6} {row['threads']:10}  "
        if "step" in row:
            line += "  ".join(f"{row['step'][column]:{len(column)}.4g}" for column in columns) + f"  {row['floor_ns']:.4f}"
        print(line)
    if options.json:
        report = {f"sm_{arch}": {name: row for (name, of), row in results.items() if of == arch} for arch in archs}
        with open(options.json, "w") as file:
            json.dump(report, file, indent=1)


if __name__ == "__main__":
    main()
