"""`nbkernel compare-traces`: a divergence introduced in a quantity is named, with what the quantity is computed from."""

import contextlib
import io
import itertools
import json
import random
import time
from pathlib import Path

import pytest

from nbkernel.cli.main import main
from nbkernel.diagnose.traces.compare_traces import Blocks, Row, align, compare_traces, relative_difference
from nbkernel.diagnose.traces.inputs import INPUTS
from nbkernel.diagnose.traces.log import LOOPS, read_trace
from nbkernel.diagnose.traces.notes import touches

from reference_listing import CRYSTAL_LISTING, GEOMETRY_LISTING

MORE_LINES = """\
lambda_meters 9.768e-11
hkl_rounded -7 -1 -14
r_e_sqr 7.94079248018965e-30
oversample_thick 0
oversample_polar 0
oversample_omega 0""".splitlines()
LISTING = "\n".join([*GEOMETRY_LISTING, *MORE_LINES, *CRYSTAL_LISTING]) + "\n"
NAMES = [line.split()[0] for line in LISTING.splitlines()]


def changed(text, names, factor=1.0 + 1e-9):
    """`text` with the largest value of each named quantity multiplied by `factor`, or 1 instead of 0."""
    lines = []
    for line in text.splitlines():
        name, *values = line.split()
        if name in names:
            largest = max(range(len(values)), key=lambda i: abs(float(values[i])))
            values[largest] = repr(float(values[largest]) * factor or 1.0)
        lines.append(" ".join([name, *values]))
    return "\n".join(lines) + "\n"


def downstream(name):
    """Everything that is computed from `name`."""
    found, before = {name}, None
    while found != before:
        before = set(found)
        found |= {other for other, (names, _) in INPUTS.items() if before.intersection(names)}
    return found - {name}


def steps_trace(orientations, last):
    """A trace with a phi step for each of `orientations`, the middle components of rot_b."""
    blocks = [f"phi_tic {i}\nrot_b_angstroms -11.5 {y} -29.1\nI_sum {i + 1}\n" for i, y in enumerate(orientations)]
    return "beam_vector 1 0 0\n" + "".join(blocks) + f"I_before_scaling {last}\nsteps {len(orientations)}\n"


def compare(a, b, *arguments):
    Path("a.log").write_text(a)
    Path("b.log").write_text(b)
    return command("a.log", "b.log", *arguments)


def command(*arguments):
    out, err = io.StringIO(), io.StringIO()
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
        status = main(["compare-traces", *map(str, arguments)])
    return status, out.getvalue(), err.getvalue()


def compare_json(a, b, *arguments):
    status, out, err = compare(a, b, "--json", *arguments)
    assert err == ""
    found = json.loads(out)
    assert (status == 1) == (found["first_divergence"] is not None)
    return found


@pytest.fixture(autouse=True)
def folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)


@pytest.mark.parametrize("name", NAMES)
def test_a_planted_divergence_is_named(name):
    """If only this quantity differs."""
    found = compare_json(LISTING, changed(LISTING, {name}))
    assert found["first_divergence"]["name"] == name
    assert [row["name"] for row in found["quantities"] if row["difference"] > 1e-12] == [name]
    out = compare(LISTING, changed(LISTING, {name}))[1]
    assert f"first divergence: {name}, relative" in out
    assert "computed from" in out


@pytest.mark.parametrize("name", NAMES)
def test_a_planted_divergence_is_named_among_its_consequences(name):
    """In whatever order a program prints its numbers."""
    b = changed(LISTING, {name} | downstream(name))
    for flip in (1, -1):
        a_lines, b_lines = ("\n".join(text.splitlines()[::flip]) for text in (LISTING, b))
        assert compare_json(a_lines, b_lines)["first_divergence"]["name"] == name


@pytest.mark.parametrize("name", NAMES)
def test_the_notes_name_what_a_quantity_is_computed_from(name):
    names, rest = INPUTS[name]
    assert names or rest
    assert set(names) <= set(INPUTS)
    notes = " ".join(compare_json(LISTING, changed(LISTING, {name}))["notes"])
    assert all(other in notes for other in names)
    assert rest in notes


def test_equal_traces():
    status, out, _ = compare(LISTING, LISTING)
    assert status == 0
    assert f"no divergence beyond 1e-12 in {len(NAMES)} quantities" in out


