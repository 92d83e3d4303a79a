"""Images that are made at the same time by several threads, and handed over in their order."""

import contextlib
import itertools
import queue
import threading
from collections import deque

from nbkernel.support.interruptible import PATIENCE
from nbkernel.support.logger import LOG
from nbkernel.support.memory import available_memory

# of an image, for each thread that renders it: with fewer, it gets fewer threads, and more images are made at a time
STEPS_PER_THREAD = 50_000_000
# of an image while it is made: photons, wanted pixels, counts and temporary arrays, and of working memory
BYTES_PER_PIXEL, BYTES_PER_IMAGE = 24, 1 << 26
SHARE_OF_MEMORY = 4  # of what is available, one part
HELD = threading.local()  # .records: the list of those that a thread holds back


def images_at_a_time(pixels, steps, images, threads):
    """(how many images to make at a time, threads for each). pixels: of all panels of an image; steps: of all these pixels;
    images: their number; threads: all there are."""
    own = min(max(-(-int(steps) // STEPS_PER_THREAD), 1), threads)
    fitting = available_memory() // SHARE_OF_MEMORY // (BYTES_PER_PIXEL * pixels + BYTES_PER_IMAGE)
    count = max(1, min(threads // own, images, fitting))
    return count, -(-threads // count)


def side_by_side(make, items, count, stop):
    """Yields make(item) for each item, in order; `count` of them are made at a time, by as many threads.

    stop: an Event, set when nobody waits for the results any more, so that `make` may give up. Raises what the first failing
    call raised. At most `count` results wait to be taken. What a call logs appears when its result is taken, so that the
    order does not depend on the threads.
    """
    tasks: queue.SimpleQueue = queue.SimpleQueue()

    def serve():
        while (task := tasks.get()) is not None:
            outcome, item = task
            HELD.records = records = []
            result = error = None
            try:
                result = None if stop.is_set() else make(item)
            except BaseException as raised:
                error = raised
            outcome.put((result, error, records))

    # an interruption does not wait for daemons
    threads = [threading.Thread(target=serve, daemon=True) for _ in range(count)]
    items, waiting = iter(items), deque()
    try:
        for thread in threads:
            thread.start()
        while True:
            for item in itertools.islice(items, 2 * count - len(waiting)):
                waiting.append(queue.SimpleQueue())
                tasks.put((waiting[-1], item))
            if not waiting:
                return
            result, error, records = taken(waiting.popleft())
            for record in records:
                LOG.handle(record)
            if error is not None:
                raise error
            yield result
    finally:
        stop.set()
        for _ in threads:
            tasks.put(None)


def taken(outcome):
    """What is put into a SimpleQueue, while a signal need not wait."""
    while True:
        with contextlib.suppress(queue.Empty):
            return outcome.get(timeout=PATIENCE)


def hold_back(record):
    """A filter of log records: those of a thread that makes an image wait until that is taken."""
    records = getattr(HELD, "records", None)
    if records is None:
        return True
    records.append(record)
    return False


# before other filters, which may remember what they have seen
LOG.filters.insert(0, hold_back)
