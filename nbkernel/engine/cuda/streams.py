"""Tiles on CUDA devices: the devices share them, and each has several in flight on streams."""

import contextlib
import threading
import warnings

from numba import cuda

from nbkernel.errors import DeviceError
from nbkernel.kernels.cuda.rows import SIMULATED

# tiles per device at a time: one is computed while another is copied
IN_FLIGHT = 3
MOST_ROWS = 65535  # of a CUDA grid

# numba warns about small images, which cannot fill a device
warnings.filterwarnings("ignore", message="Grid size .* under-utilization")


def share_tiles(tiles, devices, serve):
    """Calls serve(next_tile) for each device number, in a separate thread; next_tile() returns one of `tiles`, None after
    the last.

    Raises what the first failing device raised, as a DeviceError if it comes from CUDA.
    """
    tiles, lock, errors = iter(tiles), threading.Lock(), []

    def next_tile():
        with lock:
            return None if errors else next(tiles, None)

    def work(number):
        try:
            with device_errors(number), cuda.gpus[number]:
                serve(next_tile)
        except BaseException as error:
            errors.append(error)

    helpers = [threading.Thread(target=work, args=(number,), daemon=True) for number in devices[1:]]
    for helper in helpers:
        helper.start()
    work(devices[0])
    for helper in helpers:
        helper.join()
    if errors:
        raise errors[0]


def keep_in_flight(next_tile, new_slot, finish):
    """Passes all tiles through slots on the current device: slot.send(tile) starts one, slot.receive() waits for it and
    returns it, finish(tile) is called while the next is in flight."""
    slots = []  # each with a tile in flight, the oldest first
    while (tile := next_tile()) is not None:
        if len(slots) < IN_FLIGHT:
            slot, arrived = new_slot(), None
        else:
            slot = slots.pop(0)
            arrived = slot.receive()
        slot.send(tile)
        slots.append(slot)
        if arrived is not None:
            finish(arrived)
    for slot in slots:
        finish(slot.receive())


def pinned_arrays(types):
    """Pinned arrays on the host, for overlapping copies. types: {name: (shape, dtype)}."""
    return {name: cuda.pinned_array(shape, dtype) for name, (shape, dtype) in types.items()}


def device_arrays(types):
    """Arrays in the current device's memory. types: {name: (shape, dtype)}."""
    return {name: cuda.device_array(shape, dtype) for name, (shape, dtype) in types.items()}


class NamedOperationsKernel:
    """A kernel whose first launch compiles it without operations that are not in the source, such as contractions."""

    def __init__(self, kernel):
        self.kernel = kernel

    def __getitem__(self, configuration):
        launcher = self.kernel[configuration]

        def launch(*arguments):
            if SIMULATED:
                return launcher(*arguments)
            from nbkernel.kernels.cuda.forms import named_operations_only

            with named_operations_only():
                return launcher(*arguments)

        return launch


@contextlib.contextmanager
def device_errors(number):
    """Turns exceptions from CUDA into DeviceErrors."""
    try:
        yield
    except Exception as error:
        if type(error).__module__.split(".")[0] not in ("numba", "cuda"):
            raise
        text = " ".join(str(error).split()) or type(error).__name__
        if "OUT_OF_MEMORY" in text:
            text = "out of memory; try a smaller --tile"
        raise DeviceError(f"--device cuda:{number}: {text}") from error
