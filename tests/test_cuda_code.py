"""The CUDA kernels' machine code, compiled and linked for devices that need not be there: registers, spills and the
instructions of a step, which say what a kernel costs before anybody can measure it."""

import pytest

from bench import cuda_code

pytestmark = pytest.mark.skipif(cuda_code.missing() is not None, reason=str(cuda_code.missing()))

KERNELS = cuda_code.kernels()
# instructions per step that the kernels used most may have on sm_90: some slack for other compilers
MOST_INSTRUCTIONS = {
    "double_square": 120,
    "double_square_table": 145,
    "double_gauss": 60,
    "double_gauss_table": 96,
    "mixed_square": 88,
    "mixed_square_rests": 110,
    "mixed_square_table": 115,
    "mixed_square_table_rests": 137,
}
MOST_REGISTERS = 128  # so that an SM holds 512 threads
# one of each that is special: they have more to keep
SPECIAL = [
    "double_gauss_interpolated", "double_round_running", "mixed_square_table_running_rests_program",
    "double_square_running_one_cell", "mark_noisy",
]  # fmt: skip
USUAL = [name for name, key in KERNELS.items() if cuda_code.is_plain(key)]
USUAL += ["double_square_one_cell", "double_square_program", "double_tophat_table_program", "mixed_square_rests_program"]


@pytest.mark.parametrize("arch", (70, 80))
@pytest.mark.parametrize("name", ["double_square", "double_gauss_table", "mixed_square", "mixed_square_table_rests"])
def test_kernels_used_most_do_not_spill_on_older_devices(name, arch):
    row = cuda_code.result_of(KERNELS[name], arch, with_step=False)
    assert row["spills"] == 0 and row["threads"] >= 256


@pytest.mark.parametrize("name", USUAL)
def test_kernels_keep_their_size(name):
    row = cuda_code.result_of(KERNELS[name], 90)
    assert row["registers"] <= MOST_REGISTERS
    assert row["spills"] <= (0 if name in MOST_INSTRUCTIONS else 16)
    if name in MOST_INSTRUCTIONS:
        assert row["step"]["instructions"] <= MOST_INSTRUCTIONS[name]
        assert row["step"]["shared"] <= 5


@pytest.mark.parametrize("arch", (70, 80, 90))
def test_noise_kernels_do_not_spill(arch):
    for name in ("draw_noise", "sum_noise"):
        row = cuda_code.result_of(KERNELS[name], arch)
        assert row["spills"] == row["stack"] == 0 and row["threads"] >= 768


@pytest.mark.parametrize("name", SPECIAL)
def test_special_kernels_compile(name):
    row = cuda_code.result_of(KERNELS[name], 90)
    assert row["threads"] >= 256


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
