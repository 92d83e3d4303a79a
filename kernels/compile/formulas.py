"""The files of formulas: plain functions that bare Python, the CPU's kernels and CUDA's share."""

from nbkernel.kernels import counts
from nbkernel.kernels import poisson_rows as poisson_row
from nbkernel.kernels.exact import bounded as certified
from nbkernel.kernels.exact import history as carried
from nbkernel.kernels.fast import build as rows
from nbkernel.kernels.fast import geometry as row_geometry
from nbkernel.kernels.fast import interpolation as row_interpolation
from nbkernel.kernels.fast import lattice_factor as row_lattice
from nbkernel.kernels.fast import phases as row_phases
from nbkernel.kernels.fast import photons as row_image
from nbkernel.kernels.fast import rounding as doubt
from nbkernel.kernels.fast import steps as row_steps
from nbkernel.kernels.fast import weights as row_sums
from nbkernel.kernels.numerics import arithmetic, exponential, logarithm, philox, poisson, sine, vector_loops
from nbkernel.kernels.numerics import ran1 as random_deviates
from nbkernel.kernels.physics import lattice_factor as lattice
from nbkernel.kernels.physics import orientations, pixel, polarization, scattering, structure_factor, vectors
from nbkernel.kernels.physics import pixel_geometry as detector

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
