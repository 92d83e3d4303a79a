"""The part `series`: random specifications, each made by one process, as shards and image by image: the same bytes."""

import tempfile
import time
from pathlib import Path

import h5py
import numpy as np

from bench.fuzz.campaign import Report
from bench.fuzz.draw import Draw
from bench.fuzz.shrink import without_parts
from nbkernel.errors import InputError
from nbkernel.io.hdf5.filters import hdf5plugin
from nbkernel.run.series.series import Series

from .command_inputs import MATRICES, SOURCES, TABLES
from .differential import shape_of_refusal

SHRINK_SECONDS = 30.0
NAME = "drawn"
# what may vary, with distributions that are mostly possible
VARYING = {
    "fluence": (
        "{ lognormal = [1e27, 1] }", "{ uniform = [1e20, 1e30] }", "{ choice = [1e24, 1e29] }", "{ normal = [1e26, 1e26] }",
    ),
    "wavelength": ("{ normal = [1.0, 0.01] }", "{ uniform = [0.5, 2] }", "{ choice = [1.0, 1.5] }"),
    "distance": ("{ uniform = [60, 150] }", "{ choice = [80, 100] }"),
    "Xbeam": ("{ normal = [5, 2] }",),
    "polarization": ("{ uniform = [-1, 1] }",),
    "dispersion": ("{ choice = [0, 1, 5] }",),
    "water": ("{ uniform = [0, 1000] }",),
    "detector_rotx": ("{ normal = [0, 10] }",),
    "dmin": ("{ choice = [0, 3] }",),
    "orientation": ('"uniform"',),
    "cell_scale": ("{ normal = [1, 0.01] }", "{ uniform = [0.5, 2] }"),
    "crystals": ("{ poisson = 1.2 }", "{ choice = [0, 1, 3] }", "{ uniform = [0, 2] }"),
    "mosaic_spread": ("{ lognormal = [0.3, 0.5] }", "{ uniform = [0, 1] }"),
    "mosaic_seed": ("{ uniform = [1, 1000000] }",),
    "Na": ("{ uniform = [1, 12] }", "{ poisson = 4 }"),
    "default_F": ("{ uniform = [1, 500] }",),
    "misset_seed": ("{ uniform = [1, 1000] }",),
}  # fmt: skip
OF_ROTATION = ("fluence", "wavelength", "distance", "Xbeam", "polarization", "water", "detector_rotx")


def drawn_lines(draw, folder):
    """The lines of a random specification, as (table, line); folder: of the input files."""
    rotation = draw.some(0.25)
    images = draw.randrange(1, 7)
    yield "series", f"images = {images}"
    yield "series", f"images_per_file = {draw.randrange(1, 5)}"
    yield "series", f"seed = {draw.pick(0, 7, 2**63 - 1, draw.randrange(2**40))}"
    if rotation:
        yield "series", 'kind = "rotation"'
        yield "series", f"width = {draw.pick('0.1', '1', '-0.5', '90')}"
        if draw.some(0.5):
            yield "series", f"start = {draw.number(-200, 200)}"
        if draw.some(0.5):
            yield "series", f"steps = {draw.randrange(1, 5)}"
    for chance, line in (
        (0.2, "counts = false"), (0.3, "photons = true"), (0.3, f"bits = {draw.pick(16, 32)}"),
        (0.3, f"adc = {draw.pick('0', '40', '-3', '0.5', '70000')}"),
    ):  # fmt: skip
        if draw.some(chance):
            yield "series", line
    yield (
        "crystal",
        draw.pick(
            "cell = [50, 60, 70, 90, 90, 90]",
            "cell = [40, 50, 60, 80, 95, 110]",
            f'mat = "{folder / draw.choice(MATRICES)}"',
        ),
    )
    yield "crystal", f"N{draw.pick('a', 'b', 'c')} = {draw.randrange(1, 9)}"
    yield "crystal", "dump = false"
    yield "crystal", draw.pick("default_F = 100", f'hkl = "{folder / draw.choice(TABLES)}"')
    for chance, line in (
        (0.4, f'xtal_shape = "{draw.pick("square", "round", "gauss", "tophat")}"'), (0.3, "mosaic_spread = 0.5"),
        (0.3, f"mosaic_domains = {draw.randrange(1, 5)}"), (0.3, draw.pick("misset = [10, 20, 30]", 'misset = "random"')),
    ):  # fmt: skip
        if draw.some(chance):
            yield "crystal", line
    yield "detector", f"detpixels_f = {draw.randrange(1, 40)}"
    yield "detector", f"detpixels_s = {draw.randrange(1, 40)}"
    yield "detector", f"pixel = {draw.scale(0.1, 5)}"
    if draw.some(0.5):
        yield "beam", f"fluence = {draw.scale(1e20, 1e32)}"
    if draw.some(0.2):
        yield "beam", f'sourcefile = "{folder / draw.choice(SOURCES)}"'
    yield "sampling", "oversample = 1"
    if draw.some(0.3):
        yield "", "fix = " + draw.pick('["all"]', '["water"]', '["misset", "phi0"]')
    names = OF_ROTATION if rotation else tuple(VARYING)
    for name in draw.sample(names, draw.randrange(0, 5)):
        values = ", ".join(draw.number(0.9, 1.1) for _ in range(images))
        yield "vary", f"{name} = " + draw.pick(draw.choice(VARYING[name]), f"{{ values = [{values}] }}")


