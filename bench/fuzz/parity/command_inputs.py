"""Files that drawn command lines name: tables, matrices, sources, masks, headers. The same in every run."""

import random
from pathlib import Path

import numpy as np

MOST_PIXELS = 48  # along an edge of a drawn detector: no mask may be smaller

TABLES = ("dense.hkl", "sparse.hkl", "wild.hkl", "checker.hkl", "layer.hkl", "single.hkl", "off.hkl")
MATRICES = ("a.mat", "b.mat", "axes.mat", "turned.mat", "mirrored.mat")
SOURCES = ("spectrum.src", "two.src", "opposite.src", "weights.src")
MASKS = ("mask.img", "plain_mask.img")
HEADERS = tuple(f"header{n}.img" for n in range(8))
DUMPS = ("table.dump",)
# keywords of which a header has some, with values
KEYWORDS = (
    "PIXEL_SIZE=0.1", "DISTANCE=90", "WAVELENGTH=1.1", "BEAM_CENTER_X=2.5", "BEAM_CENTER_Y=2", "PHI=2",
    "OSC_RANGE=0.5", "OSC_START=7",
    "CLOSE_DISTANCE=80", "XDS_ORGX=20.5", "XDS_ORGY=11", "ORGX=9", "ORGY=30.25", "TWOTHETA=15", "DENZO_X_BEAM=3",
    "MOSFLM_CENTER_X=4",
    "ADXV_CENTER_Y=1.5", "DETECTOR_SN=000", "TIME=0.1", "DIALS_ORIGIN=1,2,3",
)  # fmt: skip


def write_inputs(folder):
    """Writes them into `folder`, which is created if it does not exist."""
    folder = Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    draw = random.Random(1)
    write_tables(folder, draw)
    texts = {
        "a.mat": "-0.00853187 0.00244134 0.00932553\n0.00698108 -0.01066404 0.00477736\n0.01249998 0.00762207 0.00369705\n",
        "b.mat": "-0.01315884 0.00470664 0.00862974\n0.01076703 -0.02055914 0.00442092\n0.01927891 0.01469455 0.00342121\n",
        "axes.mat": "0.02 0 0\n0 0.025 0\n0 0 0.01\n",
        "turned.mat": "0 0 0.02\n0.025 0 0\n0 -0.01 0\n",
        "mirrored.mat": "0.02 0 0\n0 -0.02 0\n0 0 0.02\n",
        "spectrum.src": "".join(f"0 0 -10 {0.1 + 0.3 * n} {9.97e-11 + n * 1e-13:.6e}\n" for n in range(5)),
        "pink.lam": "# wavelengths, weights\n9.8e-1,1e0\n1.0,3\n1.02,0.5\n",
        "names.lam": "energy_eV weight\n12400 1\n12500 2\n",
        "two.src": "-10 0 0 1.0 1.0e-10\n-10 0.05 0.02 0.5 1.02e-10\n",
        "opposite.src": "-10 0.1 0 1 1e-10\n-10 -0.1 0 1 1e-10\n-10 0 0 1 1e-10\n",
        "weights.src": "0 0 -1 0 1e-10\n0 0 -1 2 1e-10\n0.001 0 -1 1 2e-10\n",
    }
    for name, text in texts.items():
        (folder / name).write_text(text)
    write_image(
        folder / "mask.img",
        draw,
        "PIXEL_SIZE=0.12;\nDISTANCE=120;\nWAVELENGTH=0.95;\nBEAM_CENTER_X=2;\nBEAM_CENTER_Y=3;\n",
    )
    write_image(folder / "plain_mask.img", draw, "")
    for name in HEADERS:
        some = draw.sample(KEYWORDS, draw.randrange(3, 10))
        write_image(folder / name, draw, "".join(f"{keyword};\n" for keyword in some))
    limits = b"-2 2 -1 3 0 4\n\f"  # of h, k, l; one spare element along each
    (folder / "table.dump").write_bytes(limits + np.array([100.0 * draw.random() for _ in range(6**3)]).tobytes())
    return folder


def write_tables(folder, draw):
    """Smooth and very uneven ones, with gaps, of one layer, of one reflection, far from the origin."""

    def write(name, ranges, F):
        h_range, k_range, l_range = (range(first, last + 1) for first, last in ranges)
        rows = [(h, k, l, F(h, k, l)) for h in h_range for k in k_range for l in l_range]
        text = "".join(f"{h} {k} {l} {value:.6g}\n" for h, k, l, value in rows if value is not None)
        (folder / name).write_text(text)

    cube = ((-6, 6),) * 3
    write("dense.hkl", cube, lambda *hkl: draw.uniform(50, 150))
    write("sparse.hkl", ((-9, 8), (-7, 9), (-8, 8)), lambda *hkl: draw.uniform(50, 300) if draw.random() < 0.3 else None)
    write("wild.hkl", cube, lambda *hkl: 10 ** draw.uniform(-3, 6))
    write("checker.hkl", ((-5, 5),) * 3, lambda h, k, l: 1000.0 * ((h + k + l) % 2))
    write("layer.hkl", ((-12, 12), (-12, 12), (0, 0)), lambda *hkl: draw.uniform(-100, 100))
    write("single.hkl", ((1, 1), (0, 0), (0, 0)), lambda *hkl: 77.0)
    write("off.hkl", ((3, 7), (-2, 4), (-5, -1)), lambda *hkl: draw.uniform(1, 100))


def write_image(path, draw, header):
    """An SMV image of few blank pixels."""
    size = MOST_PIXELS
    kind = "HEADER_BYTES=512;\nDIM=2;\nBYTE_ORDER=little_endian;\nTYPE=unsigned_short;"
    text = f"{{\n{kind}\nSIZE1={size};\nSIZE2={size};\n{header}}}\f"
    pixels = np.array([draw.random() > 0.1 for _ in range(size * size)], "<u2")
    path.write_bytes(text.encode().ljust(512) + pixels.tobytes())
