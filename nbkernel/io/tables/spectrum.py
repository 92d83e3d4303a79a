"""Spectra: the weights of wavelengths, from text (two columns, CSV, Precognition's .lam) and from NXmx files."""

import os
import re

import numpy as np

from nbkernel.errors import InputError
from nbkernel.io.files.opening import read_bytes
from nbkernel.io.files.text import odd_word, read_text
from nbkernel.io.hdf5.path import HDF5_START
from nbkernel.kernels.physics.constants import HC_EV_ANGSTROM

from .columns import DELIMITERS

# words of a heading, which say what the first column is
ENERGIES = {"kev": 1000.0, "ev": 1.0, "energy": 1.0, "energies": 1.0}  # in eV
WAVELENGTHS = ("wavelength", "wavelengths", "lambda", "angstrom", "angstroms")
# without a heading, numbers from here on are energies in eV (124 Angstrom), others wavelengths in Angstrom
LEAST_ENERGY = 100.0


def read_spectrum(flag, path):
    """(wavelengths (Angstrom), weights), float64 (n,) each, of the spectrum in a file: text with a photon energy or a
    wavelength and a weight in each line, or NXmx. Raises InputError for anything else, and for impossible values."""
    if read_bytes(flag, path, most=len(HDF5_START)).startswith(HDF5_START):
        from nbkernel.io.nexus.reader import read_nxmx_spectrum

        return checked_spectrum(f"{flag} {os.fspath(path)}", *read_nxmx_spectrum(path, flag))
    return spectrum_of_text(f"{flag} {os.fspath(path)}", read_text(flag, path))


def spectrum_of_text(lead, text):
    """The same of a text. lead: how messages begin."""
    headings, rows, has_names = [], [], False
    for number, line in enumerate(text.splitlines(), 1):
        words = [word for word in DELIMITERS.split(line) if word]
        if not words:
            continue
        if words[0].startswith("#"):
            headings.append(line)
            continue
        try:
            row = [float(word) for word in words]
        except ValueError:
            if not rows and not has_names and not is_number(words[0]):
                headings.append(line)
                has_names = True
                continue
            raise InputError(f"{lead}: line {number} is not made of numbers{odd_word(words)}") from None
        if len(row) != 2:
            raise InputError(
                f"{lead}: line {number} has {len(row)} number{'' if len(row) == 1 else 's'}; need two, an energy (eV) or a "
                "wavelength (Angstrom) and a weight"
            )
        rows.append(row)
    if not rows:
        raise InputError(f"{lead}: has no numbers in it")
    first, weights = np.array(rows).T
    return checked_spectrum(lead, as_wavelengths(lead, first, headings), weights)


def is_number(word):
    try:
        float(word)
    except ValueError:
        return False
    return True


def as_wavelengths(lead, first, headings):
    """Wavelengths (Angstrom) from a first column, by the last heading that says what it is, else by its size."""
    if not (first > 0.0).all():
        raise InputError(f"{lead}: has an energy or wavelength of {first.min():g}; need numbers greater than 0")
    for line in reversed(headings):
        words = re.findall(r"[a-z]+", line.lower())
        if "kev" in words:
            return HC_EV_ANGSTROM / (first * ENERGIES["kev"])
        for word in words:
            if word in ENERGIES:
                return HC_EV_ANGSTROM / (first * ENERGIES[word])
            if word in WAVELENGTHS:
                return first
    if (first >= LEAST_ENERGY).all():
        return HC_EV_ANGSTROM / first
    if (first < LEAST_ENERGY).all():
        return first
    raise InputError(
        f"{lead}: the first column ranges from {first.min():g} to {first.max():g}; a heading with the word energy or "
        "wavelength must say what it is"
    )


def checked_spectrum(lead, wavelengths, weights):
    """(wavelengths (Angstrom), weights). Raises InputError, beginning with `lead`, if they are not a spectrum."""
    finite = np.isfinite(wavelengths) & np.isfinite(weights)
    problems = (
        (~finite, "is not a pair of finite numbers"),
        (~(wavelengths > 0.0), "has a wavelength or energy that is not greater than 0"),
        (weights < 0.0, "has a weight below 0; subtract the background, and set to 0 what is below it"),
    )
    for bad, what in problems:
        if bad.any():
            raise InputError(f"{lead}: entry {int(np.argmax(bad)) + 1} {what}")
    if not weights.any():
        raise InputError(f"{lead}: all weights are 0; need at least one above")
    return wavelengths, weights
