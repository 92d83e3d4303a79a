"""Compiles kernels with this project's options, after registering with numba the functions they call.

`register_jitable` leaves a function as it is (plain Python calls it unchanged) and lets compiled code call it with the
caller's own flags, on the CPU and under CUDA. Imported only if something has to be compiled.
"""

import numba
import numpy as np
from llvmlite import binding
from numba import types
from numba.extending import intrinsic, register_jitable

from . import lowering
from .llvm import start_llvm
from .registry import Registry

# inlined, because a call would pass a plan's hundred fields on the stack for every pixel; and not callable from Python,
# because the wrappers would take a third of the compilation time
OPTIONS = dict(forceinline=True, no_cpython_wrapper=True, no_cfunc_wrapper=True)
REGISTRY = Registry(register_jitable(**OPTIONS), lowering.COMPILED_OTHERWISE)


def type_of(value):
    """numba's type of a kernel's argument, see `kernel.flatten`."""
    if isinstance(value, np.ndarray):
        return types.Array(numba.from_dtype(value.dtype), value.ndim, "C")
    if isinstance(value, tuple):
        fields = [type_of(field) for field in value]
        return types.NamedTuple(fields, type(value)) if hasattr(value, "_fields") else types.Tuple(fields)
    if isinstance(value, (bool, np.bool_)):
        return types.boolean
    return types.float64 if isinstance(value, (float, np.floating)) else types.int64


def compile_kernel(function, arguments):
    """Machine code of function(*arguments) for this processor: the name of its symbol, and the bytes of an object file.

    The code takes the address of the arguments' words, see `kernel.Kernel`. No fastmath: bits depend on the order of
    operations. Floating-point errors behave as in C (inf and nan, no exceptions).
    """
    symbol, assembly = optimised(function, arguments)
    return symbol, target_machine().emit_object(binding.parse_assembly(assembly))


def target_machine():
    start_llvm()
    return binding.Target.from_default_triple().create_target_machine(
        cpu=numba.config.CPU_NAME or binding.get_host_cpu_name(),
        features=numba.config.CPU_FEATURES or binding.get_host_cpu_features().flatten(),
        opt=3, jit=True, codemodel="jitdefault", reloc="default",
    )  # fmt: skip


def optimised(function, arguments):
    """Name and optimised LLVM assembly of the machine code that takes the arguments' words."""
    REGISTRY.register(function)
    kinds = types.Tuple([type_of(argument) for argument in arguments])

    @intrinsic
    def unpacked(typing_context, words):
        def generate(context, builder, signature, values):
            lowering.align_stack(builder)
            return lowering.unpack(context, builder, kinds, values[0], 0)[0]

        return kinds(words), generate

    def native(words):
        result = function(*unpacked(words))
        return 0 if result is None else result

    options = dict(error_model="numpy", nogil=True, _nrt=False, no_cpython_wrapper=True, no_cfunc_wrapper=True)
    signature = types.int64(types.CPointer(types.int64))
    compiled = numba.njit(signature, **options)(native)
    result = compiled.overloads[(types.CPointer(types.int64),)]
    return result.fndesc.llvm_func_name, result.library.get_llvm_str()
