"""NXsample of a NeXus file: the simulated crystal and the spindle."""

import math

import numpy as np

from nbkernel.geometry.cell_axes import cell_of_axes
from nbkernel.io.hdf5.tree import add_axis, add_field, add_group
from nbkernel.kernels.physics.vectors import rotate_axis

OMEGA = "/entry/sample/transformations/omega"


def add_sample(entry, run, to_mcstas, scan=None, UB=None):
    """Cell, orientation (at omega = 0 where the spindle turns) and goniometer of a Prepared run, or of many frames of it;
    of a run without a crystal the goniometer only.

    scan: (start, width) of each frame, arrays in degrees; None for the run's own, or stills. UB: (n, 3, 3) of several
    crystals, 1/Angstrom in McStas's frame; None for the run's.
    """
    sample = add_group(entry, "sample", "NXsample")
    add_field(sample, "name", "simulated sample" if run.crystal is None else "simulated crystal")
    if run.crystal is not None:
        own = [rendered_axes(lattice, to_mcstas) for lattice in (run, *run.lattices)]
        axes = np.array(own) if UB is None else np.linalg.inv(UB)
        add_crystals(sample, axes, np.linalg.inv(axes) if UB is None else UB)
    if scan is None and run.osc != 0.0:
        scan = np.array([math.degrees(run.phi_start)]), np.array([math.degrees(run.osc)])
    if scan is None:
        add_field(sample, "depends_on", ".")
        return
    add_field(sample, "depends_on", OMEGA)
    start, width = scan
    transformations = add_group(sample, "transformations", "NXtransformations")
    spindle = to_mcstas @ np.array(run.detector.spindle_vector)
    add_axis(transformations, "omega", start, "deg", "rotation", spindle, ".")
    for name, value in (("omega_end", start + width), ("omega_increment_set", width)):
        add_field(transformations, name, value, "deg")


def add_crystals(sample, axes, UB):
    """Cells and orientations of (n, 3, 3) crystals as they were rendered. The cell is that of the direct vectors, with which
    indices are computed: `axes`, rows a, b, c (Angstrom). Programs that know only one crystal take the first."""
    cells = np.array([cell_of_axes(own) for own in axes])
    lengths, angles = cells[0, :3], cells[0, 3:]
    add_field(sample, "unit_cell_abc", lengths, "angstrom")
    add_field(sample, "unit_cell_alphabetagamma", angles, "deg")
    add_field(sample, "unit_cell", cells, "angstrom")
    add_field(sample, "unit_cell_volume", np.abs(np.linalg.det(axes)), "angstrom^3")
    add_field(sample, "ub_matrix", UB, "1/angstrom", note="columns a*, b*, c* (1/d, no 2 pi) in McStas' frame")
    add_field(sample, "orientation_matrix", np.array([busing_levy_orientation(own) for own in UB]))


def rendered_axes(run, to_mcstas):
    """(3, 3) rows a, b, c (Angstrom), in McStas's frame, of a Prepared run's crystal: where the spindle is at 0, or in a
    still."""
    edges = [run.crystal.a, run.crystal.b, run.crystal.c]
    if run.osc == 0.0 and run.phi_start != 0.0:
        # a still has no goniometer that could state its setting
        edges = [rotate_axis(edge, run.detector.spindle_vector, run.phi_start) for edge in edges]
    return 1e10 * np.array(edges) @ to_mcstas.T


def busing_levy_orientation(UB):
    """U of U B, where B has a* along x and b* in the x-y plane (Busing and Levy 1967, Acta Cryst. 22, 457)."""
    U, B = np.linalg.qr(UB)
    return U * np.sign(np.diag(B))
