"""A driver whose devices are numba's CUDA simulator: their memory is the host's, and work is done when it is asked for."""

import ctypes

OUT_OF_MEMORY, INVALID_VALUE = 2, 1
NAMES = {INVALID_VALUE: "CUDA_ERROR_INVALID_VALUE", OUT_OF_MEMORY: "CUDA_ERROR_OUT_OF_MEMORY"}


class SimulatedDriver:
    """The functions of `library.PROTOTYPES` that a run calls, for a single device of compute capability 0.0."""

    def __init__(self):
        self.memory = {}  # by address
        self.made = []  # images and kernels; a handle is a position in it, from 1 on

    def cuInit(self, flags):
        return 0

    def cuGetErrorName(self, status, text):
        text._obj.value = NAMES[status].encode()
        return 0

    def cuGetErrorString(self, status, text):
        return self.cuGetErrorName(status, text)

    def cuDeviceGet(self, device, number):
        device._obj.value = number
        return 0 if number == 0 else INVALID_VALUE

    def cuDeviceGetAttribute(self, value, which, device):
        value._obj.value = 0
        return 0

    def cuDevicePrimaryCtxRetain(self, context, device):
        context._obj.value = 1
        return 0

    def cuCtxSetCurrent(self, context):
        return 0

    def cuCtxSynchronize(self):
        return 0

    def cuModuleLoadData(self, module, image):
        return self.make(module, image)

    def cuModuleGetFunction(self, function, module, name):
        return self.make(function, self.made[module.value - 1])

    def make(self, handle, thing):
        self.made.append(thing)
        handle._obj.value = len(self.made)
        return 0

    def cuMemAlloc_v2(self, address, size):
        if size == 0:
            return INVALID_VALUE
        try:
            memory = ctypes.create_string_buffer(size)
        except MemoryError:
            return OUT_OF_MEMORY
        address._obj.value = ctypes.addressof(memory)
        self.memory[address._obj.value] = memory
        return 0

    def cuMemFree_v2(self, address):
        return 0 if self.memory.pop(address, None) else INVALID_VALUE

    def cuMemHostAlloc(self, address, size, flags):
        return self.cuMemAlloc_v2(address, size)

    def cuMemFreeHost(self, address):
        return self.cuMemFree_v2(address.value)

    def cuMemcpyHtoD_v2(self, to, source, size):
        ctypes.memmove(to, source, size)
        return 0

    def cuMemcpyHtoDAsync_v2(self, to, source, size, stream):
        return self.cuMemcpyHtoD_v2(to, source, size)

    def cuMemcpyDtoHAsync_v2(self, to, source, size, stream):
        return self.cuMemcpyHtoD_v2(to, source, size)

    def cuStreamCreate(self, stream, flags):
        stream._obj.value = 1
        return 0

    def cuStreamSynchronize(self, stream):
        return 0

    def cuStreamDestroy_v2(self, stream):
        return 0

    def cuLaunchKernel(self, function, x, y, z, threads, threads_y, threads_z, shared, stream, parameters, extra):
        from nbkernel.kernels.cuda.simulation import run

        # CU_LAUNCH_PARAM_BUFFER_POINTER, the buffer, CU_LAUNCH_PARAM_BUFFER_SIZE, its size's address, CU_LAUNCH_PARAM_END
        _, buffer, _, size, _ = extra
        content = ctypes.string_at(buffer, ctypes.c_size_t.from_address(size).value)
        run(self.made[function.value - 1], (x, y), threads, content)
        return 0
