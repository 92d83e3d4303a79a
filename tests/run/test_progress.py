"""The progress bar: what it shows, how often, and that it leaves the terminal in order; no bar without a terminal."""

import io
import re
import signal
import threading
import time
from types import SimpleNamespace

import numpy as np
import pytest

from nbkernel.engine.options import PRECISIONS, Engine
from nbkernel.experiment.experiment import Experiment
from nbkernel.experiment.outputs import Outputs
from nbkernel.run import progress_bar
from nbkernel.run.progress_bar import ProgressBar, bar_line, terminal_width
from nbkernel.run.to_files import simulate_to_files
from nbkernel.support.interruptible import interruptible

from running import BASE, CRYSTAL, simulate
from terminal import on_terminal, screen

RUN = BASE.replace("-noprogress", "-progress") + " -detpixels 200"
LONG = f"{CRYSTAL} -lambda 1 -distance 100 -detpixels 4000 -oversample 20 --threads 2"
SIMULATE = ("-m", "nbkernel", "simulate")


@pytest.fixture(autouse=True)
def folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("COLUMNS", raising=False)


class Bar:
    """A bar with a clock set by hand, on a stream that keeps all its text."""

    def __init__(self, pixels=1000):
        self.now = 100.0
        self.stream = io.StringIO()
        self.bar = ProgressBar(self.stream, clock=lambda: self.now)
        self.prepared = SimpleNamespace(wanted=np.ones((pixels // 10, 10), bool), roi=(0, 9, 0, pixels // 10 - 1))

    def run(self, reports, ends=None):
        """The bar's text after reports of (seconds since the last, pixels done); raises `ends` after them."""
        with self.bar.rendering([self.prepared]) as report:
            for seconds, done in reports:
                self.now += seconds
                report(done)
            if ends is not None:
                raise ends
        return self.stream.getvalue()


@pytest.mark.parametrize("left", [None, 5.0, 4000.0])
@pytest.mark.parametrize("fraction", [0.0, 0.07, 0.5, 1.0])
def test_a_line_fits_any_terminal_and_shows_as_much_as_fits(fraction, left):
    lengths = []
    for width in range(100):
        line = bar_line(fraction, 3725.4, left, width)
        assert len(line) <= width
        lengths.append(len(line))
        if width >= 5:
            assert line.startswith(f"{int(100 * fraction):3d} %")
        if width >= 50:
            assert "1:02:05 elapsed" in line
            assert ("left" in line) == (left is not None)
            filled, bar = line.count("#"), len(re.search(r"\[([#-]*)\]", line).group(1))
            assert filled == int(fraction * bar)
    assert lengths == sorted(lengths)


def test_the_time_left_follows_from_the_speed_since_the_first_report():
    """The 30 s of compiling before it do not count: 100 pixels take 2 s."""
    shown = Bar().run([(30.0, 100), (2.0, 200), (8.0, 600)])
    lines = shown.split("\r")
    assert "left" not in lines[1] and "0:30 elapsed" in lines[1]
    assert "20 %" in lines[2] and "0:32 elapsed, 0:16 left" in lines[2]
    assert "60 %" in lines[3] and "0:40 elapsed, 0:08 left" in lines[3]
    assert screen(shown) == [f"100 % [{'#' * 40}] 0:40 elapsed", ""]


def test_the_bar_is_updated_at_most_ten_times_a_second():
    shown = Bar(100_000).run([(0.003, done) for done in range(1, 10_000)])  # 30 s
    assert 250 <= shown.count("\r") <= 302


@pytest.mark.parametrize("error", [KeyboardInterrupt(), ValueError()])
def test_the_bars_line_is_ended_when_the_work_fails(error):
    bar = Bar()
    with pytest.raises(type(error)):
        bar.run([(1.0, 500)], error)
    assert bar.stream.getvalue().startswith("\r 50 %") and bar.stream.getvalue().endswith("elapsed\n")
    bar.now += 10.0
    bar.bar.report(600)  # a thread that is still at work
    assert bar.stream.getvalue().count("\n") == 1 and "60 %" not in bar.stream.getvalue()


def test_the_time_is_updated_without_reports(monkeypatch):
    monkeypatch.setattr(progress_bar, "TICK", 0.02)
    bar = Bar()

    def wait_for(words):
        for _ in range(500):
            if words in bar.stream.getvalue().split("\r")[-1]:
                return True
            time.sleep(0.01)
        return False

    with bar.bar.rendering([bar.prepared]) as report:
        bar.now += 3.0
        assert wait_for("  0 % [----------------------------------------] 0:03 elapsed")
        report(100)
        bar.now += 2.0
        report(200)
        bar.now += 5.0
        assert wait_for("0:10 elapsed, 0:11 left")
        bar.now += 50.0
        assert wait_for("1:00 elapsed, 0:00 left")


def test_work_without_a_report_leaves_no_trace():
    assert Bar().run([]) == ""
    assert Bar(0).run([(1.0, 0)]) == ""


def test_a_message_gets_a_line_of_its_own():
    bar = Bar()
    say = bar.bar.above(lambda line: bar.stream.write(line + "\n"))
    with bar.bar.rendering([bar.prepared]) as report:
        report(300)
        say("short")
        bar.now += 1.0
        report(600)
    assert [line[:5] for line in screen(bar.stream.getvalue())] == ["short", "100 %", ""]


def test_a_closed_terminal_does_not_stop_the_work():
    class ClosedTerminal(io.StringIO):
        def write(self, text):
            raise OSError(5, "Input/output error")

    bar = Bar()
    bar.bar.stream = ClosedTerminal()
    assert bar.run([(1.0, 100), (1.0, 200)]) == ""


@pytest.mark.parametrize("columns, expected", [("37", 37), ("0", 80), ("wide", 80), (None, 80)])
def test_the_variable_columns_gives_the_width(columns, expected, monkeypatch):
    if columns is not None:
        monkeypatch.setenv("COLUMNS", columns)
    assert terminal_width(io.StringIO()) == expected


# whole runs


@pytest.mark.parametrize("precision", PRECISIONS)
def test_every_precision_shows_a_bar_on_a_terminal_and_no_lines(precision):
    session = on_terminal([*SIMULATE, *RUN.split(), "--precision", precision])
    assert session.status == 0
    assert "% done" not in session.out and "max_I" in session.out
    assert re.fullmatch(r"100 % \[#{40}\] \d+:\d\d elapsed", screen(session.shown)[-2])
    percents = [int(text) for text in re.findall(r"\r *(\d+) %", session.shown)]
    assert percents == sorted(percents) and percents[-1] == 100
    assert "\x1b" not in session.shown


@pytest.mark.parametrize("columns", [1, 6, 20, 47])
def test_narrow_terminals_are_never_overrun(columns):
    session = on_terminal([*SIMULATE, *RUN.split()], columns)
    assert session.status == 0
    bars = [line for line in re.split(r"[\r\n]+", session.shown) if "%" in line]
    assert all(len(line) < columns for line in bars)
    assert bool(bars) == (columns >= 6)
    assert [line for line in screen(session.shown, columns) if "%" in line] == bars[-1:]


def test_the_bar_does_not_garble_other_output_on_the_terminal():
    session = on_terminal([*SIMULATE, *RUN.split()], 150, stdout_too=True)
    assert session.status == 0
    plain = simulate(RUN.replace("-progress", "-noprogress"), "--precision", "double").out.splitlines()
    seen = screen(session.shown, 150)
    bars = [line for line in seen if "elapsed" in line]
    assert len(bars) == 1 and bars[0].startswith("100 %")
    without = [line for line in seen if line not in bars]
    assert [line.rstrip() for line in plain] == without[:-1]


def test_noprogress_silences_the_terminal_and_the_lines():
    session = on_terminal([*SIMULATE, *RUN.split(), "-noprogress"])
    assert session.status == 0 and session.shown == ""
    assert "% done" not in session.out


def test_without_a_terminal_nanobraggs_lines_are_printed():
    run = simulate(RUN)
    assert "5% done" in run.out.splitlines() and "95% done" in run.out.splitlines()
    assert "elapsed" not in run.out + run.err


@pytest.mark.slow
@pytest.mark.parametrize("name", ["SIGINT", "SIGTERM"])
def test_an_interruption_ends_the_line(name):
    sent = []

    def interrupt(process, shown):
        if shown.count("%") == 4 and not sent:
            sent.append(name)
            process.send_signal(getattr(signal, name))

    session = on_terminal([*SIMULATE, *LONG.split()], on_chunk=interrupt)
    assert session.status == 130
    *before, last, end = screen(session.shown)
    assert last == "nbkernel: interrupted" and end == ""
    percent = re.match(r" +(\d+) % \[", before[-1])
    assert int(percent[1]) < 60 and len([line for line in before if "%" in line]) == 1
    assert len(session.chunks) <= 3 + 10 * session.chunks[-1][0]


def test_an_error_while_rendering_ends_the_line():
    code = (
        "import sys, nbkernel.run.simulate as run\n"
        "from nbkernel.errors import InputError; from nbkernel.cli.main import console\n"
        "def render(runs, precision, threads, tile_shape, on_pixels, devices, parallel, memory):\n"
        "    on_pixels(5000); raise InputError('-hkl: no')\n"
        f"run.render_panels = render; sys.argv = ['nbkernel', 'simulate', *{RUN.split()!r}]; console()"
    )
    session = on_terminal(["-c", code])
    assert session.status == 2
    assert [line[:17] for line in screen(session.shown)] == [" 12 % [#####-----", "nbkernel: -hkl: n", ""]


def test_the_library_shows_nothing_unless_asked(capfd):
    experiment = Experiment(
        cell=(50, 60, 70), default_F=100.0, Na=3, Nb=3, Nc=3, detpixels_f=200, detpixels_s=200, oversample=1, fluence=1e28
    )
    said = []
    arguments = experiment, Outputs(seed=1), said.append, said.append, said.append, Engine()
    simulate_to_files(*arguments)
    assert not any("%" in line and "sphere" not in line for line in said)
    bar = ProgressBar(io.StringIO())
    simulate_to_files(*arguments, bar.rendering)
    assert "100 %" in bar.stream.getvalue()
    assert capfd.readouterr() == ("", "")


def test_a_signal_to_another_thread_interrupts():
    done = threading.Event()

    def work():
        time.sleep(0.2)  # until the main thread waits
        signal.pthread_kill(threading.get_ident(), signal.SIGINT)
        done.wait(20.0)

    start = time.monotonic()
    try:
        with pytest.raises(KeyboardInterrupt):
            interruptible(work)
    finally:
        done.set()
    assert time.monotonic() - start < 15.0
