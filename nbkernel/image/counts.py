"""From photons to integers: counts with or without noise, grey levels."""

import math
from collections.abc import Sequence
from functools import partial
from typing import Any, NamedTuple

import numpy as np

from nbkernel.engine.devices import choose_device, parse_device
from nbkernel.engine.options import DEFAULT_PRECISION, Engine
from nbkernel.engine.threads import share_rows, thread_count
from nbkernel.errors import InputError
from nbkernel.experiment.argument_names import naming_arguments
from nbkernel.experiment.outputs import DEFAULT_NOISE_RNG, NOISE_RNGS
from nbkernel.geometry.region import pixels_of, shape_of, strips_of, whole_region
from nbkernel.kernels.images import scaled_bytes, scaled_counts
from nbkernel.support.logger import LOG
from nbkernel.support.memory import panel_zeros
from nbkernel.support.validation import check_threads, integer, number

from .bits import DTYPES, LARGEST, check_bits, cut_to
from .noise import FRAME, NoisyStrips, Totals
from .panel_image import PanelImage, as_photons, checked_panels
from .seeds import fresh_seed

NEARLY_ALL = 0.9  # of the pixels with photons
ABOVE_AT_A_TIME = 1 << 20  # pixels, whose scaled values are kept
BRIGHTEST = 55000.0  # counts of the brightest pixel if no scale is given
GREY_OF_5_RMSD = 250.0
# largest scaled counts, which are rounded through float32, that fit into so many bits
TOPS = {16: 65535.0, 32: float(np.nextafter(np.float32(2**31), np.float32(0)))}


@naming_arguments()
def add_noise(
    images: np.ndarray | Sequence[np.ndarray],
    seed: int | None = None,
    *,
    rng: str = DEFAULT_NOISE_RNG,
    adc: float = 40.0,
    bits: int = 32,
    threads: int | None = None,
    device: str = "cpu",
    frame: int = 0,
) -> PanelImage | Any:  # a list of them for a list
    """Photon-counting noise: the counts that an ideal photon-counting detector would record.

    images: the PanelImage from `simulate` (or any (slow, fast) array of photons), or a list of them, one per panel. seed:
    an integer that determines the noise; None draws one from the system's randomness, found in `noise["seed"]` of the
    counts. rng: "ran1", nanoBragg.c's generator, or "philox", with which a pixel's noise does not depend on region, threads
    or device. adc: offset added to every pixel (counts). bits: 32 returns int32, cut off at 2147483647; 16 returns uint16,
    cut off at 65535 as in an SMV image. threads: for philox; None means all cores. device: for philox, as for `simulate`;
    ran1 always runs on the CPU. frame: for philox, the number of an image in a series, below 2^32: with one seed, each has
    noise of its own. Returns counts (slow, fast), never below 0, and 0 outside the region of interest, or a list of them;
    their `noise` says how it was drawn. Raises InputError for an unusable argument, DeviceError like `simulate`. Logs a
    warning if counts are cut off above, or if not one photon is counted.
    """
    if rng not in NOISE_RNGS:
        raise InputError(f"rng: {rng!r} is not supported; need {' or '.join(NOISE_RNGS)}")
    seed = fresh_seed() if seed is None else integer("seed", seed)
    if rng == "ran1" and not -(2**63) < seed < 2**63:
        raise InputError(f"seed: ran1 needs a whole number from -2^63 + 1 to 2^63 - 1, not {seed}")
    panels, is_single = checked_panels("add_noise", images)
    wanted = parse_device(device)
    choice = choose_device(*(wanted if rng == "philox" else ("cpu", ())), DEFAULT_PRECISION)
    check_threads(threads)
    check_bits(bits)
    if not 0 <= integer("frame", frame) < 2**32:
        raise InputError(f"frame: needs a whole number from 0 to {2**32 - 1}, not {frame}")
    engine = Engine(threads=threads, devices=choice.devices, falls_back=choice.falls_back)
    if engine.falls_back:
        from nbkernel.engine.cuda.start import without_needless_device_for_noise

        engine = without_needless_device_for_noise(engine, sum(math.prod(image.shape) for image in panels))
    noisy = noisy_strips(panels, seed, rng, number("adc", adc), engine, LOG.warning, frame)
    found, noise = noisy_images(noisy, panels, bits)
    for line in noise.lines("add_noise", bits):
        LOG.warning("%s", line)
    return found[0] if is_single else found


