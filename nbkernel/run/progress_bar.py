"""A progress bar on a terminal: percentage, time elapsed, time left."""

import contextlib
import os
import threading
import time

from nbkernel.engine.tiles import wanted_count
from nbkernel.support.signals import FINAL_CALLS

SHORTEST_PAUSE, TICK = 0.1, 1.0  # seconds between two updates: the minimum, and while nothing is reported
LONGEST_BAR, SHORTEST_BAR = 40, 8


class ProgressBar:
    """One line of the terminal `stream`, kept up to date during `rendering`."""

    def __init__(self, stream, clock=time.monotonic):
        self.stream, self.clock = stream, clock
        self.lock = threading.RLock()
        self.total = 0  # pixels, or other things; 0: nothing is being done
        self.things = ""
        self.shown = 0  # characters on the line
        self.started = self.updated = 0.0
        # (time, pixels done) of two reports; speed counts from the first, as kernels may be compiled before it
        self.first = self.last = None

    def rendering(self, runs):
        """While Prepared panels are rendered: see `counting`, of pixels."""
        return self.counting(wanted_count(runs))

    @contextlib.contextmanager
    def counting(self, total, things=""):
        """While `total` things are done: a function to be called with the number of those done, from any thread. The line is
        ended however the work ends. things: what they are called where their rate is shown."""
        self.total, self.things = total, things
        self.started = self.updated = self.clock()
        self.first = self.last = None
        ended = threading.Event()
        FINAL_CALLS.append(self.end)
        threading.Thread(target=self.tick, args=(ended,), daemon=True).start()
        try:
            yield self.report
            with self.lock:
                if self.total and self.last is not None:
                    self.last = self.clock(), self.total
                    self.draw()
        finally:
            ended.set()
            FINAL_CALLS.remove(self.end)
            self.end()

    def end(self, patience=-1):
        """Ends the line, if the lock is free within `patience` seconds (-1: waits as long as it takes)."""
        if self.lock.acquire(timeout=patience):
            self.total = 0
            if self.shown:
                self.write("\n", 0)
            self.lock.release()

    def tick(self, ended):
        """Keeps the times running when reports are far apart."""
        while not ended.wait(TICK):
            self.update(TICK)

    def report(self, done):
        with self.lock:
            self.last = self.clock(), done
            if self.first is None:
                self.first = self.last
            self.update(SHORTEST_PAUSE if self.shown else 0.0)

    def update(self, pause):
        """Draws the line unless it was drawn less than `pause` seconds ago."""
        with self.lock:
            # interrupted work may still report
            if self.total and self.clock() - self.updated >= pause:
                self.draw()

    def draw(self):
        self.updated = now = self.clock()
        done = 0 if self.last is None else self.last[1]
        times = now - self.started, self.time_left(now)
        line = bar_line(done / self.total, *times, terminal_width(self.stream) - 1, self.rate())
        if line or self.shown:
            self.write("\r" + line.ljust(self.shown), len(line))

    def time_left(self, now):
        """Seconds left, from the speed between the two reports; None if unknown or if nothing is left."""
        if self.first is None or self.last is None or not self.first[1] < self.last[1] < self.total:
            return None
        seconds_per_pixel = (self.last[0] - self.first[0]) / (self.last[1] - self.first[1])
        return max(0.0, seconds_per_pixel * (self.total - self.last[1]) - (now - self.last[0]))

    def rate(self):
        """Text of the things per second between the two reports; empty if unknown, or if they have no name."""
        if not self.things or self.first is None or self.last is None or not self.first[0] < self.last[0]:
            return ""
        return f", {(self.last[1] - self.first[1]) / (self.last[0] - self.first[0]):.3g} {self.things}/s"

    def write(self, text, shown):
        try:
            self.stream.write(text)
            self.stream.flush()
        except (OSError, ValueError):
            shown = self.total = 0  # the terminal is gone, or the stream is closed
        self.shown = shown

    def above(self, say):
        """A function that clears the bar before it calls `say`; the next update draws the bar again."""

        def say_above(line):
            with self.lock:
                if self.shown:
                    self.write(f"\r{' ' * self.shown}\r", 0)
                say(line)

        return say_above


def terminal_width(stream):
    """Columns of the terminal: the environment variable COLUMNS if it is set, 80 if unknown."""
    columns = os.environ.get("COLUMNS", "")
    if columns.isdecimal() and int(columns) > 0:
        return int(columns)
    try:
        return os.get_terminal_size(stream.fileno()).columns or 80
    except (OSError, ValueError):
        return 80


def bar_line(fraction, elapsed, left, width, rate=""):
    """The line for a fraction done, seconds elapsed, seconds left (None if unknown) and a rate, of at most `width`
    characters: in a narrow terminal without the bar, then without time elapsed and rate, then only the percentage, then
    nothing."""
    percent = f"{int(100.0 * fraction):3d} %"
    remaining = "" if left is None else f", {duration(left)} left"
    times = f"{duration(elapsed)} elapsed{remaining}{rate}"
    length = min(LONGEST_BAR, width - len(f"{percent} [] {times}"))
    if length >= SHORTEST_BAR:
        filled = int(fraction * length)
        return f"{percent} [{'#' * filled}{'-' * (length - filled)}] {times}"
    lines = f"{percent} {times}", f"{percent}{remaining}", percent
    return next((line for line in lines if len(line) <= width), "")


def duration(seconds):
    minutes, seconds = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02d}:{seconds:02d}" if hours else f"{minutes}:{seconds:02d}"
