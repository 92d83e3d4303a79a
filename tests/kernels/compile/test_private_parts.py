"""What is used of numba, numba-cuda and llvmlite beyond their documented interfaces: each part by its name and what it is
for, so that an upgrade that takes one away says so here, and that no other comes in unnoticed."""

import ast
import importlib
import os
from importlib.metadata import version
from importlib.util import find_spec
from pathlib import Path

import numba
import numba.cuda
import pytest
from llvmlite import ir

import nbkernel

ROOT = Path(nbkernel.__file__).resolve().parents[1]
FOLDERS = ("nbkernel", "kernels", "cli", "bench", "docs", "examples", "tests")
# modules that their documentation describes; another one that is imported is listed below, or a part of it
DOCUMENTED = {
    "numba", "numba.types", "numba.extending", "numba.cuda", "numba.cuda.libdevice",
    "llvmlite", "llvmlite.binding", "llvmlite.ir",
}  # fmt: skip
LOWERING = "kernels/compile/lowering.py"

PARTS = {
    # modules and their functions
    "numba.config.CPU_NAME": "the processor that kernels are compiled for, where the environment names one",
    "numba.config.CPU_FEATURES": "its features",
    "numba.config.ENABLE_CUDASIM": "whether CUDA kernels run in the simulator",
    "numba.from_dtype": "the type of an array's elements in a kernel's arguments",
    "numba.core.cgutils.get_or_insert_function": "declares LLVM's fused multiply and add of vectors",
    "numba.core.cgutils.pack_array": "shape and strides of a kernel's array arguments",
    "numba.types.BaseTuple": "tells the tuples in a kernel's arguments",
    # methods of what numba hands to the functions that make LLVM code
    "numba.core.base.BaseContext.cast": "converts the arguments of the vector loops' functions",
    "numba.core.base.BaseContext.get_dummy_value": "the value of a function that returns nothing",
    "numba.core.base.BaseContext.make_array": "an array's address, and array arguments of kernels",
    "numba.core.base.BaseContext.make_tuple": "several numbers as one vector, and tuples in a kernel's arguments",
    "numba.core.cgutils._StructProxy._getvalue": "an array argument that has been put together, as a value",
    # what a compiled function keeps
    "numba.core.funcdesc.FunctionDescriptor.llvm_func_name": "the symbol of a kernel in its object file",
    "numba.core.codegen.CodeLibrary.get_llvm_str": "the optimised LLVM code that an object file is made of",
    # options of numba.njit and register_jitable
    "numba.core.options.DefaultOptions._nrt": "kernels allocate nothing, and need no runtime of numba's",
    "numba.core.options.DefaultOptions.forceinline": "formulas are inlined, and a plan's fields stay in registers",
    "numba.core.options.DefaultOptions.no_cpython_wrapper": "kernels are called by their address, not by Python",
    "numba.core.options.DefaultOptions.no_cfunc_wrapper": "nor as C callbacks",
    # numba's record of its version, read as a file, is a part of the key of cached kernels
    "numba._version": "tells the version without importing numba",
    # llvmlite
    "llvmlite.ir.VectorType": "several numbers side by side",
    "llvmlite.ir.InlineAsm": "PTX instructions without a function of their own",
    "llvmlite.ir.Undefined": "a vector before its numbers are put in",
    "llvmlite.ir.values.FunctionAttributes.add": "that it is a set's `add` with a check: attributes with a value pass it by",
    "llvmlite.ir.instructions.Instruction.set_metadata": "which memory a load or store keeps out of",
}  # fmt: skip
CUDA_PARTS = {
    "numba.cuda.types": "types of arguments in this device's forms of functions",
    "numba.cuda.cudadrv.nvvm.compile_ir": "replaced, so that nothing is fused that the source does not name",
    "numba.cuda.extending.intrinsic": "the approximate reciprocal",
    "numba.cuda.extending.overload": "this device's forms of functions",
    "numba.cuda.extending.register_jitable": "makes formulas known to the CUDA compiler",
    "numba.cuda.simulator.kernel.BlockThread.is_alive": "threads that wait leave Python to others (tests/helpers)",
    "numba.cuda.typing.typeof.Purpose": "types of a kernel's arguments without a device (bench.cuda_code)",
    "numba.cuda.typing.typeof.typeof": "the same",
    "numba.cuda.dispatcher.get_current_device": "replaced, to compile for a device that is not there (bench.cuda_code)",
}


WITH_CUDA = find_spec("numba_cuda") is not None and not numba.config.ENABLE_CUDASIM
needs_cuda = pytest.mark.skipif(not WITH_CUDA, reason="needs numba-cuda, and not its simulator")


def package_of(part):
    name = part.partition(".")[0]
    return "numba-cuda" if part.startswith("numba.cuda.") else name


def gone(part, use):
    package = package_of(part)
    return f"{package} {version(package)} has no {part} any more. It is used for: {use}"


def resolved(part):
    """What a dotted name stands for. Raises AttributeError where there is no such thing."""
    names = part.split(".")
    found = importlib.import_module(names[0])
    for number, name in enumerate(names[1:], 2):
        if not hasattr(found, name) and find_spec(".".join(names[:number])) is not None:
            importlib.import_module(".".join(names[:number]))
        found = getattr(found, name)
    return found