def kept(noisy, bits, counts):
    """Counts (slow, fast) of NoisyStrips as so many bits hold them."""
    # without a look for counts below 0, which only an adc below 0 makes
    fit = counts.dtype == DTYPES[bits] and (noisy.signed or noisy.adc_offset >= 0.0)
    return counts if fit else cut_to(bits, counts)


def noisy_images(noisy, panels, bits):
    """(PanelImages of counts with so many bits, their Noise) of NoisyStrips of the images `panels`."""
    counts: list[Any] = [None] * len(panels)
    for panel, strip, drawn in noisy:
        shape = panels[panel].shape
        cut = kept(noisy, bits, drawn)
        if drawn.shape == shape:
            counts[panel] = cut
            continue
        if counts[panel] is None:
            counts[panel] = panel_zeros(shape, DTYPES[bits], region_of(panels[panel]))
        counts[panel][pixels_of(strip)] = cut
    noise = Noise(panels, noisy.totals(), noisy.rng, noisy.seed, noisy.adc_offset, noisy.saturation)
    return like_images(counts, panels, noise.properties(bits), noisy.offset_and_gain()), noise


class Noise(NamedTuple):
    """Noise that was drawn. panels: the images that it was drawn from; totals: its Totals."""

    panels: list
    totals: Totals
    rng: str
    seed: int
    adc: float
    saturation: int | None = None  # counts at which the detector saturates; None: where the bits end

    def properties(self, bits):
        """What PanelImage calls noise, of counts with so many bits."""
        overloads = self.totals.overloads[bits]
        return dict(rng=self.rng, seed=self.seed, adc=self.adc, photons=self.totals.photons, overloads=overloads)

    def lines(self, name, bits):
        """Warnings if counts are cut off above, or if no photon is counted. name: of the file or function."""
        overloads, lit = self.totals.overloads[bits], self.totals.lit
        if overloads and self.adc > LARGEST[bits] - 1:
            yield f"{name}: -adc {self.adc:g} leaves no room for photons; {bits} bits can hold at most {LARGEST[bits]}"
        elif overloads:
            most, why = LARGEST[bits], f"the most that {bits} bits can hold"
            if self.saturation is not None and self.saturation < most:
                most, why = self.saturation, "where the detector saturates"
            yield (
                f"{name}: {overloads} of {lit} pixels with photons are cut off at {most}, {why}"
                + (
                    "; is the beam meant to be so strong (-flux, -exposure and -beamsize, or -fluence)?"
                    if overloads > NEARLY_ALL * lit
                    else ""
                )
            )
        total = sum(map(expected_photons, self.panels)) if self.totals.photons == 0.0 else 0.0
        if total > 0.0:
            yield (
                f"{name}: not one photon was counted, and {total:g} are expected in all pixels together; is the beam meant "
                "to be so weak (-flux, -exposure and -beamsize, or -fluence)?"
            )


def expected_photons(image):
    """Sum of an image's photons where it has noise."""
    return float(np.sum(image[pixels_of(region_of(image))], dtype=np.float64))


def noisy_strips(panels, seed, rng, adc, engine, note, frame=FRAME):
    """The NoisyStrips of `add_noise`, drawn by an Engine; note: called with a line if its devices fail and it may fall
    back; frame: number of the image, for philox."""
    shuffles = [image.run.shuffle for image in panels[:1] if getattr(image, "run", None) is not None]
    # the table belongs to the run, and must be unchanged when noise is drawn again
    shuffle = shuffles[0].copy() if shuffles else np.zeros(33, np.int64)
    pixels, rois = [as_photons(image) for image in panels], [region_of(image) for image in panels]
    return NoisyStrips(pixels, rois, adc, seed, rng, shuffle, engine, note, frame)


