"""From photons to whole numbers: counts with or without noise, grey levels."""

import logging

import numpy as np

from nbkernel.kernels.cpu_images import scaled_bytes, scaled_counts

from .devices import choose, parse_device
from .engine import DEFAULT_PRECISION, Engine
from .errors import InputError
from .noise import noisy_panels
from .outputs import DEFAULT_NOISE_RNG, NOISE_RNGS
from .panel_image import PanelImage, as_panels, plain
from .threads import share_rows, thread_count

LOG = logging.getLogger("nbkernel")
BRIGHTEST = 55000.0  # counts of the brightest pixel where no scale is given
GREY_OF_5_RMSD = 250.0


def add_noise(
    images: np.ndarray | list[np.ndarray],
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
    None takes all cores. device: for philox, as for `simulate`; ran1 is always the CPU's. Returns uint16 counts (slow, fast), cut off at 65535 and 0 outside the region of interest, or a list of
    them. Raises InputError for a generator that is not there, or a seed that is no whole number;
    DeviceError as `simulate`.
    """
    if rng not in NOISE_RNGS:
        raise InputError(f"rng: {rng!r} is not there; need {' or '.join(NOISE_RNGS)}")
    try:
        seed = seed.__index__()
    except AttributeError:
        raise InputError(f"seed: needs a whole number, not {seed!r}") from None
    wanted = parse_device(device)
    choice = choose(*(wanted if rng == "philox" else ("cpu", ())), DEFAULT_PRECISION)
    engine = Engine(threads=threads, devices=choice.devices, falls_back=choice.falls_back)
    panels, single = as_panels(images)
    shuffles = [image.run.shuffle for image in panels[:1] if getattr(image, "run", None) is not None]
    # the table belongs to the run: other noise of it must find it as it was
    shuffle = shuffles[0].copy() if shuffles else np.zeros(33, np.int64)
    pixels = [plain(image).astype(np.float32, copy=False) for image in panels]
    rois = [region_of(image) for image in panels]
    noisy, _, _ = noisy_panels(pixels, rois, float(adc), seed, rng, shuffle, engine, LOG.warning)
    return alike(noisy, panels, single, {"rng": rng, "seed": seed, "adc": float(adc)})


def to_counts(
    images: np.ndarray | list[np.ndarray], scale: float | None = None, *, adc: float = 40.0, threads: int | None = None
) -> PanelImage | list[PanelImage]:
    """Scaled counts without noise, as in nanoBragg.c's integer image: photons times scale plus adc, rounded.

    images: as for `add_noise`. scale: None or 0 makes the brightest pixel of all panels 55000. Returns uint16 (slow, fast),
    or a list of them.
    """
    panels, single = as_panels(images)
    pixels = [plain(image).astype(np.float32, copy=False) for image in panels]
    scale = float(scale or count_scale(max(float(image.max()) for image in pixels)))
    found = [
        scaled(scaled_counts, np.uint16, image, region_of(panel), thread_count(threads), scale, float(adc))
        for image, panel in zip(pixels, panels, strict=True)
    ]
    return alike(found, panels, single)


def count_scale(max_I):
    """The scale that a brightest pixel of max_I photons chooses."""
    return BRIGHTEST / max_I if max_I > 0.0 else 1.0


def grey_scale(rmsd, otherwise):
    """The scale of grey levels that a spread of rmsd photons chooses."""
    return GREY_OF_5_RMSD / (5.0 * rmsd) if rmsd > 0.0 else otherwise


def grey_bytes(image, roi, pgmscale, threads):
    """uint8 grey levels (slow, fast) of a PGM image."""
    return scaled(scaled_bytes, np.uint8, image, roi, threads, pgmscale)


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


def alike(arrays, images, single, noise=None):
    found = [
        PanelImage(array, getattr(image, "run", None), getattr(image, "engine", None), noise=noise)
        for array, image in zip(arrays, images, strict=True)
    ]
    return found[0] if single else found
