"""The innermost loops are vectorised on this processor and on others, with the same bits on all.

LLVM's optimised code must contain operations on as many numbers as a register holds.
"""

import os
import re

import numpy as np
import pytest
from llvmlite import binding

from nbkernel.kernels.compile import jit
from nbkernel.kernels.fast import along_row, as_program
from nbkernel.kernels.fast.lattice_factor import gauss_squared, round_squared, square_squared
from nbkernel.kernels.fast.phases import (
    OFFSET_WORK,
    add_squares_of_offsets,
    add_squares_of_phases,
    add_table_squares_of_phases,
    build_add_offsets,
    build_add_phases,
)
from nbkernel.kernels.fast.steps import build_add_steps, build_add_table_steps
from nbkernel.kernels.plan import SquaredTable
from nbkernel.kernels.poisson_rows import WORK, begin, search

from kinds_of_runs import prepared
from processors import HASWELL, PROCESSORS, in_another_process, x86_64

pytestmark = pytest.mark.slow  # all together

CELL = ((1.0, 2.0, 3.0), (4.0, 5.0, 6.0), (7.0, 8.0, 9.0))
N = (36.0, 47.0, 29.0)
ROUND = (36.0, 47.0, 29.0, 1e4)
GAUSS = (1.0, 2.0, 3.0, 4.0, 5.0, 6.0, 7.0)


def row():
    return np.ones(64)


def table():
    return SquaredTable(
        np.ones(27), -1.0, -1.0, -1.0, 2.0, 2.0, 2.0, 9.0, 3.0, np.inf, np.ones(27, np.float32), 1.0, np.ones(1)
    )


def loop_along_row(add, crystal):
    def loop(I, nearest, weight, Fdet, inverse_airpath):
        add(I, nearest, weight, (Fdet, inverse_airpath), CELL, crystal)

    return loop, [row() for _ in range(5)]


def loop_as_program(add, crystal):
    def loop(I, nearest, weight, sx, sy, sz):
        add(I, nearest, weight, (sx, sy, sz), CELL, crystal)

    return loop, [row() for _ in range(6)]


def with_table(add, crystal):
    def loop(I, nearest, weight, Fdet, inverse_airpath, table):
        add(I, nearest, weight, (Fdet, inverse_airpath), CELL, crystal, table)

    return loop, [row() for _ in range(5)] + [table()]


def function_in_closure(function, name):
    """The function of this name that `function` was built from."""
    return {
        cell.cell_contents.__name__: cell.cell_contents for cell in function.__closure__ if callable(cell.cell_contents)
    }[name]


def phases():
    fill = function_in_closure(build_add_phases(along_row), "fill_phases")

    def loop(Fdet, inverse_airpath, phases):
        fill((Fdet, inverse_airpath), CELL, phases)

    return loop, [row(), row(), np.ones((4, 64), np.int32)]


def offsets():
    fill = function_in_closure(build_add_offsets(along_row), "fill_offsets")

    def loop(Fdet, inverse_airpath, offsets):
        fill((Fdet, inverse_airpath), CELL[0], 36.0, offsets[0], offsets[3])

    return loop, [row(), row(), np.ones((OFFSET_WORK, 64), np.float32)]


def single_precision(offsets):
    return [np.ones(64, np.float32), np.ones(64, np.float32), offsets]


PHASES, OFFSETS = np.ones((4, 64), np.int32), np.ones((OFFSET_WORK, 64), np.float32)
INTEGER_N = (np.int32(36), np.int32(47), np.int32(29))


def squares_of_phases():
    def loop(sums, nearest, phases):
        add_squares_of_phases(sums, nearest, (phases, INTEGER_N))

    return loop, single_precision(PHASES)


def squares_of_offsets():
    def loop(sums, nearest, offsets):
        add_squares_of_offsets(sums, nearest, offsets)

    return loop, single_precision(OFFSETS)


def table_squares_of_phases():
    def loop(sums, nearest, phases, F_squared):
        add_table_squares_of_phases(sums, nearest, (phases, INTEGER_N), phases[3], F_squared)

    return loop, single_precision(PHASES) + [np.ones(27, np.float32)]


def poisson_beginning():
    def loop(means, work):
        begin(means, 0, 0, (1, 0), work)

    return loop, [np.ones(64, np.float32), np.ones((WORK, 64))]


def poisson_search():
    def loop(means, inverse, work):
        return search(means.shape[0], inverse, work)

    return loop, [np.ones(64, np.float32), 0.5, np.ones((WORK, 64))]


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
        lambda: with_table(build_add_table_steps(along_row.miller_indices, square_squared, True, True), N),
        64,
    ),
    "gauss, table": (
        lambda: with_table(build_add_table_steps(along_row.miller_indices, gauss_squared, False, False), GAUSS),
        64,
    ),
    "phases": (phases, 64),
    "offsets": (offsets, 64),
    "squares of phases": (squares_of_phases, 32),
    "squares of offsets": (squares_of_offsets, 32),
    "squares of phases, table": (table_squares_of_phases, 32),
    "Poisson deviates, beginning": (poisson_beginning, 64),
    "Poisson deviates, search": (poisson_search, 64),
}


