"""`nbkernel compare`: each measure finds the difference introduced, each cause is named, bad input is one clear line."""

import contextlib
import importlib.util
import io
import json
import os
import subprocess
import sys
import types
import warnings
from pathlib import Path

import numpy as np
import pytest

from nbkernel.cli.main import main
from nbkernel.diagnose.images.compare import judge, make_pair, measure, ordered_integers
from nbkernel.diagnose.images.peaks import match_peaks, sliding_maximum
from nbkernel.diagnose.known_factors import name_factor
from nbkernel.errors import InputError
from nbkernel.io.images.image import Image

from running import smv_bytes

SLOW, FAST = 120, 150


def spots(shift=(0.0, 0.0), width=1.5, seed=1):
    """(slow, fast) float32 image of separate Gaussian spots on a weak background."""
    draw = np.random.default_rng(seed)
    s, f = np.mgrid[:SLOW, :FAST].astype(float)
    image = 1e-3 + 1e-4 * draw.random((SLOW, FAST))
    for row in range(10, SLOW - 5, 14):
        for column in range(10, FAST - 5, 14):
            center = np.array([row, column]) + draw.uniform(-2, 2, 2) + shift
            image += draw.uniform(1, 100) * np.exp(-((s - center[0]) ** 2 + (f - center[1]) ** 2) / (2 * width**2))
    return image.astype(np.float32)


def phi_steps(stale, n=10):
    """Fringes of a one-dimensional crystal along fast, summed over n orientations; if `stale`, the first repeats the last."""
    s, f = np.mgrid[:SLOW, :FAST].astype(float)
    terms = []
    for step in range(n):
        x = np.pi * (f * 0.0133 + s * 0.003 + step * 0.03 + 1e-4)
        terms.append((np.sin(20 * x) / np.sin(x)) ** 2)
    if stale:
        terms[0] = terms[-1]
    return (sum(terms) / n).astype(np.float32)


def pair_of(a, b, roi=None):
    return make_pair(*(Image("x", "float", np.asarray(image, np.float32), False, None, None) for image in (a, b)), roi)


def measures(a, b, roi=None):
    return measure(pair_of(a, b, roi))[0]


@pytest.fixture(autouse=True)
def folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)


def save(name, image, header=""):
    Path(name).write_bytes(np.asarray(image, np.float32).tobytes())
    Path("shape.img").write_bytes(smv_bytes(np.zeros(image.shape), header))


def compare(*arguments):
    out, err = io.StringIO(), io.StringIO()
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
        status = main(["compare", *map(str, arguments)])
    return status, out.getvalue(), err.getvalue()


def compare_images(a, b, *arguments):
    save("a.bin", a)
    save("b.bin", b)
    status, out, err = compare("a.bin", "b.bin", "--json", *arguments)
    assert err == ""
    return status, json.loads(out)


def test_identical_images():
    status, found = compare_images(spots(), spots())
    assert status == 0
    assert found["identical_fraction"] == 1 and found["sum_ratio"] == 1 and found["rms"] == 0
    assert found["peaks"]["matched"] == found["peaks"]["peaks_a"] > 50
    assert found["suspects"] == []


def test_images_that_do_not_fit_into_memory(monkeypatch):
    """Even a small HDF5 file can have such images."""
    image = Image("a", "float", spots(), False, None, None)
    monkeypatch.setattr("nbkernel.support.memory.available_memory", lambda: 64 * SLOW * FAST - 1)
    monkeypatch.setattr("nbkernel.support.memory.SMALL", 0)
    with pytest.raises(InputError, match="compare: comparing images of 120 x 150 pixels needs"):
        make_pair(image, image)


def test_ordered_integers_count_float32_steps():
    values = np.array([-1, -0.0, 0.0, 1], np.float32)
    following = np.nextafter(values, np.float32(np.inf))
    assert (ordered_integers(following) - ordered_integers(values)).tolist() == [1, 1, 1, 1]
    tiny = np.nextafter(np.float32(0), np.float32(1))
    assert np.ptp(ordered_integers(np.array([-tiny, tiny], np.float32))) == 2


