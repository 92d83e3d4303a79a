"""Compiles CUDA kernels by numba-cuda and links them to machine code. Needs no device. Imported only if something has to be
compiled."""

import re
from contextlib import contextmanager
from types import SimpleNamespace

from cuda.bindings import nvjitlink
from numba import cuda
from numba.cuda import dispatcher, types

from .arguments import DeviceArray, parameters
from .forms import REGISTRY, named_operations_only
from .functions import kernel_function
from .launch import THREADS, blocks_of


def compile_kernel(key, arguments, compute_capability):
    """(symbol, machine code) of a kernel for arguments of these types. key: see `functions.kernel_function`;
    compute_capability: (major, minor)."""
    ptx = compile_ptx(key, arguments, compute_capability)
    symbol = re.search(r"\.entry\s+([\w$]+)", ptx)
    code, _ = linked(ptx, "{}{}".format(*compute_capability))
    return symbol[1], code


def compile_ptx(key, arguments, compute_capability):
    """PTX of a kernel, see `compile_kernel`."""
    function, blocks = kernel_function(key), blocks_of(key, compute_capability)
    REGISTRY.register_called(function)
    options = {} if blocks is None else {"launch_bounds": (THREADS, blocks)}
    with named_operations_only(), device_of(compute_capability):
        ptx, _ = cuda.compile_ptx(
            function, signature_of(arguments), cc=compute_capability, device=False, abi="numba", **options
        )
    return ptx


# by their names in `arguments.parameters`
NUMBERS = {
    "b1": types.boolean, "u1": types.uint8, "i4": types.int32, "i8": types.int64, "f4": types.float32, "f8": types.float64,
}  # fmt: skip


def signature_of(arguments):
    """numba's types of a kernel's arguments."""
    return types.void(*map(type_of, arguments))


def type_of(value):
    if isinstance(value, DeviceArray):
        return types.Array(NUMBERS[value.dtype.str[1:]], len(value.shape), "C")
    if isinstance(value, tuple):
        return types.BaseTuple.from_types([type_of(field) for field in value], type(value))
    _, _, name = parameters((value,))
    return NUMBERS[name]


@contextmanager
def device_of(compute_capability):
    """Within this context, numba.cuda compiles for a device that need not be present."""
    current = dispatcher.get_current_device
    dispatcher.get_current_device = lambda: SimpleNamespace(compute_capability=compute_capability)
    try:
        yield
    finally:
        dispatcher.get_current_device = current


def linked(ptx, arch):
    """(machine code, linker's report) of PTX. arch: compute capability as sm_NN has it."""
    options = [f"-arch=sm_{arch}", "-verbose"]
    link = nvjitlink.create(len(options), options)
    try:
        words = ptx.encode()
        nvjitlink.add_data(link, nvjitlink.InputType.PTX, words, len(words), "kernel")
        nvjitlink.complete(link)
        report = bytearray(nvjitlink.get_info_log_size(link))
        nvjitlink.get_info_log(link, report)
        code = bytearray(nvjitlink.get_linked_cubin_size(link))
        nvjitlink.get_linked_cubin(link, code)
    finally:
        nvjitlink.destroy(link)
    return bytes(code), report.decode()
