"""Starts LLVM on this processor, and loads an object file's bytes as a callable function."""

import ctypes

from llvmlite import binding

NATIVE = ctypes.CFUNCTYPE(ctypes.c_int, ctypes.c_void_p, ctypes.c_void_p, ctypes.c_void_p)


def start_llvm():
    binding.initialize_native_target()
    binding.initialize_native_asmprinter()


def load_object(symbol, code):
    """The function `symbol` of an object file's bytes."""
    start_llvm()
    machine = binding.Target.from_default_triple().create_target_machine(jit=True)
    engine = binding.create_mcjit_compiler(binding.parse_assembly(""), machine)
    engine.add_object_file(binding.ObjectFileRef.from_data(code))
    engine.finalize_object()
    function = NATIVE(engine.get_function_address(symbol))
    function.engine = engine  # owns the memory
    return function
