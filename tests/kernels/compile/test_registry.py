"""The functions registered with numba before it compiles one: all that its code names, and all that these name."""

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


def registered(function, known=()):
    seen = []
    Registry(seen.append, known).register(function)
    return seen


def test_functions_in_the_same_file_and_in_others():
    assert vectors.magnitude in called_functions(render_pixel)
    assert {vectors.unitize, lattice_factor, interpolation_out_of_range} <= set(registered(render_pixel))
    assert ran1.next_minimal_standard in registered(images.noise_rows.function), (
        "named only by a function that the kernel calls"
    )


def test_functions_that_a_function_was_built_from():
    def build(function):
        return lambda x: function(x)

    assert called_functions(build(sine_up_to_sign)) == [sine_up_to_sign]


def test_attributes_of_modules():
    assert arithmetic.fma in called_functions(lambda a: arithmetic.fma(a, a, a))


def test_names_in_nested_code():
    assert sine_up_to_sign in called_functions(lambda values: [sine_up_to_sign(value) for value in values])


def test_functions_of_numpy_and_kernel_objects_are_not_registered():
    assert all(isinstance(function, types.FunctionType) for function in registered(rows.render_rows_exactly.function))
    assert all(function.__module__.startswith("nbkernel.kernels.") for function in registered(render_pixel))


def test_each_function_is_registered_once_and_a_known_one_is_not():
    seen = registered(render_pixel, known=[lattice_factor])
    assert len(seen) == len(set(seen)) and lattice_factor not in seen