def test_tolerance():
    b = changed(LISTING, {"polar"}, 1 + 1e-9)
    assert compare(LISTING, b, "--tolerance", "1e-8")[0] == 0
    assert compare(LISTING, b, "--tolerance", "1e-10")[0] == 1


def test_a_c_programs_log_against_nbkernels():
    noise = "reading Fs\nmax_I 446\n{}\nscaling factor 3\n"
    c_log = noise.format("\n".join(f"TRACE_C: {line}" for line in LISTING.splitlines()))
    c_log = c_log.replace("scattering_vec", "scattering_vec_A_inv").replace("omega_pixel_sr", "omega_pixel")
    py_log = "\n".join(f"TRACE_PY: {line}" for line in changed(LISTING, {"F_cell"}).splitlines())
    assert compare(c_log, LISTING)[0] == 0
    found = compare_json(c_log, py_log)
    assert found["first_divergence"]["name"] == "F_cell"
    assert found["only_a"] == found["only_b"] == []


def test_lines_of_name_value_pairs_and_units_are_read():
    quantities = read_trace(
        "x", "TRACE_C_PHI phi_tic=3 k_frac=-0.6\nTRACE_C: pixel_pos 1.0 2.0 3.0 [m]\nTRACE_C: done here\n"
    )
    assert [(q.name, q.values, q.at) for q in quantities] == [
        ("k_frac", (-0.6,), (("phi_tic", 3),)),
        ("pixel_pos_meters", (1.0, 2.0, 3.0), (("phi_tic", 3),)),
    ]


def test_json_of_trace_is_read():
    entries = [{"name": "k_frac", "phi_tic": 2, "values": [0.5]}, {"name": "steps", "values": [10]}]
    text = json.dumps({"fpixel": 1, "spixel": 2, "quantities": entries})
    assert [q.at for q in read_trace("x", text)] == [(("phi_tic", 2),), ()]


def test_blocks_are_aligned_and_totals_are_outside_them():
    b = steps_trace([0.1, 0.25, 0.3], 4)
    found = compare_json(steps_trace([0.1, 0.2, 0.3], 3), b)
    assert found["first_divergence"]["name"] == "rot_b_angstroms"
    assert found["first_divergence"]["phi_tic"] == 1
    fewer = compare_json(steps_trace([0.1, 0.2, 0.3], 3), steps_trace([0.1, 0.2], 3))
    assert fewer["only_a"] == ["rot_b_angstroms", "I_sum"]
    assert fewer["first_divergence"]["name"] == "steps"


def test_an_outer_step_ends_the_inner_loops():
    text = "source 0\nphi_tic 0\nmos_tic 1\nF_cell 1\nphi_tic 1\nF_cell 2\nsource 1\nF_cell 3\n"
    assert [q.at for q in read_trace("x", text)] == [
        (("source", 0), ("phi_tic", 0), ("mos_tic", 1)),
        (("source", 0), ("phi_tic", 1)),
        (("source", 1),),
    ]


def test_a_trace_without_blocks_is_aligned_by_occurrence():
    with_blocks = read_trace("x", steps_trace([0.1, 0.2, 0.3], 3))
    without = read_trace("x", "rot_b_angstroms -11.5 0.1 -29.1")
    pairs, _only_a, only_b = align(with_blocks, without)
    assert [pair[0].at for pair in pairs] == [(("phi_tic", 0),)]
    assert only_b == []


def test_a_stale_phi_step_is_recognised():
    notes = compare_json(steps_trace([0.3, 0.2, 0.3], 5), steps_trace([0.1, 0.2, 0.3], 3))["notes"]
    assert any("in A phi_tic 0 and 2 have the same value: a stale phi step" in note for note in notes)


def test_a_missing_division_by_steps_is_recognised():
    b = LISTING.replace("I_pixel_final 2.88139542684698e-07", "I_pixel_final 2.88139542684698e-06")
    found = compare_json(LISTING, b)
    assert found["first_divergence"]["name"] == "I_pixel_final"
    assert any("B is not divided by steps" in note for note in found["notes"])
    assert any("A is not divided by steps" in note for note in compare_json(b, LISTING)["notes"])


def test_a_missing_polarisation_is_recognised():
    b = LISTING.replace("2.88139542684698e-07", repr(2.88139542684698e-07 / 0.91463969894451))
    assert any("1/polar" in note for note in compare_json(LISTING, b)["notes"])


