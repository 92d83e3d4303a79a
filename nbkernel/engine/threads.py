"""Shares rows among threads, our own or numba's. Kernels release Python's global lock, so that they run in parallel."""

import os
import threading

from nbkernel.kernels.compile.address_space import require_address_space
from nbkernel.kernels.compile.kernel import COMPILER
from nbkernel.kernels.compile.object_cache import CACHE

PRANGE = threading.Lock()  # of numba's threading layers only some may be entered by several threads
# not empty if numba's threads have been used here, or before this process was forked
STARTED: list[bool] = []
FORKED: list[bool] = []


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


class ReusedCalls:
    """A `new_call` for `share_rows` whose calls serve successive ranges of rows."""

    def __init__(self, new_call):
        self.new_call, self.free, self.taken = new_call, [], []

    def __call__(self):
        try:
            call = self.free.pop()
        except IndexError:
            call = self.new_call()
        self.taken.append(call)
        return call

    def take_back(self):
        """Makes all calls available again; to be called after all threads have finished."""
        self.free, self.taken = self.free + self.taken, []


def choose_sharing(parallel):
    """The function that shares the rows of an image, for a name of `options.PARALLEL`. None: numba's threads where no kernel
    can be cached, because numba has been imported then; otherwise our own, which need no numba. A process that was forked
    after numba's threads had been used gets our own, too: OpenMP would end it."""
    if parallel is None:
        parallel = "prange" if CACHE.folder is None else "threads"
    return share_rows_by_prange if parallel == "prange" and not FORKED else share_rows


def share_rows_by_prange(new_call, slow_start, slow_stop, threads):
    """As `share_rows`, for calls of one kernel's `over_rows`, by numba's prange on at most `threads` of its threads. Raises
    ArithmeticError if the kernel fails."""
    require_address_space(COMPILER, "compiling")
    from nbkernel.kernels.compile.parallel import BLOCK, over_blocks, share_words

    calls = [new_call() for _ in range(max(1, min(threads, -(-(slow_stop - slow_start) // BLOCK))))]
    with PRANGE:
        STARTED[:] = [True]
        if over_blocks(*share_words(calls), slow_start, slow_stop) != 0:
            raise ArithmeticError(f"{calls[0].name} failed")


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=lambda: FORKED.extend(STARTED))
