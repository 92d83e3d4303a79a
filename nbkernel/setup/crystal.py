"""The crystal: unit cell, orientation matrix, missetting, size. Direct vectors in metres, reciprocal in 1/Angstrom."""

import math
from typing import Any, NamedTuple

from nbkernel.errors import InputError
from nbkernel.geometry.unit_cell import cell_parameters, cell_volume, standard_orientation
from nbkernel.kernels.physics.constants import RTD
from nbkernel.kernels.physics.lattice_factor import gauss_star_axes, hkl_axes
from nbkernel.kernels.physics.rotations import mosaic_rotation_umat, uniform_rotation_umat
from nbkernel.kernels.physics.vectors import cross_product, dot_product, magnitude, rotate, vector_rescale, vector_scale

from .checks.contradictions import cell_remarks, matrix_remarks
from .matrices import find_orientation, mosflm_matrix


class Crystal(NamedTuple):
    """Cell vectors a, b, c (m), reciprocal ones (1/Angstrom), volume (Angstrom^3), cells along each edge."""

    a: tuple
    b: tuple
    c: tuple
    a_star: tuple
    b_star: tuple
    c_star: tuple
    V_cell: float
    Na: float
    Nb: float
    Nc: float
    misset: tuple | None  # degrees; None if the crystal is not misset

    @property
    def cell_lengths(self):
        """Edges of the unit cell in metres."""
        return magnitude(self.a), magnitude(self.b), magnitude(self.c)

    @property
    def size(self):
        """Edges of the crystal in metres."""
        a, b, c = self.cell_lengths
        return a * self.Na, b * self.Nb, c * self.Nc


def find_crystal(experiment, detector, wavelength, file, seed, shuffle, inputs, kept):
    """The Crystal of an Experiment, and warnings about a cell or matrix that may not be as intended.

    wavelength: m; file: the SymmetricFile of the structure factors or None; seed, shuffle: state of the random generator;
    inputs: the InputFiles that the user names; kept: KeptInputs. Raises InputError for an impossible cell or matrix.
    """
    orientation, matrix, name, remarks = find_orientation(experiment, inputs, kept), None, "mat", []
    if orientation is not None:
        matrix, name = mosflm_matrix(orientation, experiment, wavelength, detector), orientation.name
        remarks += matrix_remarks(experiment, orientation, matrix, wavelength)
    crystal = build_crystal(experiment, wavelength, matrix, seed, shuffle, name)
    remarks += cell_remarks(experiment, orientation, crystal, file)
    return crystal, remarks


def build_crystal(experiment, wavelength, matrix, misset_seed, shuffle, matrix_name="mat"):
    """The Crystal of an Experiment.

    wavelength: m; matrix: nine numbers of a MOSFLM matrix (rows x, y, z of a_star, b_star, c_star, scaled by the
    wavelength) or None; misset_seed, shuffle: state of the random generator; matrix_name: name of the matrix in messages.
    Raises InputError for an impossible cell.
    """
    lengths: Any = None
    V_cell: Any = None
    star: Any = None
    if experiment.cell is not None:
        lengths, angles = cell_parameters(experiment.cell)
        V_cell = cell_volume(lengths, angles)
        star = standard_orientation(lengths, angles, V_cell, "cell" in experiment.fix)
    if matrix is not None:
        scale = 1e-10 / wavelength
        star = tuple(vector_scale((matrix[i], matrix[3 + i], matrix[6 + i]), scale) for i in range(3))

    misset = misset_angles(experiment, misset_seed, shuffle)
    if misset is not None:
        star = tuple(rotate(vector, *misset) for vector in star)

    a_star, b_star, c_star = star
    axb, bxc, cxa = cross_product(a_star, b_star), cross_product(b_star, c_star), cross_product(c_star, a_star)
    V_star = dot_product(a_star, bxc)
    if not 0.0 < abs(V_star) < math.inf:
        raise InputError(f"{matrix_name}: its vectors span no volume; need three reciprocal cell vectors")
    if lengths is not None:
        # a cell together with a matrix: directions are from the matrix, lengths and volume from the cell
        bxc = vector_rescale(bxc, lengths[0] / V_cell)
        cxa = vector_rescale(cxa, lengths[1] / V_cell)
        axb = vector_rescale(axb, lengths[2] / V_cell)
        V_star = 1.0 / V_cell
    V_cell = 1.0 / V_star
    a, b, c = vector_scale(bxc, V_cell), vector_scale(cxa, V_cell), vector_scale(axb, V_cell)
    a_star = vector_scale(cross_product(b, c), V_star)
    b_star = vector_scale(cross_product(c, a), V_star)
    c_star = vector_scale(cross_product(a, b), V_star)

    a, b, c = (vector_scale(vector, 1e-10) for vector in (a, b, c))
    Na, Nb, Nc = cells_along_edges(experiment, magnitude(a), magnitude(b), magnitude(c))
    degrees = None if misset is None else tuple(angle * RTD for angle in misset)
    return Crystal(a, b, c, a_star, b_star, c_star, V_cell, Na, Nb, Nc, degrees)


