"""Makes the formula files known to numba, and compiles kernels with this project's options.

`register_jitable` leaves a function as it is (bare Python calls it unchanged) and lets compiled code call it with the
caller's own flags, on the CPU and under CUDA. Imported only where something has to be compiled.
"""

import numba
import numpy as np
from llvmlite import binding
from numba import types
from numba.extending import intrinsic, register_jitable

from nbkernel.kernels import hkl_table
from nbkernel.kernels import images as cpu_images
from nbkernel.kernels.exact import rows as cpu_pixels
from nbkernel.kernels.fast import cpu as cpu_rows
from nbkernel.kernels.numerics import decimals

from . import lowering
from .formulas import FORMULA_FILES, functions_in, parts_of
from .kernel import start_llvm

# inlined, because as a call a plan's hundred fields would go over the stack for every pixel; and not callable from Python,
# which would take a third of the compilation
OPTIONS = dict(forceinline=True, no_cpython_wrapper=True, no_cfunc_wrapper=True)
REGISTERED = set(lowering.COMPILED_OTHERWISE)


def register_formulas():
    for module in (*FORMULA_FILES, cpu_images, cpu_pixels, cpu_rows, decimals, hkl_table):
        for function in functions_in(module):
            register(function)


def register(function):
    """Makes a function and those that it was built from known to numba."""
    if function in REGISTERED:
        return
    REGISTERED.add(function)
    register_jitable(**OPTIONS)(function)
    register_parts(function)


def register_parts(function):
    for part in parts_of(function):
        register(part)


def type_of(value):
    """numba's type of a kernel's argument, see `ahead.flatten`."""
    if isinstance(value, np.ndarray):
        return types.Array(numba.from_dtype(value.dtype), value.ndim, "C")
    if isinstance(value, tuple):
        fields = [type_of(field) for field in value]
        return types.NamedTuple(fields, type(value)) if hasattr(value, "_fields") else types.Tuple(fields)
    if isinstance(value, (bool, np.bool_)):
        return types.boolean
    return types.float64 if isinstance(value, (float, np.floating)) else types.int64


def compile_ahead(function, arguments):
    """Machine code of function(*arguments) for this processor: the name of its symbol, and an object file's bytes.

    The code takes the address of the arguments' words, see `ahead.Kernel`. No fastmath: bits depend on the order of
    operations. Floating-point errors are C's (inf and nan, no exceptions).
    """
    symbol, assembly = optimised(function, arguments)
    start_llvm()
    machine = binding.Target.from_default_triple().create_target_machine(
        cpu=numba.config.CPU_NAME or binding.get_host_cpu_name(),
        features=numba.config.CPU_FEATURES or binding.get_host_cpu_features().flatten(),
        opt=3, jit=True, codemodel="jitdefault", reloc="default",
    )  # fmt: skip
    return symbol, machine.emit_object(binding.parse_assembly(assembly))


def optimised(function, arguments):
    """Name and optimised LLVM assembly of the machine code that takes the arguments' words."""
    register_parts(function)
    call = register_jitable(**OPTIONS)(function)
    kinds = types.Tuple([type_of(argument) for argument in arguments])

    @intrinsic
    def unpacked(typing_context, words):
        def generate(context, builder, signature, values):
            lowering.align_stack(builder)
            return lowering.unpack(context, builder, kinds, values[0], 0)[0]

        return kinds(words), generate

    def native(words):
        result = call(*unpacked(words))
        return 0 if result is None else result

    options = dict(error_model="numpy", nogil=True, _nrt=False, no_cpython_wrapper=True, no_cfunc_wrapper=True)
    signature = types.int64(types.CPointer(types.int64))
    compiled = numba.njit(signature, **options)(native)
    result = compiled.overloads[(types.CPointer(types.int64),)]
    return result.fndesc.llvm_func_name, result.library.get_llvm_str()


register_formulas()
