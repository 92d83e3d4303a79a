"""Work without Python's search for reference cycles, which takes its time where there are many new objects."""

import contextlib
import gc


@contextlib.contextmanager
def without_garbage_collection():
    """Within this context, Python does not search for reference cycles: imports have next to none to find, and spend a tenth
    of their time on it; nor has a trace of a pixel, with its millions of tuples."""
    enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if enabled:
            gc.enable()
