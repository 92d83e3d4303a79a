"""Starts LLVM on this processor, and loads object files with it."""

from llvmlite import binding


def start_llvm():
    binding.initialize_native_target()
    binding.initialize_native_asmprinter()


def load_by_llvm(symbol, code):
    """The address of the function `symbol` of an object file's bytes, and what keeps its memory."""
    start_llvm()
    machine = binding.Target.from_default_triple().create_target_machine(jit=True)
    engine = binding.create_mcjit_compiler(binding.parse_assembly(""), machine)
    engine.add_object_file(binding.ObjectFileRef.from_data(code))
    engine.finalize_object()
    return engine.get_function_address(symbol), engine
