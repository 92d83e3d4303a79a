"""The undocumented parts of numba, numba-cuda and llvmlite in use, each with its purpose: the tests fail when an upgrade
removes one, or when nbkernel starts to use another."""

import ast
import importlib
import os
from importlib.metadata import version
from importlib.util import find_spec
from pathlib import Path

import llvmlite
import numba
import numba.cuda
import pytest
from llvmlite import ir

import nbkernel

ROOT = Path(nbkernel.__file__).resolve().parents[1]
FOLDERS = ("nbkernel", "kernels", "cli", "bench", "docs", "examples", "tests")
# documented modules; any other imported module must be listed below, itself or by parts
DOCUMENTED = {
    "numba", "numba.types", "numba.extending", "numba.cuda", "numba.cuda.libdevice",
    "llvmlite", "llvmlite.binding", "llvmlite.ir",
}  # fmt: skip
LOWERING = "kernels/compile/lowering.py"

PARTS = {
    # modules and their functions
    "numba.config.CPU_NAME": "the processor to compile kernels for, if the environment names one",
    "numba.config.CPU_FEATURES": "its features",
    "numba.config.ENABLE_CUDASIM": "whether CUDA kernels run in the simulator (bench.cuda_code)",
    "numba.from_dtype": "the type of an array's elements in a kernel's arguments",
    "numba.core.cgutils.get_or_insert_function": "declares LLVM's fused multiply-add of vectors",
    "numba.core.cgutils.pack_array": "shape and strides of a kernel's array arguments",
    "numba.types.BaseTuple": "recognises tuples in a kernel's arguments",
    # methods of the objects that numba passes to functions that generate LLVM code
    "numba.core.base.BaseContext.cast": "converts the arguments of the vector loops' functions",
    "numba.core.base.BaseContext.get_dummy_value": "the return value of a function without one",
    "numba.core.base.BaseContext.make_array": "an array's address, and array arguments of kernels",
    "numba.core.base.BaseContext.make_tuple": "several numbers as one vector, and tuples in a kernel's arguments",
    "numba.core.cgutils._StructProxy._getvalue": "the value of an assembled array argument",
    # attributes of a compiled function
    "numba.core.funcdesc.FunctionDescriptor.llvm_func_name": "the symbol of a kernel in its object file",
    "numba.core.codegen.CodeLibrary.get_llvm_str": "the optimised LLVM code that is compiled to an object file",
    # options of numba.njit and register_jitable
    "numba.core.options.DefaultOptions._nrt": "kernels allocate nothing and need no numba runtime",
    "numba.core.options.DefaultOptions.forceinline": "inlines formulas, so that a plan's fields stay in registers",
    "numba.core.options.DefaultOptions.no_cpython_wrapper": "kernels are called by their address, not by Python",
    "numba.core.options.DefaultOptions.no_cfunc_wrapper": "kernels are not used as C callbacks",
    # part of the key of cached kernels
    "numba._version": "read as a file for the version, without importing numba",
    # llvmlite
    "llvmlite.ir.VectorType": "several numbers in one register",
    "llvmlite.ir.InlineAsm": "PTX instructions that no function offers",
    "llvmlite.ir.Undefined": "a vector before its numbers are inserted",
    "llvmlite.ir.values.FunctionAttributes.add": "a set's `add` with a check, bypassed for attributes with a value",
    "llvmlite.ir.instructions.Instruction.set_metadata": "marks the memory that a load or store does not alias",
}  # fmt: skip
CUDA_PARTS = {
    "numba.cuda.types": "types of arguments in the CUDA versions of functions",
    "numba.cuda.cudadrv.nvvm.compile_ir": "replaced, so that only operations named in the source are fused",
    "numba.cuda.extending.intrinsic": "the approximate reciprocal",
    "numba.cuda.extending.overload": "the CUDA versions of functions",
    "numba.cuda.extending.register_jitable": "makes formulas known to the CUDA compiler",
    "numba.cuda.simulator.kernel.BlockThread.is_alive": "waiting threads release Python to others (tests/helpers)",
    "numba.cuda.simulator.kernelapi.FakeCUDAShared.array": "replaced by one that is safe with threads (tests/helpers)",
    "numba.cuda.dispatcher.get_current_device": "replaced, to compile without a device",
}


WITH_CUDA = find_spec("numba_cuda") is not None and not numba.config.ENABLE_CUDASIM
needs_cuda = pytest.mark.skipif(not WITH_CUDA, reason="needs numba-cuda, and not its simulator")


def package_of(part):
    name = part.partition(".")[0]
    return "numba-cuda" if part.startswith("numba.cuda.") else name


def missing_message(part, use):
    package = package_of(part)
    return f"{package} {version(package)} does not have {part}. Its use: {use}"


def resolve(part):
    """The object of a dotted name. Raises AttributeError if there is none."""
    names = part.split(".")
    resolved = importlib.import_module(names[0])
    for number, name in enumerate(names[1:], 2):
        if not hasattr(resolved, name) and find_spec(".".join(names[:number])) is not None:
            importlib.import_module(".".join(names[:number]))
        resolved = getattr(resolved, name)
    return resolved


