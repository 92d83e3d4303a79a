"""`nbkernel series`: a specification in, the files of a data set out."""

import contextlib
import sys
import time

from nbkernel.engine.options import DEFAULT_PRECISION, PRECISIONS
from nbkernel.errors import InputError

from ..arguments.options import options_of, options_text
from ..arguments.parsing import file_names, parse
from ..terminal import note, say


def help_text():
    precisions = "\n".join(f"  {name:<14} {promise}" for name, promise in PRECISIONS.items())
    return (
        "usage: nbkernel series SPEC.toml --output FOLDER [options]\n\n"
        "Renders many images of one experiment, of which some values vary by distributions, into NXmx files with the\n"
        "truth of each image. SPEC.toml has the tables of an experiment, [series] and [vary] (docs/series.md).\n\n"
        f"Options:\n{options_text(options_of('series'))}\n\n"
        f"Precisions (--precision), with their promise for every pixel compared with nanoBragg.c's:\n{precisions}"
    )


def run(argv):
    """Runs the sub-command with its arguments; returns the exit status. Raises InputError for unusable input."""
    chosen, rest = parse("series", argv)
    (path,) = file_names("series", rest, ["SPEC.toml"])
    if "--output" not in chosen and "--dry-run" not in chosen:
        raise InputError("--output: give the folder for the files of the series, or --dry-run")

    from nbkernel.run.series.folder import Folder
    from nbkernel.run.series.series import Series
    from nbkernel.run.series.table import draws_text

    name, numbers = chosen.get("--device", ("auto", ()))
    device = f"{name}:{','.join(map(str, numbers))}" if numbers else name
    engine = chosen.fields("Engine")
    with Series(path, device=device, **engine) as series:
        asked = chosen.get("--shard"), chosen.get("--images")
        if "--dry-run" in chosen:
            parts, _ = Folder("", series.specification, engine.get("precision", DEFAULT_PRECISION)).asked("--", *asked)
            drawn = [series.draws(image) for part in parts for image in part.images]
            print(draws_text(drawn, series.specification.has_several()), end="")
        else:
            resume = True if "--resume" in chosen else None
            with making_of(chosen, series) as making:
                write(series, chosen["--output"], *asked, resume, making)
    return 0


@contextlib.contextmanager
def making_of(chosen, series):
    """A context whose value makes the data files on a cluster, None without --dask; see `write_series`."""
    if "--dask" not in chosen:
        yield None
        return
    from nbkernel.run.series.cluster import connected, made_by

    with connected("--dask", chosen["--dask"], chosen["--output"], chosen.get("--threads")) as client:
        yield made_by(client, "--dask", series)


def write(series, folder, shard, images, resume, making):
    """Writes the files, and says so: a bar on a terminal, a line for each file."""
    from nbkernel.kernels.compile.object_cache import CACHE
    from nbkernel.run.progress_bar import ProgressBar
    from nbkernel.run.series.writing import write_series

    on_terminal = sys.stderr is not None and sys.stderr.isatty()
    bar = ProgressBar(sys.stderr)
    tell, CACHE.say = (bar.above(say), bar.above(note)) if on_terminal else (say, note)
    started, counted = time.monotonic(), 0

    def wrote(name, images):
        nonlocal started, counted
        now, counted = time.monotonic(), counted + images
        rate = f", {counted / max(now - started, 1e-9):.3g} images/s" if images else ""
        tell(f"{name}: {images} image{'s' if images > 1 else ''}{rate}" if images else name)
        if making is None:  # else files are made side by side: all so far count
            started, counted = now, 0

    def counting(total):
        return bar.counting(total, "images") if on_terminal else contextlib.nullcontext(None)

    _, missing = write_series(series, "--", folder, shard, images, resume, counting, wrote, making)
    if missing:
        tell(f"{len(missing)} data files are missing ({missing[0]} ...); the shard that ends last makes the master file")
