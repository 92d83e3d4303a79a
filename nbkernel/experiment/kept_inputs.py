"""What is read from input files, kept for the images of a series."""

import os
import threading

from nbkernel.errors import InputError
from nbkernel.support.recent import Recent

from .input_files import state_of

MOST_FILES = 8  # of a kind


class KeptInputs:
    """What input files contained when they were first read; each is read only once. Of many files of one kind the least
    recently used are dropped; one that has to be read again must not have changed. Thread-safe."""

    def __init__(self):
        self.lock = threading.Lock()
        self.states = {}  # {absolute path: its state when it was first read}
        self.contents = {}  # {reader: what it returned, by path and arguments}

    def get(self, flag, path, read, *arguments):
        """read(*arguments), which reads the file `path`, or what it returned before.

        Raises InputError, starting with `flag`, if the file has to be read again and has changed, and what `read` raises.
        """
        path = os.path.abspath(path)

        def read_unchanged():
            state = state_of(path)
            if state != self.states.get(path, state):
                raise InputError(f"{flag}: {path} has changed since this Simulator read it; make a new Simulator")
            content = read(*arguments)
            self.states[path] = state
            return content

        with self.lock:
            return self.contents.setdefault(read, Recent(MOST_FILES)).get((path, arguments), read_unchanged)

    def derived(self, make, source, *arguments):
        """make(source, *arguments), or what it returned before for the same object."""
        with self.lock:
            _, found = self.contents.setdefault(make, Recent(MOST_FILES)).get(
                (id(source), arguments), lambda: (source, make(source, *arguments))
            )
            return found

    def as_read(self, files):
        """The InputFiles with their states when they were read, without a dump file that was not there then."""
        read = [file._replace(state=self.states.get(file.path, file.state)) for file in files]
        return tuple(file for file in read if file.field != "dump" or file.state is not None)