def assembly(name):
    function, arguments = LOOPS[name][0]()
    return jit.optimised(function, arguments)[1]


def lanes(llvm, bits):
    """The largest count of numbers per fused operation in the code."""
    kind = {64: "f64", 32: "f32"}[bits]
    return max((int(n) for n in re.findall(rf"llvm\.fma\.v(\d+){kind}", llvm)), default=1)


def register_bits():
    features = os.environ.get("NUMBA_CPU_FEATURES") or binding.get_host_cpu_features().flatten()
    if "+avx512f" in features:
        return 512
    return 256 if "+avx2" in features else 128


@pytest.mark.parametrize("name", LOOPS)
def test_loops_fill_the_registers(name):
    bits = LOOPS[name][1]
    assert lanes(assembly(name), bits) == register_bits() // bits


@pytest.mark.slow
@x86_64
@pytest.mark.parametrize("processor", PROCESSORS)
def test_loops_are_vectorised_for(processor):
    features, register_bits = PROCESSORS[processor]
    code = (
        "import json, test_vector_code as t; "
        "print(json.dumps({name: t.lanes(t.assembly(name), bits) for name, (_, bits) in t.LOOPS.items()}))"
    )
    found = in_another_process(code, NUMBA_CPU_NAME=processor, NUMBA_CPU_FEATURES=features)
    assert found == {name: register_bits // bits for name, (_, bits) in LOOPS.items()}


@pytest.mark.slow
@pytest.mark.parametrize("processor", ["neoverse-n1", "apple-m1"])
def test_loops_are_vectorised_for_aarch64(processor):
    """From the assembly that LLVM generates for another processor, starting from unoptimised code: code optimised for this
    processor may have branches that prevent vectorisation."""
    code = "import json, test_vector_code as t; print(json.dumps({name: t.assembly(name) for name in t.LOOPS}))"
    unoptimised = in_another_process(code, NUMBA_OPT="0")
    binding.initialize_all_targets()
    binding.initialize_all_asmprinters()
    try:
        target = binding.Target.from_triple("aarch64-unknown-linux-gnu")
    except RuntimeError as error:
        pytest.skip(f"this LLVM has no aarch64: {error}")
    machine = target.create_target_machine(cpu=processor, opt=3)
    for name, llvm in unoptimised.items():
        assert lanes(llvm, LOOPS[name][1]) == 1
        llvm = re.sub(r"target datalayout = .*", "", llvm)
        module = binding.parse_assembly(re.sub(r"target triple = .*", 'target triple = "aarch64-unknown-linux-gnu"', llvm))
        tuning = binding.create_pipeline_tuning_options(speed_level=3)
        tuning.loop_vectorization = True
        builder = binding.create_pass_builder(machine, tuning)
        builder.getModulePassManager().run(module, builder)
        lane = {64: "2d", 32: "4s"}[LOOPS[name][1]]
        assert re.search(rf"fml[as]\s+v\d+\.{lane}", machine.emit_assembly(module)), name


IMAGE_FLAGS = "-cell 70 80 90 75 85 95 -misset 10 20 30 -lambda 1 -distance 80 -detpixels 48 -pixel 1.2 -fluence 1e24"
IMAGES = (
    ("double", "-N 5 -mosaic 0.3 -mosaic_dom 5"),
    ("double", "-N 5 -round_xtal"),
    ("double", "-N 5 -gauss_xtal -fudge 0.001 -polar 0.9"),
    ("mixed", "-N 5 -mosaic 0.3 -mosaic_dom 5"),
    ("mixed", "-N 36 -detector_thick 300 -detector_abs 200 -oversample 2"),
)


def image_digests():
    """Digests of small images in both precisions."""
    import hashlib

    from nbkernel.engine.render import render

    return [
        hashlib.sha256(render(prepared(f"{IMAGE_FLAGS} -default_F 100 {flags}"), precision)[0].tobytes()).hexdigest()
        for precision, flags in IMAGES
    ]


@pytest.mark.slow
@x86_64
@pytest.mark.skipif(not binding.get_host_cpu_features().get("avx2"), reason="needs a processor with AVX2")
def test_images_are_the_same_with_avx2():
    """Bit for bit: fused operations are named in the source and never chosen by the compiler."""
    code = "import json, test_vector_code as t; print(json.dumps(t.image_digests()))"
    assert in_another_process(code, **HASWELL) == image_digests()
