"""From photons to whole numbers: counts with or without noise, grey levels."""

from collections.abc import Sequence

import numpy as np

from nbkernel.kernels.cpu_images import scaled_bytes, scaled_counts

from .devices import choose, parse_device
from .engine import DEFAULT_PRECISION, Engine
from .errors import InputError
from .logger import LOG
from .noise import noisy_panels
from .outputs import DEFAULT_NOISE_RNG, NOISE_RNGS
from .panel_image import PanelImage, as_photons, checked_panels
from .threads import share_rows, thread_count
from .values import check_threads, number, whole_number

BRIGHTEST = 55000.0  # counts of the brightest pixel where no scale is given
GREY_OF_5_RMSD = 250.0


def add_noise(
    images: np.ndarray | Sequence[np.ndarray],
    seed: int,
    *,
    rng: str = DEFAULT_NOISE_RNG,
    adc: float = 40.0,
    threads: int | None = None,
    device: str = "cpu",
) -> PanelImage | list[PanelImage]:
    """Photon-counting noise: the counts that a detector of single photons would show.

    images: the PanelImage of `simulate` (or any (slow, fast) array of photons), or a list of them, one per panel. seed: a
    whole number; the same gives the same noise. rng: "ran1", nanoBragg.c's generator, or "philox", whose noise a pixel
    draws whatever the region, the threads and the device. adc: offset added to every pixel (counts). threads: for philox;
    None takes all cores. device: for philox, as for `simulate`; ran1 is always the CPU's. Returns uint16 counts (slow,
    fast), cut off at 65535 and 0 outside the region of interest, or a list of them; their `noise` tells how it was drawn.
    Raises InputError for an argument that cannot be, DeviceError as `simulate`.
    """
    if rng not in NOISE_RNGS:
        raise InputError(f"rng: {rng!r} is not there; need {' or '.join(NOISE_RNGS)}")
    seed = whole_number("seed", seed)
    if rng == "ran1" and not -(2**63) < seed < 2**63:
        raise InputError(f"seed: needs less than 2^63 for ran1, not {seed}")
    panels, single = checked_panels("add_noise", images)
    wanted = parse_device(device)
    choice = choose(*(wanted if rng == "philox" else ("cpu", ())), DEFAULT_PRECISION)
    check_threads(threads)
    engine = Engine(threads=threads, devices=choice.devices, falls_back=choice.falls_back)
    noisy = draw_noise(panels, seed, rng, number("adc", adc), engine, LOG.warning)
    return noisy[0] if single else noisy


def draw_noise(panels, seed, rng, adc, engine, note):
    """`add_noise` by an Engine; note: called with a line where its devices fail and it may fall back."""
    shuffles = [image.run.shuffle for image in panels[:1] if getattr(image, "run", None) is not None]
    # the table belongs to the run: other noise of it must find it as it was
    shuffle = shuffles[0].copy() if shuffles else np.zeros(33, np.int64)
    pixels, rois = [as_photons(image) for image in panels], [region_of(image) for image in panels]
    noisy, photons, overloads = noisy_panels(pixels, rois, adc, seed, rng, shuffle, engine, note)
    return alike(noisy, panels, {"rng": rng, "seed": seed, "adc": adc, "photons": photons, "overloads": overloads})


def to_counts(
    images: np.ndarray | Sequence[np.ndarray], scale: float | None = None, *, adc: float = 40.0, threads: int | None = None
) -> PanelImage | list[PanelImage]:
    """Scaled counts without noise, as in nanoBragg.c's integer image: photons times scale plus adc, rounded, within
    0 .. 65535.

    images: as for `add_noise`. scale: None, or 0 or less, makes the brightest pixel of all panels 55000. Returns uint16
    (slow, fast), or a list of them. Raises InputError for an argument that cannot be.
    """
    panels, single = checked_panels("to_counts", images)
    pixels = [as_photons(image) for image in panels]
    scale = count_scale(largest(pixels)) if scale is None or not number("scale", scale) > 0.0 else float(scale)
    check_threads(threads)
    threads, adc = thread_count(threads), number("adc", adc)
    found = [
        scaled(scaled_counts, np.uint16, image, region_of(panel), threads, scale, adc)
        for image, panel in zip(pixels, panels, strict=True)
    ]
    counts = alike(found, panels)
    return counts[0] if single else counts


def count_scale(max_I):
    """The scale that a brightest pixel of max_I photons chooses."""
    return BRIGHTEST / max_I if max_I > 0.0 else 1.0


def largest(images):
    return max(float(np.fmax.reduce(image, axis=None)) for image in images)


def grey_scale(rmsd, otherwise):
    """The scale of grey levels that a spread of rmsd photons chooses."""
    return GREY_OF_5_RMSD / (5.0 * rmsd) if rmsd > 0.0 else otherwise


def chosen_grey_scale(images):
    """The scale of grey levels by the statistics of rendered images, of others by their brightest pixel."""
    statistics = [getattr(image, "statistics", None) for image in images]
    rmsd = max(own.rmsd for own in statistics) if all(statistics) else 0.0
    return grey_scale(rmsd, count_scale(largest([as_photons(image) for image in images])))


def grey_levels(image, pgmscale, threads=None):
    """uint8 grey levels (slow, fast) of a PGM image."""
    return scaled(scaled_bytes, np.uint8, as_photons(image), region_of(image), thread_count(threads), pgmscale)


def scaled(kernel, dtype, image, roi, threads, *scales):
    out = np.empty(image.shape, dtype)
    share_rows(lambda: kernel.over_rows(image, roi, *scales, out), 0, image.shape[0], threads)
    return out


def region_of(image):
    """(fast first, fast last, slow first, slow last) of an image: what its run renders, else all of it."""
    run = getattr(image, "run", None)
    if run is not None and run.wanted.shape == image.shape:
        return run.roi
    return (0, image.shape[1] - 1, 0, image.shape[0] - 1)


def alike(arrays, images, noise=None):
    return [
        PanelImage(array, getattr(image, "run", None), getattr(image, "engine", None), noise=noise)
        for array, image in zip(arrays, images, strict=True)
    ]