def test_a_planted_pixel_in_each_measure():
    a = spots()
    b = a.copy()
    b[40, 50] = np.nextafter(a[40, 50], np.float32(np.inf))
    found = measures(a, b)
    assert found["identical"] == a.size - 1
    assert found["largest_ulp_distance"] == {"value": 1, "fast": 50, "slow": 40}
    b[41, 50] = a[41, 50] + 0.25
    found = measures(a, b)
    near = a[39:44, 48:53].max()
    assert found["largest_local_error"]["value"] == pytest.approx((b[41, 50] - a[41, 50]) / near, rel=1e-6)
    assert found["largest_difference"]["slow"] == 41
    assert found["rms"] == pytest.approx(0.25 / np.sqrt(a.size), rel=1e-3)
    assert found["correlation"] == pytest.approx(np.corrcoef(a.ravel(), b.ravel())[0, 1], abs=1e-12)
    assert found["sum_ratio"] == pytest.approx(b.sum(dtype=float) / a.sum(dtype=float), rel=1e-12)


def test_sliding_maximum():
    image = np.random.default_rng(2).random((9, 7)).astype(np.float32)
    expected = [[image[max(s - 2, 0) : s + 3, max(f - 2, 0) : f + 3].max() for f in range(7)] for s in range(9)]
    assert sliding_maximum(image).tolist() == np.array(expected).tolist()
    assert sliding_maximum(image[:1, :2]).tolist() == [[image[0, :2].max()] * 2]


def test_a_regions_positions_are_those_in_the_full_image():
    a = spots()
    b = a.copy()
    b[40, 50] *= 2
    b[10, 10] *= 2
    found = measures(a, b, (30, 60, 35, 45))
    assert found["pixels"] == 31 * 11
    assert found["pixels"] - found["identical"] == 1
    assert found["largest_difference"]["fast"] == 50


def test_nan_is_counted_and_never_within_a_tolerance():
    a, b = spots(), spots()
    a[3, 3] = b[3, 3] = np.nan
    assert measures(a, b)["identical_fraction"] == 1
    b[5, 5] = np.nan
    b[6, 6] = np.inf
    found = measures(a, b)
    assert found["not_finite_differ"] == 2
    for tolerance in ("exact", "double", "mixed"):
        assert not judge(pair_of(a, b), tolerance)["within"]


@pytest.mark.parametrize("bits", [0x7F800001, 0xFFBFFFFF, 0x7F800000, 0xFF800000, 0x7F7FFFFF, 1], ids=hex)
def test_no_bits_of_a_float_make_numpy_warn(bits, capsys):
    """Signalling nan, infinities, the largest and the smallest numbers."""
    pixels = np.ones((SLOW, FAST), np.float32)
    pixels.tofile("a.bin")
    pixels.view(np.uint32)[10] = bits
    pixels.tofile("b.bin")
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        for names in ("ab", "ba", "bb"):
            status = main(
                ["compare", *(f"{name}.bin" for name in names), "--shape", str(SLOW), str(FAST), "--tolerance", "mixed"]
            )
            assert status == int(names != "bb")
        assert main(["show", "b.bin", "--shape", str(SLOW), str(FAST)]) == 0
    assert capsys.readouterr().err == ""


@pytest.mark.parametrize(
    "error, exact, double, mixed",
    [(0.0, True, True, True), (3e-10, False, True, True), (1e-6, False, False, True), (1e-5, False, False, False)],
)
def test_tolerances(error, exact, double, mixed):
    """Relative to the neighbourhood: errors of both signs in dim pixels beside bright ones, so that the totals agree."""
    a = np.full((20, 20), 1e-7, np.float32)
    a[5, 5] = a[15, 15] = 1.0
    b = a.copy()
    b[5, 6] += np.float32(error)
    b[15, 16] -= np.float32(error)
    for tolerance, expected in (("exact", exact), ("double", double), ("mixed", mixed)):
        status, found = compare_images(a, b, "--tolerance", tolerance)
        assert (status == 0) == expected == found["verdict"]["within"], tolerance
    assert compare_images(a, b, "--tolerance", "mixed", "--N", 1000)[0] == 0


def test_the_total_has_its_own_limit():
    """One ulp in every pixel is within `double`, but their sum is not."""
    a = spots()
    verdict = judge(pair_of(a, np.nextafter(a, np.float32(np.inf))), "double")
    assert verdict["pixels_beyond"] == 0 and not verdict["within"]


def test_peaks_are_matched_one_to_one():
    a = np.array([[10, 10], [10, 14], [30, 30]])
    b = np.array([[10, 12], [31, 30], [50, 50]])
    partner = match_peaks(a, b, (60, 60)).tolist()
    assert sorted(partner[:2]) == [-1, 0]
    assert partner[2] == 1


