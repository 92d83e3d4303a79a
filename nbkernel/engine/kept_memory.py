"""Memory that is filled or used again for each image of a series."""

import threading
from collections import OrderedDict

from .squared_table import SquaredTables

MOST_TABLES = 4


class KeptMemory:
    """Squared structure factors, the work space of threads, and what is kept on CUDA devices. Thread-safe.

    workspaces: those that no image uses, see `workspaces.Workspaces`; devices: {Device: KeptDevice}, see `cuda.kept`.
    """

    def __init__(self):
        self.lock = threading.Lock()
        self.tables = OrderedDict()  # {id of Reflections: (Reflections, SquaredTables)}
        self.workspaces = {}
        self.devices = {}

    def tables_of(self, reflections):
        """The SquaredTables of Reflections; the least recently used ones are dropped."""
        key = id(reflections)
        with self.lock:
            if key not in self.tables:
                self.tables[key] = reflections, SquaredTables(reflections.nonzero)
                if len(self.tables) > MOST_TABLES:
                    self.tables.popitem(last=False)
            self.tables.move_to_end(key)
            return self.tables[key][1]
