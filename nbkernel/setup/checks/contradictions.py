"""Warnings about inputs that contradict each other or are implausible; they state both numbers."""

import numpy as np

from nbkernel.errors import InputError
from nbkernel.geometry.cell_axes import CELL_DIFFERENCE, cell_difference, cell_of_axes, cell_text
from nbkernel.geometry.unit_cell import cell_parameters
from nbkernel.io.files.opening import read_bytes
from nbkernel.io.reflections.space_group import EDGE_TOLERANCE, cell_remark
from nbkernel.kernels.physics.constants import RTD
from nbkernel.setup.beam.beam import source_lead

CRYSTAL_EDGES, LARGEST_RATIO = (2.0, 1e5), 300.0  # range of a cell's edges (Angstrom), ratio of two; no crystal is beyond
WAVELENGTH_DIFFERENCE = 1e-3  # relative; smaller ones are not worth a warning
SHORTEST, LONGEST = 1e-13, 2e-8  # m: 0.001 and 200 Angstrom, beyond all X-rays and electrons that crystals diffract


def matrix_remarks(experiment, orientation, matrix, wavelength):
    """Warnings about the matrix that `mosflm_matrix` computed from an Orientation: if its cell is implausible, or differs
    from the cell that is stated with it or by -cell. wavelength: the run's, m."""
    yield from orientation.remarks
    name = orientation.name
    angle, step = orientation.start
    if angle != 0.0 and experiment.phi is None:
        yield (
            f"{name}: its first image starts at a spindle angle of {angle:g} deg, this run at 0; -phi {angle:g} -osc "
            f"{step:g} is the file's first image"
        )
    theirs = orientation.wavelength
    if theirs is not None and theirs > 0.0 and experiment.wavelength is None:
        if abs(wavelength * 1e10 - theirs) > WAVELENGTH_DIFFERENCE * theirs:
            yield (
                f"{name}: its wavelength is {theirs:g} A, that of this run {wavelength * 1e10:g} A; -lambda {theirs:g} is "
                "the file's"
            )
    A = np.array(matrix).reshape(3, 3) / (wavelength * 1e10)
    try:
        with np.errstate(all="ignore"):
            axes = np.linalg.inv(A)
            cell, volume = cell_of_axes(axes), np.linalg.det(axes)
    except np.linalg.LinAlgError:
        return  # `build_crystal` raises an error
    edges = cell[:3]
    if min(edges) < CRYSTAL_EDGES[0] or max(edges) > min(CRYSTAL_EDGES[1], LARGEST_RATIO * min(edges)):
        yield (
            f"{name}: gives a cell of {cell_text(cell)}, which no crystal has; is it a MOSFLM matrix (a*, b* and c* in "
            "columns, 1/A, times the wavelength) for the wavelength of this run?"
        )
    if volume < 0.0:
        yield (
            f"{name}: its axes are left-handed (volume {volume:.6g} A^3), like those of a mirror image of the crystal; are "
            "two of them swapped, or is a sign wrong?"
        )
    if orientation.cell is not None and cell_difference(cell, orientation.cell) > CELL_DIFFERENCE:
        ratio = np.cbrt(np.prod(edges) / np.prod(orientation.cell[:3]))
        scaled = (*(edge / ratio for edge in edges), *cell[3:])
        why = "the matrix includes the wavelength for which it was computed"
        if cell_difference(scaled, orientation.cell) < EDGE_TOLERANCE:
            why += f", probably {wavelength * 1e10 / ratio:.6g} A"
        yield (
            f"{name}: gives a cell of {cell_text(cell)} at {wavelength * 1e10:g} A, but the file states "
            f"{cell_text(orientation.cell)}: {why}"
        )
    if experiment.cell is not None:
        given = complete_cell(experiment.cell)
        if cell_difference(cell, given) > CELL_DIFFERENCE:
            yield (
                f"-cell {cell_text(given)}: {name} gives another cell, {cell_text(cell)}; as in nanoBragg.c, edges and "
                "volume are those of -cell, directions those of the matrix"
            )


def unused_crystal_remarks(experiment, kept):
    """A warning if the file of an Experiment's panels has a crystal whose cell differs from -cell, which is used. kept:
    KeptInputs."""
    if not isinstance(experiment.panels, str) or experiment.cell is None or experiment.mat is not None:
        return
    orientation = kept.get("--panels", experiment.panels, crystal_beside_panels, experiment.panels)
    if orientation is None:
        return
    theirs, given = cell_of_axes(orientation.axes), complete_cell(experiment.cell)
    if cell_difference(theirs, given) > CELL_DIFFERENCE:
        yield (
            f"-cell {cell_text(given)}: is used, in the standard orientation; the crystal in --panels "
            f"{experiment.panels}, with a cell of {cell_text(theirs)}, is ignored"
        )


def crystal_beside_panels(path):
    """The Orientation of the crystal in a file of panels, None if it has no usable one."""
    from nbkernel.io.formats import JSON, START
    from nbkernel.io.tables.matrix import read_orientation

    if not JSON.match(read_bytes("--panels", path, most=START)):
        return None
    try:
        return read_orientation(path, "--panels")
    except InputError:
        return None


def complete_cell(cell):
    """(a, b, c, alpha, beta, gamma) (Angstrom, degrees) as rendered, from a cell of 1 to 6 numbers."""
    lengths, angles = cell_parameters(cell)
    return (*lengths, *(angle * RTD for angle in angles))


def cell_remarks(experiment, orientation, crystal, file):
    """Warnings if the crystal's cell, from an Orientation or, if that is None, from -cell, differs from the cell of the file
    of structure factors (a SymmetricFile or None) or does not have its symmetry."""
    if file is None or (orientation is None and experiment.cell == file.cell):
        return
    by = "-cell" if orientation is None else orientation.name
    rendered = cell_of_axes(np.array([crystal.a, crystal.b, crystal.c]) * 1e10)
    if file.cell is not None and cell_difference(rendered, complete_cell(file.cell)) > CELL_DIFFERENCE:
        yield (
            f"{by}: gives a cell of {cell_text(rendered)}, but -hkl {file.path} has one of "
            f"{cell_text(complete_cell(file.cell))}; are both indexed in the same way? Each spot gets the F of its h k l"
        )
    else:
        yield from filter(None, [cell_remark(by, rendered, file.group)])


def wavelength_remarks(experiment, wavelengths, wavelength):
    """A warning about wavelengths (m) that seem to be in another unit; wavelength: that of the run."""
    outliers = np.flatnonzero((wavelengths < SHORTEST) | (wavelengths > LONGEST))
    if not outliers.size:
        return
    value = float(wavelengths[outliers[0]])
    lead = source_lead(experiment)
    if experiment.spectrum is not None:
        yield (
            f"{lead}: has a wavelength of {value * 1e10:g} A, which is not one of X-rays; a heading with the word energy "
            "(eV), keV or wavelength (Angstrom) says what the first column is"
        )
    elif lead is not None and value != wavelength:
        yield (
            f"{lead}: source {outliers[0] + 1} has a wavelength of {value:g} m, that is "
            f"{value * 1e10:g} A, which is not one of X-rays; the fifth column is in metres (1e-10 is 1 A); affects "
            f"{outliers.size} of {wavelengths.size} sources"
        )
    elif not SHORTEST <= wavelength <= LONGEST:
        yield (
            f"-lambda, -energy: a wavelength of {wavelength * 1e10:g} A is not one of X-rays; -lambda is in Angstrom, "
            "-energy in electron volts"
        )
