"""The innermost loops are vectorised on this processor and on others, with the same bits on all.

LLVM's optimised code must contain operations on as many numbers as a register holds.
"""

import os

import pytest
from llvmlite import binding

from bench import cpu_code
from bench.cpu_code import LOOPS, PROCESSORS

from kinds_of_runs import prepared
from processors import HASWELL, in_another_process, x86_64

pytestmark = pytest.mark.slow  # all together

# limits of instructions per step, with some slack for other compilers
MOST_INSTRUCTIONS = {
    "haswell": {
        "double": 34,
        "double, table": 44,
        "double, round": 23,
        "double, round, table": 34,
        "double, gauss": 17,
        "double, gauss, table": 25,
        "mixed": 18,
        "mixed, table": 27,
    },
    "skylake-avx512": {"double": 14, "double, table": 18, "double, gauss": 8, "double, gauss, table": 10, "mixed": 9},
    "neoverse-n1": {"double": 80, "double, table": 105, "double, gauss": 32, "double, gauss, table": 50, "mixed": 40},
}


def register_bits():
    features = os.environ.get("NUMBA_CPU_FEATURES") or binding.get_host_cpu_features().flatten()
    if "+avx512f" in features:
        return 512
    return 256 if "+avx2" in features else 128


@pytest.mark.parametrize("name", LOOPS)
def test_loops_fill_the_registers(name):
    bits = LOOPS[name][1]
    assert cpu_code.result_here(name)["lanes"] == register_bits() // bits


@x86_64
@pytest.mark.parametrize("processor", PROCESSORS)
def test_loops_on_other_processors(processor):
    found = cpu_code.results_for(processor)
    features, register_bits = PROCESSORS[processor]
    for name, (_, bits) in LOOPS.items():
        lanes = found[name]["lanes"]
        # on aarch64, loops that also have smaller numbers fill the registers with those
        assert lanes == register_bits // bits if features else lanes >= register_bits // bits, name
    counts = cpu_code.per_step(found)
    assert all(count > 0 for count in counts.values())
    for kind, most in MOST_INSTRUCTIONS.get(processor, {}).items():
        assert counts[kind] <= most, kind
    assert found["gauss"]["pixels"] == [8 if processor == "znver1" else register_bits // 64]


def test_instructions_are_counted_per_pixel():
    """Of the innermost loop around each mark, per pixel; not of the loop for the rest of a segment, which has no mark."""
    x86 = """
        .globl  loop
    loop:
        movq    %rdi, %rax
    .LBB0_1:
        xorl    %ecx, %ecx
        .p2align 4
    .LBB0_2:
        .pseudoprobe    1 4 0 0 loop
        vmovupd (%rdi,%rcx,8), %ymm0  # a comment
        vaddpd  %ymm0, %ymm0, %ymm0
        vmovupd %ymm0, (%rdi,%rcx,8)
        addq    $4, %rcx
        cmpq    %rcx, %rdx
        jne     .LBB0_2
    .LBB0_3:
        incq    %rcx
        jne     .LBB0_3
        decq    %rax
        jne     .LBB0_1
        retq
    """
    assert cpu_code.instructions_per_pixel(x86) == 6 / 4
    aarch64 = """
    loop:
    .LBB0_1:
        .pseudoprobe    1 2 0 0 loop
        ldr     q0, [x0], #16
        fadd    v0.2d, v0.2d, v0.2d
        subs    x1, x1, #2
        b.ne    .LBB0_1
    .LBB0_2:
        .pseudoprobe    1 2 0 0 loop
        str     q0, [x0], #16
        cbnz    x0, .LBB0_2
    """
    assert cpu_code.instructions_per_pixel(aarch64) == 4 / 2 + 2 / 2


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


@x86_64
@pytest.mark.skipif(register_bits() < 512, reason="where there is no AVX-512, all tests run with AVX2")
def test_images_are_the_same_with_avx2():
    """Bit for bit: fused operations are named in the source and never chosen by the compiler."""
    code = "import json, test_vector_code as t; print(json.dumps(t.image_digests()))"
    assert in_another_process(code, **HASWELL) == image_digests()
