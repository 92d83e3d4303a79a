"""Wall times of programs: complete processes, and computing without starting, reading and writing; and how much of them
other programs took, so that figures from a busy machine can be told."""

import json
import os
import subprocess
import sys
import time
from typing import NamedTuple

# what remains if one pixel is rendered: starting, reading, preparing, writing the complete detector
ONE_PIXEL = ["-roi", "0", "0", "0", "0"]
STEAL = 7  # of `processor_ticks`


class Duration(NamedTuple):
    """seconds: wall time; lost: the share of it in which the first thread waited for a processor, or the host of a virtual
    machine had taken the processor away."""

    seconds: float
    lost: float


class Stopwatch:
    """Wall time and what of it was lost, of this thread or of the first thread of a process, as far as Linux tells."""

    def __init__(self, task="thread-self"):
        self.task = task
        self.started, self.waited, self.ticks = time.perf_counter(), self.waiting(), processor_ticks()

    def waiting(self):
        """Seconds in which the thread could have run, but no processor was free."""
        try:
            with open(f"/proc/{self.task}/schedstat") as file:
                return int(file.read().split()[1]) / 1e9
        except (OSError, IndexError):
            return 0.0

    def duration(self):
        """The Duration since this Stopwatch was made; before a process has been waited for."""
        seconds = time.perf_counter() - self.started
        waited = self.waiting() - self.waited
        ticks = [now - before for now, before in zip(processor_ticks(), self.ticks, strict=True)]
        stolen = ticks[STEAL] / sum(ticks) if sum(ticks) > 0 else 0.0
        return Duration(seconds, waited / seconds + stolen)


def processor_ticks():
    """Time of all processors by what it was spent on (user, nice, system, idle, iowait, irq, softirq, steal)."""
    try:
        with open("/proc/stat") as file:
            return [int(word) for word in file.readline().split()[1:9]]
    except OSError:
        return [0] * 8


def run(command, folder):
    """(Duration, peak memory (MB)) of a command run in `folder`."""
    process = subprocess.Popen(command, cwd=folder, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    watch = Stopwatch(process.pid)
    os.waitid(os.P_PID, process.pid, os.WEXITED | os.WNOWAIT)
    duration = watch.duration()
    _, status, usage = os.wait4(process.pid, 0)
    if status != 0:
        raise SystemExit(f"bench: {' '.join(command[:4])} failed with status {os.waitstatus_to_exitcode(status)}")
    return duration, usage.ru_maxrss / 1024


class Nanobragg:
    """The C program. Its computing time is that of the process minus that of one with a single pixel."""

    def __init__(self, binary):
        self.command = [os.path.abspath(binary)]

    def times(self, flags, folder):
        """(Duration of the complete process, Duration of computing, peak MB) of one run."""
        rest, _ = run([*self.command, *flags, *ONE_PIXEL], folder)
        whole, peak = run([*self.command, *flags], folder)
        return whole, whole._replace(seconds=whole.seconds - rest.seconds), peak


class Nbkernel:
    """This package in one precision, on a device of `--device`. Its computing time, copies from and to a CUDA device
    included, is measured inside a process, once everything is loaded."""

    def __init__(self, precision, threads, device="cpu", parallel="threads"):
        self.options = ["--precision", precision, "--threads", str(threads), "--device", device, "--parallel", parallel]
        self.command = [sys.executable, "-m", "nbkernel", "simulate", *self.options]

    def times(self, flags, folder):
        whole, peak = run([*self.command, *flags], folder)
        worker = [sys.executable, "-m", "bench.worker", *self.options, *flags]
        done = subprocess.run(worker, check=False, cwd=folder, env=with_bench_on_path(), capture_output=True, text=True)
        if done.returncode != 0:
            raise SystemExit(f"bench: {done.stderr}")
        return whole, Duration(*json.loads(done.stdout)), peak


def with_bench_on_path():
    root = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
    return os.environ | {"PYTHONPATH": os.pathsep.join(filter(None, (root, os.environ.get("PYTHONPATH"))))}
