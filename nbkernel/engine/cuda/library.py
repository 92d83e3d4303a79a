"""The CUDA driver's library: loaded by ctypes, or numba's simulator in its place."""

import ctypes
from ctypes import POINTER, c_char_p, c_int, c_size_t, c_uint, c_uint64, c_void_p

from nbkernel.kernels.cuda.launch import is_simulated

NAMES = ("libcuda.so.1", "libcuda.so")
# attributes of cuDeviceGetAttribute
MULTIPROCESSORS, CAPABILITY_MAJOR, CAPABILITY_MINOR = 16, 75, 76
# arguments of the driver's functions in use; all return a status. A device pointer (CUdeviceptr) is an integer of 64 bits, a
# device (CUdevice) an int, and what else the driver makes (CUcontext, CUstream, ...) a pointer.
ADDRESS, DEVICE, HANDLE = c_uint64, c_int, c_void_p
PROTOTYPES = {
    "cuInit": (c_uint,),
    "cuDriverGetVersion": (POINTER(c_int),),
    "cuGetErrorName": (c_int, POINTER(c_char_p)),
    "cuGetErrorString": (c_int, POINTER(c_char_p)),
    "cuDeviceGetCount": (POINTER(c_int),),
    "cuDeviceGet": (POINTER(DEVICE), c_int),
    "cuDeviceGetName": (c_char_p, c_int, DEVICE),
    "cuDeviceTotalMem_v2": (POINTER(c_size_t), DEVICE),
    "cuDeviceGetAttribute": (POINTER(c_int), c_int, DEVICE),
    "cuDevicePrimaryCtxRetain": (POINTER(HANDLE), DEVICE),
    "cuCtxSetCurrent": (HANDLE,),
    "cuCtxSynchronize": (),
    "cuModuleLoadData": (POINTER(HANDLE), c_char_p),
    "cuModuleGetFunction": (POINTER(HANDLE), HANDLE, c_char_p),
    "cuMemAlloc_v2": (POINTER(ADDRESS), c_size_t),
    "cuMemFree_v2": (ADDRESS,),
    "cuMemHostAlloc": (POINTER(c_void_p), c_size_t, c_uint),
    "cuMemFreeHost": (c_void_p,),
    "cuMemcpyHtoD_v2": (ADDRESS, c_void_p, c_size_t),
    "cuMemcpyHtoDAsync_v2": (ADDRESS, c_void_p, c_size_t, HANDLE),
    "cuMemcpyDtoHAsync_v2": (c_void_p, ADDRESS, c_size_t, HANDLE),
    "cuStreamCreate": (POINTER(HANDLE), c_uint),
    "cuStreamSynchronize": (HANDLE,),
    "cuStreamDestroy_v2": (HANDLE,),
    # grid and block (x, y, z each), bytes of dynamic shared memory, stream, pointers to parameters, other ways to pass them
    "cuLaunchKernel": (HANDLE, *[c_uint] * 6, c_uint, HANDLE, POINTER(c_void_p), POINTER(c_void_p)),
}


def load_driver():
    """The CUDA driver's functions by their names; None if there is no driver."""
    if is_simulated():
        from .simulated import SimulatedDriver

        return SimulatedDriver()
    for name in NAMES:
        try:
            return declared(ctypes.CDLL(name))
        except OSError:
            continue
    return None


def declared(library):
    """The library, with the types of its functions' arguments: ctypes would pass each integer as 32 bits."""
    for name, types in PROTOTYPES.items():
        function = getattr(library, name)
        function.argtypes, function.restype = types, c_int
    return library
