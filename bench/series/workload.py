"""The stills of the bench: a specification, the same images as nanoBragg.c's flags, and the files that they read."""

from pathlib import Path

import numpy as np

from nbkernel.io.reflections.structure_factors import read_structure_factors
from nbkernel.run.series.draws import draws_of

# a tetragonal cell as that of lysozyme, with about 16,000 reflections
CELL, GROUP, DMIN = (79.1, 79.1, 37.9, 90.0, 90.0, 90.0), "P 43 21 2", 1.6
WIDTH = 153.6  # mm, of the detector
SEED, NAME = 7, "stills"
# the water, whose quirk is not corrected, gives about half a photon per pixel
SPEC = """\
[series]
images = {images}
images_per_file = {per_file}
seed = {seed}
[vary]
orientation = "uniform"
fluence = {{ lognormal = [1e20, 0.3] }}
wavelength = {{ normal = [1.0, 0.001] }}
cell_scale = {{ normal = [1.0, 0.002] }}
[crystal]
cell = [79.1, 79.1, 37.9, 90, 90, 90]
hkl = "stills.mtz"
Na = 20
Nb = 20
Nc = 20
dump = false
[detector]
distance = 150
detpixels_f = {size}
detpixels_s = {size}
pixel = {pixel}
[sampling]
oversample = 1
water = 21600
"""
FLAGS = "-distance 150 -oversample 1 -water 21600 -N 20 -nopgm -noprogress"


def write_inputs(folder):
    """Writes structure factors into a folder: stills.mtz, and all of them with their symmetry mates as the text table
    stills.hkl, which has the same numbers. Needs gemmi."""
    import gemmi

    group = gemmi.SpaceGroup(GROUP)
    indices = gemmi.make_miller_array(gemmi.UnitCell(*CELL), group, DMIN, 1000.0)
    amplitudes = np.random.default_rng(SEED).gamma(2.0, 150.0, len(indices))
    mtz = gemmi.Mtz(with_base=True)
    mtz.spacegroup = group
    mtz.set_cell_for_all(gemmi.UnitCell(*CELL))
    mtz.add_dataset("stills")
    mtz.add_column("FP", "F")
    mtz.set_data(np.column_stack([indices, amplitudes]).astype(np.float32))
    mtz.write_to_file(str(Path(folder, "stills.mtz")))
    found = read_structure_factors(str(Path(folder, "stills.mtz")), 0.0)
    places = np.argwhere(found.F) + (found.h_min, found.k_min, found.l_min)
    values = found.F[found.F != 0.0]
    rows = (f"{h} {k} {l} {F:.17g}\n" for (h, k, l), F in zip(places.tolist(), values.tolist(), strict=True))
    Path(folder, "stills.hkl").write_text("".join(rows))


def write_specification(path, size, images):
    """Writes the specification of so many images of size x size pixels, in two data files if there is more than one."""
    pixel = WIDTH / size
    Path(path).write_text(SPEC.format(size=size, images=images, per_file=-(-images // 2), seed=SEED, pixel=pixel))


def flags_of(maker, image, size, hkl):
    """The flags (list of words) with which a single run renders an image of a FrameMaker's series, but for its noise. hkl:
    path of the structure factors."""
    draws = draws_of(maker.specification, image)
    changes = {**maker.shot_changes(image, draws), **maker.lattice_changes(draws["crystals"][0])}
    own = {"-cell": changes["cell"], "-misset": changes["misset"], "-lambda": [changes["wavelength"]]}
    own |= {"-fluence": [changes["fluence"]], "-pixel": [WIDTH / size]}
    words = [word for flag, values in own.items() for word in (flag, *(repr(float(value)) for value in values))]
    return [*words, "-detpixels", str(size), "-hkl", str(hkl), *FLAGS.split()]
