"""A CUDA driver that records the calls: devices of compute capability 9.0 whose memory is the host's, and on which kernels
do nothing. `recording_driver.c` is the same as a shared library, for whole processes."""

import ctypes
import threading
from typing import NamedTuple

from nbkernel.engine.cuda.simulated import INVALID_VALUE, OUT_OF_MEMORY, SimulatedDriver


class Call(NamedTuple):
    name: str
    arguments: tuple
    context: int | None  # the device that is current in the calling thread


class Launch(NamedTuple):
    image: bytes  # the machine code that was loaded
    grid: tuple
    threads: int
    content: bytes  # of the parameters


class RecordingDriver:
    """devices: how many; failing: the name of a function that returns CUDA_ERROR_OUT_OF_MEMORY."""

    def __init__(self, devices=1, failing=None):
        self.devices, self.failing = devices, failing
        self.simulated, self.current = SimulatedDriver(), threading.local()
        self.calls, self.launches = [], []
        self.lock = threading.RLock()  # garbage collection may free memory in the middle of a call

    def __getattr__(self, name):
        if not name.startswith("cu"):
            raise AttributeError(name)

        def call(*arguments):
            with self.lock:
                self.calls.append(Call(name, arguments, getattr(self.current, "device", None)))
                if name == self.failing:
                    return OUT_OF_MEMORY
                own = getattr(type(self), f"own_{name}", None)
                return own(self, *arguments) if own else getattr(self.simulated, name)(*arguments)

        return call

    def own_cuDeviceGetCount(self, count):
        count._obj.value = self.devices
        return 0

    def own_cuDriverGetVersion(self, version):
        version._obj.value = 12090
        return 0

    def own_cuDeviceGetName(self, name, size, device):
        name.value = b"recorder"
        return 0

    def own_cuDeviceTotalMem_v2(self, size, device):
        size._obj.value = 80 << 30
        return 0

    def own_cuDeviceGet(self, device, number):
        device._obj.value = number
        return 0 if number < self.devices else INVALID_VALUE

    def own_cuDeviceGetAttribute(self, value, which, device):
        value._obj.value = {75: 9, 76: 0, 16: 132}[which]
        return 0

    def own_cuDevicePrimaryCtxRetain(self, context, device):
        context._obj.value = device.value + 1
        return 0

    def own_cuCtxSetCurrent(self, context):
        self.current.device = context.value - 1
        return 0

    def own_cuLaunchKernel(self, function, x, y, z, threads, threads_y, threads_z, shared, stream, parameters, extra):
        size = ctypes.c_size_t.from_address(extra[3]).value
        image = self.simulated.made[function.value - 1]
        self.launches.append(Launch(image, (x, y), threads, ctypes.string_at(extra[1], size)))
        return 0

    def names(self, *of):
        """Names of the recorded calls, of these only if there are any."""
        return [call.name for call in self.calls if not of or call.name in of]
