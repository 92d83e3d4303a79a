"""A page of plots that compare two images. Needs matplotlib (the extra `plot`), imported when called."""

import io
import textwrap

import numpy as np

from nbkernel.errors import InputError
from nbkernel.io.files.output_files import OutputFiles
from nbkernel.io.hdf5.path import split_dataset

LARGEST_SIDE = 1200  # pixels shown
RATIO_SPAN = (0.5, 2.0)
HISTOGRAM_BINS = 200


def write_plot(path, pair, numbers, images):
    """Writes a PNG of A, B, B/A, the histogram of B/A and its radial profile. images: the two Images. Raises InputError
    if matplotlib is missing, or the file cannot be written or would replace one that has been read."""
    try:
        import matplotlib
    except ImportError:
        raise InputError("--png: needs matplotlib; install it with pip install 'nbkernel[plot]'") from None
    matplotlib.use("Agg")
    from matplotlib.figure import Figure

    # the name of a dataset follows that of its file
    read = [path for image in images for path in (split_dataset(image.path)[0], image.header_path) if path is not None]
    with OutputFiles(read) as files:
        files.open("--png", path)
        figure = Figure(figsize=(15, 9), layout="compressed")
        draw(figure.subplots(2, 3), figure, pair, numbers, [image.path for image in images])
        picture = io.BytesIO()
        figure.savefig(picture, format="png", dpi=110)
        files.write("--png", picture.getbuffer())
        files.commit()


def draw(axes, figure, pair, numbers, names):
    ratios = image_ratio(pair)
    limits = color_limits(pair)
    for axis, image, label, name in zip(axes[0], (pair.a, pair.b), "AB", names, strict=False):
        show(axis, figure, image, pair, f"{label}: {short(name)}", cmap="viridis", norm=log_norm(*limits))
    show(axes[0][2], figure, ratios, pair, "B/A", cmap="RdBu_r", norm=log_norm(*RATIO_SPAN))
    draw_histogram(axes[1][0], ratios)
    draw_profile(axes[1][1], numbers["radial_profile"])
    axes[1][2].axis("off")
    text = axes[1][2].text(0.0, 1.0, "\n".join(summary(numbers)), va="top", fontsize=9, parse_math=False)
    # long lines would push the plots apart
    text.set_in_layout(False)


def image_ratio(pair):
    with np.errstate(divide="ignore", invalid="ignore", over="ignore"):
        return np.where(pair.finite & (pair.a > 0), pair.b.astype(np.float64) / pair.a, np.nan)


def color_limits(pair):
    """Lowest and highest value shown: percentiles of A's positive pixels."""
    positive = pair.a[pair.finite & (pair.a > 0)]
    if positive.size == 0:
        return 1e-3, 1.0
    low = float(np.percentile(positive, 5))
    return low, max(float(np.percentile(positive, 99.9)), 10.0 * low)


def short(path, longest=40):
    return path if len(path) <= longest else f"...{path[-longest:]}"


def log_norm(low, high):
    from matplotlib.colors import LogNorm

    return LogNorm(low, high)


def show(axis, figure, image, pair, title, **style):
    step = max(1, -(-max(image.shape) // LARGEST_SIDE))
    shown = image[::step, ::step]
    slow, fast = image.shape
    f0, s0 = pair.origin
    shown = np.ma.masked_invalid(np.where(shown > 0, shown, np.nan))
    drawn = axis.imshow(shown, extent=(f0, f0 + fast, s0 + slow, s0), interpolation="nearest", **style)
    axis.set(title=title, xlabel="fast (pixels)", ylabel="slow (pixels)")
    figure.colorbar(drawn, ax=axis, fraction=0.046, pad=0.03)


def draw_histogram(axis, ratios):
    usable = ratios[np.isfinite(ratios)]
    if usable.size:
        low, high = np.percentile(usable, [0.5, 99.5])
        margin = max(1e-6 * abs(high), 0.05 * (high - low))
        axis.hist(usable, HISTOGRAM_BINS, (low - margin, high + margin))
        axis.set_yscale("log")
    axis.set(title="histogram of B/A", xlabel="B/A", ylabel="pixels")


def draw_profile(axis, profile):
    radii = [0.5 * (ring["radius_from"] + ring["radius_to"]) for ring in profile["rings"]]
    axis.plot(radii, [ring["ratio"] for ring in profile["rings"]], "o-")
    axis.axhline(1.0, color="grey", linewidth=0.8)
    axis.set(title="B/A by radius", xlabel="distance from the beam (pixels)", ylabel="ratio of the sums")


def summary(numbers):
    yield f"identical: {numbers['identical']} of {numbers['pixels']} pixels"
    yield f"correlation: {numbers['correlation']:.9g}"
    yield f"sum ratio B/A: {numbers['sum_ratio']:.9g}"
    yield f"largest local error: {numbers['largest_local_error']['value']:.3g}"
    yield ""
    for line in numbers["suspects"]:
        yield from textwrap.wrap(f"possible cause: {line}", 60)