def test_units_are_recognised():
    b = LISTING.replace("lambda_meters 9.768e-11", "lambda_meters 0.9768")
    assert any("m and A" in note for note in compare_json(LISTING, b)["notes"])


def test_an_unknown_quantity_is_compared():
    found = compare_json("my_number 1 2\n", "my_number 1 3\n")
    assert found["first_divergence"]["name"] == "my_number"


def test_relative_difference():
    assert relative_difference((3.0, 4.0), (3.0, 4.5)) == pytest.approx(0.1)
    assert relative_difference((0.0,), (-0.0,)) == 0
    assert relative_difference((0.0,), (2.0,)) == 1
    nan, inf = float("nan"), float("inf")
    assert relative_difference((nan, inf, 1.0), (nan, inf, 1.0)) == 0
    for a, b in (((nan,), (1.0,)), ((1.0,), (1.0, 2.0)), ((inf,), (-inf,))):
        assert relative_difference(a, b) == inf


def test_the_largest_numbers_have_a_relative_difference():
    assert relative_difference((1.7e308, 1.7e308), (1.7e308, 1.7e307)) == pytest.approx(0.9 / 2**0.5, rel=1e-12)
    assert relative_difference((1.7e308,), (-1.7e308,)) == pytest.approx(2.0)
    assert relative_difference((float("inf"), 3.0), (float("inf"), 3.5)) == pytest.approx(1.0 / 6.0)


def test_a_factor_whose_inverse_overflows_is_not_named():
    found = compare_json(LISTING.replace("F_cell 190.27", "F_cell 1"), LISTING.replace("F_cell 190.27", "F_cell 1e-310"))
    assert found["first_divergence"]["name"] == "F_cell"


def test_nan_in_one_trace_is_a_divergence():
    assert compare_json(LISTING, LISTING.replace("F_cell 190.27", "F_cell nan"))["first_divergence"]["name"] == "F_cell"


ODD_JSON = (
    '{"quantities": 5}',
    '{"quantities": {"name": 1}}',
    '{"quantities": ["steps"]}',
    '{"quantities": [{"name": ["steps"], "values": [1]}]}',
    '{"quantities": [{"name": 5, "values": [1]}]}',
    '{"quantities": [{"name": "two words", "values": [1]}]}',
    '{"quantities": [{"name": "\\u001b[31m", "values": [1]}]}',
    '{"quantities": [{"name": "steps", "values": 1}]}',
    '{"quantities": [{"name": "steps", "values": "12"}]}',
    '{"quantities": [{"name": "steps", "values": []}]}',
    '{"quantities": [{"name": "steps", "values": [null]}]}',
    '{"quantities": [{"name": "steps", "values": [[1]]}]}',
    '{"quantities": [{"name": "steps", "values": ["red"]}]}',
    f'{{"quantities": [{{"name": "steps", "values": [1{"0" * 400}]}}]}}',
    '{"quantities": [{"name": "steps", "values": [1], "source": "x"}]}',
    '{"quantities": [{"name": "steps", "values": [1], "source": Infinity}]}',
    '{"quantities": [{"name": "steps", "values": [1], "source": null}]}',
    '{"quantities": ' + "[" * 100_000,
    '{"quantities": [' + '{"name": ' * 100_000,
    '{"quantities": []',
)
BAD = {
    "one file": (["a.log"], "needs the files A and B"),
    "missing file": (["a.log", "none.log"], "no file none.log"),
    "no trace": (["a.log", "prose.log"], "contains no trace"),
    "nothing in common": (["a.log", "other.log"], "no quantity in common"),
    "not a text": (["a.log", "binary.log"], "not a text file"),
    "other JSON": (["a.log", "other.json"], "not the JSON of nbkernel trace: has no 'quantities'"),
    **{f"JSON {text[:40]}": (["a.log", text], "not the JSON of nbkernel trace") for text in ODD_JSON},
    "tolerance": (["a.log", "a.log", "--tolerance", "-1"], "at least 0"),
    "option": (["a.log", "a.log", "--jsn"], "did you mean --json"),
}


@pytest.mark.parametrize("name", BAD)
def test_bad_input_is_one_line_and_status_2(name):
    Path("a.log").write_text(LISTING)
    Path("prose.log").write_text("nothing to see here\n")
    Path("other.log").write_text("TRACE_C: somewhat 1 2\n")
    Path("binary.log").write_bytes(bytes(range(256)))
    Path("other.json").write_text('{"a": 1}')
    arguments, words = BAD[name]
    if arguments[-1] in ODD_JSON:
        Path("odd.json").write_text(arguments[-1])
        arguments = [arguments[0], "odd.json"]
    status, out, err = command(*arguments)
    assert (status, out) == (2, "")
    assert words in err and err.count("\n") == 1 and len(err) < 400


