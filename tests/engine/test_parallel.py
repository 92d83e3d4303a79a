"""Rows on numba's threads: the bits of our own threads, when that is chosen, and what a user's compiled code can call."""

import ctypes
import os
import subprocess
import sys
from dataclasses import replace
from types import SimpleNamespace

import numba
import numpy as np
import pytest

import nbkernel
from nbkernel.engine import threads
from nbkernel.engine.options import PARALLEL
from nbkernel.engine.render import render
from nbkernel.engine.threads import choose_sharing, share_rows, share_rows_by_prange
from nbkernel.experiment.experiment import Experiment
from nbkernel.kernels.compile.machine_code import NATIVE
from nbkernel.kernels.compile.object_cache import CACHE

from kinds_of_runs import NEAR, RUNS, inputs, prepared  # noqa: F401  a fixture

ORDINARY = (
    "plain",
    "table",
    "mask",
    "region",
    "interpolation that ends within the image",
    "stale phi step",
    "all three, Gaussian",
)


def bits(image):
    return np.asarray(image).view(np.int32)


def assert_same_bits(monkeypatch, name, precision):
    monkeypatch.setattr("nbkernel.engine.render.thread_count", lambda count: count)
    run = prepared(RUNS[name])
    own = render(run, precision, 1, parallel="threads")
    for count in (1, 2, 3):
        other = render(run, precision, count, parallel="prange")
        assert np.array_equal(bits(own.image), bits(other.image))
        assert own.omega_sum == other.omega_sum


@pytest.mark.slow
@pytest.mark.parametrize("precision", ["exact", "double"])
@pytest.mark.parametrize("name", ORDINARY)
def test_same_bits_as_on_our_own_threads(name, precision, monkeypatch):
    assert_same_bits(monkeypatch, name, precision)


@pytest.mark.slow
def test_same_bits_in_mixed(monkeypatch):
    assert_same_bits(monkeypatch, "plain", "mixed")


@pytest.mark.slow
@pytest.mark.parametrize("name", ["a pixel at the sample, oblique axes", "half indices, domains", "curved, thick"])
@pytest.mark.parametrize("precision", ["exact", "double", "mixed"])
def test_same_bits_where_a_run_is_special(name, precision, monkeypatch):
    assert_same_bits(monkeypatch, name, precision)


def test_tiles_do_not_matter():
    run = prepared(RUNS["table"])
    images = [render(run, "double", 2, tile, parallel=name).image for name in PARALLEL for tile in (None, (7, 33))]
    assert all(np.array_equal(bits(images[0]), bits(image)) for image in images)


def test_numbas_threads_are_used_where_nothing_can_be_cached(monkeypatch):
    assert choose_sharing(None) is share_rows
    monkeypatch.setattr(CACHE, "folder", None)
    assert choose_sharing(None) is share_rows_by_prange
    assert choose_sharing("threads") is share_rows


def test_a_forked_process_keeps_off_threads_that_it_lost(monkeypatch):
    monkeypatch.setattr(threads, "FORKED", [True])
    assert choose_sharing("prange") is share_rows


def test_a_forked_process_renders():
    run = prepared(RUNS["plain"])
    image = render(run, "double", 2, parallel="prange").image
    child = os.fork()
    if child == 0:
        same = np.array_equal(bits(image), bits(render(run, "double", 2, parallel="prange").image))
        os._exit(0 if same else 1)
    assert os.waitpid(child, 0)[1] == 0


def test_a_kernel_that_fails():
    native = NATIVE(lambda result, failure, words: 1)
    call = SimpleNamespace(
        address=ctypes.cast(native, ctypes.c_void_p).value, words=np.zeros(2, np.int64), name="rows_of_nothing"
    )
    with pytest.raises(ArithmeticError, match="rows_of_nothing failed"):
        share_rows_by_prange(lambda: call, 0, 9, 1)


def test_every_row_is_filled_once():
    seen = []

    @NATIVE
    def native(result, failure, words):
        seen.append(tuple((ctypes.c_int64 * 2).from_address(words)))
        return 0

    def new_call():
        return SimpleNamespace(address=ctypes.cast(native, ctypes.c_void_p).value, words=np.zeros(2, np.int64), name="rows")

    for start, stop in ((0, 1), (3, 30), (5, 5), (0, 8)):
        seen.clear()
        share_rows_by_prange(new_call, start, stop, 3)
        assert sorted(row for first, last in seen for row in range(first, last)) == list(range(start, stop))


@pytest.mark.slow
@pytest.mark.parametrize("precision", ["exact", "double"])
def test_rows_from_compiled_code(precision):
    @numba.njit
    def sum_of_rows(fill, calls, image, start, stop):
        return fill(calls, start, stop), image[start:stop].sum()

    material = nbkernel.Material([[0.0, 2.5], [0.2, 3.0], [0.6, 1.0]])
    experiment = replace(Experiment.from_command_line(RUNS["table"], ()), background=material)
    rows = nbkernel.compiled_rows(experiment, precision=precision, threads=2)
    image = nbkernel.simulate(experiment, precision=precision, device="cpu")
    failures, total = sum_of_rows(rows.fill, rows.calls, rows.image, 0, 20)
    assert failures == 0 and total == pytest.approx(np.asarray(image)[:20].sum(dtype=float), rel=1e-4)
    assert not rows.image[20:].any()
    assert rows.fill(rows.calls, 20, image.shape[0]) == 0
    assert np.array_equal(bits(image), bits(rows.image))


def test_bad_values_of_the_api():
    experiment = Experiment.from_command_line(NEAR, ())
    for call, message in (
        (lambda: nbkernel.simulate(experiment, parallel="omp"), "parallel: 'omp' is not supported; need threads, prange"),
        (lambda: nbkernel.compiled_rows(experiment, precision="single"), "precision: 'single' is not supported"),
        (lambda: nbkernel.compiled_rows(experiment, threads=0), "threads: needs a whole number"),
        (lambda: nbkernel.compiled_rows(NEAR), "compiled_rows: needs an Experiment, not str"),
    ):
        with pytest.raises(nbkernel.InputError) as caught:
            call()
        assert message in str(caught.value) and "\n" not in str(caught.value)


def command(*options, **environment):
    words = [sys.executable, "-m", "nbkernel", "simulate", *NEAR.split(), "-N", "5", "--device", "cpu", *options]
    return subprocess.run(words, capture_output=True, text=True, check=False, env=os.environ | environment)


def test_a_bad_value_of_the_option():
    done = command("--parallel", "omp")
    assert done.returncode == 2
    (line,) = done.stderr.splitlines()
    assert "--parallel" in line and "threads" in line and "prange" in line


@pytest.mark.slow
def test_the_command_line(tmp_path):
    files = {}
    for name in PARALLEL:
        done = command("--parallel", name, "--threads", "2", "-floatfile", f"{name}.bin")
        assert done.returncode == 0, done.stderr
        files[name] = (tmp_path / f"{name}.bin").read_bytes()
    assert files["threads"] == files["prange"]


@pytest.mark.slow
def test_without_a_cache(tmp_path):
    """numba's threads are taken by themselves."""
    few = ("-nonoise", "-nopgm")  # kernels, as all are compiled
    assert command("-floatfile", "kept.bin", *few).returncode == 0
    done = command("-floatfile", "bare.bin", *few, NUMBA_CACHE_DIR="/proc/none")
    assert done.returncode == 0 and "compiling, as in every run" in done.stderr
    assert (tmp_path / "bare.bin").read_bytes() == (tmp_path / "kept.bin").read_bytes()
