"""NXsample of a NeXus file: the simulated crystal and the spindle."""

import math

import numpy as np

from nbkernel.geometry.cell_axes import cell_of_axes
from nbkernel.io.hdf5.tree import add_axis, add_field, add_group
from nbkernel.kernels.physics.vectors import rotate_axis

OMEGA = "/entry/sample/transformations/omega"


def add_sample(entry, run, to_mcstas):
    """Cell, orientation (at omega = 0 where the spindle turns) and goniometer of a Prepared run."""
    sample = add_group(entry, "sample", "NXsample")
    add_field(sample, "name", "simulated crystal")
    add_crystal(sample, run, to_mcstas)
    if run.osc == 0.0:
        add_field(sample, "depends_on", ".")
        return
    add_field(sample, "depends_on", OMEGA)
    start, width = math.degrees(run.phi_start), math.degrees(run.osc)
    transformations = add_group(sample, "transformations", "NXtransformations")
    spindle = to_mcstas @ np.array(run.detector.spindle_vector)
    add_axis(transformations, "omega", np.array([start]), "deg", "rotation", spindle, ".")
    for name, value in (("omega_end", start + width), ("omega_increment_set", width)):
        add_field(transformations, name, np.array([value]), "deg")


def add_crystal(sample, run, to_mcstas):
    """The cell and the orientation that was rendered: from the direct vectors, with which indices are computed."""
    edges = [run.crystal.a, run.crystal.b, run.crystal.c]
    if run.osc == 0.0 and run.phi_start != 0.0:
        # a still has no goniometer that could state its setting
        edges = [rotate_axis(edge, run.detector.spindle_vector, run.phi_start) for edge in edges]
    abc = 1e10 * np.array(edges) @ to_mcstas.T
    cell = np.array(cell_of_axes(abc))
    lengths, angles = cell[:3], cell[3:]
    add_field(sample, "unit_cell_abc", lengths, "angstrom")
    add_field(sample, "unit_cell_alphabetagamma", angles, "deg")
    add_field(sample, "unit_cell", cell[np.newaxis], "angstrom")
    add_field(sample, "unit_cell_volume", np.array([abs(np.linalg.det(abc))]), "angstrom^3")
    UB = np.linalg.inv(abc)
    add_field(sample, "ub_matrix", UB[np.newaxis], "1/angstrom", note="columns a*, b*, c* (1/d, no 2 pi) in McStas' frame")
    add_field(sample, "orientation_matrix", busing_levy_orientation(UB)[np.newaxis])


def busing_levy_orientation(UB):
    """U of U B, where B has a* along x and b* in the x-y plane (Busing and Levy 1967, Acta Cryst. 22, 457)."""
    U, B = np.linalg.qr(UB)
    return U * np.sign(np.diag(B))
