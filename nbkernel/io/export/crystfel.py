"""Files for CrystFEL 0.12: geometry (.geom), unit cell (.cell) and the list of images (.lst).

Its laboratory frame is McStas's: z along the beam, y up. A pixel at (fs, ss) of a panel, counted from the panel's corner, is
at x = (corner_x + fs fs_x + ss ss_x)/res, likewise y, and z = clen + coffset + (fs fs_z + ss ss_z)/res; see
https://www.desy.de/~twhite/crystfel/manual-crystfel_geometry.html.
"""

import numpy as np

from nbkernel.geometry.cell_axes import cell_of_axes

SAME_EDGE, SAME_ANGLE = 1e-3, 0.05  # relative; degrees: within what a cell counts as of a higher symmetry
WAVELENGTH = "/entry/instrument/beam/incident_wavelength"
DATA, MASK = "/entry/data/data", "/entry/instrument/detector/pixel_mask"


def crystfel_files(data_set, data_path):
    """{name: text} of the files for a DataSet. data_path: of the images, as the list names them."""
    found = {f"{data_set.name}.geom": geometry_text(data_set)}
    cell = mean_cell(data_set.crystals)
    if cell is not None:
        found[f"{data_set.name}.cell"] = cell_text(cell)
    found[f"{data_set.name}.lst"] = "".join(f"{data_path} //{frame}\n" for frame in range(data_set.frames))
    return found


def geometry_text(data_set):
    """The .geom file."""
    same = np.ptp(data_set.wavelengths) == 0.0
    clen = data_set.panels[0].pix0_vector[2]
    lines = [
        f"; {data_set.name}: as nbkernel simulated it",
        f"wavelength = {float(data_set.wavelengths[0])!r} A" if same else f"wavelength = {WAVELENGTH} A",
        f"clen = {clen!r} m",
        f"data = {DATA}",
        "dim0 = %",
        "dim1 = ss",
        "dim2 = fs",
        "adu_per_photon = 1",
        f"mask0_data = {MASK}",
        "mask0_goodbits = 0x00",
        "mask0_badbits = 0xff",
    ]
    for number, (panel, first_row) in enumerate(zip(data_set.panels, data_set.first_rows, strict=True)):
        lines += ["", *panel_lines(f"p{number}", panel, first_row, clen)]
    return "\n".join(lines) + "\n"


def panel_lines(name, panel, first_row, clen):
    """The lines of a panel whose first row is `first_row` of the image. clen: where z begins, m."""
    x, y, z = panel.pix0_vector
    res = 1000.0 / panel.pixel  # pixels per metre
    shown = f"; {panel.name}" if panel.name else ""
    return [
        f"{name}/min_fs = 0 {shown}".rstrip(),
        f"{name}/max_fs = {panel.detpixels_f - 1}",
        f"{name}/min_ss = {first_row}",
        f"{name}/max_ss = {first_row + panel.detpixels_s - 1}",
        f"{name}/res = {res!r}",
        f"{name}/fs = {direction(panel.fdet_vector)}",
        f"{name}/ss = {direction(panel.sdet_vector)}",
        f"{name}/corner_x = {x * res!r}",
        f"{name}/corner_y = {y * res!r}",
        f"{name}/coffset = {z - clen!r}",
    ]


def direction(vector):
    """A vector as +0.6x -0.8y +0.0z; CrystFEL knows no exponents there."""
    return " ".join(f"{value:+.16f}{axis}" for value, axis in zip(vector, "xyz", strict=True))


def mean_cell(crystals):
    """Mean a b c (Angstrom) alpha beta gamma (degrees) of all lattices, None if there is none."""
    cells = [cell_of_axes(np.linalg.inv(UB)) for lattices in crystals for UB in lattices]
    return tuple(np.mean(cells, axis=0).tolist()) if cells else None


def cell_text(cell):
    """The .cell file of a primitive cell. Its lattice is the most symmetric that the cell allows."""
    lattice, unique = lattice_of(cell)
    return (
        "CrystFEL unit cell file version 1.0\n\n"
        f"lattice_type = {lattice}\n"
        f"centering = {'R' if lattice == 'rhombohedral' else 'P'}\n"
        + (f"unique_axis = {unique}\n" if unique else "")
        + "\na = {:.5f} A\nb = {:.5f} A\nc = {:.5f} A\nal = {:.4f} deg\nbe = {:.4f} deg\nga = {:.4f} deg\n".format(*cell)
    )


def lattice_of(cell):
    """(CrystFEL's lattice_type, its unique axis or "") of a cell by its edges and angles."""
    edges, angles = cell[:3], cell[3:]
    is_right = [abs(angle - 90.0) < SAME_ANGLE for angle in angles]
    # whether the two edges other than a, b, c are equal
    is_equal = [abs(edges[k - 2] - edges[k - 1]) < SAME_EDGE * max(edges[k - 2], edges[k - 1]) for k in range(3)]
    unique = "abc"[is_equal.index(True)] if any(is_equal) else ""
    if all(is_right):
        return ("cubic", "") if all(is_equal) else ("tetragonal", unique) if unique else ("orthorhombic", "")
    if sum(is_right) == 2:
        odd = is_right.index(False)
        if is_equal[odd] and abs(angles[odd] - 120.0) < SAME_ANGLE:
            return "hexagonal", "abc"[odd]
        return "monoclinic", "abc"[odd]
    if all(is_equal) and np.ptp(angles) < SAME_ANGLE:
        return "rhombohedral", ""
    return "triclinic", ""


def crystfel_advice(data_set):
    """Command lines that process the files."""
    name = data_set.name
    with_cell = f" -p {name}.cell" if mean_cell(data_set.crystals) is not None else ""
    polarization = "none" if data_set.polarization is None else f"horiz{100.0 * data_set.polarization_fraction:.0f}"
    largest = "" if data_set.saturation is None else f" --max-adu={data_set.saturation}"
    # for counts of photons: CrystFEL's own threshold is 800
    search = "--peaks=peakfinder8 --min-snr=5 --threshold=20 --min-pix-count=2 --int-radius=3,4,6"
    return [
        f"indexamajig -i {name}.lst -g {name}.geom{with_cell} -o {name}.stream {search} --indexing=asdf",
        f"partialator -i {name}.stream -o {name}.hkl -y POINT_GROUP --model=xsphere --polarisation={polarization}{largest}",
    ]
