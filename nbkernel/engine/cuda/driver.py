"""CUDA devices by calls of the driver: contexts, memory, copies, streams and launches of kernels, without numba."""

import ctypes
import threading
from ctypes import byref
from math import prod

import numpy as np

from nbkernel.kernels.cuda.arguments import DeviceArray, pack
from nbkernel.kernels.cuda.machine_code import machine_code

from .library import ADDRESS, CAPABILITY_MAJOR, CAPABILITY_MINOR, load_driver

# keys of cuLaunchKernel's last argument: all parameters in one buffer, its size, no more
BUFFER_POINTER, BUFFER_SIZE, END = 1, 2, 0

LOCK = threading.Lock()
OPENED: dict[int, "Device"] = {}  # until the process ends: a context takes a large part of a second to make


class DriverError(Exception):
    """A call of the CUDA driver has failed. The message has the call and the driver's name for the error."""


class Driver:
    """The driver's functions; those that fail raise DriverError."""

    def __init__(self, library):
        self.library = library
        self.call("cuInit", 0)

    def call(self, name, *arguments):
        status = getattr(self.library, name)(*arguments)
        if status != 0:
            raise DriverError(f"{name}: {self.error_text(status)}")

    def error_text(self, status):
        texts = []
        for function in (self.library.cuGetErrorName, self.library.cuGetErrorString):
            text = ctypes.c_char_p()
            if function(status, byref(text)) == 0 and text.value:
                texts.append(text.value.decode(errors="replace"))
        return f"{texts[0]} ({texts[-1]})" if texts else f"error {status}"


def opened_device(number):
    """The Device of that number, current in this thread. Raises DriverError if it cannot be used."""
    with LOCK:
        if number not in OPENED:
            library = load_driver()
            if library is None:
                raise DriverError("no CUDA driver is installed (libcuda.so.1)")
            OPENED[number] = Device(Driver(library), number)
    OPENED[number].make_current()
    return OPENED[number]


class Device:
    """A CUDA device in its primary context, with the kernels that have been loaded into it. The methods are for threads in
    which it is current."""

    def __init__(self, driver, number):
        self.driver = driver
        handle, self.context = ctypes.c_int(), ctypes.c_void_p()
        driver.call("cuDeviceGet", byref(handle), number)
        self.compute_capability = tuple(self.attribute(handle, which) for which in (CAPABILITY_MAJOR, CAPABILITY_MINOR))
        driver.call("cuDevicePrimaryCtxRetain", byref(self.context), handle)
        self.functions = {}  # by kernel and signature

    def attribute(self, handle, which):
        value = ctypes.c_int()
        self.driver.call("cuDeviceGetAttribute", byref(value), which, handle)
        return value.value

    def make_current(self):
        self.driver.call("cuCtxSetCurrent", self.context)

    def launch(self, key, grid, threads, stream, arguments):
        """Starts a kernel. key: a KernelKind, or the name of a kernel that is the same for all runs; grid: blocks (fast,
        slow); threads: per block; stream: a Memory's; arguments: numbers, DeviceArrays and tuples of them."""
        content, signature = pack(arguments)
        function = self.functions.get((key, signature))
        if function is None:
            function = self.functions[key, signature] = self.load(key, arguments, signature)
        size = ctypes.c_size_t(len(content))
        extra = (ctypes.c_void_p * 5)(
            BUFFER_POINTER, ctypes.cast(content, ctypes.c_void_p), BUFFER_SIZE, ctypes.addressof(size), END
        )
        self.driver.call("cuLaunchKernel", function, *grid, 1, threads, 1, 1, 0, stream, None, extra)

    def load(self, key, arguments, signature):
        code = machine_code(key, arguments, signature, self.compute_capability)
        self.make_current()  # what compiles may have used the driver, too
        module, function = ctypes.c_void_p(), ctypes.c_void_p()
        self.driver.call("cuModuleLoadData", byref(module), code.image)
        self.driver.call("cuModuleGetFunction", byref(function), module, code.symbol.encode())
        return function


class Memory:
    """Memory and streams of the current device, until it is left as a context manager. Shapes are tuples."""

    def __init__(self, device):
        self.device, self.call = device, device.driver.call
        self.ends = []  # (function of the driver, what to free)

    def __enter__(self):
        return self

    def __exit__(self, *error):
        for name, *handles in (("cuCtxSynchronize",), *reversed(self.ends)):
            try:
                self.call(name, *handles)
            except DriverError:
                continue  # after an error all calls may fail; that error is the one to be told
        self.ends.clear()

    def stream(self):
        """A stream, which waits for `upload`: that may return while its copy is still under way."""
        stream = ctypes.c_void_p()
        self.call("cuStreamCreate", byref(stream), 0)
        self.ends.append(("cuStreamDestroy_v2", stream))
        return stream

    def synchronize(self, stream):
        """Waits for the work in a stream."""
        self.call("cuStreamSynchronize", stream)

    def device_array(self, shape, dtype):
        """A DeviceArray with any content."""
        address, dtype = ADDRESS(), np.dtype(dtype)
        self.call("cuMemAlloc_v2", byref(address), max(prod(shape) * dtype.itemsize, 1))
        self.ends.append(("cuMemFree_v2", address.value))
        return DeviceArray(address.value, shape, dtype)

    def pinned_array(self, shape, dtype):
        """An array in the host's memory with any content, which is copied while other work is done."""
        address, dtype = ctypes.c_void_p(), np.dtype(dtype)
        size = prod(shape) * dtype.itemsize
        self.call("cuMemHostAlloc", byref(address), max(size, 1), 0)
        self.ends.append(("cuMemFreeHost", address))
        content = (ctypes.c_char * size).from_address(address.value)
        return np.frombuffer(content, dtype).reshape(shape)

    def upload(self, array):
        """A DeviceArray with the content of an array."""
        array = np.ascontiguousarray(array)
        copied = self.device_array(array.shape, array.dtype)
        if array.nbytes:
            self.call("cuMemcpyHtoD_v2", copied.address, array.ctypes.data, array.nbytes)
        return copied

    def copy_to_device(self, host, device, stream):
        """Starts a copy from a pinned array."""
        self.call("cuMemcpyHtoDAsync_v2", device.address, host.ctypes.data, host.nbytes, stream)

    def copy_to_host(self, device, host, stream):
        """Starts a copy to a pinned array."""
        self.call("cuMemcpyDtoHAsync_v2", host.ctypes.data, device.address, host.nbytes, stream)