def text_of(lines):
    """The specification of (table, line)."""
    tables = {"": [], "series": []}
    for table, line in lines:
        tables.setdefault(table, []).append(line)
    return "\n".join(line for name, own in tables.items() for line in ([f"[{name}]"] if name else []) + own) + "\n"


class SeriesParity:
    """Draws, makes and shrinks specifications. folder: of input files; seconds: for shrinking one bug, 0 to leave it as it
    is."""

    def __init__(self, folder, seconds=SHRINK_SECONDS):
        self.folder, self.seconds = folder, seconds

    def run(self, seed, number):
        """{counts}, [reports] of one case."""
        lines = tuple(drawn_lines(Draw(seed, number), self.folder))
        counted, finding = examine(text_of(lines))
        if finding is None:
            return counted, []
        last = [finding]

        def fails(some):
            _, found = examine(text_of(some))
            if found is not None and found[0] == finding[0]:
                last.append(found)
                return True
            return False

        small = without_parts(lines, fails, time.monotonic() + self.seconds)
        return counted, [Report((finding[0],), f"{finding[0]}: {last[-1][1]}\n{text_of(small)}")]


def examine(text):
    """(what is counted, (kind, line) of a finding or None) of a specification."""
    with tempfile.TemporaryDirectory() as base:
        path = Path(base, f"{NAME}.toml")
        path.write_text(text)
        try:
            whole = made(path, Path(base, "whole"), [None], threads=1)
        except InputError as error:
            return f"refused: {shape_of_refusal(str(error))}", several_lines(error)
        except Exception as error:
            return "error", (f"error {type(error).__name__}", str(error))
        try:
            return "compared", difference(path, Path(base), whole)
        except Exception as error:
            return "error", (f"error {type(error).__name__} of shards or single images", str(error))


def several_lines(error):
    return ("several lines", str(error)) if "\n" in str(error) else None


def made(path, folder, shards, threads):
    """{name: bytes} of the files of a series, made shard by shard."""
    for shard in shards:
        with Series(path, device="cpu", threads=threads) as series:
            series.run(folder, shard=shard)
    return {each.name: each.read_bytes() for each in folder.iterdir()}


def difference(path, base, whole):
    """(kind, line) of the first difference of shards and single images from the whole series, None without."""
    shards = made(path, base / "shards", [(2, 2), (1, 2)], threads=None)
    for name in sorted({*whole, *shards}):
        if whole.get(name) != shards.get(name):
            return "shards", name
    hdf5plugin()
    files = sorted((base / "whole").glob(f"{NAME}_0*.h5"))
    with Series(path, device="cpu") as series:
        size = series.specification.images_per_file
        for image in reversed(range(len(series))):
            with h5py.File(files[image // size]) as file:
                for name, own in (("data", series.image), ("photons", series.photons)):
                    if f"entry/{name}/data" in file:
                        expected = file[f"entry/{name}/data"][image % size]
                        if not np.array_equal(own(image), expected, equal_nan=expected.dtype.kind == "f"):
                            return f"single image, {name}", f"image {image}"
    return None