def to_counts(
    images: np.ndarray | Sequence[np.ndarray],
    scale: float | None = None,
    *,
    adc: float = 40.0,
    bits: int = 16,
    threads: int | None = None,
) -> PanelImage | Any:  # a list of them for a list
    """Scaled counts without noise, as in nanoBragg.c's integer image: photons times scale plus adc, rounded and clipped to
    0 .. 65535.

    images: as for `add_noise`. scale: None, 0 or less makes the brightest pixel of all panels 55000. bits: 16 returns
    uint16; 32 returns int32 within 0 .. 2147483520, rounded through float32, which has 24 bits. threads: None
    means all cores. Returns (slow, fast) counts, or a list of them. Raises InputError for an unusable argument.
    """
    panels, is_single = checked_panels("to_counts", images)
    if scale is None or not number("scale", scale) > 0.0:
        scale = count_scale(largest(panels))
    check_threads(threads)
    check_bits(bits)
    scale, adc = float(scale), number("adc", adc)
    arrays = [panel_zeros(image.shape, DTYPES[bits], region_of(image)) for image in panels]
    for image, array in zip(panels, arrays, strict=True):
        for strip, scaled_pixels in count_strips(image, scale, adc, bits, thread_count(threads)):
            array[pixels_of(strip)] = scaled_pixels
    counts = like_images(arrays, panels, offset_and_gain=(adc, scale))
    return counts[0] if is_single else counts


def scaled_above(top, images, scale, adc):
    """How many pixels of the rendered regions of all panels exceed `top` counts when scaled."""
    above = 0
    for image in images:
        for strip in strips_of(region_of(image), ABOVE_AT_A_TIME):
            with np.errstate(all="ignore"):  # inf exceeds it, too
                above += int(np.count_nonzero(image[pixels_of(strip)].astype(np.float64) * scale + adc > top))
    return above


def count_scale(max_I):
    """The default scale for a brightest pixel of max_I photons."""
    return BRIGHTEST / max_I if max_I > 0.0 else 1.0


def largest(images):
    """The brightest pixel of the images' regions, photons."""
    return max(float(np.fmax.reduce(as_photons(image)[pixels_of(region_of(image))], axis=None)) for image in images)


def grey_scale(rmsd, otherwise):
    """The default scale of grey levels for a standard deviation of rmsd photons."""
    return GREY_OF_5_RMSD / (5.0 * rmsd) if rmsd > 0.0 else otherwise


def chosen_grey_scale(images):
    """The default scale of grey levels: from the statistics of rendered images, from the brightest pixel of others."""
    statistics: list[Any] = [getattr(image, "statistics", None) for image in images]
    rmsd = max(own.rmsd for own in statistics) if all(statistics) else 0.0
    return grey_scale(rmsd, count_scale(largest(images)))


def photon_strips(image):
    """(region, pixels (slow, fast)) of the strips of an image's region, in file order."""
    for strip in strips_of(region_of(image)):
        yield strip, image[pixels_of(strip)]


def grey_strips(image, pgmscale, threads=1):
    """As `photon_strips`, the grey levels (uint8) of a PGM image, which is 0 elsewhere."""
    return scaled(scaled_bytes, np.uint8, as_photons(image), region_of(image), threads, pgmscale)


def count_strips(image, scale, adc, bits=16, threads=1):
    """As `photon_strips`, the counts of `to_counts`."""
    return scaled(scaled_counts, DTYPES[bits], as_photons(image), region_of(image), threads, scale, adc, TOPS[bits])


def scaled(kernel, dtype, image, roi, threads, *scales):
    for strip in strips_of(roi):
        out = np.empty(shape_of(strip), dtype)
        share_rows(partial(kernel.over_rows, image, strip, *scales, out), strip[2], strip[3] + 1, threads)
        yield strip, out


def region_of(image):
    """(fast first, fast last, slow first, slow last) of an image: its run's region of interest, else all of it."""
    run = getattr(image, "run", None)
    if run is not None and run.wanted.shape == image.shape:
        return run.roi
    return whole_region(image.shape)


def like_images(arrays, images, noise=None, offset_and_gain=None):
    """PanelImages of the arrays, with run and engine of the images."""
    return [
        PanelImage(
            array, getattr(image, "run", None), getattr(image, "engine", None), noise=noise, offset_and_gain=offset_and_gain
        )
        for array, image in zip(arrays, images, strict=True)
    ]
