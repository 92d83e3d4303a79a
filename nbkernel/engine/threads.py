"""Shares rows among threads. Kernels release Python's global lock, so that they run in parallel."""

import os
import threading


def thread_count(threads):
    """The number of threads: `threads`, but at most and by default (None) the number of cores of this process."""
    most = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    return most if threads is None else min(threads, most)


def share_rows(new_call, slow_start, slow_stop, threads):
    """Calls call(start, stop) for chunks of the rows slow_start .. slow_stop until all are done; each thread gets its own
    `call` from new_call().

    Raises what the first failing call raised.
    """
    rows = slow_stop - slow_start
    # small chunks keep threads busy if work is uneven (masks, dmin, empty parts of the table)
    chunk = max(1, rows // (8 * threads)) if threads > 1 else max(1, rows)
    starts = iter(range(slow_start, slow_stop, chunk))
    lock = threading.Lock()
    errors = []

    def serve():
        try:
            call = new_call()
            while not errors:
                with lock:
                    start = next(starts, None)
                if start is None:
                    return
                call(start, min(start + chunk, slow_stop))
        except BaseException as error:
            errors.append(error)

    helpers = [threading.Thread(target=serve, daemon=True) for _ in range(min(threads, -(-rows // chunk)) - 1)]
    for helper in helpers:
        helper.start()
    serve()
    for helper in helpers:
        helper.join()
    if errors:
        raise errors[0]
