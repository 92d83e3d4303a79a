"""What stays on a CUDA device between the images of a series: tables, and the memory and streams of tiles."""

import contextlib
import threading
import weakref

from nbkernel.support.recent import Recent

from .driver import DriverError, Memory
from .panels import Uploads

MOST_TABLES = 4


class KeptDevice:
    """What images on one device leave to the next ones. Thread-safe; the memory is freed when neither this object nor an
    image refers to it."""

    def __init__(self, device):
        self.device, self.lock = device, threading.Lock()
        self.tables = Recent(MOST_TABLES)  # {id of a table's array: its KeptTable}
        self.shape, self.tile_memories = None, []  # unused ones, all of this shape

    def table(self, table):
        """The KeptTable of a SquaredTable; the least recently used ones are dropped."""
        with self.lock:
            return self.tables.get(id(table.F_squared), lambda: KeptTable(self.device))

    def make_room(self, tables):
        """Keeps so many tables."""
        with self.lock:
            self.tables.most = max(self.tables.most, tables)

    def take(self, shape, new_memory):
        """The TileMemory of an earlier image for tiles of this shape, or else new_memory()."""
        with self.lock:
            if shape == self.shape and self.tile_memories:
                return self.tile_memories.pop()
        return new_memory()

    def give_back(self, shape, memories):
        """Keeps the memories of tiles that have arrived for the next image with tiles of this shape."""
        with self.lock:
            if shape != self.shape:
                self.shape, self.tile_memories = shape, []
            self.tile_memories += memories


class KeptTable:
    """A table in the device's memory, until nothing refers to this object any more."""

    def __init__(self, device):
        self.lock, self.uploads = threading.Lock(), Uploads(lasting_memory(self, device))

    def upload(self, table, Fhkl):
        """The SquaredTable with arrays on the device, and the structure factors themselves."""
        with self.lock:
            return self.uploads.get(table), self.uploads.get_array(Fhkl)


def lasting_memory(owner, device):
    """A Memory of the device that is freed when nothing refers to `owner` any more."""
    memory = Memory(device)
    weakref.finalize(owner, free, memory).atexit = False  # the process's end frees everything
    return memory


def free(memory):
    """Frees all of a Memory, in any thread."""
    with contextlib.suppress(DriverError):
        memory.device.make_current()
        with memory:
            pass


def kept_device(devices, device):
    """The KeptDevice of a Device. devices: {Device: KeptDevice} of a series."""
    with LOCK:
        if device not in devices:
            devices[device] = KeptDevice(device)
        return devices[device]


LOCK = threading.Lock()
