"""Starts LLVM on this processor, and loads object files with it."""

from llvmlite import binding

from .machine_code import NATIVE


def start_llvm():
    binding.initialize_native_target()
    binding.initialize_native_asmprinter()


def load_by_llvm(symbol, code):
    """The function `symbol` of an object file's bytes."""
    start_llvm()
    machine = binding.Target.from_default_triple().create_target_machine(jit=True)
    engine = binding.create_mcjit_compiler(binding.parse_assembly(""), machine)
    engine.add_object_file(binding.ObjectFileRef.from_data(code))
    engine.finalize_object()
    function = NATIVE(engine.get_function_address(symbol))
    function.engine = engine  # owns the memory
    return function
