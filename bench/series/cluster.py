"""Series on a Dask cluster: what tasks cost its scheduler, and the files after workers or whole runs are killed.

python -m bench.series.cluster tasks --count 10000 --workers 100
python -m bench.series.cluster kills --times 20 --seed 7
python -m bench.series.cluster resume --times 10 --seed 7

tasks: sleeping workers in one process, called as `nbkernel series --dask` calls real ones. kills: one of two workers is
killed at a random moment. resume: `nbkernel series` is, and started again. Both compare the bytes of all files with those of
one process.
"""

import argparse
import contextlib
import logging
import os
import random
import signal
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path

import nbkernel
from nbkernel.run.series.cluster import Order, files_made
from nbkernel.run.series.folder import Part

SPEC = Path(__file__).parents[2] / "examples" / "stills.toml"
IMAGES_PER_FILE = 100


def cluster(**more):
    from distributed import LocalCluster

    return LocalCluster(
        threads_per_worker=1, dashboard_address="127.0.0.1:0", memory_limit=None, silence_logs=logging.CRITICAL, **more
    )


def asleep(part, order):
    """Takes the place of `make_file`."""
    time.sleep(order.threads)
    return []


def resident():
    """Bytes of this process in memory."""
    return int(Path("/proc/self/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")


def tasks(count, workers, seconds):
    from distributed import Client

    parts = [
        Part(f"stills_{number:06d}.h5", range(number * IMAGES_PER_FILE, (number + 1) * IMAGES_PER_FILE))
        for number in range(count)
    ]
    order = Order("/home/user/project/stills", "0" * 64, "double", nbkernel.__version__, "auto", seconds, "--output", False)
    with cluster(processes=False, n_workers=workers) as found, Client(found) as client:
        # all that is imported and started the first time
        list(files_made(client, "bench", order._replace(threads=0.0), parts[: 2 * workers], None, asleep))
        before, most, ended = resident(), [0], threading.Event()

        def watch():
            while not ended.wait(0.05):
                most[0] = max(most[0], resident())

        watcher = threading.Thread(target=watch)
        watcher.start()
        began, cpu = time.monotonic(), time.process_time()
        made = sum(1 for _ in files_made(client, "bench", order, parts, None, asleep))
        took, cpu = time.monotonic() - began, time.process_time() - cpu
        ended.set()
        watcher.join()
    ideal = -(-count // workers) * seconds
    print(
        f"{made} tasks, {workers} workers, {seconds:g} s each: {took:.1f} s (without Dask {ideal:.1f}), {made / took:.0f} "
        f"tasks/s, {1e3 * cpu / made:.2f} ms of CPU time and {(most[0] - before) / made / 1e3:.1f} kB a task "
        "(scheduler, workers and client)"
    )


def contents(folder):
    return {path.name: path.read_bytes() for path in folder.iterdir()}


def specification(folder, images):
    """Path of a specification with short files."""
    path = folder / "stills.toml"
    text = (
        SPEC.read_text().replace("images = 12", f"images = {images}").replace("images_per_file = 5", "images_per_file = 2")
    )
    path.write_text(text)
    return path


def kill(process, killed):
    """Ends a process, and puts its number into a list if it was there."""
    with contextlib.suppress(ProcessLookupError):
        os.kill(process, signal.SIGKILL)
        killed.append(process)


def kills(times, seed, images):
    from distributed import Client

    draw = random.Random(seed)
    with tempfile.TemporaryDirectory() as folder, cluster(processes=True, n_workers=2) as found, Client(found) as client:
        folder = Path(folder)
        with nbkernel.Series(specification(folder, images), device="cpu") as series:
            series.run(folder / "whole")
            whole, equal, during = contents(folder / "whole"), 0, 0
            series.run(folder / "first", client=client)
            began = time.monotonic()
            series.run(folder / "timed", client=client)
            usual = time.monotonic() - began
            for number in range(times):
                client.wait_for_workers(2)
                victim = draw.choice([nanny.pid for nanny in found.workers.values()])
                killed = []
                timer = threading.Timer(draw.random() * usual, kill, (victim, killed))
                timer.start()
                series.run(folder / f"out{number}", client=client)
                during += len(killed)
                timer.join()
                equal += contents(folder / f"out{number}") == whole
    print(
        f"{times} runs of about {usual:.1f} s, a worker of two killed before the end in {during}: "
        f"{equal} with the same bytes"
    )
    return equal != times


def resume(times, seed, images):
    draw = random.Random(seed)
    with tempfile.TemporaryDirectory() as folder:
        folder = Path(folder)
        path = specification(folder, images)

        def start(name):
            command = [sys.executable, "-m", "nbkernel", "series", path, "--output", folder / name, "--device", "cpu"]
            return subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)

        began = time.monotonic()
        start("whole").wait()
        usual, whole, equal, killed = time.monotonic() - began, contents(folder / "whole"), 0, 0
        for number in range(times):
            run = start(f"out{number}")
            try:
                run.wait(draw.random() * usual)
            except subprocess.TimeoutExpired:
                run.kill()
                killed += run.wait() == -signal.SIGKILL
            start(f"out{number}").wait()
            equal += contents(folder / f"out{number}") == whole
    print(
        f"{times} runs of about {usual:.1f} s, {killed} killed at a random moment and started again: "
        f"{equal} with the same bytes"
    )
    return equal != times


def main():
    parser = argparse.ArgumentParser(prog="python -m bench.series.cluster", description=__doc__.split("\n")[0])
    parser.add_argument("what", choices=("tasks", "kills", "resume"))
    parser.add_argument("--count", type=int, default=10000, help="tasks")
    parser.add_argument("--workers", type=int, default=100)
    parser.add_argument("--seconds", type=float, default=0.0, help="that a task sleeps")
    parser.add_argument("--times", type=int, default=10)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--images", type=int, default=24)
    chosen = parser.parse_args()
    if chosen.what == "tasks":
        return tasks(chosen.count, chosen.workers, chosen.seconds)
    return (kills if chosen.what == "kills" else resume)(chosen.times, chosen.seed, chosen.images)


if __name__ == "__main__":
    sys.exit(main())