def test_moved_and_lost_peaks():
    found = measures(spots(), spots((0.0, 0.6)))
    assert found["peaks"]["distance_median"] == pytest.approx(0.6, abs=0.15)
    lost = spots()
    top = np.unravel_index(lost.argmax(), lost.shape)
    lost[max(top[0] - 7, 0) : top[0] + 8, max(top[1] - 7, 0) : top[1] + 8] = 1e-3
    peaks = measures(spots(), lost)["peaks"]
    assert (peaks["unmatched_a"], peaks["unmatched_b"]) == (1, 0)


def test_radial_profile_about_the_headers_beam_centre():
    a = np.ones((SLOW, FAST))
    s, f = np.mgrid[:SLOW, :FAST] + 0.5
    b = 1 + np.hypot(s - 40, f - 70) / 100
    save("a.bin", a, "PIXEL_SIZE=0.1;\nDENZO_X_BEAM=4;\nDENZO_Y_BEAM=7;\n")
    Path("b.bin").write_bytes(b.astype(np.float32).tobytes())
    profile = json.loads(compare("a.bin", "b.bin", "--json")[1])["radial_profile"]
    assert profile["center"] == pytest.approx([70, 40])
    assert "shape.img" in profile["center_from"]
    for ring in profile["rings"]:
        assert 1 + ring["radius_from"] / 100 <= ring["ratio"] <= 1 + ring["radius_to"] / 100


FACTORS = {
    10: ["10 phi steps", "power of ten"],
    0.1: ["A is not divided by steps"],
    7: ["7 phi steps"],
    9: ["oversample 3 squared"],
    1e20: ["1e20"],
    1e-10: ["m and A"],
    10 / 9: ["10/9"],
    7.94079248018965e-30: ["r_e^2"],
}


@pytest.mark.parametrize("factor", FACTORS)
def test_factors_are_named(factor):
    words = " ".join(name_factor(factor))
    assert all(word in words for word in FACTORS[factor])


def test_a_factor_without_a_meaning_has_no_name():
    assert name_factor(1.2345678) == [] == name_factor(1.0)


CAUSES = {
    "constant factor": (spots(), 10 * spots(), "10 phi steps"),
    "constant difference": (spots(), spots() + np.float32(0.5), "plus 0.5"),
    "stale phi step": (phi_steps(True), phi_steps(False), "phi0"),
    "moved": (spots(), spots((0.0, 0.8)), "move all by"),
    "moved far": (spots(), spots(seed=5), "no match"),
    "smooth": (spots(), spots() * np.linspace(0.8, 1.2, FAST, dtype=np.float32), "smoothly"),
    "width": (spots(), spots(width=1.7), "crystal size"),
    "one pixel": (spots(), np.where(np.arange(SLOW * FAST).reshape(SLOW, FAST) == 777, 9, spots()), "only 1 pixels"),
    "zero": (spots(), 0 * spots(), "B is 0 everywhere"),
}


@pytest.mark.parametrize("name", CAUSES)
def test_causes_are_named(name):
    a, b, word = CAUSES[name]
    status, found = compare_images(a, b)
    assert status == 1
    words = " ".join(found["suspects"])
    assert word in words
    assert ("phi0" in words) == (name == "stale phi step")


