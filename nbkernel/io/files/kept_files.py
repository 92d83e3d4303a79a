"""What was read from a file, kept in memory while the file is unchanged: a series of images reads its structure factors
once."""

import hashlib
import os
import threading
import time
from collections import OrderedDict

MOST_FILES = 4
MOST_BYTES = 1 << 30
# a file that changes twice within one clock step of the file system looks unchanged: so a young one is compared by content
YOUNG = 3_000_000_000  # ns


class KeptFiles:
    """Results of reading files, by path, options and state of the file; the least recently used ones are dropped.
    Thread-safe."""

    def __init__(self, most_files=MOST_FILES, most_bytes=MOST_BYTES):
        self.most_files, self.most_bytes = most_files, most_bytes
        self.entries = OrderedDict()  # key: (state, digest, settled, result, bytes)
        self.lock = threading.Lock()

    def get(self, path, options, read_content, make, size_of):
        """make(content) of the file `path`, or the result of an earlier call with the same path and options (hashable)
        while the file is unchanged. read_content(): bytes of the file; size_of(result): bytes it takes."""
        key = (os.path.abspath(path), options)
        before = file_state(path)
        with self.lock:
            kept = self.entries.get(key)
            if kept is not None and kept[0] == before and kept[2]:
                self.entries.move_to_end(key)
                return kept[3]
        now = time.time_ns()
        content = read_content()
        settled = before is not None and now - max(before[-2:]) > YOUNG
        digest = None if settled and kept is None else hashlib.sha256(content).digest()
        result = kept[3] if kept is not None and kept[1] == digest else make(content)
        if before is not None and file_state(path) == before:
            self.keep(key, (before, digest, settled, result, size_of(result)))
        return result

    def keep(self, key, entry):
        with self.lock:
            self.entries[key] = entry
            self.entries.move_to_end(key)
            while len(self.entries) > self.most_files or sum(kept[4] for kept in self.entries.values()) > self.most_bytes:
                self.entries.popitem(last=False)


def file_state(path):
    """What changes with a file's content; None if there is no file. The last two are times (ns)."""
    try:
        found = os.stat(path)
    except (OSError, ValueError):
        return None
    return found.st_dev, found.st_ino, found.st_size, found.st_mtime_ns, found.st_ctime_ns
