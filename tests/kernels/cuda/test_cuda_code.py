"""The CUDA kernels' machine code, compiled and linked without a device: registers, spills and instructions per step, which
indicate a kernel's cost. Usual kernels are compiled for the newest device, every sixth of them for an older one, special ones
for one of the three, and the most-used ones for all."""

import os
import re

import pytest

from bench import cuda_code
from nbkernel.kernels.cuda.launch import ADD_BACKGROUND, COUNT_PHOTONS, RESPONSE

pytestmark = [
    pytest.mark.cuda,
    pytest.mark.skipif(cuda_code.missing() is not None, reason=str(cuda_code.missing())),
]

KERNELS = cuda_code.kernels()
# limits of instructions per step on sm_90 for the most-used kernels, with some slack for other compilers
MOST_INSTRUCTIONS = {
    "double_square": 120,
    "double_square_table": 145,
    "double_gauss": 60,
    "double_gauss_table": 96,
    "mixed_square": 88,
    "mixed_square_offsets": 110,
    "mixed_square_table": 115,
    "mixed_square_table_offsets": 137,
}
MOST_REGISTERS = 128  # so that an SM holds 512 threads
MOST_SPILLS = 96  # bytes, of kernels with a table; outside of the innermost loop
# kernels of usual runs: the running sum is not weighted, and nothing is interpolated
USUAL = [
    name for name, key in KERNELS.items() if not isinstance(key, str) and not (key.steps.interpolate or key.steps.running)
]
NOISE = [name for name in KERNELS if name.endswith("_noise")]
SPECIAL = [name for name in KERNELS if name not in (*USUAL, *NOISE, ADD_BACKGROUND, *RESPONSE)]
NEWEST = 90
ON_OLDER = [(name, (70, 80)[number % 2]) for number, name in enumerate(USUAL[::6])]
ON_ONE = [(name, (70, 80, NEWEST)[number % 3]) for number, name in enumerate(SPECIAL)]
USED_MOST = ["double_square", "double_gauss_table", "mixed_square", "mixed_square_table_offsets", *NOISE]
AFTER_RENDERING = [(name, NEWEST) for name in (*NOISE, *RESPONSE, ADD_BACKGROUND)] + [(ADD_BACKGROUND, 80)]
ON_OLDER += [(name, arch) for name in USED_MOST for arch in (70, 80) if (name, arch) not in ON_OLDER]


@pytest.fixture(scope="module")
def rows(request):
    """{(name, arch): row of the table} for the selected tests."""
    archs_by_name = {}
    for item in request.session.items:
        if "rows" in getattr(item, "fixturenames", ()) and item.module is request.module:
            params = item.callspec.params
            archs_by_name.setdefault(params["name"], []).append(params.get("arch", NEWEST))
    return cuda_code.results_of({name: sorted(set(archs)) for name, archs in archs_by_name.items()}, min(2, os.cpu_count()))


def most_spills(name):
    return MOST_SPILLS if "table" in name else 0


@pytest.mark.parametrize("name, arch", ON_OLDER)
def test_kernels_compile_for_older_devices(name, arch, rows):
    row = rows[name, arch]
    assert row["threads"] >= 256 and row["parameters agree"]
    assert row["spills"] <= most_spills(name)


@pytest.mark.parametrize("name", USUAL)
def test_usual_kernels_keep_their_size(name, rows):
    row = rows[name, NEWEST]
    assert row["registers"] <= MOST_REGISTERS and row["parameters agree"]
    assert row["spills"] <= most_spills(name)
    assert "step" not in row or row["step"]["spilled"] == 0
    if name in MOST_INSTRUCTIONS:
        assert row["step"]["instructions"] <= MOST_INSTRUCTIONS[name]
        assert row["step"]["shared"] <= 5


@pytest.mark.parametrize("name, arch", ON_ONE)
def test_special_kernels_compile(name, arch, rows):
    """Those that interpolate may spill registers."""
    row = rows[name, arch]
    assert row["threads"] >= 256 and row["parameters agree"]
    if "interpolated" not in name:
        assert row["spills"] <= most_spills(name)


@pytest.mark.parametrize("name, arch", AFTER_RENDERING)
def test_background_and_noise_spill_nothing(name, arch, rows):
    row = rows[name, arch]
    assert row["spills"] == 0 and row["parameters agree"]
    # of the background's pixel: the arrays of a row's segment
    assert row["stack"] <= (40 if name == ADD_BACKGROUND else 0)
    # two generators and a logarithm, a position and two directions need more registers
    assert row["threads"] >= (768 if name in (COUNT_PHOTONS, ADD_BACKGROUND) else 1024)


def test_assembly_does_not_depend_on_the_device_it_was_made_for():
    """Code compiled for sm_80 is the same from sm_90's assembly as from its own."""
    key, found = KERNELS["mark_unresolved"], []
    for first in ((9, 0), (8, 0)):
        ptx = cuda_code.ptx_of(key, cuda_code.assembly_of(key, first), (8, 0))
        code = cuda_code.code_of(ptx, 80)
        found.append(
            (code[:3], re.findall(r"\.(?:target|maxntid|minnctapersm) .*", ptx), cuda_code.instructions_of(code.cubin))
        )
    assert found[0] == found[1]
    assert found[0][1] == [".target sm_80", ".maxntid 128, 1, 1", ".minnctapersm 3"]


def test_a_step_is_counted_along_the_longest_path_without_calls():
    code = [
        ("MOV", [], None, False),
        ("LDS.128", [".L_x_1"], None, False),
        ("LDS.128", [], None, False),
        ("LDS.128", [], None, False),
        ("LDS.128", [], None, False),
        ("LDS.64", [], None, False),
        ("BRA", [], ".L_x_2", True),  # to the shorter path
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
