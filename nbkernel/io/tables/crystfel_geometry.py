"""The detector in a geometry file of CrystFEL (.geom), in its own laboratory frame: z along the beam, y up.

A pixel at (fs, ss) from the corner of a panel is at x = (corner_x + fs fs_x + ss ss_x)/res, likewise y, and at
z = clen + coffset + (fs fs_z + ss ss_z)/res; see https://www.desy.de/~twhite/crystfel/manual-crystfel_geometry.html.
"""

import math
import os
import re

import numpy as np

from nbkernel.errors import InputError
from nbkernel.geometry.panels import Panel
from nbkernel.io.files.text import LONGEST_WORD, read_text
from nbkernel.support.logger import LOG

# as in a NeXus file without a goniometer
FRAME = {
    "convention": "custom",
    "beam_vector": (0.0, 0.0, 1.0),
    "polar_vector": (1.0, 0.0, 0.0),
    "spindle_axis": (-1.0, 0.0, 0.0),
}
NUMBER = r"[-+]?(?:\d+\.?\d*|\.\d+)(?:[eE][-+]?\d+)?"
TERM = re.compile(r"\s*([-+]?)\s*(\d*\.?\d*)\s*([xyz])")
QUANTITY = re.compile(rf"({NUMBER})\s*([A-Za-z]*)")
METRES = {"": 1.0, "m": 1.0, "cm": 1e-2, "mm": 1e-3, "um": 1e-6}
ANGSTROM = {"A": 1.0, "m": 1e10}
ELECTRONVOLTS = {"": 1.0, "eV": 1.0, "keV": 1e3, "MeV": 1e6}
HC = 12398.419843320026  # eV Angstrom, exact by the SI
LIMITS = ("min_fs", "max_fs", "min_ss", "max_ss")
# what a panel must have, by itself or from a line above it
NEEDED = (*LIMITS, "corner_x", "corner_y", "fs", "ss", "res")
SQUARE = 1e-3  # relative difference of the lengths of fs and ss: files round them


def read_crystfel_detector(path, flag="--panels"):
    """Fields of an Experiment: panels, convention, beam_vector, polar_vector (horizontal), spindle_axis and, if stated,
    wavelength (Angstrom). Lines that do not place pixels are left out, as are those that CrystFEL does not know.

    Raises InputError, beginning with `flag`, for what is missing or wrong. Logs a warning for a wavelength, or a shift, that
    is in the headers of images.
    """
    where = f"{flag} {os.fspath(path)}"
    top, panels = parsed(where, read_text(flag, path))
    shift = [headed(where, top, f"detector_shift_{axis}", METRES) or 0.0 for axis in "xy"]
    found = {"panels": tuple(panel_of(where, name, own, (*shift, 0.0)) for name, own in panels.items()), **FRAME}
    wavelength = wavelength_of(where, top)
    return found if wavelength is None else {**found, "wavelength": wavelength}


def parsed(where, text):
    """({key: text} of the whole file, {panel: {key: text}}). A panel takes what stands above its first line."""
    top, panels = {}, {}
    for number, line in enumerate(re.split(r"\r\n?|\n", text), 1):
        line = line.partition(";")[0].strip()
        if not line:
            continue
        key, equals, value = (part.strip() for part in line.partition("="))
        if not equals:
            raise InputError(f"{where}: line {number} has no =; need KEY = VALUE, or a comment after a semicolon")
        name, slash, own = key.partition("/")
        if not slash:
            top[key] = value
        elif not name.startswith("bad"):
            panels.setdefault(name, dict(top))[own] = value
    if not panels:
        raise InputError(f"{where}: has no panel; need lines such as p0/corner_x = -512")
    # a property of the whole detector, which may stand anywhere
    for own in panels.values():
        own.setdefault("clen", top.get("clen"))
    return top, panels


