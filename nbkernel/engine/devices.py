"""The choice of the rendering device: what `--device` requests, what the machine has, and what is missing.

The CUDA driver is queried directly, so that numba.cuda is not imported on a machine without one.
"""

import ctypes
import re
from importlib.util import find_spec
from typing import NamedTuple

from nbkernel.engine.cuda.library import CAPABILITY_MAJOR, CAPABILITY_MINOR, MULTIPROCESSORS, load_driver
from nbkernel.errors import DeviceError, InputError
from nbkernel.kernels.cuda.launch import SIMULATOR, is_simulated

# by major version of the CUDA packages: the extra that installs them, the lowest cuDriverGetVersion and driver release with
# which they work, and the lowest compute capability
PACKAGES = {12: ("cu12", 12000, "525", (5, 0)), 13: ("cu13", 13000, "580", (7, 5))}


class CudaDevice(NamedTuple):
    """A CUDA device. number: CUDA's; memory: bytes; capability: (major, minor)."""

    number: int
    name: str
    memory: int
    capability: tuple
    multiprocessors: int

    def line(self):
        major, minor = self.capability
        return (
            f"cuda:{self.number}  {self.name}, {self.memory / 2**30:.0f} GiB, {self.multiprocessors} multiprocessors, "
            f"compute capability {major}.{minor}"
        )


class Survey(NamedTuple):
    """What a machine has for CUDA. devices: CudaDevices; driver: the driver's version number (12040 is 12.4), None without a
    driver; packages: major version of the installed CUDA packages, None without numba-cuda or a driver; missing: why CUDA
    cannot be used, empty if it can."""

    devices: tuple
    driver: int | None
    packages: int | None
    missing: str


class Choice(NamedTuple):
    """Where a run renders. devices: numbers of CUDA devices, empty for the CPU; reason: why these; falls_back: to the CPU if
    they fail."""

    devices: tuple
    reason: str
    falls_back: bool = False

    def line(self):
        where = f"cuda:{','.join(map(str, self.devices))}" if self.devices else "the CPU"
        return f"rendering on {where}: {self.reason}"


def parse_device(text, lead="device"):
    """auto, cpu or cuda[:NUMBER[,NUMBER...]] as a name and a tuple of numbers. Raises InputError, beginning with `lead`, the
    name of the argument or option, for any other text."""
    if not isinstance(text, str):
        raise InputError(f"{lead}: needs a string such as auto, cpu or cuda:0, not {text!r}")
    match = re.fullmatch(r"(auto|cpu|cuda)(?::(\d{1,9}(?:,\d{1,9})*))?", text, re.ASCII)
    if not match or (match[2] is not None and match[1] != "cuda"):
        raise InputError(f"{lead}: needs auto, cpu, cuda or cuda:NUMBER[,NUMBER...], not {text!r}")
    numbers = tuple(int(number) for number in match[2].split(",")) if match[2] else ()
    if len(set(numbers)) < len(numbers):
        raise InputError(f"{lead}: names a device twice in {text!r}")
    return match[1], numbers


def choose_device(name, numbers, precision):
    """The Choice of a run. Raises DeviceError if `cuda` is requested and cannot be used."""
    if name == "cpu":
        return Choice((), "requested")
    if precision == "exact":
        if name == "cuda":
            raise DeviceError("--device cuda: does not have --precision exact; give double or mixed, or --device cpu")
        return Choice((), "only it has --precision exact")
    found = survey()
    if name == "auto":
        if found.missing:
            return Choice((), found.missing)
        best = max(usable_devices(found), key=lambda device: (device.multiprocessors, -device.number))
        return Choice((best.number,), best.name, falls_back=True)
    if found.missing:
        raise DeviceError(f"--device cuda: {found.missing}")
    available = {device.number: device for device in found.devices}
    for number in numbers:
        if number not in available:
            listed = ", ".join(map(str, available))
            raise DeviceError(f"--device cuda:{number}: there is no such device; available: {listed}")
    usable = [device.number for device in usable_devices(found)]
    for number in numbers:
        if number not in usable:
            raise DeviceError(f"--device cuda:{number}: {too_old(found.packages)}; usable: {', '.join(map(str, usable))}")
    numbers = numbers or (usable[0],)
    return Choice(numbers, ", ".join(available[number].name for number in numbers))


