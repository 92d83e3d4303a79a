"""Images that are made at the same time: handed over in order, with the same bytes, and nothing goes on after an error."""

import logging
import threading
from pathlib import Path

import pytest

import nbkernel
from nbkernel.run.series import side_by_side as module
from nbkernel.run.series.side_by_side import images_at_a_time, side_by_side
from nbkernel.support.logger import LOG

from api_runs import SPEC, write_spec

PATIENCE = 30.0  # s, only waited for by a test that fails


def test_results_come_in_order_though_later_calls_end_first(caplog):
    """Each call of a pair waits for the other; the second logs first."""
    second_done, stop = [threading.Event() for _ in range(4)], threading.Event()

    def make(number):
        if number % 2 == 0:
            assert second_done[number // 2].wait(PATIENCE)
        LOG.warning("made %d", number)
        if number % 2 == 1:
            second_done[number // 2].set()
        return number * number

    assert list(side_by_side(make, range(8), 2, stop)) == [n * n for n in range(8)]
    assert [record.getMessage() for record in caplog.records] == [f"made {n}" for n in range(8)]
    assert stop.is_set()


def test_calls_wait_for_results_to_be_taken():
    started, stop = [], threading.Event()
    made = side_by_side(lambda number: started.append(number) or number, range(100), 3, stop)
    assert [next(made) for _ in range(5)] == [0, 1, 2, 3, 4]
    made.close()
    # three in the making, three waiting, and those that were taken
    assert len(started) <= 5 + 2 * 3 and stop.is_set()


def test_the_first_error_in_order_is_raised_and_ends_the_others(caplog):
    later_failed, begun, stop = threading.Event(), [], threading.Event()

    def make(number):
        begun.append(number)
        if number == 3:
            LOG.warning("before the error")
            assert later_failed.wait(PATIENCE)
            raise nbkernel.InputError("third")
        if number == 4:
            later_failed.set()
            raise ZeroDivisionError
        return number

    made = side_by_side(make, range(1000), 2, stop)
    assert [next(made) for _ in range(3)] == [0, 1, 2]
    with pytest.raises(nbkernel.InputError, match="third"):
        next(made)
    assert stop.is_set() and len(begun) < 10
    assert [record.getMessage() for record in caplog.records] == ["before the error"]


def test_what_other_threads_log_is_not_held_back(caplog):
    with caplog.at_level(logging.INFO, LOG.name):
        made = side_by_side(lambda number: LOG.info("inside"), range(1), 1, threading.Event())
        LOG.info("outside")
        assert list(made) == [None]
    assert [record.getMessage() for record in caplog.records] == ["outside", "inside"]


@pytest.mark.parametrize(
    "pixels, steps, images, threads, expected",
    [
        (2**20, 2**20, 100, 8, (8, 1)),
        (2**20, 2**20, 100, 1, (1, 1)),
        (2**20, 2**20, 3, 8, (3, 3)),
        (2**20, 150_000_000, 100, 8, (2, 4)),
        (2**20, 1e15, 100, 8, (1, 8)),
        (2**24, 2**24, 100, 8, (2, 4)),
        (2**30, 2**30, 100, 8, (1, 8)),
    ],
)
def test_how_many_images_are_made_at_a_time(monkeypatch, pixels, steps, images, threads, expected):
    """Large ones by several threads each, as many as fit into a quarter of the memory."""
    monkeypatch.setattr(module, "available_memory", lambda: 4 << 30)
    assert images_at_a_time(pixels, steps, images, threads) == expected


def contents(name):
    return {path.name: path.read_bytes() for path in Path(name).iterdir()}


def test_files_have_the_same_bytes_however_many_images_are_made_at_a_time(tmp_path, monkeypatch, caplog):
    """And the same warnings in the same order."""
    monkeypatch.chdir(tmp_path)
    write_spec("spec.toml", SPEC, orientation='"uniform"', fluence="{ lognormal = [1e34, 3] }", crystals="{ poisson = 1 }")
    found = []
    for count in (1, 2, 5):
        caplog.clear()
        with pytest.MonkeyPatch.context() as patch, nbkernel.Series("spec.toml", device="cpu") as series:
            patch.setattr("nbkernel.run.series.writing.images_at_a_time", lambda *sizes, count=count: (count, 1))
            series.run(f"out{count}")
        lines = [record.getMessage().replace(f"out{count}", "out") for record in caplog.records]
        found.append((contents(f"out{count}"), lines))
    assert found[0] == found[1] == found[2]
    assert "spec_master.h5" in found[0][0] and any("are cut off" in line for line in found[0][1])


def test_an_interruption_ends_all_images(tmp_path, monkeypatch):
    """After Ctrl-C no thread goes on, and no file is left unfinished."""
    monkeypatch.chdir(tmp_path)
    write_spec("spec.toml", SPEC.replace("images = 5", "images = 50").replace("per_file = 2", "per_file = 20"))

    def progress(done, images):
        if done == 23:
            raise KeyboardInterrupt

    with nbkernel.Series("spec.toml", device="cpu") as series, pytest.raises(KeyboardInterrupt):
        before = set(threading.enumerate())
        try:
            series.run("out", progress=progress)
        finally:
            for thread in set(threading.enumerate()) - before:
                thread.join(PATIENCE)
                assert not thread.is_alive()
    assert set(contents("out")) == {"series.toml", "spec_000001.h5"}
