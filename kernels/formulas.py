"""The files of formulas: plain functions that bare Python, the CPU's kernels and CUDA's share."""

from . import (
    arithmetic,
    carried,
    certified,
    counts,
    detector,
    doubt,
    exponential,
    lattice,
    logarithm,
    orientations,
    philox,
    pixel,
    poisson,
    poisson_row,
    polarization,
    random_deviates,
    row_geometry,
    row_image,
    row_interpolation,
    row_lattice,
    row_phases,
    row_steps,
    row_sums,
    rows,
    scattering,
    sine,
    structure_factor,
    vector_loops,
    vectors,
)

FORMULA_FILES = (
    arithmetic,
    vectors,
    vector_loops,
    detector,
    scattering,
    lattice,
    polarization,
    structure_factor,
    random_deviates,
    sine,
    exponential,
    logarithm,
    philox,
    poisson,
    poisson_row,
    counts,
    row_lattice,
    row_steps,
    row_phases,
    row_interpolation,
    pixel,
    row_geometry,
    row_sums,
    row_image,
    orientations,
    rows,
    doubt,
    carried,
    certified,
)


def functions_in(module):
    """The functions that a file defines."""
    for value in list(vars(module).values()):
        if getattr(value, "__module__", None) == module.__name__ and hasattr(value, "__code__"):
            yield value


def parts_of(function):
    """The functions that a function was built from."""
    for cell in function.__closure__ or ():
        if hasattr(cell.cell_contents, "__code__"):
            yield cell.cell_contents