def panel_of(where, name, values, shift):
    """The Panel of a name. shift: of the whole detector, m."""
    for key in (*NEEDED, "clen"):
        if not values.get(key):
            raise InputError(f"{where}: panel {name} has no {key}; need {key if key == 'clen' else f'{name}/{key}'} = ...")

    def number(key):
        return number_of(where, name, key, values[key])

    limits = [number(key) for key in LIMITS]
    first_f, last_f, first_s, last_s = map(int, limits)
    if not (0 <= first_f <= last_f and 0 <= first_s <= last_s):
        raise InputError(f"{where}: panel {name} has no pixels; need min_fs <= max_fs and min_ss <= max_ss, from 0 on")
    res = number("res")
    if not res > 0.0:
        raise InputError(f"{where}: {name}/res = {res:g}; need the number of pixels per metre")
    fast, slow = (direction(where, name, key, values[key]) for key in ("fs", "ss"))
    lengths = np.linalg.norm(fast), np.linalg.norm(slow)
    if abs(lengths[0] - lengths[1]) > SQUARE * max(lengths):
        raise InputError(
            f"{where}: panel {name} has fs of length {lengths[0]:g} and ss of {lengths[1]:g}; need square pixels"
        )
    clen = quantity(where, "clen", values["clen"], METRES)
    if clen is None:
        raise InputError(f"{where}: clen = {values['clen']} is in the headers of images; need a number such as 0.1 m")
    coffset = number("coffset") if values.get("coffset") else 0.0
    corner = np.array([number("corner_x") / res, number("corner_y") / res, clen + coffset]) + shift
    return Panel(
        pix0_vector=tuple(corner.tolist()), fdet_vector=tuple((fast / lengths[0]).tolist()),
        sdet_vector=tuple((slow / lengths[1]).tolist()), detpixels_f=last_f - first_f + 1, detpixels_s=last_s - first_s + 1,
        pixel=1000.0 * math.sqrt(lengths[0] * lengths[1]) / res, name=name,
    )  # fmt: skip


def number_of(where, name, key, text):
    if not re.fullmatch(NUMBER, text) or not math.isfinite(float(text)):
        raise InputError(f"{where}: {name}/{key} = {text[:LONGEST_WORD]}; need a number")
    return float(text)


def direction(where, name, key, text):
    """A vector from text such as +0.6x -0.8y; the factor 1 may be left out."""
    vector, position = np.zeros(3), 0
    while match := TERM.match(text, position):
        sign, digits, axis = match.groups()
        if digits == ".":
            break
        vector["xyz".index(axis)] += float(f"{sign}{digits or 1}")
        position = match.end()
    if text[position:].strip() or not vector.any():
        raise InputError(f"{where}: {name}/{key} = {text[: 3 * LONGEST_WORD]}; need a direction such as +1.0x -0.002y")
    return vector


def wavelength_of(where, top):
    """Angstrom; None if it is in the headers of images, or not stated."""
    wavelength = headed(where, top, "wavelength", ANGSTROM)
    if wavelength is None:
        energy = headed(where, top, "photon_energy", ELECTRONVOLTS)
        wavelength = HC / energy if energy else energy
    if wavelength is not None and not 0.0 < wavelength < math.inf:
        raise InputError(f"{where}: has a wavelength of {wavelength:g} A; need one greater than 0")
    return wavelength


def headed(where, top, key, units):
    """A quantity of the whole file; None if there is none, with a warning if it is in the headers of images."""
    if not top.get(key):
        return None
    found = quantity(where, key, top[key], units)
    if found is None:
        LOG.warning("%s: %s = %s is in the headers of images, and is not used", where, key, top[key])
    return found


def quantity(where, key, text, units):
    """A number with its unit; None for the name of a header."""
    match = QUANTITY.fullmatch(text)
    if match is not None and match[2] in units:
        return float(match[1]) * units[match[2]]
    if "/" in text or "%" in text:
        return None
    raise InputError(f"{where}: {key} = {text[:LONGEST_WORD]}; need a number and one of {', '.join(filter(None, units))}")
