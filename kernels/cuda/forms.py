"""Registers formulas with numba's CUDA compiler, with special CUDA forms of the few that need one.

Imported only if numba.cuda compiles; its simulator calls the functions as they are.
"""

import math
from contextlib import contextmanager
from threading import RLock

import numpy as np
from llvmlite import ir
from numba.cuda import libdevice, types
from numba.cuda.cudadrv import nvvm
from numba.cuda.extending import intrinsic, overload, register_jitable

from nbkernel.kernels.compile.registry import Registry
from nbkernel.kernels.fast import interpolation, lattice_factor, steps
from nbkernel.kernels.numerics import arithmetic, vector_loops
from nbkernel.kernels.numerics.arithmetic import fma

COMPILING = RLock()
REGISTRY = Registry(register_jitable(forceinline=True))


@contextmanager
def named_operations_only():
    """Within this context, numba compiles CUDA code like the CPU's: without fused operations that are not written out in the
    source, so that the last digits are the same."""
    with COMPILING:
        contracting = nvvm.compile_ir

        def compile_ir(assembly, **options):
            return contracting(assembly, **{**options, "fma": False})

        nvvm.compile_ir = compile_ir
        try:
            yield
        finally:
            nvvm.compile_ir = contracting


def in_form(function):
    """Decorates the factory of a function's form under CUDA."""
    REGISTRY.known.add(function)
    return overload(function)


@in_form(arithmetic.fma)
def form_of_fma(a, b, c):
    if a == b == c == types.float32:
        return lambda a, b, c: libdevice.fmaf(a, b, c)
    return lambda a, b, c: libdevice.fma(a, b, c)


@in_form(arithmetic.rint)
def form_of_rint(x):
    return lambda x: libdevice.rint(x)


@in_form(arithmetic.floor)
def form_of_floor(x):
    return lambda x: libdevice.floor(x)


@in_form(arithmetic.ceil)
def form_of_ceil(x):
    return lambda x: libdevice.ceil(x)


@intrinsic
def approximate_reciprocal(typing_context, x):
    """1/x to 1 ulp for a float32, to some 20 bits for a float64."""
    kind, suffix, register_name = (ir.FloatType(), "f32", "f") if x == types.float32 else (ir.DoubleType(), "f64", "d")

    def generate(context, builder, signature, arguments):
        function = ir.FunctionType(kind, [kind])
        rcp = ir.InlineAsm(function, f"rcp.approx.ftz.{suffix} $0, $1;", f"={register_name},{register_name}")
        return builder.call(rcp, arguments)

    return x(x), generate


# numba's own divisions call a routine for subnormal numbers; for other numbers this form gives the same bits (two steps of
# Newton's method, then one for the quotient)
@in_form(arithmetic.quotient)
def form_of_quotient(a, b):
    if a == b == types.float32:

        def single(a, b):
            inverse = approximate_reciprocal(b)
            q = a * inverse
            return libdevice.fmaf(libdevice.fmaf(-b, q, a), inverse, q)

        return single

    def double(a, b):
        inverse = approximate_reciprocal(b)
        inverse = libdevice.fma(libdevice.fma(-b, inverse, 1.0), inverse, inverse)
        inverse = libdevice.fma(libdevice.fma(-b, inverse, 1.0), inverse, inverse)
        q = a * inverse
        return libdevice.fma(libdevice.fma(-b, q, a), inverse, q)

    return double


# rounding is done outside the float64 units. Halfway between two integers it may choose the other one: another sign
@in_form(lattice_factor.offset_of_multiple)
def form_of_less_whole(N, d):
    return lambda N, d: libdevice.fma(N, d, -libdevice.rint(N * d))


