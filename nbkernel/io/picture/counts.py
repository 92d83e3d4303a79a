"""Counts as a picture shows them: without their pedestal, with the pixels that are no measurement."""

import math
from typing import NamedTuple

import numpy as np

from nbkernel.geometry.response import least_saturation
from nbkernel.io.images.pixel_maps import as_map

from .assembly import assemble


class Marked(NamedTuple):
    """values: (slow, fast) float32 counts less their pedestal, nan where masked; masked, saturated: (slow, fast) bool."""

    values: np.ndarray
    masked: np.ndarray
    saturated: np.ndarray


def marked_counts(counts, pedestal=0.0, saturation=math.inf, masked=None):
    """The Marked of counts (slow, fast); those that are nan are masked, too.

    pedestal: a number or a map; saturation: counts from which on a pixel says nothing; masked: (slow, fast) bool or None.
    """
    saturated = counts >= saturation
    values = counts.astype(np.float32)
    masked = np.isnan(values) if masked is None else masked | np.isnan(values)
    values -= np.asarray(pedestal, np.float32)
    values[masked] = np.nan
    return Marked(values, masked, saturated & ~masked)


def marked_image(image):
    """The Marked of an Image that was read to be looked at; None unless it has counts."""
    if image.pedestal is None:
        return None
    return marked_counts(image.pixels, image.pedestal, image.saturated if image.trusted is None else image.trusted + 1)


def marked_panel(image):
    """The Marked of a PanelImage of counts; None of photons."""
    if image.dtype.kind not in "iu":
        return None
    counts, run = np.asarray(image), getattr(image, "run", None)
    masked = np.zeros(counts.shape, bool) if run is None else ~run.wanted
    response = (getattr(image, "noise", None) or {}).get("response")
    if response is None:
        pedestal, _ = getattr(image, "offset_and_gain", None) or (0.0, 1.0)
        saturation = np.iinfo(counts.dtype).max
    else:
        pedestal, saturation = as_map("pedestal", response.pedestal, counts.shape), least_saturation([response])
        masked |= as_map("mask", response.mask, counts.shape) != 0
    return marked_counts(counts, pedestal, saturation, masked)


def assembled(assembly, panels):
    """The Marked of an Assembly's picture, from that of each panel."""
    values, masked, saturated = (assemble(assembly, arrays) for arrays in zip(*panels, strict=True))
    return Marked(values, (masked > 0.0) & np.isnan(values), saturated > 0.0)