def test_help():
    assert command("-h")[0] == 0


def test_blocks_are_found_as_by_a_search_of_all_rows():
    """For blocks of random loops and steps."""
    generator = random.Random(1)

    def block():
        return tuple((loop, generator.randrange(3)) for loop in LOOPS if generator.random() < 0.4)

    for _ in range(300):
        rows = [Row(generator.choice("ab"), block(), (1.0,), (2.0,), 1.0) for _ in range(generator.randrange(6))]
        blocks = Blocks(rows)
        for at in (block() for _ in range(5)):
            for name in "abc":
                assert blocks.touch(name, at) == any(row.name == name and touches(row.at, at) for row in rows)


def large_trace(factor=1.0, reverse=False):
    """60,000 lines with all steps of a pixel; reverse: quantities come before those that they are computed from."""
    lines = ["pix0_vector_meters 0.1 0.2 0.3"]
    names = ("hkl_frac", "F_latt_a", "F_latt", "F_cell", "I_sum")
    for sub, source, phi in itertools.product(range(100), range(10), range(10)):
        lines += [f"subS {sub}", f"source {source}"] if phi == 0 else []
        lines.append(f"phi_tic {phi}")
        lines += [f"{name} {factor * (1 + phi)}" for name in (reversed(names) if reverse else names)]
    return "\n".join([*lines, "I_before_scaling 3"]) + "\n"


@pytest.mark.slow
@pytest.mark.parametrize("reverse", [False, True])
def test_the_time_grows_linearly_with_the_traces(reverse):
    """Comparing every pair of lines would take minutes. The limit is ten times the processor time needed."""
    start = time.process_time()
    a, b = (read_trace("x", large_trace(factor, reverse)) for factor in (1.0, 1.0 + 1e-9))
    found = compare_traces(a, b, 1e-12)
    assert time.process_time() - start < 15.0
    assert found.first.name == "hkl_frac" and found.first.where == "subS 0 source 0 phi_tic 0" and len(found.rows) == 50_002


def test_compare_traces_as_functions():
    a, b = (read_trace("x", text) for text in (LISTING, changed(LISTING, {"steps"})))
    assert compare_traces(a, b, 1e-12).first.name == "steps"


# a trace with every kind of quantity: several phi steps and domains, layers, a polarised beam, water
TRACED = (
    "-cell 70 80 90 75 85 95 -default_F 100 -N 5 -lambda 1 -distance 100 -detpixels 24 -pixel 0.5 -oversample 1 "
    "-phi 0 -osc 1 -phisteps 2 -mosaic 1 -mosaic_dom 2 -detector_abs 300 -detector_thick 450 -polar 0.9 -water 5 "
    "--pixel 7 9"
)


@pytest.fixture(scope="module")
def real_trace():
    out = io.StringIO()
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(io.StringIO()):
        assert main(["trace", *TRACED.split()]) == 0
    return out.getvalue()


def test_a_divergence_in_each_quantity_that_trace_prints_is_found(real_trace, tmp_path):
    """Each quantity's first line is changed in turn; what is computed from it stays."""
    (tmp_path / "a").write_text(real_trace)
    lines = real_trace.splitlines()
    names = dict.fromkeys(line.split()[0] for line in lines)
    missed = []
    for name in names:
        if name in LOOPS:
            continue
        position = next(i for i, line in enumerate(lines) if line.split()[0] == name)
        changed_line = changed(lines[position], [name], 1.0 + 1e-6)
        (tmp_path / "b").write_text("\n".join([*lines[:position], changed_line.strip(), *lines[position + 1 :]]) + "\n")
        out = io.StringIO()
        with contextlib.redirect_stdout(out):
            status = main(["compare-traces", str(tmp_path / "a"), str(tmp_path / "b")])
        named = [line for line in out.getvalue().splitlines() if line.startswith("first divergence: ")]
        if status != 1 or named[0].split()[2].rstrip(",") != name:
            missed.append((name, status, named))
    assert not missed
    assert {"rot_a_star", "I_sum", "kahn_factor", "parallax", "I_bg", "cell_from_phi_tic"} <= set(names)
