"""`detect`: the counts of a detector, from photons."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from nbkernel.engine.devices import choose_device, parse_device
from nbkernel.engine.options import DEFAULT_PRECISION, Engine
from nbkernel.errors import InputError
from nbkernel.experiment.argument_names import naming_arguments
from nbkernel.geometry.response import Response
from nbkernel.image.counts import noisy_images, region_of
from nbkernel.image.panel_image import PanelImage, as_photons, checked_panels
from nbkernel.image.seeds import fresh_seed
from nbkernel.io.images.pixel_maps import panel_maps
from nbkernel.support.logger import LOG
from nbkernel.support.validation import check_threads, integer, number

from .chain import DetectedStrips
from .maps import checked_responses
from .spread import spread_of

DEFAULT_PIXEL = 0.1  # mm


@naming_arguments()
def detect(
    images: np.ndarray | Sequence[np.ndarray],
    response: Response | Sequence[Response],
    seed: int | None = None,
    *,
    frame: int = 0,
    pixel: float | None = None,
    threads: int | None = None,
    device: str = "cpu",
) -> PanelImage | Any:  # a list of them for a list
    """The counts that a detector records, with all its errors.

    images: the PanelImage from `simulate` (or any (slow, fast) array of photons), or a list of them, one per panel.
    response: what the detector does, a Response for all panels or a list of them, one per panel. seed: an integer that
    determines all but the calibration; None draws one from the system's randomness, found in `noise["seed"]` of the counts.
    frame: the number of an image in a series, below 2^32: with one seed, each has noise of its own. pixel: edge of a pixel
    in mm, 0.1 by default, for the point spread of arrays that do not come from `simulate`. threads: None means all cores.
    device: as for `simulate`; a point spread of more than 12 pixels is left to the CPU. Returns counts (slow, fast) int32,
    or uint16 with 16 bits, or a list of them, the same for any threads and devices; 0 outside the region of interest.
    Raises InputError for an unusable argument, or a response that does not fit, DeviceError like `simulate`. Logs a warning
    if counts are cut off above, or if not one photon is counted.
    """
    panels, is_single = checked_panels("detect", images)
    responses = checked_responses("detect", response, len(panels))
    seed = fresh_seed() if seed is None else integer("seed", seed)
    choice = choose_device(*parse_device(device), DEFAULT_PRECISION)
    check_threads(threads)
    if not 0 <= integer("frame", frame) < 2**32:
        raise InputError(f"frame: needs a whole number from 0 to {2**32 - 1}, not {frame}")
    edge = number("pixel", DEFAULT_PIXEL if pixel is None else pixel)
    if not edge > 0.0:
        raise InputError(f"pixel: needs an edge in mm greater than 0, not {edge:g}")
    if len({own.bits for own in responses}) > 1:
        raise InputError("bits: differ between panels; need the same for all")
    engine = Engine(threads=threads, devices=choice.devices, falls_back=choice.falls_back)
    if engine.falls_back:
        from nbkernel.engine.cuda.start import without_needless_device_for_response

        engine = without_needless_device_for_response(engine, sum(image.size for image in panels))
    detected = detected_strips(panels, responses, seed, engine, LOG.warning, frame, edge)
    found, noise = noisy_images(detected, panels, responses[0].bits)
    for counts, own in zip(found, responses, strict=True):
        counts.noise = {**counts.noise, "response": own}
    for line in noise.lines("detect", responses[0].bits):
        LOG.warning("%s", line)
    return found[0] if is_single else found


def detected_strips(panels, responses, seed, engine, note, frame=0, edge=DEFAULT_PIXEL):
    """The DetectedStrips of panels (images) with a Response each; edge: of pixels (mm) of arrays without a run."""
    sizes = [1000.0 * edge if image_run(image) is None else 1e6 * image_run(image).detector.pixel_size for image in panels]
    pixels, rois = [as_photons(image) for image in panels], [region_of(image) for image in panels]
    return DetectedStrips(pixels, rois, responses, sizes, seed, frame, engine, note)


def check_responses(runs, response):
    """Raises InputError if a Response, or a list of them, does not fit the Prepared panels."""
    responses = checked_responses("response", response, len(runs))
    if len({own.bits for own in responses}) > 1:
        raise InputError("bits: differ between panels; need the same for all")
    for run, own in zip(runs, responses, strict=True):
        panel_maps(own, run.wanted.shape)
        spread_of(own, 1e6 * run.detector.pixel_size, run.wanted.shape)


def image_run(image):
    return getattr(image, "run", None)
