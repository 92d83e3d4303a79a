"""Small Experiments for the Python API, with one detector or with panels, and small series."""

import tomllib
from pathlib import Path

import nbkernel

CELL = dict(cell=(50, 60, 70, 90, 90, 90), default_F=100.0, Na=3, Nb=3, Nc=3, dump="none.bin")
BEAM = dict(wavelength=1.0, oversample=1, fluence=1e28)
DETECTOR = dict(distance=100.0, pixel=0.1, detpixels_f=24, detpixels_s=18)
TOP = nbkernel.Panel((0.1, 0.0256, -0.0256), (0, 0, 1), (0, -1, 0), 16, 10, name="top")
TURNED = nbkernel.Panel(
    (0.09, -0.01, 0.03), (0.2, 0, -1), (0, 1, 0), 12, 9, pixel=0.2, detector_thick=300.0, detector_abs=200.0
)


def experiment(**more):
    return nbkernel.Experiment(**{**CELL, **BEAM, **DETECTOR, **more})


def experiment_of_panels(*panels):
    return nbkernel.Experiment(**CELL, **BEAM, panels=panels)


# quick to render: one sub-pixel, few cells
SPEC = """\
fix = ["all"]
[beam]
wavelength = 1.0
fluence = 1e28
[crystal]
cell = [50, 60, 70, 90, 90, 90]
default_F = 100
Na = 3
Nb = 3
Nc = 3
dump = false
[detector]
distance = 100
detpixels_f = 24
detpixels_s = 18
pixel = 1.5
[sampling]
oversample = 1
[series]
images = 5
images_per_file = 2
seed = 7
"""
TABLES = {name: value for name, value in tomllib.loads(SPEC).items() if name != "series"}


def write_spec(path, text=SPEC, **vary):
    """Writes a specification. vary: {name: TOML text}, by default a random orientation."""
    rows = "".join(f"{name} = {value}\n" for name, value in (vary or {"orientation": '"uniform"'}).items())
    Path(path).write_text(f"{text}[vary]\n{rows}")
