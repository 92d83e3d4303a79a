"""From the --preview options of `simulate` and `show` to PictureSettings."""

import re

from nbkernel.errors import InputError
from nbkernel.experiment.arguments import number
from nbkernel.io.picture.settings import SCALES, PictureSettings

from .double_dash import one_of, whole


def picture_settings(chosen):
    """PictureSettings of the options chosen, {name: text or texts}. Raises InputError for an unusable value."""
    given = {}
    for option, (field, read) in READERS.items():
        if option in chosen:
            given[field] = read(option, chosen[option])
    return PictureSettings(**given)


def read_percentiles(option, texts):
    low, high = (number(option, text) for text in texts)
    if not 0.0 <= low < high <= 100.0:
        raise InputError(f"{option}: needs percentiles 0 <= LOW < HIGH <= 100, not {' '.join(texts)}")
    return low, high


def read_roi(option, texts):
    return tuple(whole(option, text) for text in texts)


def read_zoom(option, text):
    match = re.fullmatch(r"(1/)?([1-9]\d{0,3})", text)
    if not match:
        raise InputError(f"{option}: needs N or 1/N with a whole number N from 1 to 9999, not {text!r}")
    return (1, int(match.group(2))) if match.group(1) else (int(match.group(2)), 1)


def read_rings(option, text):
    if text == "auto":
        return text
    rings = tuple(number(option, part) for part in text.split(","))
    if min(rings) <= 0.0:
        raise InputError(f"{option}: needs spacings in Angstrom greater than 0, or auto, not {text!r}")
    return rings


READERS = {
    "--preview-scale": ("scale", one_of(*SCALES)),
    "--preview-range": ("percentiles", read_percentiles),
    "--preview-roi": ("roi", read_roi),
    "--preview-zoom": ("zoom", read_zoom),
    "--preview-rings": ("rings", read_rings),
    "--preview-beam": ("beam", lambda option, text: True),
}
