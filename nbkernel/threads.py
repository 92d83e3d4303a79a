"""Rows shared among threads. Kernels do not hold Python's lock, so they run side by side."""

import os
import threading


def thread_count(threads):
    """At most and by default (None) as many as this process has cores."""
    most = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    return most if threads is None else min(threads, most)


def share_rows(work, slow_start, slow_stop, threads, new_memory=tuple):
    """Calls work(memory, start, stop) for blocks of rows until all are done.

    new_memory: makes what each thread needs for itself. Raises what the first failing call raised.
    """
    rows = slow_stop - slow_start
    # small helpings keep threads busy where work is uneven (masks, dmin, empty parts of the table)
    block = max(1, rows // (8 * threads)) if threads > 1 else rows
    starts = iter(range(slow_start, slow_stop, max(block, 1)))
    lock = threading.Lock()
    errors = []

    def serve():
        try:
            memory = new_memory()
            while not errors:
                with lock:
                    start = next(starts, None)
                if start is None:
                    return
                work(memory, start, min(start + block, slow_stop))
        except BaseException as error:
            errors.append(error)

    helpers = [threading.Thread(target=serve, daemon=True) for _ in range(min(threads, -(-rows // max(block, 1))) - 1)]
    for helper in helpers:
        helper.start()
    serve()
    for helper in helpers:
        helper.join()
    if errors:
        raise errors[0]
