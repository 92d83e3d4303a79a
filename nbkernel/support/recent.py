"""What was made last, to be used again."""

from collections import OrderedDict


class Recent:
    """At most `most` values by their keys; the least recently used ones are dropped. Not thread-safe."""

    def __init__(self, most):
        self.most, self.entries = most, OrderedDict()

    def get(self, key, make):
        """The value for a key, or else make(), which is kept."""
        if key not in self.entries:
            self.entries[key] = make()
            if len(self.entries) > self.most:
                self.entries.popitem(last=False)
        self.entries.move_to_end(key)
        return self.entries[key]
