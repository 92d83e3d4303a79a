"""Wall times of programs: complete processes, and computing without starting, reading and writing."""

import json
import os
import subprocess
import sys
import time

# what remains if one pixel is rendered: starting, reading, preparing, writing the complete detector
ONE_PIXEL = ["-roi", "0", "0", "0", "0"]


def run(command, folder):
    """Wall seconds and peak memory (MB) of a command run in `folder`."""
    started = time.perf_counter()
    process = subprocess.Popen(command, cwd=folder, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    _, status, usage = os.wait4(process.pid, 0)
    if status != 0:
        raise SystemExit(f"bench: {' '.join(command[:4])} failed with status {os.waitstatus_to_exitcode(status)}")
    return time.perf_counter() - started, usage.ru_maxrss / 1024


class Nanobragg:
    """The C program. Its computing time is that of the process minus that of one with a single pixel."""

    def __init__(self, binary):
        self.command = [os.path.abspath(binary)]

    def times(self, flags, folder):
        """(whole, computing seconds, peak MB) of one run."""
        rest, _ = run([*self.command, *flags, *ONE_PIXEL], folder)
        whole, peak = run([*self.command, *flags], folder)
        return whole, whole - rest, peak


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
        return whole, json.loads(done.stdout), peak


def with_bench_on_path():
    root = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
    return os.environ | {"PYTHONPATH": os.pathsep.join(filter(None, (root, os.environ.get("PYTHONPATH"))))}