@pytest.mark.parametrize("part", [*PARTS, *(pytest.param(part, marks=needs_cuda) for part in CUDA_PARTS)])
def test_a_part_is_there(part):
    try:
        resolved(part)
    except (AttributeError, ImportError):
        pytest.fail(gone(part, (PARTS | CUDA_PARTS)[part]), pytrace=False)


def test_arrays_have_the_fields_that_arguments_fill():
    from numba.core.datamodel import default_manager

    fields = default_manager[numba.types.Array(numba.float64, 2, "C")]._fields
    expected = ("meminfo", "parent", "nitems", "itemsize", "data", "shape", "strides")
    assert fields == expected, f"numba {numba.__version__} describes arrays otherwise; see unpack in {LOWERING}"


def test_a_vector_tells_its_length():
    assert getattr(ir.VectorType(ir.DoubleType(), 4), "count", None) == 4, f"see tuple_of_lanes in {LOWERING}"


def test_attributes_of_functions_are_a_set():
    assert issubclass(ir.values.FunctionAttributes, set), f"llvmlite keeps attributes otherwise; see {LOWERING}"


def test_a_compiled_function_keeps_its_symbol_and_code():
    signature = numba.types.int64(numba.types.CPointer(numba.types.int64))
    compiled = numba.njit(signature, error_model="numpy", _nrt=False)(lambda words: 1)
    result = compiled.overloads[(numba.types.CPointer(numba.types.int64),)]
    assert result.fndesc.llvm_func_name in result.library.get_llvm_str(), "see optimised in kernels/compile/jit.py"


def test_the_version_file_is_where_it_is_read():
    assert Path(numba.__file__).with_name("_version.py").is_file(), "see numba_version in kernels/compile/environment.py"


@needs_cuda
def test_words_and_names_of_numba_cuda():
    dispatcher = importlib.import_module("numba.cuda.dispatcher")
    text = Path(dispatcher.__file__).read_text()
    assert "Grid size " in text and "under-utilization" in text, "the warning that nbkernel/engine/cuda/streams.py silences"
    driver = importlib.import_module("numba.cuda.cudadrv.driver")
    assert driver.CudaAPIError.__module__.split(".")[0] in ("numba", "cuda"), "see device_errors in cuda/streams.py"
    assert hasattr(numba.cuda.jit(lambda: None), "targetoptions"), "a kernel's launch bounds, see bench.cuda_code"
    nvvm = Path(importlib.import_module("numba.cuda.cudadrv.nvvm").__file__).read_text()
    assert '"fma"' in nvvm, "the option that kernels/cuda/forms.py gives compile_ir"


def sources():
    for folder in FOLDERS:
        for path, folders, names in os.walk(ROOT / folder):
            folders[:] = [name for name in folders if not Path(path, name).is_symlink() and not name.startswith((".", "__"))]
            yield from (Path(path, name) for name in names if name.endswith(".py"))


def uses_in(source):
    """Dotted names of numba's and llvmlite's modules and their attributes that a file imports or names."""
    tree = ast.parse(source.read_text())
    meaning, found = {}, set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            for alias in node.names:
                found.add(alias.name)
                first = alias.name.partition(".")[0]
                meaning[alias.asname or first] = alias.name if alias.asname else first
        elif isinstance(node, ast.ImportFrom) and node.level == 0:
            for alias in node.names:
                meaning[alias.asname or alias.name] = f"{node.module}.{alias.name}"
                found.add(f"{node.module}.{alias.name}")
    for node in ast.walk(tree):
        names = []
        while isinstance(node, ast.Attribute):
            names.insert(0, node.attr)
            node = node.value
        if names and isinstance(node, ast.Name) and node.id in meaning:
            found.add(".".join([meaning[node.id], *names]))
    return {name for name in found if name.split(".")[0] in ("numba", "llvmlite")}


def is_private(name):
    """Whether a dotted name leads through what no documentation names."""
    names = name.split(".")
    for number in range(1, len(names) + 1):
        prefix = ".".join(names[:number])
        if names[number - 1].startswith("_") and not names[number - 1].startswith("__"):
            return True
        if prefix not in DOCUMENTED:
            return find_module(prefix)
    return False


def find_module(name):
    try:
        return find_spec(name) is not None
    except ModuleNotFoundError:
        return False


def is_listed(name):
    """A part that is listed, something of it, or a module of a part."""
    return any(f"{name}.".startswith(f"{part}.") or part.startswith(f"{name}.") for part in PARTS | CUDA_PARTS)


@needs_cuda
def test_no_other_private_part_is_used():
    others = {
        (str(source.relative_to(ROOT)), name)
        for source in sources()
        if source != Path(__file__).resolve()
        for name in uses_in(source)
        if is_private(name) and not is_listed(name)
    }
    assert not others, "undocumented parts that are not listed here, with what they are used for"


def test_each_part_is_still_used():
    text = "".join(source.read_text() for source in sources() if source != Path(__file__).resolve())
    unused = [part for part in PARTS | CUDA_PARTS if part.rpartition(".")[2] not in text]
    assert not unused, "parts that nothing uses any more"