def test_structure_factors_are_suspected_if_the_ratio_changes_from_peak_to_peak():
    a = spots()
    cell = np.add.outer(np.arange(SLOW) // 14 * 20, np.arange(FAST) // 14)
    b = a * np.random.default_rng(3).uniform(0.5, 1.5, cell.max() + 1)[cell]
    # the cells' borders lie between the spots
    a, b = (np.roll(image, (-3, -3), (0, 1)) for image in (a, b))
    assert "structure factors" in " ".join(compare_images(a, b)[1]["suspects"])


def test_smv_and_float_images_can_be_mixed():
    pixels = np.round(spots())
    Path("a.img").write_bytes(smv_bytes(pixels))
    save("b.bin", pixels)
    assert compare("a.img", "b.bin")[0] == 0


def test_report_and_help_are_text():
    save("a.bin", spots())
    save("b.bin", 10 * spots())
    status, out, _ = compare("a.bin", "b.bin")
    assert status == 1
    assert "constant factor B/A    10" in out and "beyond the tolerance exact" in out
    assert compare("-h")[0] == 0


def test_it_starts_without_numba():
    save("a.bin", spots())
    code = "import sys; from nbkernel.cli.main import main; main(['compare', 'a.bin', 'a.bin']); sys.exit('numba' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], capture_output=True).returncode == 0


BAD = {
    "one file": (["a.bin"], "needs the files A and B"),
    "missing file": (["a.bin", "none.bin"], "no file none.bin"),
    "folder": (["a.bin", "."], "directory"),
    "empty": (["a.bin", "empty.bin"], "empty"),
    "odd length": (["a.bin", "odd.bin"], "float32"),
    "no shape": (["a.bin", "short.bin"], "give --shape"),
    "wrong shape": (["a.bin", "a.bin", "--shape", "3", "4"], "--shape 3 4 needs 12"),
    "other shape": (["a.bin", "short.bin", "--shape", "2", "2"], "--shape"),
    "region outside": (["a.bin", "a.bin", "--roi", "0", "150", "0", "5"], "--roi"),
    "region backwards": (["a.bin", "a.bin", "--roi", "9", "5", "0", "5"], "--roi"),
    "region of many digits": (["a.bin", "a.bin", "--roi", "0", "1", "0", "1" * 5000], "too large"),
    "region of three": (["a.bin", "a.bin", "--roi", "0", "5", "0"], "--roi: needs F0 F1 S0 S1"),
    "tolerance": (["a.bin", "a.bin", "--tolerance", "close"], "exact, double or mixed"),
    "N": (["a.bin", "a.bin", "--N", "many"], "--N"),
    "option": (["a.bin", "a.bin", "--tolerence", "exact"], "did you mean --tolerance"),
    "hdf5": (["a.bin", "x.h5"], "HDF5"),
    "truncated SMV": (["a.bin", "cut.img"], "truncated"),
}


@pytest.mark.parametrize("name", BAD)
def test_bad_input_is_one_line_and_status_2(name):
    save("a.bin", spots())
    Path("empty.bin").write_bytes(b"")
    Path("odd.bin").write_bytes(b"12345")
    Path("short.bin").write_bytes(bytes(20))
    Path("x.h5").write_bytes(b"\x89HDF\r\n\x1a\n" + bytes(64))
    Path("cut.img").write_bytes(smv_bytes(np.ones((5, 5)))[:-3])
    arguments, words = BAD[name]
    status, out, err = compare(*arguments)
    assert (status, out) == (2, "")
    assert words in err and err.count("\n") == 1


def test_an_ambiguous_shape_is_an_error():
    save("a.bin", np.ones((6, 4)))
    Path("other.img").write_bytes(smv_bytes(np.zeros((4, 6))))
    status, _, err = compare("a.bin", "a.bin")
    assert status == 2 and "4 x 6 and 6 x 4" in err
    assert compare("a.bin", "a.bin", "--shape", 6, 4)[0] == 0


@pytest.mark.parametrize("name", ["a.bin", "./b.bin", "link.bin", "a.img"])
def test_a_plot_replaces_nothing_that_was_read(name, monkeypatch):
    for file, image in {"a": spots(), "b": spots(width=1.7)}.items():
        image.astype(np.float32).tofile(f"{file}.bin")
        Path(f"{file}.img").write_bytes(smv_bytes(np.zeros(image.shape)))
    os.symlink("b.bin", "link.bin")
    before = {path: path.read_bytes() for path in Path().iterdir()}
    # it is refused before anything is drawn
    monkeypatch.setitem(sys.modules, "matplotlib", types.SimpleNamespace(use=lambda backend: None))
    monkeypatch.setitem(sys.modules, "matplotlib.figure", types.SimpleNamespace(Figure=None))
    status, _, err = compare("a.bin", "b.bin", "--png", name)
    assert (status, err) == (2, f"nbkernel: --png: {name} is an input of this run; give another name\n")
    assert before == {path: path.read_bytes() for path in Path().iterdir()}


def test_png():
    save("a.bin", spots())
    save("b.bin", spots(width=1.7))
    status, _, err = compare("a.bin", "b.bin", "--png", "x.png")
    if importlib.util.find_spec("matplotlib"):
        assert status == 1 and Path("x.png").read_bytes().startswith(b"\x89PNG")
    else:
        assert status == 2 and "nbkernel[plot]" in err and err.count("\n") == 1
