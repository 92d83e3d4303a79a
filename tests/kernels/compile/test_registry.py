"""Which functions numba is told of before it compiles one: all that the code names, and all that these name."""

import types

from nbkernel.kernels import images
from nbkernel.kernels.compile.registry import Registry, called_functions
from nbkernel.kernels.exact import rows
from nbkernel.kernels.fast.interpolation import interpolation_out_of_range
from nbkernel.kernels.numerics import arithmetic, ran1
from nbkernel.kernels.numerics.sine import sine_up_to_sign
from nbkernel.kernels.physics import vectors
from nbkernel.kernels.physics.lattice_factor import lattice_factor
from nbkernel.kernels.physics.pixel import render_pixel


def told(function, known=()):
    seen = []
    Registry(seen.append, known).register(function)
    return seen


def test_functions_of_the_same_file_and_of_others():
    assert vectors.magnitude in called_functions(render_pixel)
    assert {vectors.unitize, lattice_factor, interpolation_out_of_range} <= set(told(render_pixel))
    assert ran1.next_minimal_standard in told(images.noise_rows.function), "named only by what a kernel calls calls"


def test_functions_that_a_function_was_built_from():
    def build(part):
        return lambda x: part(x)

    assert called_functions(build(sine_up_to_sign)) == [sine_up_to_sign]


def test_attributes_of_modules():
    assert arithmetic.fma in called_functions(lambda a: arithmetic.fma(a, a, a))


def test_names_in_nested_code():
    assert sine_up_to_sign in called_functions(lambda values: [sine_up_to_sign(value) for value in values])


def test_functions_of_numpy_and_kernels_that_are_objects_are_left_alone():
    assert all(isinstance(function, types.FunctionType) for function in told(rows.render_rows_exactly.function))
    assert all(function.__module__.startswith("nbkernel.kernels.") for function in told(render_pixel))


def test_each_function_once_and_none_that_is_known():
    seen = told(render_pixel, known=[lattice_factor])
    assert len(seen) == len(set(seen)) and lattice_factor not in seen