def usable_devices(found):
    """The devices of a Survey that the installed packages support; all of the simulator's."""
    if found.packages is None:
        return found.devices
    return [device for device in found.devices if device.capability >= PACKAGES[found.packages][3]]


def too_old(packages):
    extra, _, _, least = PACKAGES[packages]
    return f"its compute capability is below {least[0]}.{least[1]}, which {extra} needs"


def survey():
    """The Survey of this machine."""
    if is_simulated():
        return Survey((CudaDevice(0, f"numba's simulator ({SIMULATOR})", 0, (0, 0), 1),), None, None, "")
    driver = load_driver()
    if driver is None:
        return Survey((), None, None, "no CUDA driver is installed (libcuda.so.1)")
    packages = cuda_packages()
    status = driver.cuInit(0)
    if status != 0:
        return Survey((), None, packages, f"the CUDA driver finds no usable device (cuInit: error {status})")
    version = driver_version(driver)
    devices = tuple(describe(driver, number) for number in range(count_devices(driver)))
    return Survey(devices, version, packages, missing(devices, version, packages))


def missing(devices, version, packages):
    """Why CUDA cannot be used, with the command or driver that would help; empty if it can."""
    if not devices:
        return "the CUDA driver finds no device"
    if packages is None:
        extra = "cu13" if version >= PACKAGES[13][1] else "cu12"
        return f"numba-cuda is not installed: pip install 'nbkernel[{extra}]'"
    extra, needed, release, least = PACKAGES[packages]
    if version < needed:
        older = "; or pip install 'nbkernel[cu12]'" if packages == 13 and version >= PACKAGES[12][1] else ""
        return (
            f"the CUDA driver is too old for the installed packages ({extra}): it has CUDA {cuda_version(version)}, they "
            f"need {cuda_version(needed)} (driver {release} or later){older}"
        )
    if all(device.capability < least for device in devices):
        return f"no device has compute capability {least[0]}.{least[1]} or higher, which {extra} needs"
    return ""


def cuda_version(number):
    return f"{number // 1000}.{number % 1000 // 10}"


def driver_version(driver):
    version = ctypes.c_int()
    driver.cuDriverGetVersion(ctypes.byref(version))
    return version.value


def count_devices(driver):
    count = ctypes.c_int()
    return count.value if driver.cuDeviceGetCount(ctypes.byref(count)) == 0 else 0


def describe(driver, number):
    device, memory, name = ctypes.c_int(), ctypes.c_size_t(), ctypes.create_string_buffer(256)
    driver.cuDeviceGet(ctypes.byref(device), number)
    driver.cuDeviceGetName(name, len(name), device)
    driver.cuDeviceTotalMem_v2(ctypes.byref(memory), device)

    def attribute(which):
        value = ctypes.c_int()
        driver.cuDeviceGetAttribute(ctypes.byref(value), which, device)
        return value.value

    capability = (attribute(CAPABILITY_MAJOR), attribute(CAPABILITY_MINOR))
    return CudaDevice(number, name.value.decode(errors="replace"), memory.value, capability, attribute(MULTIPROCESSORS))


def cuda_packages():
    """Major version of the CUDA packages that were installed with numba-cuda; None without numba-cuda or such packages."""
    if find_spec("numba_cuda") is None:
        return None
    from importlib import metadata

    try:
        major = int(metadata.version("cuda-bindings").split(".")[0])
    except (metadata.PackageNotFoundError, ValueError):
        return None
    return major if major in PACKAGES else None
