"""Tiles on CUDA devices: the devices share them, and each has several in flight on streams."""

import contextlib
import threading

from nbkernel.errors import DeviceError

from .driver import DriverError, Memory, opened_device

# tiles per device at a time: one is computed while another is copied
IN_FLIGHT = 3
MOST_ROWS = 65535  # of a CUDA grid


def share_tiles(tiles, devices, serve):
    """Calls serve(next_tile, memory) for each device number, in a separate thread; next_tile() returns one of `tiles`, None
    after the last; memory: the device's Memory, which is freed at the end.

    Raises what the first failing device raised, as a DeviceError if it comes from CUDA.
    """
    tiles, lock, errors = iter(tiles), threading.Lock(), []

    def next_tile():
        with lock:
            return None if errors else next(tiles, None)

    def work(number):
        try:
            with device_errors(number), Memory(opened_device(number)) as memory:
                serve(next_tile, memory)
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


def pinned_arrays(memory, types):
    """Pinned arrays on the host, for overlapping copies. types: {name: (shape, dtype)}."""
    return {name: memory.pinned_array(shape, dtype) for name, (shape, dtype) in types.items()}


def device_arrays(memory, types):
    """Arrays in the device's memory. types: {name: (shape, dtype)}."""
    return {name: memory.device_array(shape, dtype) for name, (shape, dtype) in types.items()}


@contextlib.contextmanager
def device_errors(number):
    """Turns errors of the driver, and of what compiles for it, into DeviceErrors."""
    try:
        yield
    except Exception as error:
        of_cuda = type(error).__module__.split(".")[0] in ("numba", "cuda")
        if not of_cuda and not isinstance(error, (DriverError, ImportError)):
            raise
        text = " ".join(str(error).split()) or type(error).__name__
        if "OUT_OF_MEMORY" in text:
            text = "out of memory; try a smaller --tile"
        raise DeviceError(f"--device cuda:{number}: {text}") from error
