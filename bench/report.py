"""The results as a text table, a JSON file and a picture."""

import json
import os
import platform
from datetime import date

import llvmlite
import numpy

from nbkernel import __version__


def machine():
    """What the results depend on."""
    return {
        "date": date.today().isoformat(),
        "processor": processor(),
        "cores": len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count(),
        "system": platform.platform(),
        "python": platform.python_version(),
        "nbkernel": __version__,
        "numpy": numpy.__version__,
        "llvmlite": llvmlite.__version__,
    }


def processor():
    try:
        with open("/proc/cpuinfo") as file:
            lines = file.read().splitlines()
    except OSError:
        return platform.processor() or platform.machine()
    name = next((line.split(":", 1)[1].strip() for line in lines if line.startswith("model name")), platform.machine())
    flags = next((line for line in lines if line.startswith("flags")), "")
    widest = "AVX-512" if "avx512f" in flags else "AVX2" if "avx2" in flags else "SSE"
    return f"{name}, {widest}"


def title(about):
    machine = f"{about['date']}, {about['processor']}, {about['cores']} cores"
    return f"{machine}, Python {about['python']}, nbkernel {about['nbkernel']}"


def table_lines(result):
    """Lines of the text table for one case."""
    yield f"{result['case']}: {result['about']}; {result['steps']:.3g} steps" + (
        f" (scaled: {result['scaled']})" if result["scaled"] else ""
    )
    for name, row in result["programs"].items():
        if not row["parity"]["kept"]:
            yield f"  {name:<26} {row['parity']['figure']}: breaks its promise, no speed"
            continue
        cells = [
            f"  {name:<26}",
            f"{row['ns_per_step']:8.3f} ns/step",
            f"compute {row['compute']:7.3f} s +- {row['compute_spread']:5.3f} ({row['compute_lost']:3.0%} lost)",
            f"whole {row['whole']:6.2f} s +- {row['whole_spread']:4.2f} ({row['whole_lost']:3.0%} lost)",
            f"{row['peak_mb']:4.0f} MB",
        ]
        for reference in ("C", "C best", "C OpenMP"):
            if reference in result["programs"] and not name.startswith("C"):
                there = result["programs"][reference]
                cells.append(f"{there['compute'] / row['compute']:6.1f}, {there['whole'] / row['whole']:5.1f} x {reference}")
        yield "  ".join(cells) + (f"  ({row['parity']['figure']})" if not name.startswith("C") else "")


def write_json(path, about, results):
    with open(path, "w") as file:
        json.dump({"machine": about, "results": results}, file, indent=1)


def write_picture(path, about, results):
    """Bars of the computing time's ratio to the C program with one thread. Needs matplotlib (the extra `plot`)."""
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib.figure import Figure

    names = [name for name in results[0]["programs"] if name != "C"]
    figure = Figure(figsize=(11, 5), layout="constrained")
    axes = figure.subplots()
    width = 0.8 / len(names)
    for n, name in enumerate(names):
        places, ratios = [], []
        for i, result in enumerate(results):
            row = result["programs"].get(name)
            if row is not None and row["parity"]["kept"]:
                places.append(i + (n - (len(names) - 1) / 2) * width)
                ratios.append(result["programs"]["C"]["compute"] / row["compute"])
        axes.bar(places, ratios, width, label=name)
    axes.set_yscale("log")
    axes.set_xticks(range(len(results)), [result["case"] for result in results])
    axes.set_ylabel("computing: times as fast as C with one thread")
    axes.set_title(title(about), fontsize=8)
    axes.legend(fontsize=8, ncols=len(names))
    axes.grid(axis="y", alpha=0.3)
    figure.savefig(path, dpi=110)