@pytest.mark.parametrize("part", [*PARTS, *(pytest.param(part, marks=needs_cuda) for part in CUDA_PARTS)])
def test_a_part_exists(part):
    try:
        resolve(part)
    except (AttributeError, ImportError):
        pytest.fail(missing_message(part, (PARTS | CUDA_PARTS)[part]), pytrace=False)


def test_arrays_have_the_fields_that_kernel_arguments_fill():
    from numba.core.datamodel import default_manager

    fields = default_manager[numba.types.Array(numba.float64, 2, "C")]._fields
    expected = ("meminfo", "parent", "nitems", "itemsize", "data", "shape", "strides")
    assert fields == expected, f"numba {numba.__version__} has other array fields; see unpack in {LOWERING}"


def test_a_vector_has_its_length():
    assert getattr(ir.VectorType(ir.DoubleType(), 4), "count", None) == 4, f"see tuple_of_lanes in {LOWERING}"


def test_attributes_of_functions_are_a_set():
    assert issubclass(ir.values.FunctionAttributes, set), f"llvmlite keeps attributes in another type; see {LOWERING}"


def test_a_compiled_function_keeps_its_symbol_and_code():
    signature = numba.types.int64(numba.types.CPointer(numba.types.int64))
    compiled = numba.njit(signature, error_model="numpy", _nrt=False)(lambda words: 1)
    result = compiled.overloads[(numba.types.CPointer(numba.types.int64),)]
    assert result.fndesc.llvm_func_name in result.library.get_llvm_str(), "see optimised in kernels/compile/jit.py"


@pytest.mark.parametrize("package", [numba, llvmlite])
def test_the_version_file_is_where_it_is_read(package):
    assert Path(package.__file__).with_name("_version.py").is_file(), "see version_of in kernels/compile/environment.py"


@needs_cuda
def test_texts_and_names_of_numba_cuda():
    errors = [
        importlib.import_module("numba.cuda.cudadrv.nvvm").NvvmSupportError,
        importlib.import_module("cuda.bindings.nvjitlink").nvJitLinkError,
    ]
    for error in errors:
        assert error.__module__.split(".")[0] in ("numba", "cuda"), "see device_errors in cuda/streams.py"
    nvvm = Path(importlib.import_module("numba.cuda.cudadrv.nvvm").__file__).read_text()
    assert '"fma"' in nvvm, "the option that kernels/cuda/forms.py passes to compile_ir"


def sources():
    for folder in FOLDERS:
        for path, folders, names in os.walk(ROOT / folder):
            folders[:] = [name for name in folders if not Path(path, name).is_symlink() and not name.startswith((".", "__"))]
            yield from (Path(path, name) for name in names if name.endswith(".py"))


def names_used_in(source):
    """Dotted names of the modules and attributes of numba and llvmlite that a file imports or names."""
    tree = ast.parse(source.read_text())
    full_names, found = {}, set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            for alias in node.names:
                found.add(alias.name)
                first = alias.name.partition(".")[0]
                full_names[alias.asname or first] = alias.name if alias.asname else first
        elif isinstance(node, ast.ImportFrom) and node.level == 0:
            for alias in node.names:
                full_names[alias.asname or alias.name] = f"{node.module}.{alias.name}"
                found.add(f"{node.module}.{alias.name}")
    for node in ast.walk(tree):
        names = []
        while isinstance(node, ast.Attribute):
            names.insert(0, node.attr)
            node = node.value
        if names and isinstance(node, ast.Name) and node.id in full_names:
            found.add(".".join([full_names[node.id], *names]))
    return {name for name in found if name.split(".")[0] in ("numba", "llvmlite")}


def is_private(name):
    """Whether any part of a dotted name is undocumented."""
    names = name.split(".")
    for number in range(1, len(names) + 1):
        prefix = ".".join(names[:number])
        if names[number - 1].startswith("_") and not names[number - 1].startswith("__"):
            return True
        if prefix not in DOCUMENTED:
            return module_exists(prefix)
    return False


def module_exists(name):
    try:
        return find_spec(name) is not None
    except ModuleNotFoundError:
        return False


def is_listed(name):
    """Whether a name is a listed part, an attribute of one, or a module that contains one."""
    return any(f"{name}.".startswith(f"{part}.") or part.startswith(f"{name}.") for part in PARTS | CUDA_PARTS)


@needs_cuda
def test_no_other_private_part_is_used():
    others = {
        (str(source.relative_to(ROOT)), name)
        for source in sources()
        if source != Path(__file__).resolve()
        for name in names_used_in(source)
        if is_private(name) and not is_listed(name)
    }
    assert not others, "undocumented parts that are used but not listed here"


def test_each_part_is_still_used():
    text = "".join(source.read_text() for source in sources() if source != Path(__file__).resolve())
    unused = [part for part in PARTS | CUDA_PARTS if part.rpartition(".")[2] not in text]
    assert not unused, "listed parts that nothing uses"
