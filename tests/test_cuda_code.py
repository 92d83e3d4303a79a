"""The CUDA kernels' machine code, compiled and linked for devices that need not be there: registers, spills and the
instructions of a step, which say what a kernel costs before anybody can measure it."""

import pytest

from bench import cuda_code

pytestmark = pytest.mark.skipif(cuda_code.missing() is not None, reason=str(cuda_code.missing()))

KERNELS = cuda_code.kernels()
# registers and instructions per step that the plain kernels may have on sm_90: some slack for other compilers
MOST = {
    "double_square": (176, 120),
    "double_square_table": (176, 148),
    "double_gauss": (184, 60),
    "double_gauss_table": (184, 100),
    "mixed_square": (184, 90),
    "mixed_square_rests": (184, 108),
    "mixed_square_table": (184, 118),
}


@pytest.mark.parametrize("arch", (70, 80, 90))
@pytest.mark.parametrize("name", MOST)
def test_plain_kernels_keep_their_size(name, arch):
    row = cuda_code.result_of(KERNELS[name], arch, with_step=arch == 90)
    registers, instructions = MOST[name]
    assert row["spills"] == 0
    if arch == 90:
        assert row["registers"] <= registers
        assert row["step"]["instructions"] <= instructions


@pytest.mark.parametrize("name", [name for name in KERNELS if name not in MOST])
def test_other_kernels_compile(name):
    row = cuda_code.result_of(KERNELS[name], 90)
    assert row["registers"] <= 255


def test_a_loop_is_counted_by_its_longest_way_without_calls():
    code = [
        ("MOV", [], None, False),
        ("LDS.128", [".L_x_1"], None, False),
        ("LDS.128", [], None, False),
        ("LDS.128", [], None, False),
        ("LDS.128", [], None, False),
        ("LDS.64", [], None, False),
        ("BRA", [], ".L_x_2", True),  # to the shorter way
        ("DFMA", [], None, False),
        ("I2F.F64", [], None, False),
        ("BRA", [".L_x_2"], ".L_x_3", True),  # to the call
        ("BRA", [], ".L_x_4", False),
        ("FADD", [".L_x_3"], None, False),
        ("CALL.REL.NOINC", [], None, False),
        ("FADD", [], None, False),
        ("BRA", [".L_x_4"], ".L_x_1", True),
        ("EXIT", [], None, False),
    ]
    counts, total = cuda_code.step_of(code)
    assert counts == {
        "float64": 1, "conversion": 1, "float32": 0, "shared": 5, "global": 0, "control": 4, "integer, move": 0,
    }  # fmt: skip
    assert total == 11
    assert cuda_code.floor_of({"float64": 64, "conversion": 0}, 64) == pytest.approx(1 / (132 * 1.98))
    assert cuda_code.floor_of({"float64": 0, "conversion": 0}, 256) == pytest.approx(2 / (132 * 1.98))
