"""Memory that is filled or used again for each image of a series."""

import threading

from nbkernel.support.recent import Recent

from .squared_table import SquaredTables

MOST_TABLES = 4


class KeptMemory:
    """Squared structure factors, the work space of threads, and what is kept on CUDA devices. Thread-safe.

    workspaces: those that no image uses, see `workspaces.Workspaces`; devices: {Device: KeptDevice}, see `cuda.kept`.
    """

    def __init__(self):
        self.lock = threading.Lock()
        self.tables = Recent(MOST_TABLES)  # {id of Reflections: (Reflections, SquaredTables)}
        self.workspaces = {}
        self.devices = {}

    def make_room(self, tables):
        """Keeps so many tables, those that one image needs, here and on the devices that have been used."""
        with self.lock:
            self.tables.most = max(self.tables.most, tables)
            devices = [*self.devices.values()]
        for device in devices:
            device.make_room(tables)

    def tables_of(self, reflections):
        """The SquaredTables of Reflections; the least recently used ones are dropped."""
        with self.lock:
            _, found = self.tables.get(id(reflections), lambda: (reflections, SquaredTables(reflections.nonzero)))
            return found