# positive float64 have the same order as their upper halves as integers; nan is above all. Because it is rounded down, an
# offset is never overestimated
@in_form(steps.closer)
def form_of_closer(nearest, h, k, l, h0, k0, l0):
    def closer(nearest, h, k, l, h0, k0, l0):
        dh, dk, dl = h - h0, k - k0, l - l0
        upper = libdevice.min(libdevice.double2hiint(nearest), libdevice.double2hiint(dh * dh))
        upper = libdevice.min(upper, libdevice.double2hiint(dk * dk))
        upper = libdevice.min(upper, libdevice.double2hiint(dl * dl))
        return libdevice.hiloint2double(upper, np.int32(0))

    return closer


@in_form(steps.closer_to_half)
def form_of_closer_to_half(nearest, h, k, l, h0, k0, l0):
    def closer_to_half(nearest, h, k, l, h0, k0, l0):
        dh, dk, dl = h - h0, k - k0, l - l0
        most = libdevice.max(libdevice.double2hiint(dh * dh), libdevice.double2hiint(dk * dk))
        most = libdevice.max(most, libdevice.double2hiint(dl * dl))
        # rounded up: `left` is never overestimated
        left = 0.25 - libdevice.hiloint2double(most, np.int32(-1))
        upper = libdevice.min(libdevice.double2hiint(nearest), libdevice.double2hiint(left))
        return libdevice.hiloint2double(upper, np.int32(0))

    return closer_to_half


# a value that is not a 32-bit integer becomes the nearest one, nan becomes any: all are clipped
@in_form(steps.table_position)
def form_of_table_position(h0, k0, l0, table):
    whole = libdevice.double2int_rn

    @register_jitable
    def clamped(position, top):
        return libdevice.min(libdevice.max(whole(position), np.int32(0)), whole(top))

    def table_position(h0, k0, l0, table):
        h0 = clamped(h0 - table.h_low, table.h_top)
        k0 = clamped(k0 - table.k_low, table.k_top)
        l0 = clamped(l0 - table.l_low, table.l_top)
        return np.int32(h0 * whole(table.h_stride) + k0 * whole(table.k_stride) + l0)

    return table_position


@in_form(arithmetic.bits_of)
def form_of_bits_of(x):
    return lambda x: libdevice.double_as_longlong(x)


@in_form(arithmetic.of_bits)
def form_of_of_bits(bits):
    return lambda bits: libdevice.longlong_as_double(bits)


@in_form(vector_loops.full_vector_width)
def form_of_full_vector_width():
    return lambda: None


# an unsigned index is used as it is: Python's -1 for the last element costs a test
@in_form(vector_loops.load)
def form_of_load(array, i):
    return lambda array, i: array[np.uint32(i)]


@in_form(vector_loops.look_up)
def form_of_look_up(table, position):
    return lambda table, position: table[np.uint32(position)]


@in_form(vector_loops.store)
def form_of_store(array, i, value):
    def store(array, i, value):
        array[np.uint32(i)] = value

    return store


@in_form(vector_loops.add_four)
def form_of_add_four(sums, weight, four):
    return lambda sums, weight, four: (
        fma(weight, four[0], sums[0]),
        fma(weight, four[1], sums[1]),
        fma(weight, four[2], sums[2]),
        fma(weight, four[3], sums[3]),
    )


@in_form(vector_loops.add_four_of_table)
def form_of_add_four_of_table(sums, weight, table, position):
    return lambda sums, weight, table, position: (
        fma(weight, table[np.uint64(position)], sums[0]),
        fma(weight, table[np.uint64(position + 1)], sums[1]),
        fma(weight, table[np.uint64(position + 2)], sums[2]),
        fma(weight, table[np.uint64(position + 3)], sums[3]),
    )


# it would need one register more than there is; without a width the CPU computes all
@in_form(lattice_factor.round_at_whole)
def form_of_round_at_whole(aa, scale):
    return lambda aa, scale: math.nan


# a thread has one pixel, and never eight
@in_form(interpolation.end_of_same_corner)
def form_of_end_of_alike(corner, start, size):
    return lambda corner, start, size: start + 1


@in_form(interpolation.eight_sums_over_h_and_k)
def form_of_eight_sums_over_h_and_k(work, i, F_flat, corner, k_range, l_range):
    return lambda work, i, F_flat, corner, k_range, l_range: None