def misset_angles(experiment, seed, shuffle):
    """Missetting angles about x, y, z (radians), random if requested; None if there are none."""
    if experiment.misset is None:
        return None
    if experiment.misset == "random":
        if "misset" in experiment.fix:
            return umat2misset(uniform_rotation_umat(seed, shuffle))
        # radians, as in the program
        return umat2misset(mosaic_rotation_umat(90.0, seed, shuffle))
    return tuple(angle / RTD for angle in experiment.misset)


def umat2misset(umat):
    """Angles about x, y, z (radians) whose rotations, in this order, give the rotation matrix `umat`.

    The rows are normalised twice, as in the program: the second time can still change a last bit.
    """
    rows = [umat[0:3], umat[3:6], umat[6:9]]
    for _ in range(2):
        rows = [unit_row(row) for row in rows]
    (_, uxy, _), (uyx, uyy, _), (uzx, uzy, uzz) = rows
    if uzx * uzx < 1.0:
        return (
            math.atan2(uzy, uzz),
            math.atan2(-uzx, math.sqrt(uzy * uzy + uzz * uzz)),
            math.atan2(uyx, rows[0][0]),
        )
    return (math.atan2(1, 1) * 4, math.atan2(1, 1) * 2, math.atan2(uxy, -uyy))


def unit_row(row):
    length = magnitude(row)
    return tuple(x / length for x in row) if length > 0 else row


def cells_along_edges(experiment, a, b, c):
    """Na, Nb, Nc: as many cells (edges a, b, c in m) as fill the sample, at least one.

    A beam smaller than the sample limits its width and height.
    """
    beamsize = experiment.beamsize / 1000
    sample = [experiment.sample_x / 1000, experiment.sample_y / 1000, experiment.sample_z / 1000]
    if beamsize >= 0:
        sample[1:] = [min(edge, beamsize) for edge in sample[1:]]
    counts = [float(experiment.Na), float(experiment.Nb), float(experiment.Nc)]
    for i, (edge, cell) in enumerate(zip(sample, (a, b, c), strict=True)):
        if edge > 0:
            counts[i] = float(math.ceil(edge / cell))
    return tuple(max(count, 1.0) for count in counts)


def spot_axes(experiment, crystal):
    """Nine numbers that measure how far an index is from a whole one, see `rad_star_squared`; only Gaussian and tophat spots
    use them."""
    recip = crystal.a_star + crystal.b_star + crystal.c_star
    if experiment.xtal_shape == "gauss_star":
        return gauss_star_axes(recip, crystal.Na, crystal.Nb, crystal.Nc, crystal.V_cell)
    if experiment.spot_metric == "hkl":
        return hkl_axes(crystal.Na, crystal.Nb, crystal.Nc)
    return recip


def with_cell(experiment, file):
    """The experiment, with the cell of an MTZ or mmCIF file (None for a text table) if it has neither cell nor matrix.

    Raises InputError if the file has no cell either.
    """
    if experiment.cell is not None or experiment.mat is not None:
        return experiment
    if file is None or file.cell is None:
        without = "" if file is None else f"; {file.path} has no usable one"
        raise InputError(f"no unit cell: give -cell a b c alpha beta gamma, or -mat FILE{without}")
    return experiment.with_header({"cell": file.cell})
