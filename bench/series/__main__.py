"""python -m bench.series [--c-binary PATH] [--c-binary-omp PATH] [--images N] [--single N] [--sizes PIXELS[,PIXELS...]]
                       [--precision P] [--repeat N] [--json FILE]

Stills of random orientations, with an MTZ of 16,000 reflections: as a series in one process, as two shards at the same time
and, where dask is installed, on two local workers; beside a loop that starts `nbkernel simulate`, and one that starts the C
program, for each of the first images of the series. Needs gemmi.

First the images are compared: a loop of `simulate` must have the photons of the series to the last bit, the series, however
it is made, the counts that `add_noise` draws from these, and the C program what the precision promises. Who does not gets no
speed.

Columns: images per second, from the start of the first process to the end of the last, with files; CPU time of an image; the
share of the time that other programs took; how many times as fast as each loop. Medians of --repeat runs in turn.

Then, in one process, without its start: what one more image of a series takes, what rendering, noise and compression take
alone, how much the series takes beyond that (of the wall time less than nothing where they overlap), and what it takes once.
"""

import argparse
import json
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path

from nbkernel.engine.options import DEFAULT_PRECISION, PRECISIONS
from nbkernel.engine.threads import thread_count
from nbkernel.run.series.series import Series

from ..report import machine, title, write_json
from ..timing import with_bench_on_path
from .contestants import C_LOOPS, LOOP, Contestant, contestants, differences
from .workload import NAME, write_inputs, write_specification

PARTS = ("render", "noise", "compress")


def measure(options, base, size):
    """The result of one size, as in the report."""
    write_specification(base / f"{NAME}.toml", size, options.images)
    with Series(base / f"{NAME}.toml", device="cpu", precision=options.precision) as series:
        maker = series.frames()
        those = contestants(options, base, maker, size)
        for contestant in those.values():  # not counted: compilation, file cache
            contestant.run()
        wrong = differences(those, maker, options.precision)
    kept = {name: contestant for name, contestant in those.items() if name not in wrong}
    runs = {name: [] for name in kept}
    for _ in range(options.repeat):
        for name, contestant in kept.items():
            runs[name].append(contestant.run())
    rows = {name: row(those[name], own) for name, own in runs.items()}
    rows |= {name: {"wrong": why} for name, why in wrong.items()}
    return {"size": size, "images": options.images, "rows": rows, "overhead": overheads(options, base)}


def row(contestant: Contestant, runs):
    walls = [run.wall for run in runs]
    return {
        "images": contestant.images,
        "wall": statistics.median(walls),
        "spread": max(walls) - min(walls),
        "cpu": statistics.median(run.cpu for run in runs),
        "lost": statistics.median(run.lost for run in runs),
        "commands": [words for words, _ in contestant.commands[:2]],
    }


def overheads(options, base):
    """{threads: what `bench.series.alone` prints}, in processes of their own."""
    found = {}
    for threads in sorted({1, thread_count(None)}):
        words = [base / f"{NAME}.toml", min(options.images, 10), threads, options.precision]
        command = [sys.executable, "-m", "bench.series.alone", *map(str, words)]
        done = subprocess.run(command, check=False, cwd=base, env=with_bench_on_path(), capture_output=True, text=True)
        if done.returncode != 0:
            raise SystemExit(f"bench: {done.stderr}")
        found[threads] = json.loads(done.stdout)
    return found


def lines_of(result):
    """Lines of the text table for one size."""
    yield f"{result['size']} x {result['size']} pixels, {result['images']} images, loops of fewer"
    rows = result["rows"]
    loops = [name for name in (LOOP, *C_LOOPS.values()) if "wall" in rows.get(name, {})]
    for name, found in rows.items():
        if "wrong" in found:
            yield f"  {name:<20} {found['wrong']}: no speed"
            continue
        spread = found["spread"] / found["wall"]
        cells = [
            f"  {name:<20} {1.0 / found['wall']:8.3g} images/s +- {spread:4.0%}",
            f"CPU {1e3 * found['cpu']:8.1f} ms",
            f"{found['lost']:3.0%} lost",
            *(f"{rows[loop]['wall'] / found['wall']:6.1f} x {loop}" for loop in loops if loop != name),
        ]
        yield "  ".join(cells)
    for threads, found in result["overhead"].items():
        for place, clock in enumerate(("wall", "CPU")):
            work = {part: 1e3 * found[part][place] for part in PARTS}
            took = 1e3 * found["series"][place]
            beyond = took - sum(work.values())
            yield (
                f"  {threads} thread{'s' * (threads > 1)}, {clock} time of an image: series {took:.1f} ms, alone "
                f"{' + '.join(f'{name} {value:.1f}' for name, value in work.items())}; beyond that {beyond:.1f} ms "
                f"({beyond / took:.0%}), and {1e3 * found['once'][place]:.0f} ms once"
            )


def main():
    parser = argparse.ArgumentParser(
        prog="python -m bench.series", description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("--c-binary", help="nanoBragg.c built for one thread")
    parser.add_argument("--c-binary-omp", help="nanoBragg.c built with OpenMP")
    parser.add_argument("--images", type=int, default=40, help="of each series")
    parser.add_argument("--single", type=int, default=4, help="of each loop")
    parser.add_argument("--sizes", default="1024,2048", help="pixels along an edge, with commas")
    parser.add_argument("--precision", default=DEFAULT_PRECISION, choices=PRECISIONS)
    parser.add_argument("--repeat", type=int, default=3, help="runs of each, in turn")
    parser.add_argument("--json", help="report file")
    options = parser.parse_args()
    if not (options.images >= options.single >= 1 and options.images >= 2 and options.repeat >= 1):
        parser.error("needs --images of at least 2 and --single, --single and --repeat of at least 1")
    try:
        sizes = [int(size) for size in options.sizes.split(",")]
    except ValueError:
        parser.error(f"--sizes: needs whole numbers with commas, not {options.sizes}")
    about, results = machine(), []
    print(title(about), flush=True)
    with tempfile.TemporaryDirectory() as folder:
        base = Path(folder)
        write_inputs(base)
        for size in sizes:
            results.append(measure(options, base, size))
            print("\n".join(lines_of(results[-1])), flush=True)
    if options.json:
        write_json(options.json, about, results)


if __name__ == "__main__":
    main()
